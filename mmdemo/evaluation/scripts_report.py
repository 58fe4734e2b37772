"""Byte accuracy of the text tokenizer by script, on material that is the same on every machine."""

from __future__ import annotations

import random
import sys
import unicodedata
from functools import cache
from pathlib import Path

import numpy as np
import torch

from ..codec import Codec
from ..datasets.place import need
from ..metrics import Figure
from ..modalities.base import Item

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TARGET = 0.97  # at all levels, other languages and emoji
RANDOM_CHARACTERS = 2000


def script_figures(codec: Codec) -> list[Figure]:
    """Byte accuracy with 1, 2, … levels of the passages."""
    return [f for name, text in passages().items() for f in _by_level(codec, f"{name} passage", text, TARGET)]


def emoji_figures(codec: Codec, data_dir: Path) -> list[Figure]:
    """The same of emoji of the test split."""
    return _by_level(codec, "emoji with English and Chinese names, test split", emoji_names(data_dir / "emoji"), TARGET)


def random_figures(codec: Codec) -> list[Figure]:
    """The same of random characters, which are no language: three bytes or four of which none can be guessed.

    They do not fit into the codes, so they have no target.
    """
    return [
        *_by_level(codec, "random printable ASCII", random_text(0x20, 0x7F)),
        *_by_level(codec, "random characters of the basic plane", random_text(0x20, 0x10000)),
    ]


def _by_level(codec: Codec, name: str, text: str, target: float | None = None) -> list[Figure]:
    figures = []
    for level in range(1, codec.levels + 1):
        value, count = byte_accuracy(codec, text.encode(), level), len(text.encode())
        label = f"{name}, {level} level{'s' * (level > 1)}: byte accuracy"
        if target is not None and level == codec.levels:
            figures.append(Figure.against(label, value, target, "", count))
        else:
            figures.append(Figure(label, value, "", count))
    return figures


@cache
def passages(file: str = "passages.toml") -> dict[str, str]:
    """A short text in each of some languages; lines are joined as the language does it."""
    path = Path(__file__).with_name(file)
    # Chinese and Japanese put no space where a line was broken.
    return {
        name: text.strip().replace("\n", "" if name in ("Chinese", "Japanese") else " ")
        for name, text in tomllib.loads(path.read_text("utf-8")).items()
    }


def emoji_names(root: Path) -> str:
    """The emoji of the test split, each with its English and Chinese name and Chinese keywords."""
    lines = need(root / "annotations.tsv", "emoji").read_text("utf-8").splitlines()[1:]
    rows = [line.split("\t") for line in lines]
    return "\n".join(f"{r[1]} {r[2]} {r[4]} {r[5]}" for r in rows if r[8] == "test")


def random_text(first: int, end: int, count: int = RANDOM_CHARACTERS) -> str:
    """``count`` letters, marks, numbers, punctuation and symbols of first..end, all equally likely; always the same."""
    fixed = unicodedata.ucd_3_2_0  # the one version of Unicode that every Python has
    usable = [chr(i) for i in range(first, end) if fixed.category(chr(i))[0] in "LMNPS"]
    return "".join(random.Random(0).choices(usable, k=count))


def byte_accuracy(codec: Codec, raw: bytes, levels: int | None) -> float:
    """Share of bytes that come back right with so many levels."""
    tensor = torch.from_numpy(np.frombuffer(raw, np.uint8).copy())
    tokens = codec.encode(Item(tensor, {"bytes": len(raw)}), levels)
    return float((codec.decode_tensor(tokens) == tensor).float().mean())
