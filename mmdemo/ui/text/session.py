"""One text in a visitor's session: its bytes, its tokens, and changes made by hand."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from mmdemo.codec import Codec
from mmdemo.codec.edit import History
from mmdemo.tokens import Tokens
from mmdemo.ui.shared.ids import new_id, new_number

MAX_EXACT_BYTES = 10_000  # longest lossless text on the page: reading its file back takes about 0.8 ms a byte


@dataclass(frozen=True)
class TextSession:
    """One text on the page.

    Attributes:
        original: its UTF-8 bytes; None if only tokens were given.
        history: its tokens on all levels, and the changes made by hand.
        notes: sentences about what was done to the input.
        lossless: tokens that keep every byte of the original; None if that was not asked for.
        raw: the bytes of the file it came from, where they are not its UTF-8: then lossless tokens keep these.
        place: what in an address leads back to it, beside the levels; {} where nothing does.
        look: how a link looks at it (`mmdemo.ui.shared.place.looks`).
        ident, version: of this text, and of its codes after each change.
    """

    original: bytes | None
    history: History
    notes: tuple[str, ...] = ()
    lossless: Tokens | None = None
    raw: bytes = b""
    place: dict[str, str] = field(default_factory=dict)
    look: dict[str, str] = field(default_factory=dict)
    ident: str = field(default_factory=new_id)
    version: int = field(default_factory=new_number)
    _cut: dict[int, Tokens] = field(default_factory=dict, repr=False, compare=False)
    _bytes: dict[int, bytes] = field(default_factory=dict, repr=False, compare=False)

    @property
    def tokens(self) -> Tokens:
        """Its tokens on all levels, with changes made by hand."""
        return self.history.tokens

    @property
    def encoded(self) -> Tokens:
        """The same tokens as the encoder gave them."""
        return self.history.first

    @property
    def changed_positions(self) -> set[int]:
        """Positions changed by hand."""
        return set(self.history.changed.nonzero().flatten().tolist())

    def edited(self, history: History) -> TextSession:
        """The same text after a step of the editor; it says something else, so no file of it is lossless."""
        return replace(self, history=history, lossless=None, version=new_number(), _cut={}, _bytes={})

    def at(self, levels: int) -> Tokens:
        """The tokens on so many levels; what they take is counted once."""
        if levels not in self._cut:
            self._cut[levels] = self.tokens.truncate(levels)
        return self._cut[levels]

    def bytes_at(self, codec: Codec, levels: int) -> bytes:
        """What so many levels decode to, before it is read as UTF-8."""
        if levels not in self._bytes:
            self._bytes[levels] = decoded_bytes(codec, self.tokens, levels)
        return self._bytes[levels]


def keep_bytes(session: TextSession, wanted: bool) -> TextSession:
    """The same session with lossless tokens if they are wanted and possible, else without."""
    if not wanted or session.original is None or len(session.original) > MAX_EXACT_BYTES:
        return replace(session, lossless=None)
    if session.lossless is not None:
        return session  # its file is written once
    return replace(session, lossless=replace(session.encoded, lossless=session.original, raw=session.raw))


def decoded_bytes(codec: Codec, tokens: Tokens, levels: int | None = None) -> bytes:
    """What the tokens decode to, before it is read as UTF-8: with wrong codes it may not be valid."""
    return bytes(codec.decode_tensor(tokens, levels).tolist())
