"""Charts of codebooks: every code of a level decoded on its own, as one picture."""

from __future__ import annotations

import base64
import io
import math
import threading
from typing import Any

import torch
from PIL import Image

_charts: dict[tuple[str, str, int], dict[str, Any]] = {}
_lock = threading.Lock()


def chart(codec: Any, level: int) -> dict[str, Any]:
    """The decoded patches of all codes of a picture tokenizer's level, left to right, row by row.

    Returns {"src": PNG data URI, "columns": codes a row, "count": codes}. Made once per weights and level.
    """
    key = (codec.name, codec.fingerprint, level)
    with _lock:
        if key not in _charts:
            _charts[key] = _draw(codec, level)
        return _charts[key]


def _draw(codec: Any, level: int) -> dict[str, Any]:
    patches = codec.show_codes(level, torch.arange(codec.codebook_size))
    width, height = patches[0].size
    columns = math.ceil(math.sqrt(len(patches)))
    sheet = Image.new("RGB", (columns * width, math.ceil(len(patches) / columns) * height))
    for code, patch in enumerate(patches):
        sheet.paste(patch, (code % columns * width, code // columns * height))
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    source = f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    return {"src": source, "columns": columns, "count": len(patches)}
