"""The Audio tab: a recording through its codes, level by level, against the original and other codecs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from mmdemo.ui.audio.api import add_api
from mmdemo.ui.audio.codec_table import CodecTable
from mmdemo.ui.audio.handlers import START_LEVELS, AudioHandlers
from mmdemo.ui.audio.lab import SoundLab
from mmdemo.ui.shared import state
from mmdemo.ui.shared.common import how_it_works, intro
from mmdemo.ui.shared.filedrop import FileDrop
from mmdemo.ui.shared.i18n import LANGUAGES, t, tr
from mmdemo.ui.shared.level_control import LevelControl
from mmdemo.ui.shared.pills import Pills
from mmdemo.ui.shared.state import Context
from mmdemo.ui.shared.visit import Visit

# Follow the link of the hidden file once it stands in the page.
FETCH = """async () => {
  const box = document.querySelector("#mm-audio-native");
  for (let i = 0; i < 100; i++) {
    const link = box.querySelector("a[href]");
    if (link && link.href !== box.dataset.saved) { box.dataset.saved = link.href; link.click(); return; }
    await new Promise((done) => setTimeout(done, 50));
  }
}"""


def build(ctx: Context) -> None:
    """Build the tab inside the current `gr.Tab`."""
    handlers = AudioHandlers(ctx)
    add_api(ctx)

    def code_sheet(level: int) -> dict[str, Any]:  # a server function has to be a plain function
        return handlers.code_sheet(level)

    def code_colours(first: int) -> list[str]:  # and is given something
        return handlers.code_colours()[first:]

    intro("audio.intro")
    session = gr.State(None, time_to_live=state.KEPT_SECONDS)
    with gr.Row(elem_classes=["mm-split"]):
        with gr.Column(scale=3, min_width=260, elem_classes=["mm-side"]):
            names = {lang: [_title(file, lang) for file in handlers.examples] for lang in LANGUAGES}
            pills = Pills(names, 0, elem_id="mm-audio-examples")
            source = gr.Audio(
                sources=["upload", "microphone"],
                type="filepath",
                label=t("audio.input"),
                elem_id="mm-audio-input",
                interactive=True,
                buttons=[],
            )
            drop = FileDrop("audio.file", [".mmt"], elem_id="mm-audio-file")
            table = CodecTable(elem_id="mm-audio-codecs")
            visit = Visit("audio", elem_id="mm-audio-visit")
        with gr.Column(scale=8, min_width=320, elem_classes=["mm-main"]):
            levels = LevelControl("audio", START_LEVELS, 10, elem_id="mm-audio-levels")
            tiles = gr.HTML(elem_id="mm-audio-tiles")
            others = {lang: [{"name": name} for name in names[lang]] for lang in LANGUAGES}
            lab = SoundLab(code_sheet, code_colours, others=others, elem_id="mm-audio-lab")
            restored = gr.File(visible="hidden", elem_id="mm-audio-native", interactive=False)
    maths = how_it_works()
    handlers.folder = restored.GRADIO_CACHE

    ctx.at_start(handlers.prepare)
    ctx.openers["audio"] = handlers.reopen
    outputs = [session, lab, tiles, table, maths, visit]
    model = {**state.QUIET, "concurrency_id": state.CONCURRENCY_ID}
    opening = {**model, "concurrency_id": state.OPENING_ID}
    live = {**model, "trigger_mode": "always_last"}
    events = [
        source.upload(handlers.opened, [source, levels], outputs, **opening),
        source.stop_recording(handlers.opened, [source, levels], outputs, **opening),
        drop.file(handlers.dropped, [levels], [source, *outputs], **opening),
        pills.pick(handlers.example, [levels], [source, *outputs], **live),
        visit.open(handlers.restored, None, [levels, source, *outputs], **live),
        lab.ready(handlers.ready, [session, levels], [levels, *outputs], **live),
        levels.move(handlers.relevelled, [session, levels], outputs, **live),
    ]
    measuring = {**live, "concurrency_id": state.MEASURING_ID}
    for event in events:
        event.success(handlers.measured, [session, levels], [tiles, table], **measuring)
    editing = {**model, "concurrency_id": state.EDITING_ID}
    lab.edit(handlers.edit, session, [levels, session, lab], **editing)
    settled = lab.settle(handlers.settle, session, outputs[1:], **live)
    settled.success(handlers.measured, [session, levels], [tiles, table], **measuring)
    lab.warm(handlers.warm, session, None, **editing)
    lab.restore(handlers.native, [session, levels], [restored], **model).success(None, js=FETCH)


def _title(file: Path, lang: str) -> str:
    try:
        return tr(f"audio.example_{file.stem}", lang)
    except KeyError:
        return file.stem.replace("_", " ").capitalize()
