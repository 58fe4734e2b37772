"""What to ask for, offered below the prompt while one types; and when what is typed is drawn."""

from __future__ import annotations

from typing import Any

from mmdemo.ui.shared.component import Component


class Suggestions(Component):
    """Value: {"model", "live": whether typing draws}.

    Events: `draft`, the prompt has changed and typing paused for a moment; `settled`, it has ended.
    """

    markup = '<div class="sg" role="group"></div>'
    words = ("generate.suggested",)
    holds = "JSON: {model, live}"

    def __init__(self, value: Any, lists: dict[str, list[list[str]]], **kwargs: Any) -> None:
        """`lists`: model -> rows of (sign, name in English, name in Chinese)."""
        super().__init__(self.postprocess(value), lists=lists, **kwargs)

    def preprocess(self, payload: Any) -> None:
        """An output only."""
        return None
