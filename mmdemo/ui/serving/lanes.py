"""Which requests are long: they go one at a time, beside the short ones and never before them.

A request is judged by what it was given, before it runs.
"""

from __future__ import annotations

import base64
import inspect
import io
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from gradio.utils import get_upload_folder
from PIL import Image

from mmdemo.ui.serving.visitors import MOST_FILES, MOST_VALUES, paths_in

SHORT = ""
LARGE = "large"  # takes memory: one at a time, by whatever door it comes
LONG = "long"  # takes time: one at a time in its queue

MAX_BYTES = 4_000_000  # of a file that is not large
MAX_PIXELS = 4_000_000  # of a picture
MAX_CHARACTERS = 4_000  # of a text
MAX_EVALUATIONS = 480  # samples × steps of a sampling run: five of the usual ones


def lane_of(function: Callable[..., Any] | None, data: list[Any], event_data: Any = None) -> str:
    """The lane of a request: `SHORT`, `LARGE` or `LONG`. Reads the heads of uploaded files, and raises nothing."""
    sent = [data, event_data]
    uploads = islice(paths_in(sent), MOST_FILES)
    if any(len(text) > MAX_BYTES for text in strings_in(sent)) or any(map(_large_upload, uploads)):
        return LARGE
    uris = islice((text for text in strings_in(sent) if text.startswith("data:image/")), MOST_FILES)
    if any(_pixels(io.BytesIO(_decoded(uri))) > MAX_PIXELS for uri in uris):
        return LARGE
    named = _named(function, data)
    text = named.get("text")
    if _evaluations(named) > MAX_EVALUATIONS or (isinstance(text, str) and len(text) > MAX_CHARACTERS):
        return LONG
    return SHORT


def _large_upload(path: str) -> bool:
    """Whether this is a large file among the uploads; no other file is touched."""
    try:
        file = Path(path).resolve()
        if not file.is_relative_to(Path(get_upload_folder()).resolve()) or not file.is_file():
            return False
        return file.stat().st_size > MAX_BYTES or _pixels(file) > MAX_PIXELS
    except (OSError, ValueError):
        return False


def _decoded(uri: str) -> bytes:
    try:
        return base64.b64decode(uri.partition(",")[2] + "==")
    except ValueError:
        return b""


def _pixels(source: Any) -> int:
    """Of a picture; 0 for anything else."""
    try:
        with Image.open(source) as picture:
            return picture.width * picture.height
    except Image.DecompressionBombError:
        return MAX_PIXELS + 1
    except Exception:  # no picture; whatever Pillow raises for a damaged one
        return 0


def _evaluations(named: Mapping[str, Any]) -> int:
    """Samples × steps of a sampling run; 0 for anything else."""
    try:
        n, steps, text, vs = (named[name] for name in ("n", "steps", "text", "vs"))
        blocks = len(text.strip()) if text.strip().isdecimal() else 1  # a number is made digit by digit
        return int(n) * int(steps) * max(1, blocks) * (2 if vs else 1)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return 0


def _named(function: Callable[..., Any] | None, data: list[Any]) -> dict[str, Any]:
    """Values by the names of the parameters they are for."""
    if function is None:
        return {}
    try:
        return dict(zip(inspect.signature(function).parameters, data, strict=False))
    except (TypeError, ValueError):  # a function without a signature
        return {}


def strings_in(value: Any) -> Iterator[str]:
    """The strings in JSON at any depth."""
    todo = [value]
    for _ in range(MOST_VALUES):
        if not todo:
            return
        item = todo.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            todo.extend(item.values())
        elif isinstance(item, (list, tuple)):
            todo.extend(item)
