"""The picture field of the Image tab."""

from __future__ import annotations

from typing import Any

import gradio as gr


class PictureInput(gr.Image):
    """A picture input that hands on the file as it came, so that our own loader judges it."""

    is_template = True  # Gradio then uses its own front end for this subclass

    def preprocess(self, payload: Any) -> str | None:
        """The path of the uploaded file."""
        return None if payload is None else payload.path
