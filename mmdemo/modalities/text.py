"""Text: a string, UTF-8 bytes or a file ⇄ a tensor of its UTF-8 bytes."""

from __future__ import annotations

import codecs
import os
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch

from mmdemo.errors import InputError
from mmdemo.files import write_bytes
from mmdemo.modalities.base import Item, label, opened, prepare_target
from mmdemo.modalities.sniff import HEAD_BYTES, sniff

SUFFIXES = (
    ".txt",
    ".md",
    ".rst",
    ".csv",
    ".tsv",
    ".json",
    ".srt",
    ".log",
    ".py",
    ".html",
    ".xml",
    ".yaml",
    ".toml",
)
SAVE_SUFFIXES = (".txt", ".md")
MAX_BYTES = 10_000_000
"""Most bytes of text taken at once."""

_ACCEPTED = "at least one character of text (UTF-8) is needed"
# UTF-32 first: its little-endian mark begins with the one of UTF-16.
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def load(source: str | bytes | os.PathLike | BinaryIO) -> Item:
    """Turn text into its UTF-8 bytes.

    Args:
        source: a `str` is the text itself; `bytes` are UTF-8; a `Path` or a binary file is read (a byte order
            mark is dropped; UTF-16 and UTF-32 with a mark are converted). NULs and line ends are kept.

    Returns:
        Item with tensor (T,) uint8 and meta {"bytes": T}.

    Raises:
        InputError: empty, over `MAX_BYTES`, a missing file, or a picture or sound instead of text.
    """
    notes: list[str] = []
    if isinstance(source, str):
        data = _from_str(source, notes)
    elif isinstance(source, (bytes, bytearray, memoryview)):
        data = _repaired(bytes(source), notes)
    elif isinstance(source, os.PathLike) or hasattr(source, "read"):
        data = _from_file(source, notes)
    elif source is None:
        raise InputError(f"No text was given; {_ACCEPTED}.")
    else:
        raise InputError(f"A {type(source).__name__} is not text; {_ACCEPTED}.")
    if not data:
        raise InputError(f"The text is empty; {_ACCEPTED}.")
    _check_size(len(data), "The text")
    # A copy, as the tensor must not share memory with immutable bytes.
    tensor = torch.from_numpy(np.frombuffer(data, dtype=np.uint8).copy())
    return Item(tensor, {"bytes": len(data)}, tuple(notes))


def restore(tensor: torch.Tensor, meta: dict | None = None) -> str:
    """Turn bytes back into a string.

    Args:
        tensor: (T,) or (1, T) integers 0..255; what lies beyond meta["bytes"] is padding and is cut off.
        meta: as given by `load`; None takes the whole tensor.

    Raises:
        ValueError: more than one text in the tensor.

    Returns:
        The text; bytes that are no valid UTF-8 become U+FFFD.
    """
    if tensor.numel() != tensor.shape[-1]:
        raise ValueError(f"one text at a time, not a batch of the shape {tuple(tensor.shape)}")
    data = tensor.detach().reshape(-1).to("cpu", torch.int64).clamp(0, 255).to(torch.uint8).numpy().tobytes()
    count = (meta or {}).get("bytes", len(data))
    return data[:count].decode("utf-8", errors="replace")


def save(native: str, path: str | os.PathLike) -> Path:
    """Write text as UTF-8, line ends as they are, to a .txt or .md file; returns its path."""
    target = prepare_target(path, SAVE_SUFFIXES)
    return write_bytes(target, native.encode("utf-8", errors="replace"))


def _check_size(count: int, name: str) -> None:
    if count > MAX_BYTES:
        raise InputError(f"{name} has {count / 1e6:.1f} MB; at most {MAX_BYTES // 1_000_000} MB of text is accepted.")


def _from_str(text: str, notes: list[str]) -> bytes:
    _check_size(len(text), "The text")
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        # Surrogate pairs (from JSON or UTF-16 systems) are joined into the characters that they stand for.
        joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        lone = joined.count("\ufffd") - text.count("\ufffd")
        if lone:
            notes.append(f"{lone} lone surrogate{'s' * (lone > 1)} replaced by U+FFFD, as UTF-8 has none.")
        return joined.encode("utf-8")


def _repaired(data: bytes, notes: list[str]) -> bytes:
    """`data` if it is valid UTF-8, else with each invalid part replaced by U+FFFD, and a note."""
    _check_size(len(data), "The text")
    try:
        data.decode("utf-8")
        return data
    except UnicodeDecodeError:
        text = data.decode("utf-8", errors="replace")
    bad = text.count("\ufffd") - data.count("\ufffd".encode())
    notes.append(f"Not valid UTF-8: {bad} part{'s' * (bad > 1)} replaced by U+FFFD.")
    return text.encode("utf-8")


def _from_file(source: os.PathLike | BinaryIO, notes: list[str]) -> bytes:
    name = label(source)
    with opened(source, _ACCEPTED) as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise InputError(f"{name} is over {MAX_BYTES // 1_000_000} MB, the most text accepted at once.")
    modality, kind = sniff(data[:HEAD_BYTES])
    if kind and modality != "text":
        raise InputError(f"{name} is {kind}, not text; a text file (UTF-8) is needed.")
    if data.startswith(codecs.BOM_UTF8):
        notes.append("The byte order mark at the start of the file was dropped.")
        return _repaired(data[len(codecs.BOM_UTF8) :], notes)
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            notes.append(f"Converted from {encoding.upper()} to UTF-8.")
            return data.decode(encoding, errors="replace").encode("utf-8", errors="replace")
    return _repaired(data, notes)
