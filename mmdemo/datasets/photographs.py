"""Photographs of a folder as tensors in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

PICTURES = (".png", ".jpg", ".jpeg", ".webp")


def picture_files(folder: Path) -> list[Path]:
    """All picture files under a folder, in a fixed order."""
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in PICTURES)


def read_photographs(folders: list[Path], longest: int = 1536, scales: tuple[float, ...] = (1.0, 0.5)) -> list[Tensor]:
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
