"""One text in a visitor's session: its bytes, its tokens, and changes made by hand."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import BinaryIO

from mmdemo.codec import Codec
from mmdemo.codec.edit import History
from mmdemo.errors import InputError
from mmdemo.tokens import Tokens, mmt
from mmdemo.ui.shared import state
from mmdemo.ui.shared.i18n import tr
from mmdemo.ui.shared.ids import new_id, new_number
from mmdemo.ui.shared.tokens_file import read_tokens

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


def start(codec: Codec, source: str | BinaryIO, lang: str) -> TextSession:
    """Encode a text on all levels; longer ones are cut to the page's limit, with a note."""
    item = codec.load(source)
    notes = item.notes
    total = int(item.meta["bytes"])
    if total > state.MAX_TEXT_BYTES:
        head = bytes(item.tensor[: state.MAX_TEXT_BYTES].tolist()).decode("utf-8", errors="ignore")
        item = codec.load(head)
        notes = (*notes, tr("text.cut", lang, limit=state.MAX_TEXT_BYTES))
    tokens = codec.encode(item)
    return TextSession(bytes(item.tensor.tolist()), History.of(tokens), notes, raw=item.raw)


def open_tokens(codec: Codec, data: bytes, lang: str) -> TextSession:
    """Tokens from an .mmt file. Raises InputError if other weights made them or there are too many."""
    positions = -(-state.MAX_TEXT_BYTES // codec.tokenizer.stride)
    count, limit = mmt.symbols(data), codec.levels * positions
    too_many = InputError(tr("text.mmt_large", lang, count=count, limit=limit))
    tokens = read_tokens(codec, data, positions, too_many)
    if tokens.lossless:
        codes = replace(tokens, lossless=b"", raw=b"")
        note = tr("text.from_lossless_file", lang, size=len(data))
        return TextSession(tokens.lossless, History.of(codes), (note,), tokens, tokens.raw)
    size = tokens.meta["bytes"]
    if size > state.MAX_TEXT_BYTES:
        raise InputError(tr("text.mmt_long", lang, size=size, limit=state.MAX_TEXT_BYTES))
    note = tr("text.from_file", lang, count=tokens.positions[0], levels=tokens.levels)
    return TextSession(None, History.of(tokens), (note,))
