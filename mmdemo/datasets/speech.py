"""Recordings of speech: read English sentences and spoken digits."""

from __future__ import annotations

import csv
from pathlib import Path

from torch import Tensor

from .place import need


def read_clips(files: list[Path]) -> list[Tensor]:
    """Recordings at 16 kHz as a list of (T,) float32."""
    from ..modalities import audio

    return [audio.load(f).tensor for f in files]


def speech_files(root: Path, split: str) -> list[Path]:
    """speechocean762: read English speech, split "train" or "test", sorted."""
    return sorted(need(root / "speechocean762" / split, "speechocean762").glob("*.flac"))


def speech_rows(folder: Path, split: str) -> list[dict[str, str]]:
    """What is said in each recording of speechocean762 in ``folder``, and by whom: {"path", "speaker", "text", …}."""
    table = need(folder / f"{split}.tsv", "speechocean762").read_text("utf-8")
    return list(csv.DictReader(table.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))


def fsdd_files(root: Path, train: bool) -> list[Path]:
    """Free Spoken Digit Dataset: <digit>_<speaker>_<index>.wav; by its convention index 0-4 is test."""
    files = sorted(need(root / "fsdd" / "recordings", "fsdd").glob("*.wav"))
    return [f for f in files if (int(f.stem.split("_")[2]) >= 5) == train]


def fsdd_labels(files: list[Path]) -> tuple[list[int], list[str]]:
    """Digit and speaker of each FSDD file."""
    parts = [f.stem.split("_") for f in files]
    return [int(p[0]) for p in parts], [p[1] for p in parts]
