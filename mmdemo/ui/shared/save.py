"""Save buttons whose files already lie in the page: no file on the server, nothing to clean up."""

from __future__ import annotations

import base64
from collections.abc import Iterable

from mmdemo.ui.shared.component import Component


class SaveButtons(Component):
    """A row of buttons that save files. Value: made by `save_value`, or None for no buttons."""

    markup = '<div class="save"></div>'
    holds = "JSON: files to save, [label, name, base64] each"


def save_value(files: Iterable[tuple[str, str, bytes]]) -> list[tuple[str, str, str]]:
    """The value of `SaveButtons` for files (label, name, contents)."""
    return [(label, name, base64.b64encode(data).decode()) for label, name, data in files]
