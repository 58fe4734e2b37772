"""The codebook browser: all codes of a level, details of one, their map, their use, and where they live in an input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mmdemo.ui.shared.component import Component
from mmdemo.ui.shared.i18n import table

# What the server says itself.
NOT_SAID = ("tab", "intro", "own_image", "own_audio", "own_text", "explain", "explain_use", "explain_empty")


class CodeBrowser(Component):
    """Codes, map, use and places of one level; the value is `mmdemo.ui.codebook.view.input_view`'s.

    Events: `choose` {model, level, input, serial} and `formulas` {model, level, input}. Functions of the server:
    `level`, `sheet`, `sounds`, `place`, `examples` and `near` of `mmdemo.ui.codebook.handlers`.
    """

    markup = '<div class="mm-codebook"></div>'
    words = tuple(key for key in table() if key.split(".")[0] == "codebook" and key.split(".")[1] not in NOT_SAID)

    def __init__(self, models: Sequence[str], functions: Sequence[Callable[..., Any]], **kwargs: Any) -> None:
        super().__init__(functions=functions, models=list(models), **kwargs)
