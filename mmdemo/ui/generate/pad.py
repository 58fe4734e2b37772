"""A small drawing pad that also takes a picture file; light enough for a phone."""

from __future__ import annotations

from mmdemo.ui.shared.component import Component


class Pad(Component):
    """Value: a PNG data URI of what is drawn or opened, or "". Event `drawn`: the visitor changed it."""

    words = tuple(f"generate.{word}" for word in ("pad_hint", "pad_clear", "pad_bad", "open_picture"))
    holds = "data:image/png;base64,… or empty"
