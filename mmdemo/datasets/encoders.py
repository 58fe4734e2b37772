"""From raw items to what a joint model is trained on: latents of its tokenizers and vectors of its conditions."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..codec import Codec
from ..diffusion.conditions import ConditionEncoder
from ..diffusion.frames import Frame
from .cache import cached

CHUNK = 256  # items encoded at a time


@dataclass
class Encoders:
    """What a data set needs to know of the model that it is to train.

    Attributes:
        codecs, frames: of each stream. conditions: encoders of its vector conditions. styles: names in their order.
        seed: of the recipe, for what a set draws once. cache: folder that encoded items are kept in (None: nowhere).
    """

    codecs: Mapping[str, Codec]
    frames: Mapping[str, Frame]
    conditions: Mapping[str, ConditionEncoder]
    styles: Sequence[str]
    seed: int = 0
    cache: Path | None = None

    @torch.inference_mode()
    def latents(self, stream: str, items: Tensor) -> Tensor:
        """Canonical items in the stream's frame -> latents (N, D, *shape), fp16: the sums of their codewords.

        Args:
            items: pictures (N, 3, H, W), uint8 or float in [0, 1]; waveforms (N, T); bytes (N, T) uint8.
        """
        return self._cached(stream, items, lambda: self._encode(stream, items))

    @torch.inference_mode()
    def latents_each(self, stream: str, items: Sequence[Tensor]) -> list[Tensor]:
        """As `latents`, for sequences that differ in length, (T,) each -> (D, positions) each."""
        codec = self.codecs[stream]
        stride = codec.tokenizer.stride

        def make() -> Tensor:
            parts = [codec.tokenizer.encode(x[None].to(codec.device)) for x in items]
            return torch.cat([codec.tokenizer.latent(codes)[0].half().cpu() for codes in parts], 1).clone()

        joined = self._cached(stream, torch.cat(list(items)), make, [len(x) for x in items])  # (D, all positions)
        return list(joined.split([-(-len(x) // stride) for x in items], dim=1))

    def _encode(self, stream: str, items: Tensor) -> Tensor:
        codec = self.codecs[stream]
        parts = []
        for chunk in items.split(CHUNK):
            chunk = chunk.float() / 255 if codec.modality == "image" and chunk.dtype == torch.uint8 else chunk
            parts.append(codec.tokenizer.latent(codec.tokenizer.encode(chunk.to(codec.device))).half().cpu())
        return torch.cat(parts).clone()

    @torch.inference_mode()
    def vectors(self, condition: str, texts: Sequence[str]) -> Tensor:
        """Texts -> vectors of a condition, (N, dim), fp16."""
        encoder = self.conditions[condition]
        return torch.cat([encoder(texts[i : i + CHUNK]).half().cpu() for i in range(0, len(texts), CHUNK)]).clone()

    def _cached(self, stream: str, items: Tensor, make: Callable[[], Tensor], lengths: Sequence[int] = ()) -> Tensor:
        """``make()``, or what it gave for the same items through the same tokenizer in an earlier run."""
        if self.cache is None:
            return make()  # no digest of what is not kept
        digest = hashlib.sha256(items.contiguous().numpy().tobytes())
        digest.update(f"{self.codecs[stream].fingerprint} {items.dtype} {tuple(items.shape)}".encode())
        digest.update("".join(f" {n}" for n in lengths).encode())
        return cached(self.cache, digest.hexdigest()[:24], make)
