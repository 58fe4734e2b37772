"""Text: a string, bytes or a file in any encoding ⇄ a tensor of its UTF-8 bytes."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch

from mmdemo.errors import InputError
from mmdemo.files import write_bytes
from mmdemo.modalities.base import Item, label, opened, prepare_target
from mmdemo.modalities.encodings import check_encoding, detect, to_utf8
from mmdemo.modalities.sniff import HEAD_BYTES, is_text, sniff

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
SAVE_SUFFIXES = SUFFIXES
MAX_BYTES = 10_000_000
"""Most bytes of text taken at once."""

_ACCEPTED = "at least one character of text is needed"


def load(source: str | bytes | os.PathLike | BinaryIO, encoding: str | None = None) -> Item:
    """Turn text into its UTF-8 bytes.

    Args:
        source: a `str` is the text itself, never the name of a file (a warning says so where there is a file of that
            name); `bytes` are UTF-8; a `Path` or a binary file is read. NULs and line ends are kept.
        encoding: of a file or bytes (None: of a file, its byte order mark's, UTF-8, or the likeliest; a note says
            which).

    Returns:
        Item with tensor (T,) uint8 and meta {"bytes": T}; of a file that is not plain UTF-8 also meta["encoding"],
        and its own bytes as `raw`.

    Raises:
        InputError: empty, over `MAX_BYTES`, a missing file, no such encoding, or a picture or sound instead of text.
    """
    notes: list[str] = []
    raw = b""
    if encoding is not None:
        check_encoding(encoding)
    if isinstance(source, str):
        _warn_of_file(source)
        data = _from_str(source, notes)
    elif isinstance(source, (bytes, bytearray, memoryview)):
        raw = bytes(source)
        _check_size(len(raw), "The text")
        encoding = encoding or "utf-8"
        data = _decoded(raw, encoding, notes)
    elif isinstance(source, os.PathLike) or hasattr(source, "read"):
        raw, encoding = _from_file(source, encoding, notes)
        data = _decoded(raw, encoding, notes)
    elif source is None:
        raise InputError(f"No text was given; {_ACCEPTED}.")
    else:
        raise InputError(f"A {type(source).__name__} is not text; {_ACCEPTED}.")
    if not data:
        raise InputError(f"The text is empty; {_ACCEPTED}.")
    _check_size(len(data), "The text")
    # A copy, as the tensor must not share memory with immutable bytes.
    tensor = torch.from_numpy(np.frombuffer(data, dtype=np.uint8).copy())
    if not raw or raw == data:
        return Item(tensor, {"bytes": len(data)}, tuple(notes))
    return Item(tensor, {"bytes": len(data), "encoding": encoding}, tuple(notes), raw)


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


def save(native: str | bytes, path: str | os.PathLike) -> Path:
    """Write text as UTF-8, line ends as they are, or bytes as they are, to a text file; returns its path."""
    target = prepare_target(path, SAVE_SUFFIXES)
    return write_bytes(target, native if isinstance(native, bytes) else native.encode("utf-8", errors="replace"))


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


def _warn_of_file(source: str) -> None:
    """A string that may be meant as the name of a file: to the developer's screen, not to the page's visitors."""
    if len(source) < 256 and source.endswith(SUFFIXES) and "\n" not in source and os.path.isfile(source):
        warnings.warn(
            f"{source!r} is taken as a text of {len(source)} characters; for the file of that name give a Path.",
            stacklevel=3,
        )


def _from_file(source: os.PathLike | BinaryIO, encoding: str | None, notes: list[str]) -> tuple[bytes, str]:
    """The bytes of a file, and their encoding."""
    name = label(source)
    with opened(source, _ACCEPTED) as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise InputError(f"{name} is over {MAX_BYTES // 1_000_000} MB, the most text accepted at once.")
    modality, kind = sniff(data[:HEAD_BYTES])
    # A drawing is no text to `guess`, but whoever asks for its text (SVG is XML) may have it.
    written = is_text(data[:HEAD_BYTES]) and kind != "a PDF document"
    if kind and modality != "text" and not written:
        raise InputError(f"{name} is {kind}, not text; a text file is needed.")
    if encoding is not None:
        return data, encoding
    encoding, words = detect(data)
    if encoding == "utf-8-sig":
        notes.append("The file starts with a byte order mark, which is no part of the text.")
    elif encoding != "utf-8":
        notes.append(f"Not UTF-8: read as {words}. If that is wrong, name the encoding.")
    return data, encoding


def _decoded(data: bytes, encoding: str, notes: list[str]) -> bytes:
    """As UTF-8; a note counts what is invalid."""
    text = to_utf8(data, encoding)
    bad = text.count(b"\xef\xbf\xbd") - data.decode(encoding, "ignore").count("\ufffd")
    if bad > 0:
        name = encoding.removesuffix("-sig").upper()
        notes.append(f"Not valid {name}: {bad} part{'s' * (bad > 1)} replaced by U+FFFD.")
    return text
