"""MNIST: handwritten digits."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from .place import need

BEND, BENDS = 0.8, 5  # pixels by which elastic distortion moves most of a digit, and how many bends a side


def read_mnist(root: Path, train: bool) -> tuple[Tensor, Tensor]:
    """(N, 32, 32) uint8 digits (28x28 with 2 pixels of black around) and labels (N,).

    Read by torchvision.datasets.MNIST; ``root`` is the folder that holds MNIST/raw.
    """
    from torchvision.datasets import MNIST

    need(root / "MNIST" / "raw", "MNIST")
    data = MNIST(str(root), train=train)
    return F.pad(data.data, (2, 2, 2, 2)), data.targets


def slant(pictures: Tensor, generator: torch.Generator) -> Tensor:
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
