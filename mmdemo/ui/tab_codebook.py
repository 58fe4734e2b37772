"""The Codebook tab: what each code stands for and which an input uses."""

from __future__ import annotations

from mmdemo.ui.components.common import intro
from mmdemo.ui.state import Context


def build(ctx: Context) -> None:
    """Build the tab inside the current `gr.Tab`."""
    intro("codebook.intro")
