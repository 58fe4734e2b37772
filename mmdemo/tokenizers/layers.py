"""The one building block all three tokenizers share: a ConvNeXt block, in one or two dimensions.

Liu et al. 2022, "A ConvNet for the 2020s": depthwise convolution, LayerNorm, a widening two-layer MLP. The norm is
per position and there is no attention, so a result never depends on how large the whole input is: that is
what makes tiling and streaming exact.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ROWS = 1024  # positions that go through a block's two layers at once on a CPU: what is between them stays in its cache


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
        h = self._depthwise(x).movedim(1, -1)  # (B, *pos, C): linear layers beat 1x1 convolutions on CPU
        if h.is_cpu and h.dtype == x.dtype and not torch.is_grad_enabled():
            return self._in_parts(x.movedim(1, -1), h).movedim(-1, 1)
        return x + self.mix(h).movedim(-1, 1)

    def _depthwise(self, x: Tensor) -> Tensor:
        if not x.is_cpu:
            return self.depthwise(x)
        # Also where bf16 pays for matrices: a depthwise backward pass takes 3 to 4 times as long in it on a CPU.
        with torch.autocast("cpu", enabled=False):
            if x.ndim == 4:
                return self.depthwise(x.float())
            # As a picture one row high: with channels last that takes a twentieth of the time of a 1-D convolution.
            weight, pad = self.depthwise.weight[:, :, None], (0, self.radius)
            rows = x.float()[:, :, None].contiguous(memory_format=torch.channels_last)
            return F.conv2d(rows, weight, self.depthwise.bias, padding=pad, groups=x.shape[1])[:, :, 0]

    def mix(self, h: Tensor) -> Tensor:
        """(..., C) -> (..., C): what happens at each position by itself."""
        return self.narrow(F.gelu(self.widen(self.norm(h))))

    def _in_parts(self, x: Tensor, h: Tensor) -> Tensor:
        """``x + mix(h)``, `ROWS` positions at a time; h is overwritten. (B, *pos, C) each -> (B, *pos, C)

        All parts of a large input have the same number of rows, so the same matrix kernels run whatever the
        size of the whole: windows give bit for bit what the whole gives.
        """
        channels = h.shape[-1]
        before, rows = x.reshape(-1, channels), h.reshape(-1, channels)  # no copies where channels lie last
        if len(rows) <= ROWS:
            return x + self.mix(h)
        hidden = rows.new_empty(ROWS, self.widen.out_features)
        last = rows[-ROWS:].clone()  # overlaps the part before it, which will be overwritten
        for start in range(0, len(rows) - ROWS, ROWS):
            part = slice(start, start + ROWS)
            self._mix_into(rows[part], hidden).add_(before[part])
        rows[-ROWS:] = self._mix_into(last, hidden).add_(before[-ROWS:])
        return rows.view(h.shape)

    def _mix_into(self, rows: Tensor, hidden: Tensor) -> Tensor:
        """`mix` in place, (ROWS, C); ``hidden`` is room for what is between the layers."""
        torch.addmm(self.widen.bias, self.norm(rows), self.widen.weight.t(), out=hidden)
        torch.ops.aten.gelu_(hidden)
        return torch.addmm(self.narrow.bias, hidden, self.narrow.weight.t(), out=rows)

    @property
    def radius(self) -> int:
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
