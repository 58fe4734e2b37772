"""The Codebook tab without the page: one endpoint for programs (`gradio_client`, HTTP)."""

from __future__ import annotations

from typing import Any

import gradio as gr

from mmdemo.ui.codebook.handlers import CodebookHandlers
from mmdemo.ui.codebook.view import level_view
from mmdemo.ui.shared.state import CONCURRENCY_ID, Context, friendly

SHOWN = (
    *("id", "model", "modality", "level", "levels", "count", "dim"),
    *("map", "variance", "norms", "nearest", "distances", "counts", "dead", "rare"),
)


def add_api(ctx: Context) -> None:
    """Add `/codebook` (model, level) -> figures of all codes of a level."""
    handlers = CodebookHandlers(ctx)

    @friendly
    def codebook(model: str, level: float) -> dict[str, Any]:
        """Size and dimensions of a level's codebook (0 the coarsest), and of each code its norm, its nearest codes with
        their distances, its place on the map of the first two principal components, and its use in training (the mean
        is 1); codes that were used less than a thousandth of the mean are dead, less than a tenth rare.
        """
        view = level_view(*handlers.codec({"model": model, "level": level}))
        return {name: view[name] for name in SHOWN}

    with gr.Row(visible=False):
        inputs = [gr.Textbox("image", label="model"), gr.Number(0, precision=0, label="level")]
        gr.Button().click(
            codebook, inputs, gr.JSON(label="codebook"), api_name="codebook", concurrency_id=CONCURRENCY_ID
        )
