"""What a quantizer is: the bottleneck between an encoder and a decoder, and what both may ask of it.

A new one is a file with a subclass of `Quantizer`, its settings beside it, and one line in `REGISTRY` of
`mmdemo.quantizers`: recipes then name it, tokenizers of every modality take it, and checkpoints keep its settings.
`fsq.py` is the shortest example.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from ..config import CodebookSize, Levels, Width, settings
from ..metrics.codes import perplexity


@settings
class QuantizerConfig:
    """What every quantizer can be told; one that allows no choice in some of it puts its own value there.

    ``kind`` is a name of `mmdemo.quantizers.REGISTRY`.
    """

    kind: str = "rvq"
    dim: Width = 16  # D: channels of the latent
    levels: Levels = 8  # codes a position; 0 where the latent is continuous
    codebook_size: CodebookSize = 256  # K: codes a level


@dataclass
class Quantized:
    """What a quantizer returns: latent for the decoder, codes, auxiliary loss, levels in force."""

    z: Tensor  # (B, D, *pos), gradients reach the encoder
    codes: Tensor | None  # (B, L, *pos) int64; None for a continuous latent, or where nothing is quantised yet
    loss: Tensor  # scalar: commitment, KL, or zero
    num_levels: Tensor  # (B,) how many levels each sample used


class Quantizer(nn.Module, ABC):
    """Latents (B, in_dim, *pos) <-> codes (B, L, *pos) <-> latents (B, D, *pos), for any number of axes.

    Attributes:
        Config: class of its settings, a subclass of `QuantizerConfig`.
        in_dim: channels that the encoder has to deliver; D unless a subclass says otherwise.
    """

    Config: ClassVar[type[QuantizerConfig]]
    config: QuantizerConfig
    in_dim: int

    def __init__(self, config: QuantizerConfig) -> None:
        super().__init__()
        self.config = config
        self.in_dim = config.dim

    @property
    def dim(self) -> int:
        """D: channels of the latent that the decoder takes."""
        return self.config.dim

    @property
    def levels(self) -> int:
        """L: codes a position; 0 for a continuous latent."""
        return self.config.levels

    @property
    def reach(self) -> int:
        """How many positions beside one, along each axis, decide its codes too."""
        return 0

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        """Codes of each level, coarsest first; they may differ."""
        return (self.config.codebook_size,) * self.levels

    @property
    def initialized(self) -> bool:
        """Whether codes are in force. Until then, latents pass through unquantised, for `init_codebooks` to see."""
        return True

    def init_codebooks(self, vectors: Tensor) -> None:
        """Start from what the encoder gives, (N, D); nothing to do for a quantizer whose codebooks are fixed."""

    @abstractmethod
    def forward(self, z: Tensor, num_levels: Tensor | None = None, mask: Tensor | None = None) -> Quantized:
        """Quantise so that gradients reach the encoder; in training, also learn.

        Args:
            z: (B, in_dim, *pos).
            num_levels: (B,) levels to use per sample, 1..L (None: all).
            mask: (B, *pos) bool, True where the position is real (None: everywhere).
        """

    def encode(self, z: Tensor, levels: int | None = None) -> Tensor:
        """Latents (B, in_dim, *pos) -> codes (B, levels, *pos) int64.

        Raises:
            ValueError: the latent is continuous: there are no codes.
        """
        raise ValueError(f"The quantizer {self.config.kind!r} has no codes; its latent is continuous.")

    def decode(self, codes: Tensor, num_levels: Tensor | None = None) -> Tensor:
        """Codes (B, l, *pos), 1 <= l <= L -> latent (B, D, *pos), of the first ``num_levels`` (B,) levels each.

        Raises:
            ValueError: as `encode`.
        """
        raise ValueError(f"The quantizer {self.config.kind!r} has no codes; its latent is continuous.")

    def codebook(self, level: int) -> Tensor | None:
        """(K, D) what each code of one level (0: the coarsest) adds to the latent; None where there are no codes."""
        return None

    def code_counts(self) -> list[Tensor]:
        """Per level (K,) how often each code was chosen of late in training, in any unit."""
        return []

    def usage(self, least: float = 0.1) -> tuple[list[float], list[float]]:
        """From `code_counts`, per level: share of codes used more than ``least`` of the mean use, and perplexity."""
        shares = [counts / counts.sum().clamp(min=1e-9) for counts in self._counts_compared()]
        return [(s * len(s) > least).float().mean().item() for s in shares], [perplexity(s) for s in shares]

    def _counts_compared(self) -> list[Tensor]:
        """What `usage` looks at: `code_counts` of the codes that should be used alike."""
        return self.code_counts()


def all_levels(quantizer: Quantizer, z: Tensor, num_levels: Tensor | None) -> Tensor:
    """(B,) ``num_levels``, or all levels for every row of ``z``."""
    return torch.full((len(z),), quantizer.levels, device=z.device) if num_levels is None else num_levels
