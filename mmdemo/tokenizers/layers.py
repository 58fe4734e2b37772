"""The one building block all three tokenizers share: a ConvNeXt block, in one or two dimensions.

Liu et al. 2022, "A ConvNet for the 2020s": depthwise convolution, LayerNorm, a widening two-layer MLP. The norm is
per position and there is no attention, so a result never depends on how large the whole input is: that is
what makes tiling and streaming exact.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class ConvNeXtBlock(nn.Module):
    """Residual block over (B, C, *pos), ``dims`` spatial dimensions."""

    def __init__(self, channels: int, dims: int, kernel: int = 5, expansion: int = 3) -> None:
        super().__init__()
        conv = nn.Conv2d if dims == 2 else nn.Conv1d
        self.depthwise = conv(channels, channels, kernel, padding=kernel // 2, groups=channels)
        self.norm = nn.LayerNorm(channels)
        self.widen = nn.Linear(channels, expansion * channels)
        self.narrow = nn.Linear(expansion * channels, channels)
        nn.init.trunc_normal_(self.depthwise.weight, std=0.02 * (49 / kernel**dims) ** 0.5)
        # Near-identity at the start: deep stacks train from the first step without warm-up tricks.
        nn.init.trunc_normal_(self.narrow.weight, std=0.02)
        nn.init.zeros_(self.narrow.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, *pos) -> (B, C, *pos)"""
        h = self.depthwise(x).movedim(1, -1)  # (B, *pos, C): linear layers beat 1x1 convolutions on CPU
        h = self.narrow(F.gelu(self.widen(self.norm(h))))
        return x + h.movedim(-1, 1)

    @property
    def reach(self) -> int:
        """Positions to each side that one output depends on."""
        return self.depthwise.kernel_size[0] // 2


def stack(channels: int, depth: int, dims: int, kernel: int, expansion: int = 3) -> nn.Sequential:
    """``depth`` ConvNeXt blocks in a row."""
    return nn.Sequential(*[ConvNeXtBlock(channels, dims, kernel, expansion) for _ in range(depth)])


class ChannelNorm(nn.Module):
    """LayerNorm over the channels of (B, C, *pos), position by position."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x.movedim(1, -1)).movedim(-1, 1)
