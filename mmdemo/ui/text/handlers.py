"""What happens when something is typed or clicked in the Text tab. No layout here, and no model logic."""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from mmdemo.errors import InputError
from mmdemo.tokens import Tokens
from mmdemo.ui.shared import place, splash
from mmdemo.ui.shared.common import notes_html
from mmdemo.ui.shared.editing import EditorHandlers, from_link, step
from mmdemo.ui.shared.filedrop import dropped_file
from mmdemo.ui.shared.i18n import DEFAULT, lang_of, tr
from mmdemo.ui.shared.level_control import levels_value
from mmdemo.ui.shared.place import Place
from mmdemo.ui.shared.save import save_value
from mmdemo.ui.shared.state import Context, Opened, friendly, parse_int
from mmdemo.ui.shared.store import store
from mmdemo.ui.shared.visit import visit_value
from mmdemo.ui.text import compare, view
from mmdemo.ui.text.maths import explain
from mmdemo.ui.text.session import MAX_EXACT_BYTES, TextSession, keep_bytes, open_tokens, start

OUTPUTS, CHIPS, PICKER = 9, 3, 4  # how many values `show` gives, and which are the chips and the code picker
MOST_IN_LINK = 400  # characters of a text that stand in its address
SPLASH = 400  # characters of a text while the page starts
VISITORS = 1000  # whose newest change is remembered


class TextHandlers(EditorHandlers):
    """Handlers of the Text tab, as plain functions over a `TextSession`."""

    def __init__(self, ctx: Context, examples: list[Path] | None = None) -> None:
        super().__init__(ctx, "text", examples)
        self.newest: OrderedDict[str, int] = OrderedDict()  # visitor -> version of the codes that they look at
        self.texts = [file.read_text(encoding="utf-8") for file in self.examples]
        self._examples: dict[int, Tokens] = {}  # tokens of the page's own texts, to paint with

    def show(self, session: TextSession | None, levels: int, request: gr.Request, lossless: Any = False) -> list[Any]:
        """Values of the tab's outputs for one session; None empties the page."""
        lang = lang_of(request)
        if session is None:
            empty = compare.pane("", tr("text.reconstruction", lang), tr("text.empty", lang))
            return [None, empty, "", None, None, "", "", None, None]
        self._note(session, request)
        session = keep_bytes(session, lossless is True)
        if not session.place:
            session = replace(session, place=self._place(session))
        self.ctx.remember(request, session.tokens, session.original, place.unchanged(session.place, session.history))
        levels = _levels(session, levels)
        data, kept = session.bytes_at(self.codec, levels), session.at(levels)
        return [
            session,
            view.reconstruction_html(session, data, lang),
            view.tiles_html(session, data, kept, lang) + notes_html(_notes(session, lossless is True, lang)),
            self._chips(session, data, levels, request),
            None,
            view.bars_html(session, data, kept, lang),
            explain(self.codec, session, levels, lang),
            save_value(self._files(session, kept, data, lang)),
            self._visited(session, levels),
        ]

    def _chips(self, session: TextSession, data: bytes, levels: int, request: gr.Request) -> dict[str, Any]:
        """The value of the chips, with their editor."""
        earlier = [{"name": name} for name, _, _ in self.visits.of(request)]
        own = {"example": self._example_of(session), "earlier": earlier}
        return view.chips_value(self.codec, session, data, levels, lang_of(request), own)

    def _example_of(self, session: TextSession) -> int | None:
        """Which of the page's own texts it is."""
        if session.original is None or _box_text(session) not in self.texts:
            return None
        return self.texts.index(_box_text(session))

    def _note(self, session: TextSession, request: gr.Request) -> None:
        key = request.session_hash or ""
        self.newest.pop(key, None)
        self.newest[key] = session.version
        while len(self.newest) > VISITORS:
            self.newest.popitem(last=False)

    def _place(self, session: TextSession) -> dict[str, str]:
        """What leads back to a text: an example, what was typed while it is short, or an input kept under a name."""
        if session.original is None:
            name = store().keep(session.encoded.to_bytes(), ".mmt")
            return {"input": name} if name else {}
        named, text = self._example_of(session), session.original.decode("utf-8", errors="replace")
        if named is not None:
            return {"example": self.examples[named].stem}
        if len(text) <= MOST_IN_LINK:
            return {"typed": text}
        name = store().keep(session.raw or session.original, ".txt")
        return {"input": name} if name else {}

    def _visited(self, session: TextSession, levels: int) -> dict[str, Any]:
        """Where the visitor is."""
        original = b".mmt" if session.original is None else session.original
        kept = {"lossless": "1"} if session.lossless is not None else {}
        place = {**session.place, "levels": str(levels), **kept} if session.place else {}
        return visit_value(place, original.decode("utf-8", errors="replace").strip())

    def reopen(self, link: Mapping[str, str], lang: str) -> Opened:
        """What a link of another tab leads to. Raises InputError for what is gone."""
        session = self._open(link, lang)
        return Opened(session.tokens, session.original, place.source(link))

    def _open(self, link: Mapping[str, str], lang: str) -> TextSession:
        """The text that was typed, or kept, for a link."""
        if "typed" in link:
            return start(self.codec, link["typed"][:MOST_IN_LINK], lang)
        path = store().path(link.get("input", ""), lang)
        data = path.read_bytes()
        tokens = path.suffix == ".mmt"
        return open_tokens(self.codec, data, lang) if tokens else start(self.codec, io.BytesIO(data), lang)

    def start_place(self, link: Place, request: gr.Request) -> TextSession | None:
        """What a link names. Raises InputError for what is gone."""
        lang = lang_of(request)
        if link.get("input"):
            session = replace(self._open(link, lang), place={"input": link["input"]})
        else:
            index = place.index(link, [file.stem for file in self.examples], request)
            text = link.get("typed", "") if index is None else self.texts[index]
            if not text:
                return None
            session = start(self.codec, text, lang)
        return replace(self._with_edit(session, link.get("edit", "")), look=place.looks(link))

    def _files(self, session: TextSession, kept: Tokens, data: bytes, lang: str) -> list[tuple[str, str, bytes]]:
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
        return self.show(start(self.codec, text, lang) if text else None, levels, request, lossless)

    @friendly
    def example(self, levels: int, lossless: bool, event: gr.EventData, request: gr.Request) -> list[Any]:
        """An example was clicked. First the new content of the text box."""
        text = self.texts[parse_int(getattr(event, "index", None), 0, len(self.texts) - 1)]
        return [text, *self.show(start(self.codec, text, lang_of(request)), levels, request, lossless)]

    @friendly
    def ready(
        self, text: str, session: TextSession | None, levels: int, lossless: bool, request: gr.Request
    ) -> list[Any]:
        """The tab was opened in a browser: its address, what there is, or the first example.

        First the text box, the level control, and the lossless switch.
        """
        link = {} if session else place.asked(request, "text")
        if link.keys() & {"example", "input", "typed"}:
            return self._restored(link, request)
        opening = session is None and bool(text)
        session = session or (start(self.codec, text, lang_of(request)) if text else None)
        values = self.show(session, levels, request, lossless)
        if opening and values[CHIPS]:
            values[CHIPS] = {**values[CHIPS], "opening": self._opening(session, request)}
        most = session.tokens.levels if session else self.codec.levels
        control = levels_value(min(parse_int(levels, 1, 64), most), most)
        return [gr.skip(), control, gr.skip(), *values]

    def prepare(self) -> None:
        """Decode the first example on one level, two, …, for who comes before the page has started."""
        if self.texts:
            session = start(self.codec, self.texts[0], DEFAULT)
            said = [session.bytes_at(self.codec, n) for n in range(1, session.tokens.levels + 1)]
            texts = [data.decode("utf-8", errors="replace") for data in said]
            self.ctx.splashes["text"] = splash.of_texts([text[:SPLASH] for text in texts])

    def _opening(self, session: TextSession | None, request: gr.Request) -> list[str]:
        """The reconstruction on one level, two, …: with it the page shows what each adds."""
        if session is None:
            return []
        return [
            view.reconstruction_html(session, session.bytes_at(self.codec, n), lang_of(request))
            for n in range(1, session.tokens.levels + 1)
        ]

    @friendly
    def restored(self, event: gr.EventData, request: gr.Request) -> list[Any]:
        """Back to a place of this visit, or to what a link names."""
        return self._restored(place.wanted(event._data), request)

    def _restored(self, link: Place, request: gr.Request) -> list[Any]:
        """The text box, the level control, the lossless switch, and the rest."""
        session, lossless = self.start_place(link, request), link.get("lossless") == "1"
        most = self.codec.levels if session is None else session.tokens.levels
        levels = place.number(link, "levels", 1, max(1, most), max(1, most))
        control = levels_value(levels, max(1, most))
        text = "" if session is None else _box_text(session)
        return [text, control, lossless, *self.show(session, levels, request, lossless)]

    @staticmethod
    def _with_edit(session: TextSession, code: str) -> TextSession:
        """The text with the edit of a link; without it, and a word, where it is none of this text."""
        try:
            return session.edited(from_link(session.tokens, code)) if code else session
        except InputError as error:
            gr.Warning(str(error))
            return session

    @friendly
    def opened(self, levels: int, lossless: bool, event: gr.EventData, request: gr.Request) -> list[Any]:
        """A file was dropped or chosen: tokens, or a text. First the text box and the lossless switch."""
        lang, file = lang_of(request), dropped_file(event)
        tokens = file.name.lower().endswith(".mmt")
        session = open_tokens(self.codec, file.read(), lang) if tokens else start(self.codec, file, lang)
        self.visits.note(request, Path(file.name).stem, session.tokens)
        if tokens:
            lossless = session.lossless is not None  # as the file is
        return [_box_text(session), lossless, *self.show(session, levels, request, lossless)]

    @friendly
    def relevelled(self, session: TextSession | None, levels: int, lossless: bool, request: gr.Request) -> list[Any]:
        """The level control moved, or the lossless switch."""
        return self.show(session, levels, request, lossless)

    @friendly
    def picked(self, session: TextSession | None, levels: int, event: gr.EventData, request: gr.Request) -> Any:
        """A chip was clicked."""
        if session is None:
            return None
        position = parse_int(getattr(event, "position", None), 0, session.tokens.positions[0] - 1)
        return view.picker_value(self.codec, session, position, _levels(session, levels), lang_of(request))

    @friendly
    def edit(self, session: TextSession | None, event: gr.EventData, request: gr.Request) -> list[Any]:
        """A step of the editor: other codes, decoded again where they change the text. `settle` follows
        when the visitor pauses.

        First the lossless switch, since other codes say something else, and the level control, which is raised where
        the edit could not be seen; then session, reconstruction, chips, picker, and files to save: none yet.
        """
        if session is None:
            return [gr.skip()] * 7
        asked = dict(event._data or {})
        history = step(self.codec, session.history, asked, self.painted_with(asked, request))
        levels = parse_int(asked.get("shown"), 1, session.tokens.levels)
        output, _ = self.decoders.follow(session.ident, self.codec, history.tokens, levels)
        changed, data = session.edited(history), bytes(output.tolist())
        self.ctx.remember(request, history.tokens, session.original, place.unchanged(session.place, history))
        self._note(changed, request)
        lang, position = lang_of(request), asked.get("position")
        picker = None
        if position is not None:
            position = parse_int(position, 0, history.tokens.positions[0] - 1)
            picker = view.picker_value(self.codec, changed, position, levels, lang)
        control = levels_value(levels, session.tokens.levels) if asked.get("raised") is True else gr.skip()
        output_pane = view.reconstruction_html(changed, data, lang)
        chips = self._chips(changed, data, levels, request)
        text = data.decode("utf-8", errors="replace")
        chips["edit"]["remake"] = self.remake(session.tokens, history.tokens, lambda: text)
        return [False, control, changed, output_pane, chips, picker, None]

    @friendly
    def settle(self, session: TextSession | None, levels: int, request: gr.Request) -> list[Any]:
        """After an edit: tiles, bars, mathematics, files, and the place of it in this visit."""
        if session is None or self.newest.get(request.session_hash or "") != session.version:
            return [gr.skip()] * 5  # a newer step has come
        values = self.show(session, levels, request)
        return [values[2], *values[PICKER + 1 :]]

    def example_tokens(self, index: int, request: gr.Request) -> Tokens:
        if index not in self._examples:
            self._examples[index] = self.codec.encode(self.texts[index])
        return self._examples[index]


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
    """The level control's value, as far as this text has so many levels."""
    return min(parse_int(levels, 1, 64), session.tokens.levels)
