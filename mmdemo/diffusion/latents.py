"""Per-channel scaling of latents: diffusion assumes unit variance, and unscaled latents ruin its samples."""

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
        flat = z.float().transpose(0, 1).flatten(1)  # (D, N * positions)
        part, spread = getattr(self, name), flat.std(1)
        if shared:
            spread = spread.square().mean().sqrt().expand(len(spread))
        part.mean.copy_(flat.mean(1))
        # A channel that hardly moves in training must not explode when it does for a visitor.
        part.std.copy_(spread.clamp(min=max(1e-4, FLOOR * float(spread.mean()))) / std)

    def normalize(self, name: str, z: Tensor) -> Tensor:
        """Tokenizer latent (B, D, *shape) -> unit variance."""
        mean, std = self._scale(name, z)
        return (z - mean) / std

    def restore(self, name: str, z: Tensor) -> Tensor:
        """The reverse of `normalize`."""
        mean, std = self._scale(name, z)
        return z * std + mean

    def _scale(self, name: str, z: Tensor) -> tuple[Tensor, Tensor]:
        part = getattr(self, name)
        shape = (1, -1) + (1,) * (z.ndim - 2)
        return part.mean.reshape(shape), part.std.reshape(shape)
