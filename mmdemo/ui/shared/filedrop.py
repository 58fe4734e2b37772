"""A small place to drop a file or choose one; its bytes travel in the event and leave nothing behind."""

from __future__ import annotations

import base64
import binascii
import io
from typing import Any

import gradio as gr

from mmdemo.errors import InputError
from mmdemo.ui.shared.component import script
from mmdemo.ui.shared.i18n import browser_texts

CSS = """
.filedrop { display: flex; align-items: center; justify-content: center; gap: .5rem; min-height: 3.4rem;
  box-sizing: border-box; padding: .5rem 1rem; font-size: 13.5px; line-height: 1.35; text-align: center;
  color: var(--mm-muted); border: 1px dashed var(--mm-line); border-radius: var(--mm-radius, 12px);
  background: var(--mm-surface); cursor: pointer; }
.filedrop:hover, .filedrop.over { border-color: var(--mm-accent); color: var(--mm-accent); }
.filedrop:focus-within { outline: 2px solid var(--mm-accent); outline-offset: 2px; }
.filedrop input { position: absolute; width: 1px; height: 1px; opacity: 0; }
"""
MOST_BYTES = 16 * 2**20


class FileDrop(gr.HTML):
    """Drop or choose a file. Event `file` carries {"name": str, "data": base64}; read it with `dropped_file`.

    Args:
        key: of the label in the table of strings, "section.key".
        accept: suffixes, as for <input accept>.
        also: CSS selector of another element on which files may be dropped.
        head_bytes: send only so much of a file that does not end in .mmt.
    """

    def __init__(
        self, key: str, accept: list[str], also: str = "", head_bytes: int = MOST_BYTES, **kwargs: Any
    ) -> None:
        texts = browser_texts(key)
        super().__init__(
            html_template='<label class="filedrop"></label>',
            css_template=CSS,
            js_on_load=script("shared/filedrop"),
            apply_default_css=False,
            text={lang: {"label": next(iter(words.values()))} for lang, words in texts.items()},
            accept=",".join(accept),
            also=also,
            head_bytes=head_bytes,
            most_bytes=MOST_BYTES,
            **kwargs,
        )

    def api_info(self) -> dict[str, Any]:
        """The component holds no value."""
        return {"type": "string"}


def dropped_file(event: gr.EventData) -> io.BytesIO:
    """The file of a `file` event, with its `name`. Raises InputError if there is none or it is too large."""
    name, data = getattr(event, "name", None), getattr(event, "data", None)
    if not isinstance(name, str) or not isinstance(data, str):
        raise InputError("No file arrived; please choose it again.")
    if len(data) > 1.4 * MOST_BYTES:
        raise InputError(f"The file is over {MOST_BYTES >> 20} MB, the most that can be opened here.")
    try:
        file = io.BytesIO(base64.b64decode(data, validate=True))
    except (binascii.Error, ValueError):
        raise InputError("The file was damaged on its way; please choose it again.") from None
    file.name = name.replace("\\", "/").rsplit("/", 1)[-1][:200]
    return file
