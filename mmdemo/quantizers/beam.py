"""Codes by beam search: the best few hypotheses are kept through the levels, not only the nearest codeword at each.

Greedy residual VQ takes at every level the codeword nearest to what is left, although a slightly worse one may leave
what the next level has a codeword for. Keeping the best ``width`` hypotheses finds such pairs. A search of the
encoder alone: what codes mean, and every decoder, stay as they are. (For residual VQ: Xu et al. 2012, "Improved
residual vector quantization"; here with early levels counted too, because a reader may stop after any of them.)
"""

from __future__ import annotations

import torch
from torch import Tensor

from .kmeans import nearest

PART = 1 << 19  # errors held at once: more leave a processor's cache, and it takes half as long again
EARLIER = 0.5  # what the error after a level still weighs when the next one is chosen


@torch.no_grad()
def beam_search(
    vectors: Tensor, codebooks: Tensor, width: int, prices: Tensor | None = None, apart: Tensor | None = None
) -> Tensor:
    """Codes of each vector, one a level.

    Args:
        vectors: (N, D). codebooks: (L, K, D). width: hypotheses kept at each level, >= 1; 1 is the greedy choice.
        prices: (L or more,) what each code but 0 costs a reader who stops after that level, in squared distance; over 0
            where code 0 is the zero vector.
        apart: (N,) squared distance of each vector to the nearest of its neighbours, see `weight`.

    Returns:
        (N, L) int64.
    """
    codebooks = codebooks.float()
    each = [0.0] * len(codebooks) if prices is None else prices[: len(codebooks)].tolist()
    apart = torch.full_like(vectors[:, 0], torch.inf, dtype=torch.float32) if apart is None else apart.float()
    if width == 1:  # a plain argmin is faster
        return _greedy(vectors.float(), codebooks, each, apart)
    rows = max(1, PART // (width * codebooks.shape[1]))
    parts = [_search(v.float(), codebooks, width, each, a) for v, a in zip(vectors.split(rows), apart.split(rows))]
    return torch.cat(parts) if parts else vectors.new_zeros((0, len(codebooks)), dtype=torch.long)


def weight(error: Tensor, apart: Tensor) -> Tensor:
    """How much of its price a code has to pay, 0 to 1: little where a neighbour will have the same one.

    What is left to say of a vector, of squared length ``error``, is the same at a neighbour much less far ``apart``.
    So is the code, and a prior that sees one foretells the other: a flat area costs next to nothing at any level.
    """
    return (apart / error.clamp(min=1e-12)).clamp(max=1)


def _greedy(residual: Tensor, codebooks: Tensor, prices: list[float], apart: Tensor) -> Tensor:
    codes = []
    for book, price in zip(codebooks, prices, strict=True):
        own = price * weight(residual.square().sum(1), apart) if price else None
        codes.append(nearest(residual, book, own))
        residual = residual - book[codes[-1]]
    return torch.stack(codes, dim=1)


def _search(vectors: Tensor, codebooks: Tensor, width: int, prices: list[float], apart: Tensor) -> Tensor:
    n, dim = vectors.shape
    size = codebooks.shape[1]
    room = vectors.new_empty(n * width, size)  # taken once: fresh memory for every level costs more than the product
    residual = vectors[:, None]  # (n, w, D), w hypotheses so far
    score = vectors.new_zeros(n, 1)  # (n, w) errors and costs after each level so far, the last ones in full
    spent = vectors.new_zeros(n, 1)  # (n, w) codes so far that were not free, each with its weight
    parents, codes = [], []  # (n, w') each
    for book, price in zip(codebooks, prices, strict=True):
        w = residual.shape[1]
        # |r - c|^2 of every hypothesis and codeword, what its codes cost, and half of what the score was: (n, w, K)
        left = residual.square().sum(2)  # (n, w)
        own = weight(left, apart[:, None]) if price else torch.ones_like(left)
        offset = left + price * (spent + own) + EARLIER * score
        flat = residual.reshape(-1, dim)
        error = torch.addmm(book.square().sum(1), flat, book.T, alpha=-2, out=room[: n * w]).view(n, w, size)
        error.add_(offset[:, :, None])
        if price:
            error[:, :, 0] -= price * own
        score, best = _smallest(error.flatten(1), min(width, w * size))  # (n, w')
        parent, code = best // size, best % size
        residual = residual.gather(1, parent[:, :, None].expand(-1, -1, dim)) - book[code]
        spent = spent.gather(1, parent) + own.gather(1, parent) * ((code > 0) if price else 1)
        parents.append(parent)
        codes.append(code)
    return _trace(parents, codes)


def _smallest(values: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The ``count`` smallest of each row (n, m) and their places, (n, count) each; ``values`` is overwritten.

    A value's place is written into its last bits, so that a plain minimum gives both, in half the time of ``topk``.
    What that takes from the value, 1 part in 4,000 at 2,048 a row, decides nothing but ties.
    """
    length = values.shape[1]
    mask = (1 << (length - 1).bit_length()) - 1
    bits = values.view(torch.int32)
    bits.bitwise_and_(~mask).bitwise_or_(torch.arange(length, dtype=torch.int32, device=values.device))
    found: list[Tensor] = []
    for i in range(count):
        if i:  # what was found last is out
            values.scatter_(1, (found[-1].view(torch.int32) & mask).long()[:, None], torch.inf)
        found.append(values.amin(1))
    smallest = torch.stack(found, 1)
    return smallest, (smallest.view(torch.int32) & mask).long()


def _trace(parents: list[Tensor], codes: list[Tensor]) -> Tensor:
    """Back from the best end to its beginning: lists of (n, w), a level each -> (n, L)"""
    way, at = [], torch.zeros_like(codes[-1][:, :1])  # (n, 1)
    for parent, code in zip(reversed(parents), reversed(codes), strict=True):
        way.append(code.gather(1, at))
        at = parent.gather(1, at)
    return torch.cat(way[::-1], 1)
