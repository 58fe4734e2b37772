"""The Image tab: what is lost, and at what cost, when a picture becomes tokens."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.context import Context as Building

from mmdemo.ui.image.api import add_api
from mmdemo.ui.image.examples import Examples
from mmdemo.ui.image.handlers import ImageHandlers
from mmdemo.ui.image.picture_input import PictureInput
from mmdemo.ui.image.rate_plot import RatePlot
from mmdemo.ui.image.view import THUMB
from mmdemo.ui.image.viewer import PictureViewer
from mmdemo.ui.shared import thumbnail
from mmdemo.ui.shared.common import how_it_works, intro
from mmdemo.ui.shared.filedrop import FileDrop
from mmdemo.ui.shared.gallery import credits
from mmdemo.ui.shared.i18n import t
from mmdemo.ui.shared.state import CONCURRENCY_ID, EDITING_ID, KEPT_SECONDS, MEASURING_ID, OPENING_ID, QUIET, Context
from mmdemo.ui.shared.visit import Visit

# An input field is free for the next file as soon as the viewer shows what was given, or else, where that was refused,
# when the last of its runs has ended.
OWN_INPUT_JS = """() => {
  window.mmRuns = (window.mmRuns || 0) + 1;
  document.dispatchEvent(new CustomEvent('mm-own-input'));
}"""
FREE_JS = "(given) => (--window.mmRuns > 0 ? given : null)"
AT_ONCE: dict[str, Any] = {**QUIET, "queue": False}
MODEL: dict[str, Any] = {**QUIET, "concurrency_id": CONCURRENCY_ID, "concurrency_limit": 1}
OPENING: dict[str, Any] = {**MODEL, "concurrency_id": OPENING_ID}
EDITING: dict[str, Any] = {**MODEL, "concurrency_id": EDITING_ID}
MEASURING: dict[str, Any] = {**MODEL, "concurrency_id": MEASURING_ID}
CLASSICAL: dict[str, Any] = {**QUIET, "concurrency_id": "classical", "concurrency_limit": 1}


def build(ctx: Context) -> None:
    """Build the tab inside the current `gr.Tab`."""
    handlers = ImageHandlers(ctx)

    def code_sheet(level: int) -> dict[str, Any]:  # a server function has to be a plain function
        return handlers.code_sheet(level)

    def code_colours(first: int) -> list[str]:  # a server function is given something
        return handlers.code_colours()[first:]

    current = gr.State(None, time_to_live=KEPT_SECONDS)
    asked = gr.State(None)

    intro("image.intro")
    with gr.Row(elem_classes=["mm-split"]):
        with gr.Column(scale=3, min_width=260, elem_classes=["mm-side"]):
            known = credits()
            thumbs = [
                {
                    "src": thumbnail.of_file(path, THUMB),
                    "name": path.stem.replace("_", " "),
                    "credit": known.get(path.name, ""),
                }
                for path in handlers.examples
            ]
            strip = Examples(value=thumbs, elem_id="mm-image-examples")
            upload = PictureInput(
                label=t("image.input"),
                sources=["upload", "clipboard", "webcam"],
                height=210,
                type="filepath",
                elem_id="mm-image-input",
                buttons=[],
            )
            gr.Markdown(t("image.intake"), elem_classes=["mm-intake"])
            file = FileDrop("image.open_mmt", [".mmt"], elem_id="mm-image-mmt")
            visit = Visit("image", elem_id="mm-image-visit")
        with gr.Column(scale=8, min_width=320, elem_classes=["mm-main"]):
            viewer = PictureViewer(
                code_sheet,
                code_colours,
                others=[{"src": thumb["src"], "name": thumb["name"]} for thumb in thumbs],
                elem_id="mm-image-viewer",
            )
    plot = RatePlot(elem_id="mm-image-rate")
    formulas = how_it_works(t("image.explain_empty"))

    add_api(ctx)
    ctx.at_start(handlers.prepare)
    ctx.openers["image"] = handlers.reopen

    def follow(run: Any) -> None:
        """After a picture is shown: its other levels, and what follows them."""
        settled(run.success(handlers.settle, current, viewer, **MEASURING))

    def settled(run: Any) -> None:
        """After all levels are decoded: their files, then other codecs, and the formulas with its numbers."""
        sizes = run.success(handlers.sizes, current, plot, **CLASSICAL)
        sizes.success(handlers.rates, current, plot, **CLASSICAL)
        sizes.success(handlers.formulas, current, formulas, **AT_ONCE)

    shown = [viewer, current]
    follow(Building.root_block.load(handlers.example, asked, shown, **MODEL))
    follow(visit.open(handlers.ask, None, asked, **AT_ONCE).then(handlers.restored, asked, shown, **MODEL))
    follow(strip.pick(handlers.ask, None, asked, **AT_ONCE).then(handlers.example, asked, shown, **MODEL))
    opened = upload.input(handlers.request_id, None, asked, js=OWN_INPUT_JS, **AT_ONCE).then(
        handlers.opened, [upload, asked], shown, **OPENING
    )
    follow(opened)
    viewer.taken(None, None, upload, js="() => null", **QUIET)
    opened.then(None, upload, upload, js=FREE_JS, **QUIET)
    follow(file.file(handlers.dropped, None, shown, **OPENING))
    changed = viewer.background(handlers.ask, None, asked, **AT_ONCE)
    follow(changed.then(handlers.background, [current, asked], shown, **MODEL))
    viewer.edit(handlers.edit, current, shown, **EDITING)
    settled(viewer.settle(handlers.settle, current, viewer, **MEASURING))
    viewer.warm(handlers.warm, current, None, **EDITING)
    viewer.others(handlers.others, current, plot, **CLASSICAL)
    viewer.want(handlers.want, current, None, **AT_ONCE)
    viewer.png(handlers.note, None, asked, **AT_ONCE).then(handlers.png, [current, asked], viewer, **MODEL)
