"""A VQ autoencoder over one modality: encoder -> quantizer -> decoder, with codes in between."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import checkpoints
from ..quantizers import Quantized, Quantizer, QuantizerConfig, build_quantizer
from ..quantizers.residual import ResidualVQ
from .base import ReceptiveField, StoredTokenizer
from .stages import Stage


@dataclass
class AutoencoderOutput:
    """One pass through the autoencoder."""

    y: Tensor  # reconstruction, in the tokenizer's own output space
    quantized: Quantized


class Autoencoder(StoredTokenizer, ABC):
    """The tokenizers of this package (`base.Tokenizer`). Subclasses say how to get to a latent and back.

    Attributes:
        modality, stride, axes: as of every tokenizer.
        encoder, decoder: the networks.
        encoder_parts: top-level modules and weights that decide which codes an input gets and what they mean.
        decoder_parts: those that only decode. What a subclass has besides, it adds to one of the two.
    """

    encoder_parts: ClassVar[tuple[str, ...]] = ("encoder", "bottleneck")
    decoder_parts: ClassVar[tuple[str, ...]] = ("level_embedding", "project_out", "decoder")
    modality: str
    stride: int
    axes: int
    encoder: nn.Module
    decoder: nn.Module
    config: Any

    def __init__(self, bottleneck: QuantizerConfig) -> None:
        super().__init__()
        self.bottleneck: Quantizer = build_quantizer(bottleneck)

    @property
    def rvq(self) -> ResidualVQ:
        """The quantizer, for what only residual VQ can do. Raises ValueError where it is of another kind."""
        if not isinstance(self.bottleneck, ResidualVQ):
            raise ValueError(f"The quantizer {self.bottleneck.config.kind!r} is no residual VQ.")
        return self.bottleneck

    @property
    def levels(self) -> int:
        """L: codes a position; 0 for a continuous latent."""
        return self.bottleneck.levels

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        """Codes of each level, coarsest first."""
        return self.bottleneck.codebook_sizes

    @property
    def codebook_size(self) -> int:
        """Codes of the level that has most."""
        return max(self.codebook_sizes, default=0)

    @property
    def dim(self) -> int:
        """D: channels of the latent."""
        return self.bottleneck.dim

    @property
    def beam(self) -> int:
        """How many hypotheses the search for codes follows; 1: the nearest codeword at each level."""
        return int(getattr(self.bottleneck.config, "beam", 1))

    @property
    def skips(self) -> bool:
        """Whether code 0 of some levels says nothing, and is taken where no codeword is worth its bits."""
        return any(getattr(self.bottleneck.config, "skip", ()))

    @property
    def receptive_field(self) -> ReceptiveField:
        """How far the networks see; unknown unless a subclass says."""
        return ReceptiveField(None, None)

    def _fields(self, encoder: int | None, decoder: int | None) -> ReceptiveField:
        """Of networks that see so far: what decides a code is looked for that far from what the encoder sees."""
        return ReceptiveField(None if encoder is None else encoder + self.bottleneck.reach, decoder)

    def fingerprint(self) -> str:
        """8 hex digits of the encoder and the codebooks: a better decoder still opens old files.

        Raises:
            TypeError: the network has a part of which it is not said whether it counts.
        """
        parts = {name.split(".")[0] for name in self.state_dict()}
        if unknown := parts.difference(self.encoder_parts, self.decoder_parts):
            raise TypeError(f"{', '.join(sorted(unknown))} of {type(self).__name__} is of neither encoder nor decoder.")
        return checkpoints.fingerprint(self, self.encoder_parts)

    def pad(self, x: Tensor) -> Tensor:
        """(B, ..., *size) -> the same with zeros at the ends, to a multiple of the stride along every axis."""
        return F.pad(x, [n for size in x.shape[: -self.axes - 1 : -1] for n in (0, -size % self.stride)])

    @abstractmethod
    def to_latent(self, x: Tensor) -> Tensor:
        """Canonical batch -> what the quantizer takes, (B, in_dim, *pos)."""

    @abstractmethod
    def from_latent(self, z: Tensor, num_levels: Tensor, codes: Tensor | None = None) -> Tensor:
        """Latent (B, D, *pos) made with ``num_levels`` (B,) levels -> reconstruction.

        Args:
            codes: (B, l, *pos), l >= num_levels, whose codewords ``z`` is the sum of, where they are known. A decoder
                that looks at them takes the nearest where they are not, as for a latent that a diffusion model made.
        """

    @abstractmethod
    def to_canonical(self, y: Tensor) -> Tensor:
        """As every tokenizer."""

    def stages(self, levels: int) -> list[Stage] | None:
        """`decode` and `to_canonical` of codes (1, levels, *pos) as local steps; None where there are none."""
        return None

    def forward(self, x: Tensor, num_levels: Tensor | None = None) -> AutoencoderOutput:
        """Autoencode a batch with ``num_levels`` (B,) levels per sample (None: all).

        In training the quantizer is differentiable and takes the nearest codeword level by level; in eval the result
        is that of `decode` after `encode`, which may search better (`beam`).
        """
        z = self.to_latent(x)
        if self.training or not self.levels or not self.bottleneck.initialized:
            quantized = self.bottleneck(z, num_levels)
        else:
            quantized = self.quantize_eval(z, num_levels)
        return AutoencoderOutput(self.from_latent(quantized.z, quantized.num_levels, quantized.codes), quantized)

    @torch.no_grad()
    def encode(self, x: Tensor, levels: int | None = None) -> Tensor:
        """Canonical batch -> codes (B, levels, *pos) int64. Raises ValueError where the latent is continuous."""
        return self.codes(self.to_latent(x), levels)

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        """Codes (B, l, *pos), 1 <= l <= L -> reconstruction; fewer levels give a coarser one."""
        return self.decode_latent(self.latent(codes), codes.shape[1], codes)

    @torch.no_grad()
    def codes(self, z: Tensor, levels: int | None = None) -> Tensor:
        """Latents (B, D, *pos) -> codes (B, levels, *pos) int64, as `encode` after `to_latent`."""
        return self.bottleneck.encode(z, levels)

    def latent(self, codes: Tensor, num_levels: Tensor | None = None) -> Tensor:
        """Codes (B, l, *pos) -> the latent they stand for, (B, D, *pos): the sum of their codewords.

        Args:
            num_levels: (B,) how many levels of each count, 1..l (None: all).
        """
        return self.bottleneck.decode(codes, num_levels)

    @torch.no_grad()
    def quantize_eval(self, z: Tensor, num_levels: Tensor | None = None) -> Quantized:
        """Latents quantised as ``encode`` and ``decode`` do it: no gradients, nothing learned, no loss."""
        codes = self.codes(z)
        if num_levels is None:
            num_levels = torch.full((len(z),), self.levels, device=z.device)
        return Quantized(self.latent(codes, num_levels), codes, z.new_zeros(()), num_levels)

    @torch.no_grad()
    def decode_latent(self, z: Tensor, levels: int | None = None, codes: Tensor | None = None) -> Tensor:
        """Any latent (B, D, *pos) -> reconstruction; ``codes`` as in `from_latent`."""
        num_levels = torch.full((len(z),), self.levels if levels is None else levels, device=z.device)
        return self.from_latent(z, num_levels, codes)

    def code_counts(self) -> list[Tensor]:
        """As every `base.Counted`."""
        return self.bottleneck.code_counts()

    def describe(self, level: int, codes: Tensor) -> list[str | None]:
        """As every tokenizer: nothing in words."""
        return [None] * len(codes)

    def codebook(self, level: int) -> Tensor | None:
        """(K, D) codewords of a level, 0 the coarsest; None where the latent is continuous."""
        return self.bottleneck.codebook(level)
