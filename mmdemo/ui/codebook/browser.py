"""The codebook browser: all codes of a level, details of one, their map, and how an input uses them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mmdemo.ui.shared.component import Component


class CodeBrowser(Component):
    """Codes, map and details of one level; the value is `mmdemo.ui.codebook.view.level_view`'s.

    Event: `choose` {model, level}. `code_sheet({model, level})` gives the sheet of a level, `sound({level, code})`
    a WAV data URI.
    """

    markup = '<div class="mm-codebook"></div>'
    words = tuple(
        f"codebook.{word}"
        for word in (
            *("image", "audio", "text", "level_n", "chart_title", "chart_hint_image", "chart_hint_audio"),
            *(
                "chart_hint_text",
                "dim",
                "code_n",
                "uses",
                "unused",
                "norm",
                "nearest",
                "listen",
                "map_title",
                "map_hint",
            ),
            *("levels_title", "levels_hint", "used_share", "source", "loading"),
        )
    )

    def __init__(
        self,
        models: Sequence[str],
        code_sheet: Callable[[dict[str, Any]], dict[str, Any]],
        sound: Callable[[dict[str, Any]], str],
        **kwargs: Any,
    ) -> None:
        super().__init__(functions=[code_sheet, sound], models=list(models), **kwargs)
