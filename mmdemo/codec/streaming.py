"""Long sounds without holding them in memory: file -> tokens, tokens -> blocks, exact to the bit.

The tiles are those of `tiling`, so codes and samples are the same as those of the whole sound.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..errors import InputError
from ..isolation import isolated
from ..modalities.base import Stream
from ..tokens import Tokens
from . import tiling

if TYPE_CHECKING:
    from .codec import Codec


@isolated()
def encode(
    codec: Codec,
    source: str | os.PathLike | bytes | Stream,
    levels: int | None = None,
    max_seconds: float | None = None,
) -> Tokens:
    """A sound of any length -> `Tokens`, as ``codec.encode`` gives them; a tile is in memory at a time.

    Args:
        source: a path or file bytes (read twice: for its peak, then for its samples), or what
            `Modality.stream` made of one, if its notes are of interest too.
        levels: how many residual levels to keep, 1..L (None: all).
        max_seconds: refuse longer sounds; None takes any length.

    Raises:
        InputError: as ``codec.encode`` does.
    """
    _check(codec)
    levels, stride = codec.check_levels(levels), codec.tokenizer.stride
    stream = source if isinstance(source, Stream) else codec.processor.stream(source, max_seconds)
    samples = stream.meta[codec.processor.meta_keys[0]]
    blocks, held, start = iter(stream), torch.zeros(0, dtype=torch.float32), 0  # held: the samples from `start` on
    kept, margin = [], codec.tokenizer.receptive_field.encoder
    for [(a, b)], [(t0, t1)] in tiling.plan([-(-samples // stride)], codec.processor.tile, margin):
        first, last = a * stride, min(b * stride, samples)
        parts = [held[first - start :]]
        size = len(parts[0])
        while size < last - first:
            parts.append(next(blocks))
            size += len(parts[-1])
        held, start = torch.cat(parts), first
        codes = codec.tokenizer.encode(held[None, : last - first].to(codec.device), levels)  # (1, levels, b - a)
        kept.append(codes[0, :, t0 - a : t1 - a].cpu())
    return codec.wrap(torch.cat(kept, 1), stream.meta)


def decode(codec: Codec, tokens: Tokens, levels: int | None = None) -> Iterator[Tensor]:
    """`Tokens` of a sound -> its samples in blocks (t,) at 16 kHz, together those of ``codec.decode_tensor``.

    Raises:
        InputError: as ``codec.decode`` does, at the call: before a caller opens the file that the blocks go to.
    """
    _check(codec)
    codec.check(tokens)
    return _blocks(codec, tokens if levels is None else tokens.truncate(levels))


def _blocks(codec: Codec, tokens: Tokens) -> Iterator[Tensor]:
    codes, margin = tokens.codes, codec.tokenizer.receptive_field.decoder
    stride, samples = codec.tokenizer.stride, tokens.meta[codec.processor.meta_keys[0]]
    for [(a, b)], [(t0, t1)] in tiling.plan([codes.shape[1]], codec.processor.tile, margin):
        with isolated(codec.device):  # not while the caller has its turn
            y = codec.tokenizer.decode(codes[None, :, a:b].to(codec.device))
            wave = codec.canonical(y)[0, (t0 - a) * stride : (t1 - a) * stride].cpu()
        yield wave[: max(0, samples - t0 * stride)].clone()


def _check(codec: Codec) -> None:
    if not codec.processor.streamed:
        raise InputError(f"Sounds are streamed; the model {codec.name!r} is for {codec.modality}.")
