"""The Text tab: type, see the codes, take levels away, swap codes, compare with compressors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import gradio as gr

from mmdemo.errors import InputError
from mmdemo.modalities import text as text_files
from mmdemo.tokens import Tokens, mmt
from mmdemo.ui.shared import gallery, state
from mmdemo.ui.shared.common import how_it_works, intro
from mmdemo.ui.shared.filedrop import FileDrop, dropped_file
from mmdemo.ui.shared.i18n import LANGUAGES, lang_of, t, tr
from mmdemo.ui.shared.pills import Pills
from mmdemo.ui.shared.save import SaveButtons, save_value
from mmdemo.ui.shared.state import Context, friendly, whole
from mmdemo.ui.text import compare
from mmdemo.ui.text import view as text_view
from mmdemo.ui.text.api import add_text_api
from mmdemo.ui.text.chips import TokenChips
from mmdemo.ui.text.compare import notes_html
from mmdemo.ui.text.picker import CodePicker
from mmdemo.ui.text.view import TextSession

FILE_TYPES = [".mmt", *text_files.SUFFIXES]
KEEP = 3600  # seconds a visitor's text stays in memory after its page is closed
FIRST = "The quick brown fox jumps over the lazy dog. 敏捷的棕狐跳过了懒狗。🦊"
# The server needs to know only that a text is too long, not all of it. Gradio's text box has no dir="auto".
TRIM_JS = f"""(text, ...rest) => {{
  document.querySelector("#mm-text-input textarea")?.setAttribute("dir", "auto");
  return [(text || "").slice(0, {state.MAX_TEXT_BYTES + 1}).replace(/[\\uD800-\\uDBFF]$/, ""), ...rest];
}}"""


class TextTab:
    """Event handlers of the tab, as plain functions over a `TextSession`."""

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
        # Asked of the header: a small file can announce a text that would take hours to decode.
        count, most = mmt.symbols(data), self.codec.levels * -(-state.MAX_TEXT_BYTES // self.codec.tokenizer.stride)
        if count > most:
            raise InputError(tr("text.mmt_large", lang, count=count, limit=most))
        tokens = self.codec.complete(Tokens.from_bytes(data))
        self.codec.check(tokens)
        if tokens.exact:
            codes = replace(tokens, exact=b"", raw=b"")
            note = tr("text.from_lossless_file", lang, size=len(data))
            return TextSession(tokens.exact, codes, codes, (note,), tokens, tokens.raw)
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
            return [None, empty, "", "", "", "", "", ""]
        self.ctx.remember(request, session.tokens)
        session = text_view.keep_bytes(session, lossless is True)
        levels = _levels(session, levels)
        data = text_view.decoded_bytes(self.codec, session.tokens, levels)
        kept = session.tokens.truncate(levels)
        return [
            session,
            text_view.reconstruction_html(session, data, lang),
            text_view.tiles_html(session, data, kept, lang) + notes_html(_notes(session, lossless is True, lang)),
            text_view.chips_json(self.codec, session, data, levels, lang),
            "",
            text_view.bars_html(session, data, kept, lang),
            text_view.maths(self.codec, session, data, kept, lang),
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
            lang, text = lang_of(request), texts[whole(getattr(event, "index", None), 0, len(texts) - 1)]
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
    def picked(self, session: TextSession | None, levels: int, event: gr.EventData, request: gr.Request) -> str:
        """A chip was clicked."""
        if session is None:
            return ""
        position = whole(getattr(event, "position", None), 0, session.tokens.positions[0] - 1)
        return text_view.picker_json(self.codec, session, position, _levels(session, levels), lang_of(request))

    @friendly
    def swapped(self, session: TextSession | None, levels: int, event: gr.EventData, request: gr.Request) -> list[Any]:
        """A code was exchanged. The first output is the lossless switch: other codes say something else."""
        if session is None:
            return [False, *self.show(None, levels, request)]
        level, position, code = (whole(getattr(event, name, None)) for name in ("level", "position", "code"))
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
        values[PICKER] = text_view.picker_json(self.codec, session, position, levels, lang_of(request))
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
    return (*session.notes, tr("text.lossless_long", lang, limit=text_view.MAX_EXACT_BYTES))


def _levels(session: TextSession, levels: Any) -> int:
    """The slider's value, as far as this text has so many levels."""
    return min(whole(levels, 1, 64), session.tokens.levels)


def _examples() -> list[Path]:
    """Example texts, English prose first."""
    files = gallery.EXAMPLES.glob("*.txt")
    return sorted(files, key=lambda file: (file.stem != "prose_english", not file.stem.startswith("prose"), file.stem))


def _title(text: str) -> str:
    """The beginning of an example, for its button."""
    line = text.strip().splitlines()[0]
    return line if len(line) <= 24 else f"{line[:22].rstrip()}…"


OUTPUTS, PICKER = 8, 4  # how many values `show` gives, and which of them is the code picker


def build(ctx: Context) -> None:
    """Build the tab inside the current `gr.Tab`."""
    tab = TextTab(ctx)
    add_text_api(ctx)
    intro("text.intro")
    session = gr.State(None, time_to_live=KEEP)
    texts = [file.read_text(encoding="utf-8") for file in _examples()]
    pills = Pills({lang: [_title(text) for text in texts] for lang in LANGUAGES}, 0, elem_id="mm-text-examples")
    with gr.Row(equal_height=False):
        with gr.Column(min_width=300):
            box = gr.Textbox(
                texts[0] if texts else FIRST,
                label=t("text.input"),
                placeholder=t("text.placeholder"),
                lines=6,
                max_lines=14,
                elem_id="mm-text-input",
                max_length=state.MAX_TEXT_BYTES + 1,
                html_attributes=gr.InputHTMLAttributes(spellcheck=False, autocorrect="off"),
            )
        with gr.Column(min_width=300):
            output = gr.HTML(css_template=compare.COMPARE_CSS, elem_id="mm-text-output", apply_default_css=False)
    with gr.Row(equal_height=True):
        levels = gr.Slider(
            1,
            3,
            value=3,
            step=1,
            label=t("text.levels"),
            info=t("text.levels_info"),
            elem_id="mm-text-levels",
            scale=3,
            min_width=260,
        )
        with gr.Column(scale=1, min_width=220):
            lossless = gr.Checkbox(
                False, label=t("text.lossless"), info=t("text.lossless_info"), elem_id="mm-text-lossless"
            )
        with gr.Column(scale=1, min_width=220):
            drop = FileDrop(
                "text.file",
                FILE_TYPES,
                also="#mm-text-input",
                head_bytes=4 * state.MAX_TEXT_BYTES,
                elem_id="mm-text-file",
            )
    tiles = gr.HTML(elem_id="mm-text-tiles")
    gr.Markdown(t("text.tokens"), elem_classes=["mm-hint"])
    chips = TokenChips(elem_id="mm-text-chips")
    picker = CodePicker(elem_id="mm-text-picker")
    bars = gr.HTML(css_template=compare.BARS_CSS, elem_id="mm-text-bars", apply_default_css=False)
    save = SaveButtons(elem_id="mm-text-save")
    maths = how_it_works()

    outputs = [session, output, tiles, chips, picker, bars, maths, save]
    model = {"concurrency_id": state.CONCURRENCY_ID, "show_progress": "hidden", "api_visibility": "private"}
    live = {**model, "trigger_mode": "always_last"}
    # Not `input`: in Gradio 6.31 that misses pasting, deleting and input methods for Chinese.
    typing = [box, session, levels, lossless]
    box.change(tab.typed, typing, outputs, js=TRIM_JS, **live)
    chips.ready(tab.ready, typing, [levels, *outputs], js=TRIM_JS, **live)
    pills.pick(tab.example(texts), [levels, lossless], [box, *outputs], **live)
    drop.file(tab.opened, [levels, lossless], [box, lossless, *outputs], **model)
    levels.change(tab.relevelled, [session, levels, lossless], outputs, **live)
    # Not `change`: setting the switch from a file or after a swap must not draw everything again.
    lossless.input(tab.relevelled, [session, levels, lossless], outputs, **live)
    chips.pick(tab.picked, [session, levels], picker, **live)
    picker.pick(tab.picked, [session, levels], picker, **live)
    picker.swap(tab.swapped, [session, levels], [lossless, *outputs], **live)
    picker.undo(tab.undone, [session, levels], outputs, **live)
