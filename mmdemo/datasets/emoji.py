"""Emoji as paired data: pictures of 64 x 64 pixels in several styles, with labels and keywords in English and Chinese.

A folder ``emoji`` with annotations.tsv and images/<style>/<HEXCODE>.png, drawn from openly licensed emoji sets
(Noto, Twemoji, OpenMoji, Fluent) with the annotations of Unicode CLDR.

What a model has not seen is of two kinds: concepts (the split "test" of the annotations), and concepts in one style
whose other styles are in training (`held_out_pairs`). Validation has pairs of the second kind, other than the test's.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..errors import InputError
from .encoders import Encoders
from .paired import Choices, Column, PairedColumns
from .place import need

HELD_OUT = 100  # pairs of concept and style, in validation and in test each
LEAST_STYLES = 3  # other styles that a held-out pair's concept must have in training
EMOJI_SPLITS = ("train", "validation", "test", "test_concepts")


@dataclass(frozen=True)
class Emoji:
    """A row of annotations.tsv: one concept."""

    hexcode: str
    labels: tuple[str, str]  # English, Chinese
    keywords: tuple[tuple[str, ...], tuple[str, ...]]  # English, Chinese
    split: str  # "train" or "test"
    styles: tuple[str, ...]  # those it is drawn in


@dataclass(frozen=True)
class Picture:
    """One drawing: a concept in a style."""

    emoji: Emoji
    style: str

    def path(self, root: Path) -> Path:
        return root / "images" / self.style / f"{self.emoji.hexcode}.png"


@cache
def read_annotations(root: Path) -> tuple[Emoji, ...]:
    """All concepts of a folder of emoji. Raises InputError if there is none, or it is of another form."""
    path = need(root / "annotations.tsv", "emoji")
    rows = csv.DictReader(path.read_text("utf-8").splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    try:
        return tuple(
            Emoji(
                row["hexcode"],
                (row["label_en"], row["label_zh"]),
                (_list(row["tags_en"]), _list(row["tags_zh"])),
                row["split"],
                _list(row["styles"]),
            )
            for row in rows
        )
    except KeyError as error:
        raise InputError(f"The table {path} has no column {error.args[0]!r}.") from None


def _list(cell: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in cell.split(",") if part.strip())


def held_out_pairs(rows: Sequence[Emoji]) -> dict[str, set[tuple[str, str]]]:
    """Pairs (hexcode, style) that no training sees: {"validation": `HELD_OUT` of them, "test": as many}.

    Chosen by a hash, so that they are the same everywhere: one style a concept at most, of concepts of the training
    split that keep `LEAST_STYLES` others.
    """
    able = [r for r in rows if r.split == "train" and len(r.styles) > LEAST_STYLES]

    def rank(key: str) -> bytes:
        return hashlib.sha256(f"held out:{key}".encode()).digest()

    chosen = [
        (r.hexcode, min(r.styles, key=lambda style, r=r: rank(f"{r.hexcode}:{style}")))  # type: ignore[misc]
        for r in sorted(able, key=lambda r: rank(r.hexcode))
    ]
    return {"test": set(chosen[:HELD_OUT]), "validation": set(chosen[HELD_OUT : 2 * HELD_OUT])}


def pictures(root: Path, split: str, styles: Sequence[str] | None = None) -> list[Picture]:
    """The drawings of a split.

    Args:
        split: "train"; "validation" and "test" (concepts held out in one style); "test_concepts" (never seen).
        styles: only these (None: all).
    """
    if split not in EMOJI_SPLITS:
        raise InputError(f"The emoji have no split {split!r}; choose one of {', '.join(EMOJI_SPLITS)}.")
    rows = read_annotations(root)
    held = held_out_pairs(rows)
    never = held["test"] | held["validation"]
    found = []
    for row in rows:
        if (row.split == "test") != (split == "test_concepts"):
            continue
        for style in row.styles:
            pair = (row.hexcode, style)
            inside = {"train": pair not in never, "test_concepts": True}.get(split, pair in held.get(split, ()))
            if inside and (styles is None or style in styles):
                found.append(Picture(row, style))
    return found


def pixels(root: Path, chosen: Sequence[Picture]) -> Tensor:
    """Drawings as (N, 3, 64, 64) uint8."""
    rows = []
    for picture in chosen:
        path = picture.path(root)
        if not path.is_file():
            raise InputError(f"The picture {path} is missing, which the annotations name.")
        with Image.open(path) as opened:
            rows.append(torch.from_numpy(np.array(opened.convert("RGB"))).permute(2, 0, 1))
    return torch.stack(rows)


def drawings(root: Path, split: str) -> Tensor:
    """Every style of every emoji of the annotations' split, "train" or "test", as (N, 3, 64, 64) uint8."""
    rows = [row for row in read_annotations(root) if row.split == split]
    return pixels(root, [Picture(row, style) for row in rows for style in row.styles])


def captions(emoji: Emoji, languages: Sequence[int] = (0, 1)) -> list[str]:
    """What a concept is called, most fitting first: its labels, then its keywords; each once.

    Args:
        languages: 0 English, 1 Chinese.
    """
    named = [emoji.labels[i] for i in languages] + [k for i in languages for k in emoji.keywords[i]]
    return list(dict.fromkeys(name for name in named if name))


def paired_emoji(
    encoders: Encoders,
    data_dir: Path,
    split: str,
    *,
    keywords: bool = True,
    label_weight: int = 4,
    limit: int | None = None,
) -> PairedColumns:
    """A row for each drawing, with columns image and text; the style is whose drawing it is.

    The model may have a vector condition of the text, of any name: each caption then has its vector.

    Args:
        keywords: captions are keywords too, not labels alone. label_weight: how much oftener a label is taken.
        limit: only so many concepts (a toy).
    """
    root = data_dir / "emoji"
    chosen = pictures(root, split, encoders.styles)
    if limit is not None:
        kept = set(list(dict.fromkeys(p.emoji.hexcode for p in chosen))[:limit])
        chosen = [p for p in chosen if p.emoji.hexcode in kept]
    if not chosen:
        raise InputError(f"The emoji have no picture in the split {split!r} and the styles {list(encoders.styles)}.")
    style = torch.tensor([list(encoders.styles).index(p.style) for p in chosen])
    image = Column(
        Choices.of([[i] for i in range(len(chosen))]), encoders.latents("image", pixels(root, chosen)), style
    )
    return PairedColumns({"image": image, "text": _captions(encoders, chosen, keywords, label_weight)})


def _captions(encoders: Encoders, chosen: Sequence[Picture], keywords: bool, label_weight: int) -> Column:
    """Captions that fit the model's text frame, each encoded once, and which of them each drawing may take."""
    frame = encoders.frames.get("text")
    index: dict[str, int] = {}  # caption -> its item
    rows = []
    for picture in chosen:
        labels = [name for name in picture.emoji.labels if name]
        names = labels * label_weight
        names += [name for name in captions(picture.emoji) if name not in labels] if keywords else []
        fitting = [name for name in names if frame is None or len(name.encode()) <= frame.size[0]]
        rows.append([index.setdefault(name, len(index)) for name in fitting])
    texts = list(index)
    vectors = {name: encoders.vectors(name, texts) for name in encoders.conditions}
    if frame is None:  # a model that takes a text as a condition only
        return Column(Choices.of(rows), vectors=vectors)
    framed = torch.stack([frame.fit(torch.tensor(list(t.encode()), dtype=torch.uint8)) for t in texts])
    return Column(Choices.of(rows), encoders.latents("text", framed), vectors=vectors)
