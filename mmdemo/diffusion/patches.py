"""A stream's latent as a row of tokens, each of one or several neighbouring positions, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor

from .streams import Stream


def without_padding(x: Mapping[str, Tensor], real: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Streams (B, D, *shape) with zeros where ``real`` (B, *shape) is False."""
    return {k: z.masked_fill(~real[k][:, None], 0) if k in real else z for k, z in x.items()}


def missing_positions(x: Tensor, stream: Stream) -> tuple[int, int]:
    """Padding, for `F.pad`, of a stream that is shorter than its shape."""
    return 0, stream.shape[-1] - x.shape[-1]


def to_tokens(x: Tensor, stream: Stream, fill: float = 0) -> Tensor:
    """(B, D, *shape) of any D -> (B, N, positions of a token * D)

    Args:
        fill: what a stream of one axis that ends within a token is filled up with.

    Raises:
        ValueError: a stream of one axis has more positions than its shape.
    """
    batch, dim = x.shape[:2]
    if len(stream.shape) == 1:
        (patch,), length = stream.patches, x.shape[2]
        if length > stream.shape[0]:
            raise ValueError(f"{stream.name} has {length} positions; the transformer takes up to {stream.shape[0]}.")
        x = F.pad(x, (0, -length % patch), value=fill)
        return x.transpose(1, 2).reshape(batch, -1, patch * dim)
    (rows, columns), (p, q) = stream.grid, stream.patches
    return x.reshape(batch, dim, rows, p, columns, q).permute(0, 2, 4, 3, 5, 1).reshape(batch, stream.tokens, -1)


def from_tokens(h: Tensor, stream: Stream, length: int | None = None) -> Tensor:
    """(B, N, positions of a token * D) -> (B, D, *shape). ``length``: of a stream of one axis, if not all of it."""
    batch, dim = len(h), h.shape[2] * stream.tokens // math.prod(stream.shape)
    if len(stream.shape) == 1:
        return h.reshape(batch, -1, dim).transpose(1, 2)[..., :length]
    (rows, columns), (p, q) = stream.grid, stream.patches
    split = h.reshape(batch, rows, columns, p, q, dim)
    return split.permute(0, 5, 1, 3, 2, 4).reshape(batch, dim, *stream.shape)


def per_position(values: Tensor, stream: Stream, length: int | None = None) -> Tensor:
    """One value a token (B, N) -> one a position (B, *shape), that of its token."""
    return from_tokens(values[..., None].expand(-1, -1, math.prod(stream.patches)), stream, length)[:, 0]


def on_positions(t: Tensor, stream: Stream, like: Tensor) -> Tensor:
    """Times (B,), or (B, N) of each token -> what broadcasts against a latent ``like`` (B, D, *shape)."""
    if t.ndim == 1:
        return t.reshape(-1, *[1] * (like.ndim - 1))
    return per_position(t, stream, like.shape[2])[:, None]
