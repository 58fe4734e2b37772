"""Random draws that batches are made of, each from the generator that it is given."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def draw_int(below: int, generator: torch.Generator) -> int:
    """A whole number from 0 to ``below`` - 1."""
    return int(torch.randint(below, (1,), generator=generator))


def random_crop(grid: Tensor, shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """A random piece of (C, *positions), (C, *shape)."""
    for axis, size in enumerate(shape, start=1):
        start = draw_int(grid.shape[axis] - size + 1, generator)
        grid = grid.narrow(axis, start, size)
    return grid
