"""The Text tab: type, see the codes, take levels away, swap codes, compare with compressors."""

from __future__ import annotations

from typing import Any

import gradio as gr

from mmdemo.modalities import text as text_files
from mmdemo.ui.shared import state
from mmdemo.ui.shared.common import how_it_works, intro
from mmdemo.ui.shared.filedrop import FileDrop
from mmdemo.ui.shared.i18n import LANGUAGES, t
from mmdemo.ui.shared.level_control import LevelControl
from mmdemo.ui.shared.pills import Pills
from mmdemo.ui.shared.save import SaveButtons
from mmdemo.ui.shared.state import Context
from mmdemo.ui.shared.visit import Visit
from mmdemo.ui.text.api import add_api
from mmdemo.ui.text.chips import TokenChips
from mmdemo.ui.text.handlers import TextHandlers
from mmdemo.ui.text.picker import CodePicker

FILE_TYPES = [".mmt", *text_files.SUFFIXES]
FIRST = "The quick brown fox jumps over the lazy dog. 敏捷的棕狐跳过了懒狗。🦊"
# The server needs to know only that a text is too long, not all of it. Gradio's text box has no dir="auto".
TRIM_JS = f"""(text, ...rest) => {{
  document.querySelector("#mm-text-input textarea")?.setAttribute("dir", "auto");
  return [(text || "").slice(0, {state.MAX_TEXT_BYTES + 1}).replace(/[\\uD800-\\uDBFF]$/, ""), ...rest];
}}"""


def build(ctx: Context) -> None:
    """Build the tab inside the current `gr.Tab`."""
    handlers = TextHandlers(ctx)
    add_api(ctx)

    def code_sheet(level: int) -> dict[str, Any]:  # a server function has to be a plain function
        return handlers.code_sheet(level)

    def code_colours(first: int) -> list[str]:  # and is given something
        return handlers.code_colours()[first:]

    intro("text.intro")
    ctx.at_start(handlers.prepare)
    ctx.openers["text"] = handlers.reopen
    session = gr.State(None, time_to_live=state.KEPT_SECONDS)
    texts = handlers.texts
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
            output = gr.HTML(elem_id="mm-text-output", apply_default_css=False)
    with gr.Row(equal_height=True, elem_classes=["mm-text-options"]):
        with gr.Column(scale=3, min_width=260):
            levels = LevelControl("text", 3, 3, elem_id="mm-text-levels")
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
    others = {lang: [{"name": _title(text)} for text in texts] for lang in LANGUAGES}
    chips = TokenChips(code_sheet, code_colours, others=others, elem_id="mm-text-chips")
    picker = CodePicker(elem_id="mm-text-picker")
    bars = gr.HTML(elem_id="mm-text-bars", apply_default_css=False)
    save = SaveButtons("text", elem_id="mm-text-save")
    visit = Visit("text", elem_id="mm-text-visit")
    maths = how_it_works()

    outputs = [session, output, tiles, chips, picker, bars, maths, save, visit]
    model = {**state.QUIET, "concurrency_id": state.TEXTS_ID}
    live = {**model, "trigger_mode": "always_last"}
    # Not `input`: in Gradio 6.31 that misses pasting, deleting and input methods for Chinese.
    typing = [box, session, levels, lossless]
    box.change(handlers.typed, typing, outputs, js=TRIM_JS, **live)
    chips.ready(handlers.ready, typing, [box, levels, lossless, *outputs], js=TRIM_JS, **live)
    pills.pick(handlers.example, [levels, lossless], [box, *outputs], **live)
    visit.open(handlers.restored, None, [box, levels, lossless, *outputs], **live)
    drop.file(handlers.opened, [levels, lossless], [box, lossless, *outputs], **model)
    levels.move(handlers.relevelled, [session, levels, lossless], outputs, **live)
    # Not `change`: setting the switch from a file or after a swap must not draw everything again.
    lossless.input(handlers.relevelled, [session, levels, lossless], outputs, **live)
    chips.pick(handlers.picked, [session, levels], picker, **live)
    picker.pick(handlers.picked, [session, levels], picker, **live)
    editing = {**model, "concurrency_id": state.EDITING_ID}
    chips.edit(handlers.edit, session, [lossless, levels, session, output, chips, picker, save], **editing)
    chips.settle(handlers.settle, [session, levels], [tiles, bars, maths, save, visit], **live)
    chips.warm(handlers.warm, session, None, **editing)


def _title(text: str) -> str:
    """The beginning of an example, for its button."""
    line = text.strip().splitlines()[0]
    return line if len(line) <= 24 else f"{line[:22].rstrip()}…"
