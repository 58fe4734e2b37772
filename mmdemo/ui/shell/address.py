"""The page's address and the tabs follow each other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from mmdemo.ui.shared.component import Component


class Address(Component):
    """Shows nothing: opens what the address asks for, notes in it what is opened, and takes files dropped anywhere."""

    markup = "<span hidden></span>"
    holds = "nothing"

    def __init__(self, tabs: Sequence[str], **kwargs: Any) -> None:
        super().__init__(tabs=list(tabs), **kwargs)


def opened(tab: str) -> str:
    """JavaScript for the event of a tab that is opened."""
    return f"() => {{ window.dispatchEvent(new CustomEvent('mm-tab', {{ detail: {json.dumps(tab)} }})); return []; }}"
