"""Image tokenizer: fully convolutional, 8x8 pixels a position, any size.

Pixel-unshuffle 4 -> blocks at 1/4 -> stride 2 -> blocks at 1/8 -> D channels; the decoder mirrors it with
pixel-shuffle. No global attention and no norm over space, so a tile decodes exactly as it would inside the whole.
"""

from __future__ import annotations

from dataclasses import field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..config import Depth, Expansion, Kernel, Width, check_weights, settings
from ..quantizers import Bottleneck
from ..quantizers.residual import ResidualVQConfig
from .autoencoder import Autoencoder
from .base import ReceptiveField
from .layers import ChannelNorm, stack
from .receptive_field import receptive_field
from .stages import Stage, stages_of


@settings
class ImageTokenizerConfig:
    """Sizes of the image tokenizer."""

    width4: Width = 128  # channels at 1/4 resolution
    width8: Width = 256  # channels at 1/8 resolution
    depth4: Depth = 2  # blocks at 1/4, encoder and decoder each
    depth8: Depth = 4  # blocks at 1/8
    kernel: Kernel = 5
    expansion: Expansion = 3
    bottleneck: Bottleneck = field(default_factory=ResidualVQConfig)

    def __post_init__(self) -> None:
        blocks = self.depth4 * self.width4**2 + self.depth8 * self.width8**2
        check_weights(4 * self.expansion * blocks + 8 * self.width4 * self.width8)


class ImageTokenizer(Autoencoder):
    """RGB pictures in [0, 1] <-> codes at 1/8 of the resolution."""

    Config = ImageTokenizerConfig
    modality = "image"
    stride = 8
    axes = 2

    def __init__(self, config: ImageTokenizerConfig) -> None:
        super().__init__(config.bottleneck)
        self.config = config
        c4, c8 = config.width4, config.width8
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(4),  # (B, 48, H/4, W/4)
            nn.Conv2d(48, c4, 3, padding=1),
            stack(c4, config.depth4, 2, config.kernel, config.expansion),
            ChannelNorm(c4),
            nn.Conv2d(c4, c8, 2, stride=2),  # (B, c8, H/8, W/8)
            stack(c8, config.depth8, 2, config.kernel, config.expansion),
            ChannelNorm(c8),
            nn.Conv2d(c8, self.bottleneck.in_dim, 1),
        )
        self.level_embedding = nn.Embedding(self.levels + 1, c8)  # tells the decoder how coarse its latent is
        self.project_out = nn.Conv2d(self.dim, c8, 3, padding=1)
        self.decoder = nn.Sequential(
            stack(c8, config.depth8, 2, config.kernel, config.expansion),
            ChannelNorm(c8),
            nn.Conv2d(c8, 4 * c4, 1),
            nn.PixelShuffle(2),  # (B, c4, H/4, W/4)
            stack(c4, config.depth4, 2, config.kernel, config.expansion),
            ChannelNorm(c4),
            nn.Conv2d(c4, 48, 3, padding=1),
            nn.PixelShuffle(4),  # (B, 3, H, W)
        )
        nn.init.zeros_(self.level_embedding.weight)

    def to_latent(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1], H and W >= 1 -> (B, in_dim, ceil(H/8), ceil(W/8))."""
        x = self.pad(x) * 2 - 1
        # Channels last in memory: blocks then take their positions as rows of a matrix without copying.
        return self.encoder(x.contiguous(memory_format=torch.channels_last))

    def from_latent(self, z: Tensor, num_levels: Tensor, codes: Tensor | None = None) -> Tensor:
        """(B, D, h, w) -> (B, 3, 8h, 8w), about [0, 1] (not clipped)."""
        h = self.project_out(z) + self.level_embedding(num_levels)[:, :, None, None]  # (B, c8, h, w)
        return (self.decoder(h) + 1) / 2

    def stages(self, levels: int) -> list[Stage] | None:
        """As every autoencoder."""
        level = self.level_embedding.weight[levels][:, None, None]  # (c8, 1, 1)
        first = Stage(lambda codes: self.project_out(self.latent(codes)) + level, 1)
        return [first, *stages_of(self.decoder), Stage(lambda y: self.to_canonical((y + 1) / 2), 0)]

    @property
    def receptive_field(self) -> ReceptiveField:
        """As every tokenizer."""
        return self._fields(receptive_field(self.encoder), receptive_field(self.project_out, self.decoder))

    def to_canonical(self, y: Tensor) -> Tensor:
        """Clipped to [0, 1]."""
        return y.clamp(0, 1)

    def pad(self, x: Tensor) -> Tensor:
        """Extend (B, C, H, W) to the right and below by its mirror image (its edge, where too small to mirror)."""
        down, right = -x.shape[-2] % self.stride, -x.shape[-1] % self.stride
        if not (down or right):
            return x
        mirrors = down < x.shape[-2] and right < x.shape[-1]
        return F.pad(x, (0, right, 0, down), mode="reflect" if mirrors else "replicate")
