"""The Image tab: what is lost, and at what cost, when a picture becomes tokens."""

from __future__ import annotations

from mmdemo.ui.components.common import intro
from mmdemo.ui.state import Context


def build(ctx: Context) -> None:
    """Build the tab inside the current `gr.Tab`."""
    intro("image.intro")
