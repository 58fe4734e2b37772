"""The page's address and the tabs follow each other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from mmdemo.ui.shared.component import Component
from mmdemo.ui.shared.store import shortened

MOST = 40_000  # characters of one part of a link


class Address(Component):
    """Shows nothing: opens what the address asks for, notes in it what is opened, and takes files dropped anywhere."""

    markup = "<span hidden></span>"
    holds = "nothing"

    def __init__(self, tabs: Sequence[str], **kwargs: Any) -> None:
        def shorten(text: Any) -> str:  # a server function has to be a plain function
            return shortened(text) if isinstance(text, str) and len(text) <= MOST else ""

        super().__init__(functions=[shorten], tabs=list(tabs), **kwargs)


def opened(tab: str) -> str:
    """JavaScript for the event of a tab that is opened."""
    return f"() => {{ window.dispatchEvent(new CustomEvent('mm-tab', {{ detail: {json.dumps(tab)} }})); return []; }}"
