"""What happens when something is typed or clicked in the Text tab. No layout here, and no model logic."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, BinaryIO

import gradio as gr

from mmdemo.errors import InputError
from mmdemo.tokens import mmt
from mmdemo.ui.shared import gallery, state
from mmdemo.ui.shared.common import notes_html
from mmdemo.ui.shared.filedrop import dropped_file
from mmdemo.ui.shared.i18n import lang_of, tr
from mmdemo.ui.shared.save import save_value
from mmdemo.ui.shared.state import Context, friendly, parse_int
from mmdemo.ui.shared.tokens_file import read_tokens
from mmdemo.ui.text import compare, view
from mmdemo.ui.text.maths import explain
from mmdemo.ui.text.session import MAX_EXACT_BYTES, TextSession, decoded_bytes, keep_bytes

OUTPUTS, PICKER = 8, 4  # how many values `show` gives, and which of them is the code picker


examples = gallery.texts


class TextHandlers:
    """Handlers of the Text tab, as plain functions over a `TextSession`."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx

    @property
    def codec(self) -> Any:
        return self.ctx.codec("text")

    def start(self, source: str | BinaryIO, lang: str) -> TextSession:
        """Encode a text on all levels; longer ones are cut to the page's limit, with a note."""
        item = self.codec.load(source)
        notes = item.notes
        total = int(item.meta["bytes"])
        if total > state.MAX_TEXT_BYTES:
            head = bytes(item.tensor[: state.MAX_TEXT_BYTES].tolist()).decode("utf-8", errors="ignore")
            item = self.codec.load(head)
            notes = (*notes, tr("text.cut", lang, limit=state.MAX_TEXT_BYTES))
        tokens = self.codec.encode(item)
        return TextSession(bytes(item.tensor.tolist()), tokens, tokens, notes, raw=item.raw)

    def open_tokens(self, data: bytes, lang: str) -> TextSession:
        """Tokens from an .mmt file. Raises InputError if other weights made them or there are too many."""
        positions = -(-state.MAX_TEXT_BYTES // self.codec.tokenizer.stride)
        count, limit = mmt.symbols(data), self.codec.levels * positions
        too_many = InputError(tr("text.mmt_large", lang, count=count, limit=limit))
        tokens = read_tokens(self.codec, data, positions, too_many)
        if tokens.lossless:
            codes = replace(tokens, lossless=b"", raw=b"")
            note = tr("text.from_lossless_file", lang, size=len(data))
            return TextSession(tokens.lossless, codes, codes, (note,), tokens, tokens.raw)
        size = tokens.meta["bytes"]
        if size > state.MAX_TEXT_BYTES:
            raise InputError(tr("text.mmt_long", lang, size=size, limit=state.MAX_TEXT_BYTES))
        note = tr("text.from_file", lang, count=tokens.positions[0], levels=tokens.levels)
        return TextSession(None, tokens, tokens, (note,))

    def show(self, session: TextSession | None, levels: int, request: gr.Request, lossless: Any = False) -> list[Any]:
        """Values of the tab's outputs for one session; None empties the page."""
        lang = lang_of(request)
        if session is None:
            empty = compare.pane("", tr("text.reconstruction", lang), tr("text.empty", lang))
            return [None, empty, "", None, None, "", "", None]
        self.ctx.remember(request, session.tokens, session.original)
        session = keep_bytes(session, lossless is True)
        levels = _levels(session, levels)
        data = decoded_bytes(self.codec, session.tokens, levels)
        kept = session.tokens.truncate(levels)
        return [
            session,
            view.reconstruction_html(session, data, lang),
            view.tiles_html(session, data, kept, lang) + notes_html(_notes(session, lossless is True, lang)),
            view.chips_value(self.codec, session, data, levels, lang),
            None,
            view.bars_html(session, data, kept, lang),
            explain(self.codec, session, data, kept, lang),
            save_value(self._files(session, kept, data, lang)),
        ]

    def _files(self, session: TextSession, kept: Any, data: bytes, lang: str) -> list[tuple[str, str, bytes]]:
        if session.lossless is not None and session.original is not None:
            name, tokens, text = "text.save_lossless", session.lossless, session.raw or session.original
        else:
            name, tokens, text = "text.save_mmt", kept, data.decode("utf-8", errors="replace").encode()
        return [(tr(name, lang), "text.mmt", tokens.to_bytes()), (tr("text.save_txt", lang), "text.txt", text)]

    # ------------------------------------------------------------------ events

    @friendly
    def typed(
        self, text: str, session: TextSession | None, levels: int, lossless: bool, request: gr.Request
    ) -> list[Any]:
        """The text box holds something else now. Nothing changes if the page already shows that text."""
        lang = lang_of(request)
        if session is not None and _box_text(session) == text:
            return [gr.skip()] * OUTPUTS
        return self.show(self.start(text, lang) if text else None, levels, request, lossless)

    def example(self, texts: list[str]) -> Any:
        """The handler for the row of examples. Its first output is the new content of the text box."""

        @friendly
        def chosen(levels: int, lossless: bool, event: gr.EventData, request: gr.Request) -> list[Any]:
            lang, text = lang_of(request), texts[parse_int(getattr(event, "index", None), 0, len(texts) - 1)]
            return [text, *self.show(self.start(text, lang), levels, request, lossless)]

        return chosen

    @friendly
    def ready(
        self, text: str, session: TextSession | None, levels: int, lossless: bool, request: gr.Request
    ) -> list[Any]:
        """The tab was opened in a browser. The first output is the slider, with as many steps as levels."""
        lang = lang_of(request)
        session = session or (self.start(text, lang) if text else None)
        return [gr.update(maximum=self.codec.levels), *self.show(session, levels, request, lossless)]

    @friendly
    def opened(self, levels: int, lossless: bool, event: gr.EventData, request: gr.Request) -> list[Any]:
        """A file was dropped or chosen: tokens, or a text. First the text box and the lossless switch."""
        lang, file = lang_of(request), dropped_file(event)
        tokens = file.name.lower().endswith(".mmt")
        session = self.open_tokens(file.read(), lang) if tokens else self.start(file, lang)
        if tokens:
            lossless = session.lossless is not None  # as the file is
        return [_box_text(session), lossless, *self.show(session, levels, request, lossless)]

    @friendly
    def relevelled(self, session: TextSession | None, levels: int, lossless: bool, request: gr.Request) -> list[Any]:
        """The levels slider moved, or the lossless switch."""
        return self.show(session, levels, request, lossless)

    @friendly
    def picked(self, session: TextSession | None, levels: int, event: gr.EventData, request: gr.Request) -> Any:
        """A chip was clicked."""
        if session is None:
            return None
        position = parse_int(getattr(event, "position", None), 0, session.tokens.positions[0] - 1)
        return view.picker_value(self.codec, session, position, _levels(session, levels), lang_of(request))

    @friendly
    def swapped(self, session: TextSession | None, levels: int, event: gr.EventData, request: gr.Request) -> list[Any]:
        """A code was exchanged. The first output is the lossless switch: other codes say something else."""
        if session is None:
            return [False, *self.show(None, levels, request)]
        level, position, code = (parse_int(getattr(event, name, None)) for name in ("level", "position", "code"))
        tokens = session.tokens.with_code(level, (position,), code)  # refuses what does not exist
        return [False, *self._after_edit(session, tokens, position, levels, request)]

    @friendly
    def undone(self, session: TextSession | None, levels: int, request: gr.Request) -> list[Any]:
        """All changes by hand are taken back."""
        if session is None:
            return self.show(None, levels, request)
        changed = sorted(session.edited)
        return self._after_edit(session, session.encoded, changed[0] if changed else 0, levels, request)

    def _after_edit(
        self, session: TextSession, tokens: Any, position: int, levels: int, request: gr.Request
    ) -> list[Any]:
        session = replace(session, tokens=tokens, lossless=None)
        values = self.show(session, levels, request)
        levels = _levels(session, levels)
        values[PICKER] = view.picker_value(self.codec, session, position, levels, lang_of(request))
        return values


def _box_text(session: TextSession) -> str:
    """What the text box holds while a session is shown."""
    return (session.original or b"").decode("utf-8", errors="replace")


def _notes(session: TextSession, lossless: bool, lang: str) -> tuple[str, ...]:
    """The session's notes, and why there is no lossless file where one was asked for."""
    if not lossless or session.lossless is not None:
        return session.notes
    if session.original is None:
        return (*session.notes, tr("text.lossless_none", lang))
    return (*session.notes, tr("text.lossless_long", lang, limit=MAX_EXACT_BYTES))


def _levels(session: TextSession, levels: Any) -> int:
    """The slider's value, as far as this text has so many levels."""
    return min(parse_int(levels, 1, 64), session.tokens.levels)
