"""Scaling of latents: diffusion assumes unit variance, and unscaled latents ruin its samples.

Per channel, or, of a stream that has `Stream.latent_dim`, per principal direction of the channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .streams import Stream

FLOOR = 0.2  # least standard deviation of a channel, relative to the mean of all


class LatentNormalizer(nn.Module):
    """Mean and standard deviation per stream and channel, stored with the weights."""

    def __init__(self, streams: list[Stream]) -> None:
        super().__init__()
        for s in streams:
            part = nn.Module()
            part.register_buffer("mean", torch.zeros(s.dim))
            part.register_buffer("std", torch.ones(s.dim))
            if s.latent_dim:
                part.register_buffer("directions", torch.eye(s.latent_dim, s.dim))  # orthonormal columns
                part.register_buffer("centre", torch.zeros(s.latent_dim))
            self.add_module(s.name, part)

    @torch.no_grad()
    def measure(self, name: str, z: Tensor, std: float = 1.0, shared: bool = False) -> None:
        """Set a stream's scale from latents (N, D, *shape).

        Args:
            std: standard deviation that they are to have. The more channels say the same, the more noise it takes to
                hide it (Hoogeboom et al. 2023, "simple diffusion"): below 1, such a stream settles with the others.
            shared: one scale for all channels, the root mean square of theirs. What moves much then settles first, as
                coarse shapes do before details in pixels, and counts most in the loss.
        """
        part = getattr(self, name)
        flat = z.float().transpose(0, 1).flatten(1)  # (channels, N * positions)
        if hasattr(part, "directions"):
            part.centre.copy_(flat.mean(1))
            _, directions = torch.linalg.eigh(torch.cov(flat))  # ascending
            part.directions.copy_(directions.flip(1)[:, : part.directions.shape[1]])
            flat = part.directions.T @ (flat - part.centre[:, None])  # (D, N * positions)
        spread = flat.std(1)
        if shared:
            spread = spread.square().mean().sqrt().expand(len(spread))
        part.mean.copy_(flat.mean(1))
        # A channel that hardly moves in training must not explode when it does for a visitor.
        part.std.copy_(spread.clamp(min=max(1e-4, FLOOR * float(spread.mean()))) / std)

    def normalize(self, name: str, z: Tensor) -> Tensor:
        """Tokenizer latent (B, channels, *shape) -> unit variance, (B, D, *shape)."""
        part = getattr(self, name)
        if hasattr(part, "directions"):
            z = _turned(z.movedim(1, -1) - part.centre, part.directions)
        mean, std = self._scale(name, z)
        return (z - mean) / std

    def restore(self, name: str, z: Tensor) -> Tensor:
        """The reverse of `normalize`."""
        mean, std = self._scale(name, z)
        z, part = z * std + mean, getattr(self, name)
        if hasattr(part, "directions"):
            z = _turned(z.movedim(1, -1), part.directions.T) + part.centre.reshape(1, -1, *[1] * (z.ndim - 2))
        return z

    def _scale(self, name: str, z: Tensor) -> tuple[Tensor, Tensor]:
        part = getattr(self, name)
        shape = (1, -1) + (1,) * (z.ndim - 2)
        return part.mean.reshape(shape), part.std.reshape(shape)


def _turned(z: Tensor, directions: Tensor) -> Tensor:
    """(B, *shape, C) by (C, D) -> (B, D, *shape)"""
    return (z @ directions).movedim(-1, 1)
