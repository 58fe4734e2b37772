"""Save buttons whose files already lie in the page: no file on the server, nothing to clean up."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any

import gradio as gr

from mmdemo.ui.shared.component import script

CSS = """
.save { display: flex; flex-wrap: wrap; gap: .5rem; }
.save button { padding: .45rem .9rem; font: inherit; font-size: 14px; color: var(--mm-ink); cursor: pointer;
  background: var(--mm-surface); border: 1px solid var(--mm-line); border-radius: 8px; }
.save button:hover { border-color: var(--mm-accent); color: var(--mm-accent); }
.save button:focus-visible { outline: 2px solid var(--mm-accent); outline-offset: 1px; }
"""


class SaveButtons(gr.HTML):
    """A row of buttons that save files. Value: JSON made by `save_value`, or "" for no buttons."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("html_template", '<div class="save"></div>')
        kwargs.setdefault("css_template", CSS)
        kwargs.setdefault("js_on_load", script("shared/save"))
        kwargs.setdefault("apply_default_css", False)
        super().__init__(**kwargs)

    def api_info(self) -> dict[str, Any]:
        """The value is a JSON string."""
        return {"type": "string", "description": "JSON: files to save, as base64"}


def save_value(files: Iterable[tuple[str, str, bytes]]) -> str:
    """The value of `SaveButtons` for files (label, name, contents)."""
    return json.dumps([[label, name, base64.b64encode(data).decode()] for label, name, data in files])
