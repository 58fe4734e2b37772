"""What takes long to work out about the codes of a tokenizer, made once: shipped beside its weights, or kept on disk.

A file of its own for all levels of a shipped tokenizer, `FILE` beside its weights (`mmdemo.evaluation.codebooks` makes
it); for others one a level, in the user's cache. They are safetensors, and name the weights that they belong to:
encoder, codebooks and decoder.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors.numpy
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from .. import checkpoints
from ..errors import InputError
from ..files import cache_folder, write_bytes
from .code_sheet import Sheet, draw

if TYPE_CHECKING:
    from .codec import Codec

logger = logging.getLogger(__name__)

FILE = "codebook.safetensors"
FORMAT = 1  # of these files; another one is made anew
_kept: dict[tuple[str, int], Atlas] = {}
_keys: dict[int, tuple[Any, str]] = {}
_locks: dict[tuple[str, int], threading.Lock] = {}
_guard = threading.Lock()


@dataclass(frozen=True)
class Atlas:
    """One level.

    Attributes:
        sheet: its codes, drawn.
        umap: (K, 2) in [-1, 1], where the file has one.
        places: (K, n, 1 + axes) where in the shipped examples each code fits best: number of the file and position,
            -1 where there are no more; and ``examples``, the names of the files.
    """

    sheet: Sheet
    umap: Tensor | None = None
    places: Tensor | None = None
    examples: tuple[str, ...] = ()


def atlas(codec: Codec, level: int) -> Atlas:
    """Of a level: the shipped one, or the one in the cache, or made now (seconds to half a minute) and kept there."""
    name = key(codec), level
    with _guard:
        lock = _locks.setdefault(name, threading.Lock())
    with lock:
        if name not in _kept:
            _kept[name] = _shipped(codec, level) or _cached(codec, level)
        return _kept[name]


def key(codec: Codec) -> str:
    """Of all its weights: a sheet shows what the decoder makes, which the codec's fingerprint leaves out."""
    tokenizer = codec.tokenizer
    if not isinstance(tokenizer, nn.Module):
        return f"{codec.fingerprint}-{FORMAT}"
    known = _keys.get(id(tokenizer))
    if known is None or known[0] is not tokenizer:
        known = _keys[id(tokenizer)] = tokenizer, f"{checkpoints.fingerprint(tokenizer)}-{FORMAT}"
    return known[1]


def save(path: Path, codec: Codec, levels: Sequence[Atlas], first: int = 0) -> Path:
    """Write levels from ``first`` on. Raises InputError where the disk does not take it."""
    arrays: dict[str, np.ndarray] = {}
    about: list[dict[str, Any]] = []
    for number, made in enumerate(levels, first):
        sheet = made.sheet
        about.append({"texts": sheet.texts, "columns": sheet.columns, "gain": sheet.gain})
        arrays[f"{number}.sheet"] = np.frombuffer(sheet.data, np.uint8)
        arrays[f"{number}.tone"] = np.array(sheet.tone, np.int32)
        if made.umap is not None:
            arrays[f"{number}.umap"] = made.umap.half().numpy()
        if made.places is not None:
            arrays[f"{number}.places"] = made.places.short().numpy()
    examples = levels[0].examples if levels else ()
    header = {"key": key(codec), "first": first, "levels": about, "examples": examples}
    data = safetensors.numpy.save(arrays, {"mmdemo": json.dumps(header, ensure_ascii=False)})
    return write_bytes(path, data)


def load(path: Path, codec: Codec, level: int) -> Atlas | None:
    """A level from a file; None where it is not there, damaged, or of other weights."""
    try:
        with safe_open(path, "numpy") as file:
            header = json.loads((file.metadata() or {}).get("mmdemo", "null"))
            if not header or header["key"] != key(codec):
                return None
            about = header["levels"][level - header["first"]]
            names = set(file.keys())
            part = {
                n: file.get_tensor(f"{level}.{n}")
                for n in ("sheet", "tone", "umap", "places")
                if f"{level}.{n}" in names
            }
            sheet = Sheet(
                part["sheet"].tobytes(),
                tuple(map(str, about["texts"])),
                int(about["columns"]),
                float(about["gain"]),
                tuple(part["tone"].tolist()),
            )
            maps = {n: torch.from_numpy(part[n]) for n in ("umap", "places") if n in part}
    except (OSError, SafetensorError, ValueError, KeyError, IndexError, TypeError):
        return None
    if sorted(sheet.tone) != list(range(len(codec.codebook(level)))):
        return None
    umap = maps["umap"].float() if "umap" in maps else None
    return Atlas(sheet, umap, maps.get("places"), tuple(map(str, header["examples"])))


def _shipped(codec: Codec, level: int) -> Atlas | None:
    return load(codec.folder / FILE, codec, level) if codec.folder is not None else None


def _cache_file(codec: Codec, level: int) -> Path:
    return cache_folder("codebooks") / f"{key(codec)}-{level}.safetensors"


def _cached(codec: Codec, level: int) -> Atlas:
    path = _cache_file(codec, level)
    found = load(path, codec, level)
    if found is None:
        found = Atlas(draw(codec, level))
        try:
            save(path, codec, [found], level)
        except InputError as error:  # a page on a read-only disk works all the same
            logger.info("%s", error)
    return found
