"""The codebook browser as a Gradio component (the work is done in codebook.js and code_map.js)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mmdemo.ui.image.viewer import JsonComponent
from mmdemo.ui.shared.component import script
from mmdemo.ui.shared.i18n import browser_texts

TEXTS = browser_texts(
    "codebook.image",
    "codebook.audio",
    "codebook.text",
    "codebook.level_n",
    "codebook.chart_title",
    "codebook.chart_hint_image",
    "codebook.chart_hint_audio",
    "codebook.chart_hint_text",
    "codebook.dim",
    "codebook.code_n",
    "codebook.uses",
    "codebook.unused",
    "codebook.norm",
    "codebook.nearest",
    "codebook.listen",
    "codebook.map_title",
    "codebook.map_hint",
    "codebook.levels_title",
    "codebook.levels_hint",
    "codebook.used_share",
    "codebook.source",
    "codebook.loading",
)


class CodeBrowser(JsonComponent):
    """Chart, map and details of one level's codes; the value is `mmdemo.ui.codebook.view.level_view`'s.

    Event: `choose` {model, level}. `sound({level, code})` gives a WAV data URI.
    """

    def __init__(self, models: list[str], sound: Callable[[dict[str, Any]], str], **kwargs: Any) -> None:
        super().__init__(
            html_template='<div class="mm-codebook"></div>',
            js_on_load=script("codebook/code_map", "codebook/browser"),
            server_functions=[sound],
            text=TEXTS,
            models=models,
            **kwargs,
        )
