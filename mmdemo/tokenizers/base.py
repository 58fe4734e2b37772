"""What a tokenizer is to everything else: canonical tensors <-> codes. Ours are `autoencoder.Autoencoder`s."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple, Protocol, TypeVar, runtime_checkable

from torch import Tensor, nn

from .stages import Stage

T = TypeVar("T", bound="StoredTokenizer")


class ReceptiveField(NamedTuple):
    """How far a network sees: latent positions to each side that an output depends on, or more; None is unknown."""

    encoder: int | None
    decoder: int | None


@runtime_checkable
class Tokenizer(Protocol):
    """Canonical batches (B, ..., *size) <-> codes (B, L, *pos), pos = ceil(size / stride) along every axis.

    What a canonical batch is, `mmdemo.modalities` says: pictures (B, 3, H, W) in [0, 1], waveforms (B, T) in [-1, 1] at
    16 kHz, bytes (B, T).

    Attributes:
        modality: name of the modality, such as "image".
        stride: input samples per position, along every axis; of sound, 16,000 / stride is the frame rate.
        axes: axes of positions: 2 for pictures, 1 for sequences.
        dim: D, channels of the latent.
        levels: L, codes a position; 0 for a continuous latent.
        codebook_sizes: how many codes each level has, coarsest first; they may differ.
        receptive_field: how far encoder and decoder see. Where it is not known, inputs are taken whole, or refused.
    """

    modality: str
    stride: int
    axes: int

    @property
    def dim(self) -> int: ...

    @property
    def levels(self) -> int: ...

    @property
    def codebook_sizes(self) -> tuple[int, ...]: ...

    @property
    def receptive_field(self) -> ReceptiveField: ...

    def fingerprint(self) -> str:
        """8 hex digits of what decides codes and their meaning: tokens of other weights are refused by it."""
        ...

    def pad(self, x: Tensor) -> Tensor:
        """Extend a batch to a multiple of the stride along every axis, as `encode` does by itself."""
        ...

    def encode(self, x: Tensor, levels: int | None = None) -> Tensor:
        """Canonical batch -> codes (B, levels, *pos) int64 (None: all levels)."""
        ...

    def codes(self, z: Tensor, levels: int | None = None) -> Tensor:
        """Latents (B, D, *pos), such as a diffusion model makes, -> codes (B, levels, *pos) int64."""
        ...

    def latent(self, codes: Tensor, num_levels: Tensor | None = None) -> Tensor:
        """Codes (B, l, *pos), 1 <= l <= L -> what they stand for, (B, D, *pos), of the first ``num_levels`` (B,)."""
        ...

    def decode(self, codes: Tensor) -> Tensor:
        """Codes (B, l, *pos), 1 <= l <= L -> (B, ..., *size) in the tokenizer's own output space."""
        ...

    def decode_latent(self, z: Tensor, levels: int | None = None, codes: Tensor | None = None) -> Tensor:
        """Any latent (B, D, *pos) -> the same; ``codes`` (B, l, *pos) where ``z`` is what known codes stand for."""
        ...

    def to_canonical(self, y: Tensor) -> Tensor:
        """Own output space -> canonical batch: values clipped, logits to bytes."""
        ...

    def describe(self, level: int, codes: Tensor) -> list[str | None]:
        """Codes (N,) of a level in words, each None where it is better decoded."""
        ...

    def codebook(self, level: int) -> Tensor | None:
        """(K, D) codewords of a level, 0 the coarsest; None where codes have no vectors."""
        ...


class StoredTokenizer(nn.Module, Tokenizer):
    """A tokenizer that is read from a checkpoint: a module made of its settings, which `REGISTRY` lists.

    Attributes:
        Config: class of its settings, the only argument of its constructor.
    """

    Config: ClassVar[type[Any]]
    _frozen = False

    def freeze(self: T) -> T:
        """Never change any more: no gradients, and always in eval, also as a part of a model in training."""
        self._frozen = True
        return self.eval().requires_grad_(False)

    def train(self: T, mode: bool = True) -> T:
        """As every module, unless it is frozen."""
        return super().train(mode and not self._frozen)


@runtime_checkable
class Staged(Protocol):
    """What a tokenizer has besides whose decoder is local step by step, so that a change is decoded alone."""

    def stages(self, levels: int) -> list[Stage] | None:
        """`decode` and `to_canonical` of codes (1, levels, *pos) as local steps; None where there are none."""
        ...


@runtime_checkable
class Counted(Protocol):
    """What a tokenizer has besides that knows how its codes were used."""

    def code_counts(self) -> list[Tensor]:
        """Per level (K,) how often each code was chosen of late in training, in any unit; [] where nobody counted."""
        ...


@runtime_checkable
class Confident(Protocol):
    """What a tokenizer has besides whose decoder gives a distribution over the values of its output."""

    def confidence(self, y: Tensor) -> Tensor:
        """Own output space -> the probability of each value of the canonical batch, (B, *size)."""
        ...


@runtime_checkable
class Contextual(Protocol):
    """What a tokenizer has besides whose later codes may say something else after certain codes of level 1."""

    def describe_together(self, codes: Tensor) -> list[list[str] | None]:
        """Codes (l, N) of the first levels -> of each position, what each level says there.

        None for positions whose codes say what `describe` tells of each alone.
        """
        ...
