"""A small place to drop a file or choose one; its bytes travel in the event and leave nothing behind."""

from __future__ import annotations

import base64
import binascii
import io
from typing import Any

import gradio as gr

from mmdemo.errors import InputError
from mmdemo.ui.shared.component import Component
from mmdemo.ui.shared.i18n import browser_texts

MOST_BYTES = 16 * 2**20


class FileDrop(Component):
    """Drop or choose a file. Event `file` carries {"name": str, "data": base64}; read it with `dropped_file`.

    Args:
        key: of the label in the table of strings, "section.key".
        accept: suffixes, as for <input accept>.
        also: CSS selector of another element on which files may be dropped.
        head_bytes: send only so much of a file that does not end in .mmt.
    """

    markup = '<label class="filedrop"></label>'
    holds = "nothing"

    def __init__(
        self, key: str, accept: list[str], also: str = "", head_bytes: int = MOST_BYTES, **kwargs: Any
    ) -> None:
        label = {lang: {"label": next(iter(words.values()))} for lang, words in browser_texts(key).items()}
        kwargs |= {"accept": ",".join(accept), "also": also, "head_bytes": head_bytes, "most_bytes": MOST_BYTES}
        super().__init__(text=label, **kwargs)


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
