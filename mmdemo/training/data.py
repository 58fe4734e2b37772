"""Training and test data as tensors in memory, read once from a folder.

Every set is optional except where a recipe names it; each loader says where the set comes from. Sets are kept as
uint8 so that they fit in memory beside the model.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from ..errors import MissingError

PICTURES = (".png", ".jpg", ".jpeg", ".webp")
BEND, BENDS = 0.8, 5  # pixels by which elastic distortion moves most of a digit, and how many bends a side


def need(path: Path, what: str) -> Path:
    """``path``, or a MissingError that says which data set is missing and where it was expected."""
    if not path.exists():
        raise MissingError(f"The data set {what} is not in {path.parent}: put it there, or name another --data-dir.")
    return path


def random_crop(grid: Tensor, shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """A random piece of (C, *positions), (C, *shape)."""
    for axis, size in enumerate(shape, start=1):
        start = int(torch.randint(grid.shape[axis] - size + 1, (1,), generator=generator))
        grid = grid.narrow(axis, start, size)
    return grid


# ------------------------------------------------------------------------------------------- pictures


def picture_files(folder: Path) -> list[Path]:
    """All picture files under a folder, in a fixed order."""
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in PICTURES)


def photographs(folders: list[Path], longest: int = 1536, scales: tuple[float, ...] = (1.0, 0.5)) -> list[Tensor]:
    """Photographs as (3, H, W) uint8, each at several scales; large ones are first reduced to ``longest`` pixels.

    Scaling down gives crisp crops from wallpapers whose full size is smooth and noisy.
    """
    pictures = []
    for file in [f for folder in folders for f in picture_files(folder)]:
        with Image.open(file) as opened:
            opened.draft("RGB", (longest, longest))  # JPEG: decode at a lower size, much faster
            picture = opened.convert("RGB")
        for scale in scales:
            shrink = min(1.0, longest / max(picture.size)) * scale
            size = (round(picture.width * shrink), round(picture.height * shrink))
            if min(size) >= 128:
                scaled = picture.resize(size, Image.Resampling.LANCZOS) if size != picture.size else picture
                pictures.append(torch.from_numpy(np.array(scaled)).permute(2, 0, 1).contiguous())
    return pictures


def emoji(root: Path, split: str) -> Tensor:
    """(N, 3, 64, 64) uint8: every style of every emoji of a split ("train" or "test").

    A folder with annotations.tsv and images/<style>/<HEXCODE>.png, drawn from openly licensed emoji sets.
    """
    need(root / "annotations.tsv", "emoji")
    rows = csv.DictReader((root / "annotations.tsv").open(encoding="utf-8"), delimiter="\t", quoting=csv.QUOTE_NONE)
    files = [
        root / "images" / style / f"{row['hexcode']}.png"
        for row in rows
        if row["split"] == split
        for style in row["styles"].split(",")
    ]
    return torch.stack([torch.from_numpy(np.array(Image.open(f).convert("RGB"))).permute(2, 0, 1) for f in files])


def mnist(root: Path, train: bool) -> tuple[Tensor, Tensor]:
    """(N, 32, 32) uint8 digits (28x28 with 2 pixels of black around) and labels (N,).

    Read by torchvision.datasets.MNIST; ``root`` is the folder that holds MNIST/raw.
    """
    from torchvision.datasets import MNIST

    need(root / "MNIST" / "raw", "MNIST")
    data = MNIST(str(root), train=train)
    return F.pad(data.data, (2, 2, 2, 2)), data.targets


def slanted(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """The same digits as other hands may hold the pen: (N, H, W) uint8 -> (N, H, W) uint8.

    Each turned by up to 10 degrees, slanted by up to 0.15, a tenth larger or smaller, moved by up to 1.5 pixels, and
    bent: a smooth field moves its pixels by about BEND (elastic distortion, Simard et al. 2003, "Best practices for
    convolutional neural networks applied to visual document analysis").
    """
    n, side = len(pictures), pictures.shape[-1]
    turn, slant, scale, across, down = (2 * torch.rand(5, n, generator=generator) - 1).unbind()
    turn, slant, scale = 0.1745 * turn, 0.15 * slant, 1 + 0.1 * scale
    across, down = 3 / side * across, 3 / side * down  # in units of half a side
    rows = [
        torch.stack([scale * turn.cos(), scale * (slant - turn.sin()), across], 1),
        torch.stack([scale * turn.sin(), scale * turn.cos(), down], 1),
    ]
    parts = []
    for theta, x in zip(torch.stack(rows, 1).split(4096), pictures.split(4096), strict=True):  # theta (n, 2, 3)
        grid = F.affine_grid(theta, [len(x), 1, side, side], align_corners=False)  # (n, H, W, 2)
        field = torch.randn(len(x), 2, BENDS, BENDS, generator=generator) * 2 * BEND / side  # in units of half a side
        grid = grid + F.interpolate(field, (side, side), mode="bicubic").permute(0, 2, 3, 1)
        parts.append(F.grid_sample(x[:, None].float(), grid, align_corners=False)[:, 0].round().to(torch.uint8))
    return torch.cat(parts)


# ---------------------------------------------------------------------------------------------- sound


def clips(files: list[Path]) -> list[Tensor]:
    """Recordings at 16 kHz as a list of (T,) float32."""
    from ..modalities import audio

    return [audio.load(f).tensor for f in files]


def fsdd_files(root: Path, train: bool) -> list[Path]:
    """Free Spoken Digit Dataset: <digit>_<speaker>_<index>.wav; by its convention index 0-4 is test."""
    files = sorted(need(root / "fsdd" / "recordings", "fsdd").glob("*.wav"))
    return [f for f in files if (int(f.stem.split("_")[2]) >= 5) == train]


def fsdd_labels(files: list[Path]) -> tuple[list[int], list[str]]:
    """Digit and speaker of each FSDD file."""
    parts = [f.stem.split("_") for f in files]
    return [int(p[0]) for p in parts], [p[1] for p in parts]


def speech_files(root: Path, split: str) -> list[Path]:
    """speechocean762: read English speech, split "train" or "test", sorted."""
    return sorted(need(root / "speechocean762" / split, "speechocean762").glob("*.flac"))


# ----------------------------------------------------------------------------------------------- text


def corpus(files: list[Path]) -> list[Tensor]:
    """Text files as (T,) uint8 byte tensors."""
    return [torch.from_numpy(np.fromfile(need(f, f.name), dtype=np.uint8)) for f in files]
