"""The panel "Inside the transformer": what one step of the run shown in the player did, for one of its samples.

The player tells which step and sample it shows; while the panel is open, the server is asked for that step's attention
maps of one block, its predictions with and without what is given, and what time does to the block.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mmdemo.ui.shared.component import Component

STAGES = ("streams", "tokens", "block", "attention", "head")


class Inside(Component):
    """Needs no value: it follows the player."""

    words = tuple(
        f"generate.{word}"
        for word in (
            *("inside_first", "inside_block", "inside_head", "inside_mean", "inside_from", "inside_to", "inside_hint"),
            *("inside_grid", "inside_predictions", "inside_guided", "inside_with", "inside_without", "inside_apart"),
            *("inside_unguided", "inside_time", "inside_time_hint", "inside_scale_attention", "inside_gate_attention"),
            *("inside_scale_mlp", "inside_gate_mlp", "inside_diagram", "inside_global", "inside_style", "inside_any"),
            *("inside_condition", "inside_condition_row"),
            *("inside_step", "inside_looking", "inside_chosen", "inside_where", "image", "audio", "text"),
            *(f"inside_{stage}_{part}" for stage in STAGES for part in ("title", "text")),
            *("inside_stream_row", "inside_failed"),
        )
    )
    holds = "nothing"

    def __init__(self, look_inside: Callable[[Any], Any], **kwargs: Any) -> None:
        """`look_inside`: server function of that name, like `look.Looks.look` for the page's models."""
        super().__init__(functions=[look_inside], **kwargs)
