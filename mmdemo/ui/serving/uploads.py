"""Endpoints take files that were uploaded here, and nothing else: the server fetches nothing for a visitor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder
from gradio_client.utils import is_file_obj, is_http_url_like

REFUSED = "A file has to be uploaded: the server fetches nothing from an address."
FOREIGN = "A file has to be uploaded: the server opens no other."


class UploadsOnly(gr.Blocks):
    """`gr.Blocks` would download what the address in place of a file leads to, wherever on the internet that is, and
    opens any path on the machine for who leaves out the mark by which it knows a file.

    Both the queue and the requests beside it come through here.
    """

    async def preprocess_data(self, block_fn: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Raises gr.Error where an input is the address of a file, or a file that was not uploaded."""
        left = [inputs]
        while left:
            item = left.pop()
            if is_file_obj(item):
                _refuse_foreign(item["path"])
            if isinstance(item, dict | list | tuple):
                left += item.values() if isinstance(item, dict) else item
        return await super().preprocess_data(block_fn, inputs, *args, **kwargs)


def _refuse_foreign(path: str) -> None:
    if is_http_url_like(path):
        raise gr.Error(REFUSED, print_exception=False)
    try:
        uploaded = Path(path).resolve().is_relative_to(Path(get_upload_folder()).resolve())
    except (OSError, ValueError, RuntimeError):  # no path at all
        uploaded = False
    if not uploaded:
        raise gr.Error(FOREIGN, print_exception=False)
