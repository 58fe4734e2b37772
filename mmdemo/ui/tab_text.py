"""The Text tab: type, see the codes of every four bytes, take levels away, swap codes, compare with compressors."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from mmdemo.errors import InputError
from mmdemo.modalities import text as text_files
from mmdemo.tokenizers.tokens import Tokens
from mmdemo.ui import state, text_view
from mmdemo.ui.components import compare
from mmdemo.ui.components.chips import TokenChips
from mmdemo.ui.components.common import how_it_works, intro
from mmdemo.ui.components.picker import CodePicker
from mmdemo.ui.components.save import SaveButtons, save_value
from mmdemo.ui.i18n import lang_of, t, tr
from mmdemo.ui.state import Context, friendly
from mmdemo.ui.text_view import TextSession

EXAMPLES = Path(__file__).with_name("examples")
FILE_TYPES = [".mmt", *text_files.SUFFIXES]
FIRST = "The quick brown fox jumps over the lazy dog. 敏捷的棕狐跳过了懒狗。🦊"
# The server needs to know only that a text is too long, not all of it.
TRIM_JS = f"""(text, ...rest) =>
  [(text || '').slice(0, {state.MAX_TEXT_BYTES + 1}).replace(/[\\uD800-\\uDBFF]$/, ''), ...rest]"""


class TextTab:
    """Event handlers of the tab, as plain functions over a `TextSession`."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx

    @property
    def codec(self) -> Any:
        return self.ctx.codec("text")

    def start(self, source: str | bytes | Path, lang: str) -> TextSession:
        """Encode a text on all levels; longer ones are cut to the page's limit, with a note."""
        item = self.codec.load(source)
        notes = item.notes
        total = int(item.meta["bytes"])
        if total > state.MAX_TEXT_BYTES:
            head = bytes(item.tensor[: state.MAX_TEXT_BYTES].tolist()).decode("utf-8", errors="ignore")
            item = self.codec.load(head)
            notes = (*notes, tr("text.cut", lang, limit=state.MAX_TEXT_BYTES))
        tokens = self.codec.encode(item)
        return TextSession(bytes(item.tensor.tolist()), tokens, tokens, notes)

    def open_tokens(self, path: Path, lang: str) -> TextSession:
        """Tokens from an .mmt file. Raises InputError if other weights made them or there are too many."""
        tokens = Tokens.load(path)
        self.codec.check(tokens)
        size = tokens.meta["bytes"]
        if size > state.MAX_TEXT_BYTES:
            raise InputError(tr("text.mmt_long", lang, size=size, limit=state.MAX_TEXT_BYTES))
        note = tr("text.from_file", lang, count=tokens.positions[0], levels=tokens.levels)
        return TextSession(None, tokens, tokens, (note,))

    def show(self, session: TextSession | None, levels: int, lang: str) -> list[Any]:
        """Values of `outputs()` for one session; None empties the page."""
        if session is None:
            empty = compare.pane("", tr("text.reconstruction", lang), tr("text.empty", lang))
            return [None, empty, "", "", "", "", "", "", ""]
        levels = max(1, min(int(levels), session.tokens.levels))
        data = text_view.decoded_bytes(self.codec, session.tokens, levels)
        kept = session.tokens.truncate(levels)
        return [
            session,
            text_view.reconstruction_html(session, data, lang),
            text_view.notes_html(session.notes),
            text_view.tiles_html(session, data, levels, lang),
            text_view.chips_json(session, data, levels, lang),
            "",
            text_view.bars_html(session, data, levels, lang),
            text_view.maths(self.codec, session, data, levels, lang),
            save_value(self._files(kept, data, lang)),
        ]

    def _files(self, tokens: Any, data: bytes, lang: str) -> list[tuple[str, str, bytes]]:
        text = data.decode("utf-8", errors="replace").encode()
        names = tr("text.save_mmt", lang), tr("text.save_txt", lang)
        return [(names[0], "text.mmt", tokens.to_bytes()), (names[1], "text.txt", text)]

    # ------------------------------------------------------------------ events

    @friendly
    def typed(self, text: str, levels: int, request: gr.Request) -> list[Any]:
        """A text was typed, pasted or chosen from the examples."""
        lang = lang_of(request)
        return self.show(self.start(text, lang) if text else None, levels, lang)

    @friendly
    def chosen(self, text: str, levels: int, request: gr.Request) -> list[Any]:
        """An example was chosen. The first output is the new content of the text box."""
        lang = lang_of(request)
        return [text, *self.show(self.start(text, lang), levels, lang)]

    @friendly
    def opened(self, path: str | None, levels: int, request: gr.Request) -> list[Any]:
        """A file was opened: tokens, or a text. The first output is the new content of the text box."""
        lang = lang_of(request)
        if path is None:
            raise gr.Error(tr("text.no_file", lang), print_exception=False)
        file = Path(path)
        tokens = file.suffix.lower() == ".mmt"
        session = self.open_tokens(file, lang) if tokens else self.start(file, lang)
        return ["" if tokens else session.original.decode("utf-8"), *self.show(session, levels, lang)]

    @friendly
    def relevelled(self, session: TextSession | None, levels: int, request: gr.Request) -> list[Any]:
        """The levels slider moved."""
        return self.show(session, levels, lang_of(request))

    @friendly
    def picked(self, session: TextSession | None, levels: int, event: gr.EventData, request: gr.Request) -> str:
        """A chip was clicked."""
        if session is None:
            return ""
        levels = max(1, min(int(levels), session.tokens.levels))
        return text_view.picker_json(self.codec, session, _whole(event, "position"), levels, lang_of(request))

    @friendly
    def swapped(
        self, session: TextSession | None, levels: int, event: gr.EventData, request: gr.Request
    ) -> list[Any]:
        """A code was exchanged."""
        lang = lang_of(request)
        if session is None:
            return self.show(None, levels, lang)
        position, level = _whole(event, "position"), _whole(event, "level")
        tokens = session.tokens.with_code(level, (position,), _whole(event, "code"))
        return self._after_edit(session, tokens, position, levels, lang)

    @friendly
    def undone(self, session: TextSession | None, levels: int, request: gr.Request) -> list[Any]:
        """All changes by hand are taken back."""
        lang = lang_of(request)
        if session is None:
            return self.show(None, levels, lang)
        changed = sorted(session.edited)
        return self._after_edit(session, session.encoded, changed[0] if changed else 0, levels, lang)

    def _after_edit(self, session: TextSession, tokens: Any, position: int, levels: int, lang: str) -> list[Any]:
        session = TextSession(session.original, tokens, session.encoded, session.notes)
        values = self.show(session, levels, lang)
        levels = max(1, min(int(levels), tokens.levels))
        values[PICKER] = text_view.picker_json(self.codec, session, position, levels, lang)
        return values


def _title(text: str) -> str:
    """The beginning of an example, for its button."""
    line = text.strip().splitlines()[0]
    return line if len(line) <= 24 else f"{line[:22].rstrip()}…"


def _whole(event: gr.EventData, name: str) -> int:
    """A whole number from an event of the page. Raises InputError for anything else (anyone can send events)."""
    value = getattr(event, name, None)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != int(value):
        raise InputError(f"“{name}” has to be a whole number.")
    return int(value)


PICKER = 5  # place of the code picker in the list of outputs


def build(ctx: Context) -> None:
    """Build the tab inside the current `gr.Tab`."""
    tab = TextTab(ctx)
    intro("text.intro")
    session = gr.State(None)
    with gr.Row(equal_height=False):
        with gr.Column(min_width=320):
            box = gr.Textbox(
                FIRST, label=t("text.input"), placeholder=t("text.placeholder"), lines=7, max_lines=14,
                elem_id="mm-text-input", html_attributes=gr.InputHTMLAttributes(spellcheck=False),
            )
        with gr.Column(min_width=320):
            output = gr.HTML(css_template=compare.COMPARE_CSS, elem_id="mm-text-output", apply_default_css=False)
    with gr.Row(equal_height=True):
        levels = gr.Slider(
            1, 3, value=3, step=1, label=t("text.levels"), info=t("text.levels_info"), elem_id="mm-text-levels",
            scale=3, min_width=260,
        )
        upload = gr.UploadButton(t("text.file"), file_types=FILE_TYPES, scale=1, min_width=160)
    texts = [file.read_text(encoding="utf-8") for file in sorted(EXAMPLES.glob("*.txt"))]
    with gr.Row(elem_classes=["mm-text-examples"]):
        buttons = [gr.Button(_title(text), size="sm", min_width=90, variant="secondary") for text in texts]
    notes = gr.HTML(elem_id="mm-text-notes")
    tiles = gr.HTML(elem_id="mm-text-tiles")
    gr.Markdown(t("text.tokens"), elem_classes=["mm-caption"])
    chips = TokenChips(elem_id="mm-text-chips")
    picker = CodePicker(elem_id="mm-text-picker")
    bars = gr.HTML(css_template=compare.BARS_CSS, elem_id="mm-text-bars", apply_default_css=False)
    save = SaveButtons(elem_id="mm-text-save")
    maths = how_it_works()

    outputs = [session, output, notes, tiles, chips, picker, bars, maths, save]
    model = {"concurrency_id": state.CONCURRENCY_ID, "show_progress": "hidden", "api_visibility": "private"}
    live = {**model, "trigger_mode": "always_last"}
    box.input(tab.typed, [box, levels], outputs, js=TRIM_JS, **live)
    chips.ready(tab.typed, [box, levels], outputs, js=TRIM_JS, **live)
    upload.upload(tab.opened, [upload, levels], [box, *outputs], **model)
    for text, button in zip(texts, buttons, strict=True):
        button.click(partial(tab.chosen, text), [levels], [box, *outputs], **model)
    levels.change(tab.relevelled, [session, levels], outputs, **live)
    chips.pick(tab.picked, [session, levels], picker, **live)
    picker.pick(tab.picked, [session, levels], picker, **live)
    picker.swap(tab.swapped, [session, levels], outputs, **live)
    picker.undo(tab.undone, [session, levels], outputs, **live)
