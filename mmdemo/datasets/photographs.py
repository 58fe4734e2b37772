"""Pictures of folders, each at several scales, to cut crops from."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..errors import InputError
from .folder import Files, read_folder

LONGEST = 1536  # pixels of a side, to which larger pictures are reduced
SCALES = (1.0, 0.5)  # scaling down gives crisp crops from wallpapers whose full size is smooth and noisy
LEAST = 128  # pixels of the shorter side of a picture that was scaled down


def read_photographs(folders: Iterable[Path], least: int = LEAST) -> Files[list[Tensor]]:
    """All pictures under some folders, each at several scales, (3, H, W) uint8.

    Args:
        least: pixels that the shorter side must have; smaller pictures are left out.
    """
    return read_folder(folders, "image", lambda picture: at_scales(picture, least))


def at_scales(picture: Tensor, least: int) -> list[Tensor]:
    """One picture (3, H, W) float in [0, 1] at several scales, (3, H, W) uint8 each. Raises InputError if too small."""
    height, width = picture.shape[1:]
    if min(height, width) < least:
        raise InputError(f"{width} × {height} pixels, where {least} are needed")
    image = Image.fromarray((picture * 255).round().to(torch.uint8).permute(1, 2, 0).numpy())
    found = []
    for scale in SCALES:
        shrink = min(1.0, LONGEST / max(height, width)) * scale
        size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
        if size == image.size or min(size) >= max(LEAST, least):
            scaled = image.resize(size, Image.Resampling.LANCZOS) if size != image.size else image
            found.append(torch.from_numpy(np.array(scaled)).permute(2, 0, 1).contiguous())
    return found or [torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()]  # long and thin
