"""Marks what of a given picture, sound or word is made anew.

The visitor sees each input as the model does (centred, cut to length), with the positions of its latent to paint over.
The text form of an edit is that of `mmdemo.ui.generate.mask`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from mmdemo.ui.shared.component import Component


class MaskEditor(Component):
    """Marks, and what they are made on.

    Value from the page: the text of an edit. To the page: that text, or {"edit", "shown":
    {modality: as the player shows it}}, which leaves marks that are there as they are.

    Event `marked`: the visitor changed it.
    """

    words = tuple(
        f"generate.{word}" for word in ("mask_empty", "mask_all", "mask_none", "mask_paint", "image", "audio", "text")
    )
    holds = "image:00ff,text: or empty"

    def __init__(self, shapes: Mapping[str, Sequence[int]], text_bytes: int, **kwargs: Any) -> None:
        """`shapes`: positions of each modality's latent; `text_bytes`: how many bytes its text has."""
        sizes = {name: list(shape) for name, shape in shapes.items()}
        super().__init__("", sizes=sizes, bytes=text_bytes, **kwargs)

    def preprocess(self, payload: Any) -> str:
        """The text of the edit; a program may send that alone."""
        if not isinstance(payload, str) or not payload.startswith("{"):
            return payload or ""
        try:
            return str(json.loads(payload).get("edit") or "")
        except ValueError:
            return payload  # no edit: refused with the other settings

    def postprocess(self, value: dict[str, Any] | str | None) -> str | None:
        """One JSON string."""
        return super().postprocess({"edit": value or ""} if isinstance(value, str | None) else value)
