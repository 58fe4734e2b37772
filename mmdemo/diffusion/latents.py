"""Per-channel scaling of latents: diffusion assumes unit variance, and unscaled latents ruin its samples."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .dit import Stream


class Latents(nn.Module):
    """Mean and standard deviation per stream and channel, stored with the weights."""

    def __init__(self, streams: list[Stream]) -> None:
        super().__init__()
        for s in streams:
            part = nn.Module()
            part.register_buffer("mean", torch.zeros(s.dim))
            part.register_buffer("std", torch.ones(s.dim))
            self.add_module(s.name, part)

    @torch.no_grad()
    def measure(self, name: str, z: Tensor) -> None:
        """Set a stream's scale from latents (N, D, *shape)."""
        flat = z.float().transpose(0, 1).flatten(1)  # (D, N * positions)
        part = getattr(self, name)
        part.mean.copy_(flat.mean(1))
        part.std.copy_(flat.std(1).clamp(min=1e-4))

    def normalise(self, name: str, z: Tensor) -> Tensor:
        """Tokenizer latent (B, D, *shape) -> unit variance."""
        mean, std = self._scale(name, z)
        return (z - mean) / std

    def restore(self, name: str, z: Tensor) -> Tensor:
        """The reverse of `normalise`."""
        mean, std = self._scale(name, z)
        return z * std + mean

    def _scale(self, name: str, z: Tensor) -> tuple[Tensor, Tensor]:
        part = getattr(self, name)
        shape = (1, -1) + (1,) * (z.ndim - 2)
        return part.mean.reshape(shape), part.std.reshape(shape)
