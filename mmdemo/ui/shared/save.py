"""Save buttons whose files already lie in the page: no file on the server, nothing to clean up."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

from mmdemo.ui.shared.component import Component


class SaveButtons(Component):
    """A row of buttons that save files. Value: made by `save_value`, or None while there is nothing to save.

    With ``card``, the name of a tab, there is one more, for a picture of the result that the tab's script draws.
    """

    markup = '<div class="save"></div>'
    words = ("common.card",)
    holds = "JSON: files to save, [label, name, base64] each"

    def __init__(self, card: str = "", **kwargs: Any) -> None:
        super().__init__(card=card, **kwargs)


def save_value(files: Iterable[tuple[str, str, bytes]]) -> list[tuple[str, str, str]]:
    """The value of `SaveButtons` for files (label, name, contents)."""
    return [(label, name, base64.b64encode(data).decode()) for label, name, data in files]
