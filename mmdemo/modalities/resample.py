"""Blockwise resampling: the same samples, to the bit, however the sound is cut into chunks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import soxr
import torch

_QUALITY = "HQ"  # 20 bits: what is folded or left over lies 120 dB below full scale
_CHUNK = 1 << 16  # samples handed over at once, which bounds the memory


def resampled_length(samples: int, rate: int, target: int) -> int:
    """Samples at `target` Hz of `samples` at `rate` Hz: ceil(samples · target / rate), in exact integers."""
    return -(-samples * target // rate)


def resample(wave: torch.Tensor, rate: int, target: int) -> torch.Tensor:
    """Resample a whole (T,) or (T, C) float32 sound; returns (ceil(T · target / rate),) or (…, C)."""
    pieces = list(resample_chunks([wave], rate, target))
    return torch.cat(pieces) if pieces else wave.new_zeros(wave.shape)


def resample_chunks(chunks: Iterable[torch.Tensor], rate: int, target: int) -> Iterator[torch.Tensor]:
    """Resample a sound that comes in chunks, with memory for one block only.

    The linear-phase filter of libsoxr, without delay; it keeps what lies below 0.91 of the lower Nyquist frequency.

    Args:
        chunks: float32 tensors (t,) or (t, C), of any lengths.
        rate: samples per second of the chunks.
        target: samples per second wanted.

    Yields:
        float32 tensors (t',) or (t', C), ceil(T · target / rate) samples in all.
    """
    if rate == target:
        yield from chunks
        return
    stream: soxr.ResampleStream | None = None
    received = emitted = 0
    shape: tuple[int, ...] = ()
    for chunk in chunks:
        if stream is None:
            shape = tuple(chunk.shape[1:])
            stream = soxr.ResampleStream(rate, target, shape[0] if shape else 1, dtype="float32", quality=_QUALITY)
        received += len(chunk)
        for piece in chunk.split(_CHUNK):
            out = stream.resample_chunk(np.ascontiguousarray(piece.numpy()))
            emitted += len(out)
            if len(out):
                yield torch.from_numpy(out)
    if stream is None or received == 0:
        return
    # Its own rounding of the length may differ by a sample from ours.
    left = resampled_length(received, rate, target) - emitted
    rest = stream.resample_chunk(np.zeros((0, *shape), np.float32), last=True)[: max(0, left)]
    if left > 0:
        padding = np.zeros((left - len(rest), *shape), np.float32)
        yield torch.from_numpy(np.concatenate((rest, padding)))
