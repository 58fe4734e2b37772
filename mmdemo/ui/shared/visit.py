"""The visit of a tab: its place in the page's address, and what was looked at before, to go back to."""

from __future__ import annotations

from typing import Any

from mmdemo.ui.shared.component import Component
from mmdemo.ui.shared.place import Place


class Visit(Component):
    """A strip of what this visit has looked at. Value: made by `visit_value`. Event `open` carries {"place": …}.

    The script notes the place in the address, with what the tab's own script adds to it (event `mm-place`), and asks
    for a place again when one goes Back, or clicks on something in the strip.
    """

    words = ("common.visit", "common.visit_hint")
    markup = '<div class="mm-visit"></div>'

    def __init__(self, tab: str, **kwargs: Any) -> None:
        super().__init__(tab=tab, elem_classes=["mm-visits"], **kwargs)


def visit_value(place: Place, title: str, thumb: str = "") -> dict[str, Any]:
    """Where the visitor is now, what it is called, and a small picture of it (a data URI) where there is one."""
    return {"place": place, "title": title[:80], "thumb": thumb}
