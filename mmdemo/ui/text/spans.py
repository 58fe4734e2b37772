"""Which characters each text token stands for, and how to show characters that have no shape of their own."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass


@dataclass(frozen=True)
class Span:
    """What one position (a few bytes) shows.

    Attributes:
        label: the characters that *begin* in this span, invisible ones made visible.
        raw: the bytes, as hexadecimal pairs.
        joins_left: the first bytes finish a character that began in the span before.
        joins_right: the last character goes on in the next span.
        breaks: a line ends in this span.
    """

    label: str
    raw: str
    joins_left: bool = False
    joins_right: bool = False
    breaks: bool = False


def characters(data: bytes) -> list[tuple[int, int, str]]:
    """(start, end, character) of UTF-8 `data`; broken bytes give U+FFFD as `errors="replace"` does."""
    found: list[tuple[int, int, str]] = []
    at = 0
    while at < len(data):
        try:
            good, bad = data[at:].decode(), 0
        except UnicodeDecodeError as error:
            good, bad = data[at : at + error.start].decode(), error.end - error.start
        for character in good:
            end = at + len(character.encode())
            found.append((at, end, character))
            at = end
        if bad:
            found.append((at, at + bad, "\ufffd"))
            at += bad
    return found


def visible(text: str) -> str:
    """The same text with spaces, line ends, control and zero-width characters given a mark."""
    return "".join(_mark(character) for character in text)


def spans(data: bytes, stride: int) -> list[Span]:
    """One `Span` for each `stride` bytes of `data`; the last one may be shorter."""
    count = -(-len(data) // stride)
    labels: list[list[str]] = [[] for _ in range(count)]
    left, right, breaks = ([False] * count for _ in range(3))
    for start, end, character in characters(data):
        first, last = start // stride, (end - 1) // stride
        labels[first].append(_mark(character))
        breaks[first] |= character == "\n"
        for i in range(first, last):
            right[i] = left[i + 1] = True
    return [
        Span("".join(labels[i]), raw.hex(" ").upper(), left[i], right[i], breaks[i])
        for i, raw in enumerate(data[at : at + stride] for at in range(0, len(data), stride))
    ]


def direction(text: str) -> str:
    """ "rtl" or "ltr": the direction of the first character that has one (what `dir="auto"` does)."""
    for character in text:
        kind = unicodedata.bidirectional(character)
        if kind in ("R", "AL"):
            return "rtl"
        if kind == "L":
            return "ltr"
    return "ltr"


def _mark(character: str) -> str:
    if character == " ":
        return "·"
    if character in "\n\r\t":
        return {"\n": "↵", "\r": "␍", "\t": "→"}[character]
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)  # the "control picture" of this character
    category = unicodedata.category(character)
    if category in ("Cc", "Cf", "Zl", "Zp") or (category == "Zs" and code != 0x3000):
        return f"⟨{code:04X}⟩"
    if category in ("Mn", "Me"):
        return "\u25cc" + character  # a combining mark needs something to sit on
    return character
