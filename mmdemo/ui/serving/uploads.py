"""Endpoints take files that were uploaded here, and nothing else: the server fetches nothing for a visitor."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio_client.utils import is_file_obj, is_http_url_like, traverse

REFUSED = "A file has to be uploaded: the server fetches nothing from an address."


class UploadsOnly(gr.Blocks):
    """`gr.Blocks` would download what the address in place of a file leads to, wherever on the internet that is.

    Both the queue and the requests beside it come through here. Paths outside of the folder of uploads are refused by
    Gradio itself.
    """

    async def preprocess_data(self, block_fn: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Raises gr.Error where an input is the address of a file."""
        traverse(inputs, _refuse_address, is_file_obj)
        return await super().preprocess_data(block_fn, inputs, *args, **kwargs)


def _refuse_address(file: dict[str, Any]) -> dict[str, Any]:
    if is_http_url_like(file["path"]):
        raise gr.Error(REFUSED, print_exception=False)
    return file
