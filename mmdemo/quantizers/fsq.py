"""Finite scalar quantization: each of a few channels is rounded to one of a few values (Mentzer et al. 2023, "FSQ").

A code is the combination of the rounded values. There is no codebook to learn, so none can collapse, and neither a
commitment loss nor k-means nor restarts are needed; the encoder learns to use the grid.
"""

from __future__ import annotations

import math
from dataclasses import field
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from ..config import settings
from .base import Quantized, Quantizer, QuantizerConfig, all_levels

# Values of each channel for a codebook of about that many codes: table 1 of the paper, and below it in its manner.
GRIDS = {16: (4, 4), 64: (8, 8), 256: (8, 6, 5), 1024: (8, 5, 5, 5), 4096: (7, 5, 5, 5, 5), 65_536: (8, 8, 8, 5, 5, 5)}
DECAY = 0.99  # of the running counts that only tell how many codes are in use


@settings
class FSQConfig(QuantizerConfig):
    """Settings of `FSQ`. It has one level; D and K follow from the grid, and the grid from K where it is left out."""

    grid: list[Annotated[int, Field(ge=3, le=255)]] = field(default_factory=list)  # values of each channel

    def __post_init__(self) -> None:
        if not self.grid:
            self.grid = list(GRIDS[min(GRIDS, key=lambda size: abs(math.log(size / self.codebook_size)))])
        if math.prod(self.grid) > 65_536:
            raise ValueError(f"A grid of {' x '.join(map(str, self.grid))} has over 65,536 codes.")
        self.levels, self.dim, self.codebook_size = 1, len(self.grid), math.prod(self.grid)


class FSQ(Quantizer):
    """Latents (B, d, *pos), bounded and rounded channel by channel; the decoder gets values in [-1, 1]."""

    Config = FSQConfig
    config: FSQConfig
    ema_count: Tensor
    _grid: Tensor
    _place: Tensor

    def __init__(self, config: FSQConfig) -> None:
        super().__init__(config)
        grid = torch.tensor(config.grid)  # (d,)
        self.register_buffer("_grid", grid, persistent=False)
        # A code is a number whose digits, the first channel's lowest, are the channels' values.
        self.register_buffer("_place", torch.cumprod(grid, 0) // grid, persistent=False)
        self.register_buffer("ema_count", torch.zeros(config.codebook_size))  # (K,)

    def forward(self, z: Tensor, num_levels: Tensor | None = None, mask: Tensor | None = None) -> Quantized:
        """(B, d, *pos) -> the nearest point of the grid, with the gradient of the bounded value (straight through)."""
        with torch.autocast(z.device.type, enabled=False):
            bounded = self._bounded(z)  # (B, *pos, d)
            digits = bounded.detach().round()
            value = (bounded + (digits - bounded).detach()) / (self._grid // 2)
        codes = self._number(digits)  # (B, *pos)
        if self.training:
            chosen = codes.flatten() if mask is None else codes[mask]
            self.ema_count.lerp_(torch.bincount(chosen, minlength=len(self.ema_count)).to(self.ema_count), 1 - DECAY)
        levels = all_levels(self, z, num_levels)
        return Quantized(value.movedim(-1, 1).to(z.dtype), codes[:, None], z.new_zeros(()), levels)

    @torch.no_grad()
    def encode(self, z: Tensor, levels: int | None = None) -> Tensor:
        """(B, d, *pos) -> (B, 1, *pos) int64, in 0..K-1."""
        return self._number(self._bounded(z).round())[:, None]

    def decode(self, codes: Tensor, num_levels: Tensor | None = None) -> Tensor:
        """(B, 1, *pos) -> (B, d, *pos) in [-1, 1]."""
        return self._point(codes[:, 0]).movedim(-1, 1)

    def codebook(self, level: int) -> Tensor:
        """(K, d) the points of the grid, in the order of their codes."""
        return self._point(torch.arange(len(self.ema_count), device=self.ema_count.device))

    def code_counts(self) -> list[Tensor]:
        """As every quantizer."""
        return [self.ema_count]

    def _bounded(self, z: Tensor) -> Tensor:
        """(B, d, *pos) -> (B, *pos, d): smoothly to where rounding gives -(n // 2) to (n - 1) // 2, 0 to the middle."""
        half = (self._grid - 1) / 2 * (1 + 1e-3)  # a little over, or the outermost values would need an infinite z
        offset = (self._grid % 2 == 0) / 2  # an even number of values has none in the middle
        return torch.tanh(z.float().movedim(1, -1) + torch.atanh(offset / half)) * half - offset

    def _number(self, digits: Tensor) -> Tensor:
        """Rounded values (..., d) -> code (...)."""
        return ((digits.long() + self._grid // 2) * self._place).sum(-1)

    def _point(self, codes: Tensor) -> Tensor:
        """Codes (...) -> point of the grid (..., d), in [-1, 1]."""
        half = self._grid // 2
        return (codes[..., None] // self._place % self._grid - half) / half
