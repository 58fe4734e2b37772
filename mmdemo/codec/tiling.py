"""Encoding and decoding of inputs of any size in tiles, with exact seams and bounded memory.

An output of a tokenizer depends only on inputs within its receptive field. A tile with a margin of that gives, in its
middle, exactly what the whole input would give. A tokenizer that does not say how far it sees gets inputs whole.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ..errors import InputError
from ..modalities import MODALITIES
from ..tokenizers import Tokenizer

MAX_WHOLE = 1 << 18  # most positions of an input that cannot be cut


@torch.no_grad()
def encode(tokenizer: Tokenizer, x: Tensor, levels: int | None = None) -> Tensor:
    """As ``tokenizer.encode``, for inputs of any size: (1, ...) -> (1, levels, *positions).

    Raises:
        InputError: as `plan`.
    """
    x = tokenizer.pad(x)
    stride, axes = tokenizer.stride, tokenizer.axes
    sizes = [n // stride for n in x.shape[-axes:]]
    out = torch.empty(0)
    for where, take in plan(sizes, MODALITIES[tokenizer.modality].tile, tokenizer.receptive_field.encoder):
        codes = tokenizer.encode(x[box([(a * stride, b * stride) for a, b in where])], levels)
        if not out.numel():
            out = codes.new_zeros((1, codes.shape[1], *sizes))
        inner = [(t0 - a, t1 - a) for (a, _), (t0, t1) in zip(where, take, strict=True)]
        out[box(take)] = codes[box(inner)]
    return out


@torch.no_grad()
def decode(tokenizer: Tokenizer, codes: Tensor) -> Tensor:
    """As ``tokenizer.decode`` and ``to_canonical``, for codes of any size: (1, levels, *positions) -> (1, ..., *size).

    Canonical tile by tile: logits of a long text would not fit in memory.

    Raises:
        InputError: as `plan`.
    """
    stride = tokenizer.stride
    sizes = list(codes.shape[2:])
    out = torch.empty(0)
    for where, take in plan(sizes, MODALITIES[tokenizer.modality].tile, tokenizer.receptive_field.decoder):
        y = tokenizer.to_canonical(tokenizer.decode(codes[box(where)]))
        if not out.numel():
            lead = y.shape[: y.ndim - len(sizes)]
            out = y.new_empty((*lead, *(n * stride for n in sizes)))
        inner = [((t0 - a) * stride, (t1 - a) * stride) for (a, _), (t0, t1) in zip(where, take, strict=True)]
        out[box([(t0 * stride, t1 * stride) for t0, t1 in take])] = y[box(inner)]
    return out


Span = tuple[int, int]


def box(spans: list[Span]) -> Any:
    """Index of the last axes: ``x[box([(0, 4), (2, 6)])]`` is ``x[..., 0:4, 2:6]``."""
    return (..., *(slice(a, b) for a, b in spans))


def plan(sizes: list[int], tile: tuple[int, ...], margin: int | None) -> list[tuple[list[Span], list[Span]]]:
    """(positions to compute, positions to keep) per tile; together the kept parts make up the whole.

    Args:
        sizes: positions along each axis.
        margin: the receptive field; None, where it is not known, gives one tile.

    Raises:
        InputError: the receptive field is not known, and the input too large to be taken whole.
    """
    if margin is None:
        if math.prod(sizes) > MAX_WHOLE:
            raise InputError(
                f"This model cannot take its input in parts, and {math.prod(sizes):,} positions are too many at once: "
                f"at most {MAX_WHOLE:,} are accepted."
            )
        whole = [(0, size) for size in sizes]
        return [(whole, whole)]
    axes: list[list[tuple[Span, Span]]] = []
    for size, step in zip(sizes, tile, strict=True):
        # Whole if it fits with its margin: most inputs need one tile and no overhead.
        step = size if size <= step + 2 * margin else step
        spans = [(s, min(s + step, size)) for s in range(0, size, max(1, step))]
        axes.append([((max(0, a - margin), min(size, b + margin)), (a, b)) for a, b in spans])
    if len(axes) == 1:
        return [([w], [t]) for w, t in axes[0]]
    return [([w0, w1], [t0, t1]) for w0, t0 in axes[0] for w1, t1 in axes[1]]
