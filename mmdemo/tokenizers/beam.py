"""Codes by beam search: the best few ways through the levels are kept, not only the nearest codeword at each.

Greedy residual VQ takes at every level the codeword nearest to what is left, although a slightly worse one may leave
what the next level has a codeword for. Keeping the best ``width`` beginnings finds such pairs. A search of the
encoder alone: what codes mean, and every decoder, stay as they are. (For residual VQ: Xu et al. 2012, "Improved
residual vector quantization"; here with early levels counted too, because a reader may stop after any of them.)
"""

from __future__ import annotations

import torch
from torch import Tensor

from .kmeans import nearest

PART = 1 << 20  # errors held at once: more leave a processor's cache, and it takes half as long again
EARLIER = 0.5  # what the error after a level still weighs when the next one is chosen


@torch.no_grad()
def beam_search(vectors: Tensor, codebooks: Tensor, width: int) -> Tensor:
    """Codes of each vector, one a level.

    Args:
        vectors: (N, D). codebooks: (L, K, D). width: beginnings kept at each level, >= 1; 1 is the greedy choice.

    Returns:
        (N, L) int64.
    """
    codebooks = codebooks.float()
    if width == 1:  # a plain argmin is faster
        return _greedy(vectors.float(), codebooks)
    rows = max(1, PART // (width * codebooks.shape[1]))
    parts = [_search(v.float(), codebooks, width) for v in vectors.split(rows)]
    return torch.cat(parts) if parts else vectors.new_zeros((0, len(codebooks)), dtype=torch.long)


def _greedy(residual: Tensor, codebooks: Tensor) -> Tensor:
    codes = []
    for book in codebooks:
        codes.append(nearest(residual, book))
        residual = residual - book[codes[-1]]
    return torch.stack(codes, dim=1)


def _search(vectors: Tensor, codebooks: Tensor, width: int) -> Tensor:
    n, dim = vectors.shape
    size = codebooks.shape[1]
    residual = vectors[:, None]  # (n, w, D), w beginnings so far
    score = vectors.new_zeros(n, 1)  # (n, w) squared errors after each level so far, the last one in full
    codes = torch.zeros(n, 1, 0, dtype=torch.long, device=vectors.device)  # (n, w, l)
    for book in codebooks:
        w = residual.shape[1]
        # |r - c|^2 of every beginning and codeword, and half of what the score was: (n, w, K)
        offset = residual.square().sum(2) + EARLIER * score
        error = torch.addmm(book.square().sum(1), residual.reshape(-1, dim), book.T, alpha=-2).view(n, w, size)
        score, best = (error + offset[:, :, None]).flatten(1).topk(min(width, w * size), largest=False)  # (n, w')
        parent, code = best // size, best % size
        codes = torch.cat([_rows(codes, parent), code[:, :, None]], dim=2)
        residual = _rows(residual, parent) - book[code]
    return codes[:, 0]


def _rows(x: Tensor, index: Tensor) -> Tensor:
    """Beginnings x (n, w, C) in the order of index (n, w') -> (n, w', C)"""
    return x.gather(1, index[:, :, None].expand(-1, -1, x.shape[2]))
