"""Fixed vectors for the 256 bytes, in which near means "the same letters": what the encoder "fixed" sets side by side.

The bytes of ASCII get unit vectors as far apart as they can be, common ones farthest. In UTF-8 the letters of every
other script are written with bytes from 0x80 on: these take the vectors of ASCII once more, and a few channels say
which of the three kinds a byte is. So one codebook serves all scripts: what tells "a" from "e" also tells two Greek
letters apart.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

KINDS = 3  # ASCII, a continuation byte (0x80 to 0xBF), the first byte of a longer character
KIND_SIZE = 0.5  # length of a kind's vector; the rest of a byte's vector has length 1


def alphabet(counts: Tensor, dim: int) -> Tensor:
    """A vector for every byte.

    Args:
        counts: (256,) how often each byte occurs. dim: D, more than 3.

    Returns:
        (256, D) float32, the last 3 channels the byte's kind.
    """
    byte = torch.arange(256)
    # Continuation bytes share with the letters, first bytes with digits and signs: those of one text do not collide.
    shared = torch.where(byte < 128, byte, (byte ^ 0x40) & 0x7F)
    kind = (byte >= 0x80).long() + (byte >= 0xC0).long()
    rows = spread(torch.zeros(128).index_add_(0, shared, counts.float()), dim - KINDS)
    return torch.cat([rows[shared], KIND_SIZE * F.one_hot(kind, KINDS)], dim=1)


def spread(counts: Tensor, dim: int, steps: int = 400, sharpness: float = 6.0) -> Tensor:
    """Unit vectors of which common ones are least alike.

    Two push each other apart as the square roots of how often they occur, and the more the closer they are (energy
    exp(sharpness * cosine)); what is left is found by Adam.

    Args:
        counts: (K,) how often each occurs. dim: D.

    Returns:
        (K, D) float32.
    """
    weight = (counts.float() / counts.sum()).sqrt() + 0.01  # (K,)
    pair = (weight[:, None] * weight / weight.sum() ** 2).fill_diagonal_(0)
    vectors = torch.randn(len(counts), dim, generator=torch.Generator().manual_seed(0)).requires_grad_()
    optimiser = torch.optim.Adam([vectors], lr=0.02)
    for _ in range(steps):
        unit = F.normalize(vectors, dim=1)
        energy = (pair * torch.exp(sharpness * unit @ unit.T)).sum()
        optimiser.zero_grad()
        energy.backward()
        optimiser.step()
    return F.normalize(vectors.detach(), dim=1)
