"""A small drawing pad that also takes a picture file; light enough for a phone."""

from __future__ import annotations

from typing import Any

import gradio as gr

from mmdemo.ui.shared.component import component

WORDS = ("pad_hint", "pad_clear", "pad_bad", "open_picture")


class Pad(gr.HTML):
    """Value: a PNG data URI of what is drawn or opened, or "". Event `drawn`: the visitor changed it."""

    def __init__(self, value: str = "", **kwargs: Any) -> None:
        kwargs = {**component("generate/pad", ["generate/pad.js"], (f"generate.{word}" for word in WORDS)), **kwargs}
        super().__init__(value, **kwargs)

    def api_info(self) -> dict[str, Any]:
        """For clients: a picture as a data URI."""
        return {"type": "string", "description": "data:image/png;base64,… or empty"}
