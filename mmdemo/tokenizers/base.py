"""What every tokenizer is: encoder -> bottleneck -> decoder, with codes in between."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .quantize import BottleneckConfig, GaussianBottleneck, Quantized, ResidualVQ, make_bottleneck

# Top-level modules that decide which codes an input gets and what they mean; the rest decodes.
ENCODER_PARTS = ("embed", "gather", "encoder", "project_in", "bottleneck", "fallback")


@dataclass
class TokenizerOutput:
    """One pass through the autoencoder."""

    y: Tensor  # reconstruction, in the tokenizer's own output space
    quantized: Quantized


class Tokenizer(nn.Module, ABC):
    """A VQ-VAE over one modality. Subclasses say how to get to a latent and back; the codes are handled here.

    Attributes:
        modality: "image", "audio" or "text".
        stride: input samples per latent position (per side, for images).
    """

    modality: str
    stride: int
    encoder: nn.Module
    decoder: nn.Module
    config: Any

    def __init__(self, bottleneck: BottleneckConfig) -> None:
        super().__init__()
        self.bottleneck: ResidualVQ | GaussianBottleneck = make_bottleneck(bottleneck)

    @property
    def rvq(self) -> ResidualVQ:
        """The codebooks. Raises ValueError for the Gaussian bottleneck, which has none."""
        if not isinstance(self.bottleneck, ResidualVQ):
            raise ValueError("A Gaussian VAE has no codes; its latent is continuous.")
        return self.bottleneck

    @property
    def levels(self) -> int:
        return self.bottleneck.levels

    @property
    def codebook_size(self) -> int:
        return self.bottleneck.config.codebook_size

    @property
    def dim(self) -> int:
        return self.bottleneck.config.dim

    @abstractmethod
    def to_latent(self, x: Tensor) -> Tensor:
        """Canonical batch -> what the bottleneck takes, (B, in_dim, *pos)."""

    @abstractmethod
    def from_latent(self, z: Tensor, active: Tensor, codes: Tensor | None = None) -> Tensor:
        """Latent (B, D, *pos) made with ``active`` (B,) levels -> reconstruction.

        Args:
            codes: (B, l, *pos), l >= active, whose codewords ``z`` is the sum of, where they are known. A decoder that
                looks at them takes the nearest where they are not, as for a latent that a diffusion model made.
        """

    def position_mask(self, x: Tensor) -> Tensor | None:
        """(B, *pos) bool, False at padding; None where there is none."""
        return None

    def forward(self, x: Tensor, active: Tensor | None = None) -> TokenizerOutput:
        """Autoencode a batch; ``active`` (B,) is the number of levels per sample (quantizer dropout)."""
        quantized = self.bottleneck(self.to_latent(x), active, self.position_mask(x))
        return TokenizerOutput(self.from_latent(quantized.z, quantized.active, quantized.codes), quantized)

    @torch.no_grad()
    def encode(self, x: Tensor, levels: int | None = None) -> Tensor:
        """Canonical batch -> codes (B, levels, *pos) int64. Raises ValueError for the Gaussian bottleneck."""
        return self.codes(self.to_latent(x), levels)

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        """Codes (B, l, *pos), 1 <= l <= L -> reconstruction; fewer levels give a coarser one."""
        return self.decode_latent(self.latent(codes), codes.shape[1], codes)

    @torch.no_grad()
    def codes(self, z: Tensor, levels: int | None = None) -> Tensor:
        """Latents (B, D, *pos) -> codes (B, levels, *pos) int64, as `encode` after `to_latent`."""
        return self.rvq.encode(z, levels)

    def latent(self, codes: Tensor, active: Tensor | None = None) -> Tensor:
        """Codes (B, l, *pos) -> the latent they stand for, (B, D, *pos): the sum of their codewords.

        Args:
            active: (B,) how many levels of each count, 1..l (None: all).
        """
        return self.rvq.decode(codes, active)

    @torch.no_grad()
    def coded(self, z: Tensor, active: Tensor) -> Quantized:
        """Latents quantised as ``encode`` and ``decode`` do it: no gradients, nothing learned, no loss."""
        codes = self.codes(z)
        return Quantized(self.latent(codes, active), codes, z.new_zeros(()), active)

    @torch.no_grad()
    def decode_latent(self, z: Tensor, levels: int | None = None, codes: Tensor | None = None) -> Tensor:
        """Any latent (B, D, *pos) -> reconstruction; ``codes`` as in `from_latent`."""
        active = torch.full((len(z),), self.levels if levels is None else levels, device=z.device)
        return self.from_latent(z, active, codes)
