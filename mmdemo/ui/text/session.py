"""One text in a visitor's session: its bytes, its tokens, and changes made by hand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

MAX_EXACT_BYTES = 10_000  # longest lossless text on the page: reading its file back takes about 0.8 ms a byte


@dataclass(frozen=True)
class TextSession:
    """One text on the page.

    Attributes:
        original: its UTF-8 bytes; None if only tokens were given.
        tokens: its tokens on all levels, with changes made by hand.
        encoded: the same tokens as the encoder gave them.
        notes: sentences about what was done to the input.
        lossless: tokens that keep every byte of the original; None if that was not asked for.
        raw: the bytes of the file it came from, where they are not its UTF-8: then lossless tokens keep these.
    """

    original: bytes | None
    tokens: Any
    encoded: Any
    notes: tuple[str, ...] = ()
    lossless: Any = None
    raw: bytes = b""

    @property
    def edited(self) -> set[int]:
        """Positions changed by hand."""
        different = (self.tokens.codes != self.encoded.codes).any(0)
        return set(different.nonzero().flatten().tolist())


def keep_bytes(session: TextSession, wanted: bool) -> TextSession:
    """The same session with lossless tokens if they are wanted and possible, else without."""
    if not wanted or session.original is None or len(session.original) > MAX_EXACT_BYTES:
        return replace(session, lossless=None)
    if session.lossless is not None:
        return session  # its file is written once
    return replace(session, lossless=replace(session.encoded, lossless=session.original, raw=session.raw))


def stride(session: TextSession) -> int:
    """Bytes for each position."""
    return max(1, -(-session.tokens.meta["bytes"] // max(1, session.tokens.positions[0])))


def decoded_bytes(codec: Any, tokens: Any, levels: int | None = None) -> bytes:
    """What the tokens decode to, before it is read as UTF-8: with wrong codes it may not be valid."""
    return bytes(codec.decode_tensor(tokens, levels).tolist())
