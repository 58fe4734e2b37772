"""A small drawing pad that also takes a picture file; light enough for a phone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from mmdemo.ui.i18n import browser_texts

HERE = Path(__file__).parent
WORDS = ("pad_hint", "pad_clear", "pad_bad", "open_picture")


class Pad(gr.HTML):
    """Value: a PNG data URI of what is drawn or opened, or "". Event `drawn`: the visitor changed it."""

    def __init__(self, value: str = "", **kwargs: Any) -> None:
        kwargs.setdefault("html_template", (HERE / "pad.html").read_text(encoding="utf-8"))
        kwargs.setdefault("css_template", (HERE / "pad.css").read_text(encoding="utf-8"))
        kwargs.setdefault("js_on_load", (HERE / "pad.js").read_text(encoding="utf-8"))
        kwargs.setdefault("text", browser_texts(*(f"generate.{word}" for word in WORDS)))
        kwargs.setdefault("apply_default_css", False)
        super().__init__(value, **kwargs)

    def api_info(self) -> dict[str, Any]:
        """For clients: a picture as a data URI."""
        return {"type": "string", "description": "data:image/png;base64,… or empty"}
