"""How many levels of codes are looked at: the same control in every tab."""

from __future__ import annotations

import json
from typing import Any

from mmdemo.ui.shared.component import Component

WORDS = ("common.levels", "common.levels_hint", "common.of")  # of `levels.js`


class LevelControl(Component):
    """A slider over the levels, for tabs whose handlers are told of each move; in the Image tab the viewer has it.

    Value: made by `levels_value`; a handler is given the number alone. Event `move`: the visitor moved it. The script
    of the tab tells it how many levels the input has (`tellLevels` of `levels.js`).
    """

    markup = '<div class="mm-level-control"></div>'
    words = WORDS
    holds = "JSON: how many levels, and of how many"

    def __init__(self, tab: str, levels: int, of: int, **kwargs: Any) -> None:
        super().__init__(json.dumps(levels_value(levels, of)), tab=tab, **kwargs)

    def preprocess(self, payload: Any) -> Any:
        """The number of levels; None, which no handler takes, for anything that the script did not write."""
        try:
            return json.loads(payload)["value"]
        except (TypeError, ValueError, KeyError):
            return None


def levels_value(levels: int, of: int) -> dict[str, int]:
    """The value of `LevelControl`: so many levels of so many."""
    return {"value": levels, "of": of}
