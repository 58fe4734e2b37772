"""The Image tab: what is lost, and at what cost, when a picture becomes tokens."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.context import Context as Building

from mmdemo.ui.api_image import add_image_api
from mmdemo.ui.components.common import how_it_works, intro
from mmdemo.ui.components.viewer import Examples, PictureInput, PictureViewer, RatePlot
from mmdemo.ui.gallery import credits, pictures
from mmdemo.ui.i18n import t
from mmdemo.ui.image_actions import Actions
from mmdemo.ui.rivals import thumbnail
from mmdemo.ui.state import CONCURRENCY_ID, Context, Latest

KEEP = 3600  # seconds a visitor's picture stays in memory after its page is closed
OWN_INPUT_JS = "() => { document.dispatchEvent(new CustomEvent('mm-own-input')); }"
QUIET: dict[str, Any] = {"show_progress": "hidden", "trigger_mode": "multiple", "api_visibility": "private"}
AT_ONCE: dict[str, Any] = {**QUIET, "queue": False}
MODEL: dict[str, Any] = {**QUIET, "concurrency_id": CONCURRENCY_ID, "concurrency_limit": 1}
CLASSICAL: dict[str, Any] = {**QUIET, "concurrency_id": "classical", "concurrency_limit": 1}


def build(ctx: Context) -> None:
    """Build the tab inside the current `gr.Tab`."""
    examples = pictures()
    actions = Actions(ctx, examples, Latest())

    def atlas(level: int) -> dict[str, Any]:  # a server function has to be a plain function
        return actions.atlas(level)

    current = gr.State(None, time_to_live=KEEP)
    asked = gr.State(None)

    intro("image.intro")
    with gr.Row(elem_classes=["mm-split"]):
        with gr.Column(scale=3, min_width=260, elem_classes=["mm-side"]):
            known = credits()
            thumbs = [
                {
                    "src": thumbnail(path),
                    "name": path.stem.replace("_", " "),
                    "credit": known.get(path.name, ""),
                }
                for path in examples
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
            file = gr.File(label=t("image.open_mmt"), file_types=[".mmt"], height=96, elem_id="mm-image-mmt")
        with gr.Column(scale=8, min_width=320, elem_classes=["mm-main"]):
            viewer = PictureViewer(atlas, value={}, elem_id="mm-image-viewer")
    plot = RatePlot(value={}, elem_id="mm-image-rate")
    formulas = how_it_works(t("image.explain_empty"))

    add_image_api(ctx)

    def follow(run: Any) -> None:
        """After a picture is decoded: curves of other codecs, then the formulas with its numbers."""
        run.success(actions.rates, current, plot, **CLASSICAL)
        run.success(actions.formulas, current, formulas, **AT_ONCE)

    shown = [viewer, current]
    follow(Building.root_block.load(actions.example, asked, shown, **MODEL))
    follow(strip.pick(actions.ask, None, asked, **AT_ONCE).then(actions.example, asked, shown, **MODEL))
    follow(
        upload.input(actions.wish, None, asked, js=OWN_INPUT_JS, **AT_ONCE).then(
            actions.picture, [upload, asked], shown, **MODEL
        )
    )
    follow(
        file.upload(actions.wish, None, asked, js=OWN_INPUT_JS, **AT_ONCE).then(
            actions.tokens_file, [file, asked], shown, **MODEL
        )
    )
    follow(
        viewer.swap(actions.ask, None, asked, **AT_ONCE).then(actions.swap, [current, asked], shown, **MODEL)
    )
    follow(
        viewer.undo(actions.ask, None, asked, **AT_ONCE).then(actions.undo, [current, asked], shown, **MODEL)
    )
    viewer.png(actions.note, None, asked, **AT_ONCE).then(actions.png, [current, asked], viewer, **MODEL)
