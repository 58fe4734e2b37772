"""What the three modalities share: the `Item` they produce and the opening of files."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import torch

from mmdemo.errors import InputError
from mmdemo.files import shown

MAX_STREAM_BYTES = 512 * 2**20
"""Most bytes taken from a stream that cannot seek, such as a pipe (it has to be held in memory)."""


@dataclass(frozen=True)
class Item:
    """One input in its canonical form.

    Attributes:
        tensor: picture (3, H, W) float32 RGB in [0, 1]; sound (T,) float32 in [-1, 1], 16 kHz mono;
            text (T,) uint8, its UTF-8 bytes.
        meta: small and JSON-able, what is needed to give the thing back in its own size.
        notes: English sentences about what was done to the input that a person should know.
        raw: of a text file that is not plain UTF-8, its own bytes.
    """

    tensor: torch.Tensor
    meta: dict[str, Any]
    notes: tuple[str, ...] = ()
    raw: bytes = field(default=b"", repr=False)


def label(source: object) -> str:
    """A short name for `source` to use in messages: the file name, or what kind of thing it is."""
    if isinstance(source, (str, os.PathLike)):
        return shown(source)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return "The data"
    given = getattr(source, "name", None)
    return label(given) if isinstance(given, str) and given else "The file"


@contextmanager
def opened(source: str | os.PathLike | bytes | BinaryIO, accepted: str) -> Iterator[BinaryIO]:
    """Open `source` for reading from its start, seekable; close it again only if it was opened here.

    Args:
        source: a path, the bytes themselves, or a binary file (rewound when it can seek).
        accepted: end of the error sentences, such as "a PNG or JPEG picture is needed".

    Raises:
        InputError: no such file, a folder, not a regular file, no permission, or nothing in it.
    """
    if source is None:
        raise InputError(f"No file was given; {accepted}.")
    if isinstance(source, (bytes, bytearray, memoryview)):
        if not len(source):
            raise InputError(f"The data is empty; {accepted}.")
        yield io.BytesIO(source)
    elif isinstance(source, (str, os.PathLike)):
        with _open_path(source, accepted) as file:
            yield file
    elif hasattr(source, "read"):
        yield _seekable(source, accepted)
    else:
        raise InputError(f"A {type(source).__name__} cannot be read as a file; {accepted}.")


def _open_path(source: str | os.PathLike, accepted: str) -> BinaryIO:
    name = label(source)
    try:
        info = os.stat(source)
        # A named pipe or a device would block, or never end.
        if stat.S_ISDIR(info.st_mode):
            raise InputError(f"{name} is a folder; {accepted}.")
        if not stat.S_ISREG(info.st_mode):
            raise InputError(f"{name} is not a regular file; {accepted}.")
        if info.st_size == 0:
            raise InputError(f"{name} is empty (0 bytes); {accepted}.")
        return open(source, "rb")
    except FileNotFoundError:
        raise InputError(f"{name} was not found; {accepted}.") from None
    except PermissionError:
        raise InputError(f"{name} may not be read (permission denied); {accepted}.") from None
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        reason = getattr(error, "strerror", None) or "not a usable file name"
        raise InputError(f"{name} could not be opened ({reason}); {accepted}.") from None


def _seekable(source: BinaryIO, accepted: str) -> BinaryIO:
    try:
        if source.seekable():
            end = source.seek(0, os.SEEK_END)
            source.seek(0)
            if end == 0:
                raise InputError(f"{label(source)} is empty (0 bytes); {accepted}.")
            if not isinstance(source.read(0), bytes):
                raise InputError(f"{label(source)} was opened as text; open it in binary mode ('rb').")
            return source
        data = source.read(MAX_STREAM_BYTES + 1)
    except (OSError, AttributeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{label(source)} could not be read; {accepted}.") from None
    if not isinstance(data, bytes):
        raise InputError(f"{label(source)} was opened as text; open it in binary mode ('rb').")
    if not data:
        raise InputError(f"{label(source)} is empty (0 bytes); {accepted}.")
    if len(data) > MAX_STREAM_BYTES:
        limit = MAX_STREAM_BYTES >> 20
        raise InputError(f"{label(source)} is over {limit} MB, the most taken from a stream.")
    return io.BytesIO(data)


def prepare_target(path: str | os.PathLike, suffixes: tuple[str, ...]) -> Path:
    """The `Path` to save to; InputError when its suffix is none of `suffixes`."""
    target = Path(path)
    if target.suffix.lower() not in suffixes:
        raise InputError(f"Cannot save as {label(target)}; the name has to end in {', '.join(suffixes)}.")
    return target
