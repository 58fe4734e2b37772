"""The symbols of spoken text, one for each frame of 20 ms, and the way from a sentence to them and back.

A frame's symbol is what is being said: a letter, an apostrophe, or, in a pause, a space or the mark that it is due to.
As ASCII: ``"  hhhheelllLLLoooo,,,,"``. A letter that follows itself is told apart by its case: of "ll" the second is a
capital. So runs of one symbol are letters, and nothing is lost (a CTC blank would do the same, but says nothing of how
long a sound lasts).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import groupby

from ..errors import InputError

LETTERS = "abcdefghijklmnopqrstuvwxyz"
PAUSES = " ,.?!"  # between words; the last four as commas, full stops, questions and calls are spoken
SYMBOLS = PAUSES + "'" + LETTERS + LETTERS.upper()
FRAMES_PER_SECOND = 50

_LIKE = str.maketrans({"’": "'", "‘": "'", "“": " ", "”": " ", '"': " ", ";": ",", ":": ",", "…": ".", "&": " and "})
_ALIKE = {"%": " percent", "@": " at ", "+": " plus ", "=": " equals ", "£": " pounds ", "$": " dollars "}


def spoken(text: str) -> str:
    """A sentence as it is said: lower-case letters, apostrophes, single spaces, and marks after words.

    Numbers are spelt out and accents taken off.

    Raises:
        InputError: it holds no word, or letters of another script than Latin.
    """
    text = unicodedata.normalize("NFKC", text).translate(_LIKE)
    text = re.sub(r"([$£])(\d+(?:,\d{3})*(?:\.\d+)?)", r"\2\1", text)  # "five dollars"
    text = re.sub(r"\d+(?:,\d{3})*(?:\.\d+)?(?:st|nd|rd|th)?", _number, text)
    for sign, word in _ALIKE.items():
        text = text.replace(sign, word)
    text = unicodedata.normalize("NFKD", text.lower())
    text = "".join(c for c in text if not unicodedata.combining(c))
    if foreign := next((c for c in text if c.isalpha() and c not in LETTERS), None):
        raise InputError(f"This model speaks English, and cannot say “{foreign}”: write Latin letters.")
    text = "".join(c if c in LETTERS or c in "',.?!" else " " for c in text)
    text = re.sub(r"'(?![a-z])|(?<![a-z])'", " ", text)  # an apostrophe belongs to a word
    text = re.sub(r"[ ]*([,.?!])[ ,.?!]*", r"\1 ", text)  # one mark, right after its word
    text = re.sub(r" +", " ", text).strip().lstrip(PAUSES)
    if not re.search("[a-z]", text):
        raise InputError("The text holds no word that could be said.")
    return text.strip()


def letters(text: str) -> str:
    """A text as a recogniser writes it: without marks."""
    return re.sub(r"[^a-z']+", " ", spoken(text)).strip()


def units(text: str) -> str:
    """A sentence as `spoken` gives it -> one symbol for each sound or pause, before durations: ``"hello you."`` ->
    ``"helLo you."``. A mark and the space after it are one pause."""
    text = re.sub(r"([,.?!]) ", r"\1", text)
    out = ""
    for c in text:
        out += c.upper() if out and out[-1] == c and c in LETTERS else c
    return out


def spread(symbols: str, durations: Sequence[int]) -> str:
    """Each symbol for so many frames, at least 1."""
    return "".join(c * max(1, int(n)) for c, n in zip(symbols, durations, strict=True))


def runs(frames: str) -> list[tuple[str, int]]:
    """The reverse: symbols and for how many frames each."""
    return [(c, len(list(same))) for c, same in groupby(frames)]


def collapse(frames: str) -> str:
    """A symbol for each frame -> the text: ``"hhheelLooo..."`` -> ``"hello."``."""
    text = "".join(c for c, _ in runs(frames)).lower()
    return re.sub(r" +", " ", re.sub(r" *([,.?!])(?=.)", r"\1 ", text)).strip()


def word_spans(frames: str) -> list[tuple[str, int, int]]:
    """Words and the frames they last, [(word, first frame, frame after the last), …]."""
    found, at, word, start = [], 0, "", 0
    for symbol, n in [*runs(frames), (" ", 0)]:
        if symbol in PAUSES:
            if word:
                found.append((word, start, at))
            word = ""
        else:
            start = at if not word else start
            word += symbol.lower()
        at += n
    return found


def _number(match: re.Match[str]) -> str:
    from inflect import engine

    number = match[0].replace(",", "")
    pairs = len(match[0]) == 4 and "1100" <= number <= "1999"  # as years are said
    said = engine().number_to_words(number, group=2 if pairs else 0, andword="")
    return f" {re.sub('[-,]', ' ', str(said))} "
