"""Sounds as they come in: a rate, and samples in chunks; from arrays here, from files in `sound_files`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from mmdemo.errors import InputError
from mmdemo.modalities.mixdown import Mixer, Scale, find_scale, layout, mix_weights
from mmdemo.modalities.note import Note

MAX_SECONDS = 1800
"""Longest sound that `load` takes: half an hour."""
MAX_VALUES = 700_000_000
"""Most samples, of all channels together, that are read of a sound in memory: half an hour of stereo at 192 kHz."""
VALUES_PER_BYTE = 200
"""Longer sounds may be streamed, but not when a byte of the file stands for more samples than any recording has."""
MIN_RATE, MAX_RATE = 4_000, 192_000
MAX_CHANNELS = 8

_FRAMES = 1 << 16  # of an array, at once
_ARRAYS = "a sound array is (T,) or (T, channels) of floats in [-1, 1], int16, int32, int8 or uint8"


@dataclass
class Source:
    """An opened sound.

    Attributes:
        name: for messages.
        rate: samples per second.
        channels: 1 to 8.
        chunks: call it to read from the start: float32 arrays (t, channels), full scale 1.
        frames: samples of each channel, where that is known before reading.
        weights: of the channels in the mix, as of `mix_weights`.
        floats: whether samples may lie far outside [-1, 1].
        most_values: samples of all channels that are read at most; what has more is refused.
        count: set while reading: samples of each channel that were read.
        remarks: set while reading: what was found out about the file.
    """

    name: str
    rate: int
    channels: int
    chunks: Callable[[], Iterator[np.ndarray]]
    frames: int | None = None
    weights: np.ndarray | None = None
    floats: bool = False
    most_values: int | None = None
    count: int = 0
    remarks: tuple[Note, ...] = ()

    def head(self, seconds: float | None = None) -> Iterator[np.ndarray]:
        """`chunks`, but no more than the first `seconds` (None: all); the rest of a file is not read."""
        left = None if seconds is None else max(1, math.floor(seconds * self.rate))
        self.count, self.remarks = 0, ()
        for block in self.chunks():
            if left is not None and self.count + len(block) > left:
                assert seconds is not None
                self.remarks = (_cut_note(seconds, self.frames and self.frames / self.rate),)
                block = block[: left - self.count]
                self.count = left
                if len(block):
                    yield block
                return
            self.count += len(block)
            if self.most_values is not None and self.count * self.channels > self.most_values:
                raise InputError(
                    f"{self.name} holds more than {self.most_values // 10**6:,} million samples in its {self.channels} "
                    "channels, the most accepted of such a file; cut it into parts or lower its sample rate."
                )
            yield block

    def mixer(self, seconds: float | None = None, scale: Scale | None = None) -> Mixer:
        """What mixes it, or its first `seconds`, to one channel; floats are looked over for their `scale` first."""
        if scale is None:
            scale = find_scale(self.head(seconds)) if self.floats else Scale()
        return Mixer(self.name, self.channels, self.weights, scale)


def _cut_note(seconds: float, whole: float | None) -> Note:
    if whole is None:
        return Note("cut", "Only the first {seconds:g} seconds were taken; there is more.", seconds=seconds)
    sentence = "Only the first {seconds:g} of {whole:.0f} seconds were taken."
    return Note("cut_of", sentence, seconds=seconds, whole=whole)


def from_pair(pair: tuple | list, max_seconds: float | None) -> Source:
    """(sample_rate, array) as a `Source`. Raises InputError for anything else."""
    name = "The sound"
    if len(pair) != 2 or isinstance(pair[0], bool) or not _is_whole(pair[0]):
        raise InputError(f"A sound is given as (sample_rate, array), with a whole sample rate; {_ARRAYS}.")
    rate = int(pair[0])
    try:
        array = pair[1].detach().cpu().numpy() if isinstance(pair[1], torch.Tensor) else np.asarray(pair[1])
    except (ValueError, TypeError):
        raise InputError(f"What was given with the sample rate is no array; {_ARRAYS}.") from None
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2:
        raise InputError(f"An array of the shape {array.shape} is no sound; {_ARRAYS}.")
    if array.shape[1] > MAX_CHANNELS >= array.shape[0] > 0:
        array = array.T  # (channels, T), as torchaudio has it
    if array.size == 0:
        raise InputError("The sound is empty (no samples); at least one sample is needed.")
    check_layout(name, rate, array.shape[1])
    check_length(name, len(array), rate, max_seconds)
    scale, offset = _full_scale(array.dtype)

    def chunks() -> Iterator[np.ndarray]:
        for start in range(0, len(array), _FRAMES):
            block = array[start : start + _FRAMES]
            # Values beyond float32 become infinite here, and are found as such by the `Mixer`.
            with np.errstate(over="ignore", invalid="ignore"):
                block = block.astype(np.float64) if block.dtype == np.int32 else block.astype(np.float32)
                yield ((block - offset) / scale).astype(np.float32) if scale != 1 else block

    weights = mix_weights(layout(array.shape[1]))
    return Source(name, rate, array.shape[1], chunks, len(array), weights, np.issubdtype(array.dtype, np.floating))


def _is_whole(value: object) -> bool:
    if isinstance(value, (float, np.floating)):
        return float(value).is_integer()
    return isinstance(value, (int, np.integer))


def _full_scale(dtype: np.dtype) -> tuple[float, float]:
    """(full scale, value of silence) of samples of a type."""
    known = {"int16": (2.0**15, 0.0), "int32": (2.0**31, 0.0), "int8": (128.0, 0.0), "uint8": (128.0, 128.0)}
    if np.issubdtype(dtype, np.floating):
        return 1.0, 0.0
    if dtype.name not in known:
        raise InputError(f"An array of the type {dtype} is no sound; {_ARRAYS}.")
    return known[dtype.name]


def check_layout(name: str, rate: int, channels: int) -> None:
    """Raise InputError for a rate or a number of channels that is not taken."""
    if not MIN_RATE <= rate <= MAX_RATE:
        raise InputError(f"{name} has a sample rate of {rate:,} Hz; from 4,000 to 192,000 Hz are accepted.")
    if not 1 <= channels <= MAX_CHANNELS:
        raise InputError(f"{name} has {channels} channels; from 1 to {MAX_CHANNELS} are accepted.")


def check_length(name: str, frames: int, rate: int, max_seconds: float | None) -> None:
    """Raise InputError for a sound that is longer than is taken; None takes any length."""
    if max_seconds is not None and frames > max_seconds * rate:
        limit = f"{max_seconds / 60:g} minutes"
        raise InputError(f"{name} is over {limit} long, the most accepted; cut it into parts.")
