"""Exact blockwise resampling: the same samples however the sound is cut into chunks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

import torch
import torchaudio

# torchaudio's "kaiser_best": 64 zero crossings a side, about 100 dB of stop band (the settings of resampy).
LOWPASS_FILTER_WIDTH = 64
ROLLOFF = 0.9475937167399596
BETA = 14.769656459379492

_CHUNK = 1 << 16  # input samples a convolution takes: large enough to be fast, small enough to bound memory
_DENSE_LIMIT = 1 << 21  # entries of torchaudio's kernel; at 44,101 Hz it would have 0.7 billion


def resampled_length(samples: int, rate: int, target: int) -> int:
    """Samples at `target` Hz of `samples` at `rate` Hz: ceil(samples · target / rate), in exact integers."""
    return -(-samples * target // rate)


def resample(wave: torch.Tensor, rate: int, target: int) -> torch.Tensor:
    """Resample a whole (T,) float32 sound; returns (ceil(T · target / rate),)."""
    pieces = list(resample_chunks([wave], rate, target))
    return torch.cat(pieces) if pieces else wave.new_zeros(0)


def resample_chunks(chunks: Iterable[torch.Tensor], rate: int, target: int) -> Iterator[torch.Tensor]:
    """Resample a sound that comes in chunks, with memory for one block only.

    A sinc in a Kaiser window, as `torchaudio.functional.resample` has it. Blocks are cut on a fixed grid of
    the input and overlap by the filter's width, so that there are no seams, and the way the sound comes in
    chunks does not change one bit of the result.

    Args:
        chunks: float32 tensors (t,), of any lengths.
        rate: samples per second of the chunks.
        target: samples per second wanted.

    Yields:
        float32 tensors (t',), ceil(T · target / rate) samples in all.
    """
    divisor = math.gcd(rate, target)
    old, new = rate // divisor, target // divisor
    if old == new:
        yield from chunks
        return
    convolve, width = _filter(old, new)
    hop = max(1, _CHUNK // old) * old
    # Silence before the start and after the end, as in torchaudio.
    buffer, received, emitted = torch.zeros(width), 0, 0
    for chunk in chunks:
        received += len(chunk)
        buffer = torch.cat((buffer, chunk))
        while len(buffer) >= hop + 2 * width:
            block = convolve(buffer[: hop + 2 * width])
            buffer = buffer[hop:]
            emitted += len(block)
            yield block
    remaining = resampled_length(received, old, new) - emitted
    if remaining > 0:
        frames = -(-remaining // new)
        buffer = torch.nn.functional.pad(buffer, (0, max(0, frames * old + 2 * width - len(buffer))))
        yield convolve(buffer[: frames * old + 2 * width])[:remaining]


@lru_cache(maxsize=2)  # a table takes up to 105 MB (for a rate such as 191,999 Hz)
def _filter(old: int, new: int) -> tuple[Callable[[torch.Tensor], torch.Tensor], int]:
    """(function, width): the function takes width + n·old + width samples and returns n·new."""
    base = min(old, new) * ROLLOFF
    width = math.ceil(LOWPASS_FILTER_WIDTH * old / base)
    if new * (2 * width + old) <= _DENSE_LIMIT:
        return _dense_filter(old, new)
    return _sparse_filter(old, new, base, width), width


def _dense_filter(old: int, new: int) -> tuple[Callable[[torch.Tensor], torch.Tensor], int]:
    transform = torchaudio.transforms.Resample(old, new, "sinc_interp_kaiser", LOWPASS_FILTER_WIDTH, ROLLOFF, beta=BETA)
    kernel, width = transform.kernel, transform.width  # (new, 1, 2·width + old)

    def convolve(block: torch.Tensor) -> torch.Tensor:
        phases = torch.nn.functional.conv1d(block[None, None], kernel, stride=old)  # (1, new, n)
        return phases[0].T.reshape(-1)

    return convolve, width


def _sparse_filter(old: int, new: int, base: float, width: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """The same filter for rates with hardly a common divisor: of each phase only the taps that count."""
    taps = 2 * width
    table = torch.empty(new, taps)
    # Output p of a frame lies at input p·old/new; its taps start at the floor of that − width + 1.
    starts = torch.arange(new) * old // new + 1
    for first in range(0, new, 1024):
        phase = torch.arange(first, min(first + 1024, new))
        fraction = (phase * old % new).double() / new
        offset = torch.arange(1 - width, width + 1)[None] - fraction[:, None]  # (rows, taps), in input samples
        table[first : first + 1024] = _windowed_sinc(offset * (base / old)) * (base / old)

    def convolve(block: torch.Tensor) -> torch.Tensor:
        windows = block.unfold(0, taps, 1)  # (positions, taps), a view
        frames = (len(block) - 2 * width) // old
        pieces = []
        for frame in range(frames):
            for first in range(0, new, 1024):
                rows = windows[starts[first : first + 1024] + frame * old]
                pieces.append((rows * table[first : first + 1024]).sum(1))
        return torch.cat(pieces)

    return convolve


def _windowed_sinc(t: torch.Tensor) -> torch.Tensor:
    """Kaiser-windowed sinc at `t` zero crossings from its centre (any shape, float64)."""
    t = t.clamp(-LOWPASS_FILTER_WIDTH, LOWPASS_FILTER_WIDTH)
    beta = torch.tensor(BETA, dtype=torch.float64)
    window = torch.i0(beta * torch.sqrt(1 - (t / LOWPASS_FILTER_WIDTH) ** 2)) / torch.i0(beta)
    return torch.sinc(t) * window
