"""From normalised latents of a joint model's streams to codes, tokens, and what a person sees, hears and reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..codec import Codec
from ..isolation import isolated
from ..tokenizers.base import Confident
from ..tokens import Tokens
from .frames import Frame
from .latents import LatentNormalizer


class LatentDecoder:
    """The tokenizers of all streams, behind the scale that the transformer sees their latents in."""

    def __init__(self, codecs: Mapping[str, Codec], latents: LatentNormalizer, frames: Mapping[str, Frame]) -> None:
        self.codecs, self.latents, self.frames = codecs, latents, frames

    @isolated()
    def codes(self, stream: str, z: Tensor) -> Tensor:
        """Latents (n, D, *shape), unit variance -> codes (n, levels, *shape)."""
        return self.codecs[stream].tokenizer.codes(self.latents.restore(stream, z))

    @isolated()
    def quantized(self, stream: str, codes: Tensor) -> Tensor:
        """Codes (n, levels, *shape) -> the latent they stand for, unit variance (n, D, *shape)."""
        return self.latents.normalize(stream, self.codecs[stream].tokenizer.latent(codes))

    @isolated()
    def decode(self, stream: str, codes: Tensor) -> Tensor:
        """Codes -> what the tokenizer's decoder gives: of texts, logits (n, 256, T)."""
        return self.codecs[stream].tokenizer.decode(codes)

    def canonical(self, stream: str, y: Tensor) -> Tensor:
        """What `decode` gives -> canonical batch on the CPU."""
        return self.codecs[stream].canonical(y).cpu()

    @isolated()
    def confidence(self, stream: str, y: Tensor) -> list[list[float]] | None:
        """What `decode` gives -> how probable the decoder has each value of a sequence, a row a sample.

        None where the tokenizer does not say (`Confident`).
        """
        tokenizer = self.codecs[stream].tokenizer
        return tokenizer.confidence(y).cpu().tolist() if isinstance(tokenizer, Confident) else None

    @isolated()
    def decode_latent(self, stream: str, z: Tensor) -> Tensor:
        """Latents (n, D, *shape), unit variance, near codewords or not -> canonical batch on the CPU."""
        return self.codecs[stream].decode_latent(self.latents.restore(stream, z)).cpu()

    @isolated()
    def tokens(self, stream: str, codes: Tensor) -> Tokens:
        """Codes of one sample, (levels, *positions), of one frame or several side by side -> `Tokens`."""
        return self.codecs[stream].wrap(codes.cpu().clone(), self.frames[stream].meta(codes.shape[1:]))

    def native(self, stream: str, row: Tensor) -> Any:
        """One canonical sample -> PIL image, (16000, float32 array) or string."""
        return self.frames[stream].native(row, self.codecs[stream])
