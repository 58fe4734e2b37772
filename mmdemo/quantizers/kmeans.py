"""Nearest-codeword search and k-means (Lloyd 1982), in fp32 and with bounded memory."""

from __future__ import annotations

import torch
from torch import Tensor

CHUNK = 1 << 24  # most distances held at once (64 MiB in fp32), for any N and K


@torch.no_grad()
def nearest(vectors: Tensor, codebook: Tensor, price: Tensor | None = None) -> Tensor:
    """Index of the nearest codeword (Euclidean) for each vector.

    One matmul and an argmin: |v - c|^2 = |v|^2 - 2 v.c + |c|^2, and |v|^2 does not change the winner.

    Args:
        vectors: (N, D). codebook: (K, D). price: (N,) what any code but 0 costs, in squared distance.

    Returns:
        (N,) int64.
    """
    codebook = codebook.float()
    offset = codebook.square().sum(1)  # (K,)
    rows = max(1, CHUNK // len(codebook))
    parts = []
    for i, part in enumerate(vectors.split(rows)):
        error = torch.addmm(offset, part.float(), codebook.T, alpha=-2)  # (n, K)
        if price is not None:
            error[:, 0] -= price[i * rows : i * rows + len(part)]
        parts.append(error.argmin(1))
    return torch.cat(parts) if parts else vectors.new_zeros(0, dtype=torch.long)


@torch.no_grad()
def kmeans(vectors: Tensor, k: int, iterations: int = 45) -> tuple[Tensor, Tensor]:
    """Lloyd's algorithm from k random vectors, with jumps out of poor optima.

    After all but the last few iterations, some centres that are worth least (few vectors, and another centre near) move
    to vectors that are far from theirs, fewer each time (after Fritzke 1997, "The LBG-U method").

    Args:
        vectors: (N, D). k: number of centres.

    Returns:
        centres (k, D) and the assignment (N,).
    """
    vectors = vectors.float()
    picks = torch.randperm(len(vectors))[:k]
    if len(picks) < k:  # fewer vectors than centres: repeat with a little noise
        picks = torch.cat([picks, torch.randint(len(vectors), (k - len(picks),))])
    centres = vectors[picks.to(vectors.device)].clone()
    centres += 1e-4 * vectors.std() * torch.randn(centres.shape).to(centres)
    for i in range(iterations):
        assigned = nearest(vectors, centres)
        error = (vectors - centres[assigned]).square().sum(1)  # (N,)
        count = torch.bincount(assigned, minlength=k)  # (k,)
        total = torch.zeros_like(centres).index_add_(0, assigned, vectors)
        centres = total / count.clamp(min=1)[:, None]
        jumps = int(0.05 * k * (1 - i / (0.8 * iterations)))  # below 0 at the end
        worth = count * (torch.cdist(centres, centres) + torch.eye(k).to(centres) * 1e9).amin(1).square()  # (k,)
        worst = worth.argsort()[: max(jumps, int((count == 0).sum()))]
        if len(worst):
            centres[worst] = vectors[torch.multinomial(error + 1e-12, len(worst), replacement=True)]
    return centres, nearest(vectors, centres)


@torch.no_grad()
def kmeans_with_prior(
    vectors: Tensor, centres: Tensor, iterations: int = 20, pull: float = 3.0
) -> tuple[Tensor, Tensor]:
    """Lloyd's algorithm from given centres, which stay where they are as long as few vectors ask for anything else.

    Args:
        vectors: (N, D). centres: (k, D). pull: how many vectors a centre's first place counts for.

    Returns:
        centres (k, D) and the assignment (N,).
    """
    vectors, start = vectors.float(), centres.float()
    centres = start
    for _ in range(iterations):
        assigned = nearest(vectors, centres)
        count = torch.bincount(assigned, minlength=len(start))[:, None] + pull  # (k, 1)
        centres = (start * pull).index_add(0, assigned, vectors) / count
    return centres, nearest(vectors, centres)
