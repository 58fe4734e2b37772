"""Which part of a stream is made while the rest is shown clean: how a model learns to fill in.

Le et al. 2023 ("Voicebox") mask 70 to 100 % of a recording's frames. Here a span, or a rectangle of a picture, whose
sides are drawn evenly from `LEAST` to all.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

LEAST = 0.3  # of the tokens along an axis


def made_part(grid: Sequence[int], ends: Tensor, generator: torch.Generator) -> Tensor:
    """A random part of each row's tokens that is made, the others being shown clean.

    Args:
        grid: tokens along each axis. ends: (B,) tokens along the last axis that are no padding, at least 1.

    Returns:
        (B, tokens) bool, True somewhere in every row, on tokens that are no padding.
    """
    size, inside = len(ends), torch.ones(len(ends), *[1] * len(grid), dtype=torch.bool)
    for axis, n in enumerate(grid):
        length = ends if axis == len(grid) - 1 else torch.full((size,), n)
        draw = torch.rand(2, size, generator=generator)
        side = ((LEAST + (1 - LEAST) * draw[0]) * length).ceil().long().clamp(min=1)
        first = (draw[1] * (length - side + 1)).long()  # (B,)
        place = torch.arange(n)
        along = (place >= first[:, None]) & (place < (first + side)[:, None])  # (B, n)
        inside = inside & along.reshape(size, *[n if a == axis else 1 for a in range(len(grid))])
    return inside.flatten(1)
