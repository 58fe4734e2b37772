"""Sounds as they come in: opened, checked, read in chunks, and looked over for what is worth telling."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import soundfile
import torch

from mmdemo.errors import InputError
from mmdemo.modalities.base import label, opened
from mmdemo.modalities.note import Note
from mmdemo.modalities.sniff import HEAD_BYTES, sniff

MAX_SECONDS = 1800
"""Longest sound that `load` takes: half an hour."""
MIN_RATE, MAX_RATE = 4_000, 192_000
MAX_CHANNELS = 8

_FRAMES = 1 << 16  # read at once
_FORMATS = {"WAV", "WAVEX", "FLAC", "OGG", "MP3", "AIFF", "AU", "CAF", "W64", "RF64"}
_ACCEPTED = "a WAV, FLAC, OGG or MP3 sound is needed"
_ARRAYS = "a sound array is (T,) or (T, channels) of floats in [-1, 1], int16, int32, int8 or uint8"
_UNUSABLE = 1e30  # no sample is that large; such values would overflow in sums


@dataclass
class Source:
    """An opened sound.

    Attributes:
        name: for messages.
        rate: samples per second.
        channels: 1 to 8.
        chunks: call it once to read: float32 arrays (t, channels), full scale 1.
        frames: samples of each channel, where that is known before reading.
        truncated: set while reading, when the data ends before the header says.
        cut: set while reading by `head`, when there was more than was asked for.
    """

    name: str
    rate: int
    channels: int
    chunks: Callable[[], Iterator[np.ndarray]]
    frames: int | None = None
    truncated: Note | None = None
    cut: Note | None = None

    def head(self, seconds: float | None) -> Iterator[np.ndarray]:
        """`chunks`, but no more than the first `seconds` (None: all); the rest of a file is not read."""
        if seconds is None:
            yield from self.chunks()
            return
        left = max(1, math.floor(seconds * self.rate))
        for block in self.chunks():
            if len(block) > left:
                self.cut = _cut_note(seconds, self.frames and self.frames / self.rate)
                if left:
                    yield block[:left]
                return
            left -= len(block)
            yield block

    @staticmethod
    @contextmanager
    def open(source: Any, max_seconds: float | None) -> Iterator[Source]:
        """Open a path, bytes, a binary file or (rate, array); InputError for bad rate, channels or length."""
        if isinstance(source, (np.ndarray, torch.Tensor)):
            raise InputError("A sound array needs its sample rate: give (sample_rate, array).")
        if isinstance(source, (tuple, list)):
            yield _from_pair(source, max_seconds)
            return
        with opened(source, _ACCEPTED) as file, _open_soundfile(file, source) as sound:
            yield _from_soundfile(sound, label(source), max_seconds)


def _open_soundfile(file: BinaryIO, source: object) -> soundfile.SoundFile:
    name = label(source)
    modality, kind = sniff(file.read(HEAD_BYTES))
    file.seek(0)
    if kind and modality != "audio":
        raise InputError(f"{name} is {kind}, not a sound that can be read; {_ACCEPTED}.")
    try:
        # By path where there is one: libsndfile then reads without a call into Python for each piece.
        sound = soundfile.SoundFile(source if isinstance(source, (str, os.PathLike)) else file)
    except (soundfile.SoundFileError, RuntimeError, TypeError, ValueError, OSError):
        reason = "is damaged, or its kind of file is not known" if kind is None else "is damaged at its start"
        raise InputError(f"{name} {reason}; {_ACCEPTED}.") from None
    if sound.format not in _FORMATS:
        sound.close()
        raise InputError(f"{name} is a {sound.format} file, which is not taken; {_ACCEPTED}.")
    return sound


def _from_soundfile(sound: soundfile.SoundFile, name: str, max_seconds: float | None) -> Source:
    _check_layout(name, sound.samplerate, sound.channels)
    # A stream's header gives a length of 0 or 2^63 − 1; its end is found by reading.
    stated = sound.frames if 0 < sound.frames < 2**62 else None
    if stated:
        _check_length(name, stated, sound.samplerate, max_seconds)

    def chunks() -> Iterator[np.ndarray]:
        count = 0
        while True:
            try:
                block = sound.read(_FRAMES, dtype="float32", always_2d=True)
            except (soundfile.SoundFileError, RuntimeError):
                block = np.zeros((0, sound.channels), np.float32)
            count += len(block)
            _check_length(name, count, sound.samplerate, max_seconds)
            if not len(block):
                break
            yield block
        if stated and count < stated and count:
            result.truncated = Note(
                "truncated",
                "The file is cut short or damaged: {read:.2f} of {whole:.2f} seconds could be read.",
                read=count / sound.samplerate,
                whole=stated / sound.samplerate,
            )

    result = Source(name, sound.samplerate, sound.channels, chunks, stated)
    return result


def _cut_note(seconds: float, whole: float | None) -> Note:
    if whole is None:
        return Note("cut", "Only the first {seconds:g} seconds were taken; there is more.", seconds=seconds)
    sentence = "Only the first {seconds:g} of {whole:.0f} seconds were taken."
    return Note("cut_of", sentence, seconds=seconds, whole=whole)


def _from_pair(pair: tuple | list, max_seconds: float | None) -> Source:
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
    _check_layout(name, rate, array.shape[1])
    _check_length(name, len(array), rate, max_seconds)
    scale, offset = _full_scale(array.dtype)

    def chunks() -> Iterator[np.ndarray]:
        for start in range(0, len(array), _FRAMES):
            block = array[start : start + _FRAMES]
            # Values beyond float32 become infinite here, and are found as such by the Inspector.
            with np.errstate(over="ignore", invalid="ignore"):
                block = block.astype(np.float64) if block.dtype == np.int32 else block.astype(np.float32)
                yield ((block - offset) / scale).astype(np.float32) if scale != 1 else block

    return Source(name, rate, array.shape[1], chunks, len(array))


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


def _check_layout(name: str, rate: int, channels: int) -> None:
    if not MIN_RATE <= rate <= MAX_RATE:
        raise InputError(f"{name} has a sample rate of {rate:,} Hz; from 4,000 to 192,000 Hz are accepted.")
    if not 1 <= channels <= MAX_CHANNELS:
        raise InputError(f"{name} has {channels} channels; from 1 to {MAX_CHANNELS} are accepted.")


def _check_length(name: str, frames: int, rate: int, max_seconds: float | None) -> None:
    if max_seconds is not None and frames > max_seconds * rate:
        limit = f"{max_seconds / 60:g} minutes"
        raise InputError(f"{name} is over {limit} long, the most accepted; cut it into parts.")


class Inspector:
    """Mixes a sound to mono on its way through, and gathers what its owner should know."""

    def __init__(self, sound: Source) -> None:
        self._sound = sound
        self._frames = self._bad = self._clipped = 0
        self._sum = self._mid_energy = self._energy = 0.0
        self._last_full: np.ndarray | None = None

    def mono(self, chunks: Iterable[np.ndarray]) -> Iterator[torch.Tensor]:
        """Chunks (t, C) to their mean over channels, tensors (t,); InputError if nothing usable comes."""
        channels = self._sound.channels
        for block in chunks:
            usable = np.abs(block) < _UNUSABLE  # false for NaN too
            if not usable.all():
                self._bad += int(usable.size - usable.sum())
                block = np.where(usable, block, np.float32(0))
            self._count_clipped(block)
            mid = block[:, 0] if channels == 1 else block.mean(axis=1, dtype=np.float32)
            self._frames += len(mid)
            self._sum += float(mid.sum(dtype=np.float64))
            self._mid_energy += float(np.square(mid, dtype=np.float64).sum())
            self._energy += float(np.square(block, dtype=np.float64).sum()) / channels
            yield torch.from_numpy(np.ascontiguousarray(mid))
        if self._frames == 0:
            raise InputError(f"{self._sound.name} holds no samples; at least one is needed ({_ACCEPTED}).")
        if self._bad == self._frames * channels:
            raise InputError(f"{self._sound.name} holds no finite sample (all NaN or infinite); {_ARRAYS}.")

    def _count_clipped(self, block: np.ndarray) -> None:
        """Count samples at full scale after another such: a lone peak may touch it, a clipped one stays."""
        magnitude = np.abs(block)
        full = (magnitude >= 0.9999) & (magnitude <= 1)  # floats over 1 are loud, not clipped
        before = self._last_full if self._last_full is not None else np.zeros(full.shape[1], bool)
        self._clipped += int((full & np.vstack((before[None], full[:-1]))).sum())
        self._last_full = full[-1]

    def notes(self, peak: float) -> tuple[str, ...]:
        """What to tell, after the sound has gone through; `peak` is the one of the result before scaling."""
        sound, notes = self._sound, [note for note in (self._sound.cut, self._sound.truncated) if note]

        def tell(key: str, sentence: str, **values: Any) -> None:
            notes.append(Note(key, sentence, **values))

        if sound.channels > 1:
            tell("mid", "The sound is coded as mid: the mean of its {channels} channels.", channels=sound.channels)
            if self._mid_energy < 0.01 * self._energy:
                tell("cancelled", "The channels nearly cancel each other in the mean: little of the sound is left.")
        if self._bad:
            sentence = "{count:,} samples that were not finite (NaN or infinite) were set to silence."
            tell("not_finite", sentence, count=self._bad)
        if self._clipped > max(8, 1e-5 * self._frames):
            sentence = "The sound looks clipped: {count:,} samples stay at full scale."
            tell("clipped", sentence, count=self._clipped)
        offset = self._sum / max(1, self._frames)
        if abs(offset) > 0.02:
            sentence = "The sound has a constant offset (DC) of {offset:+.3f} of full scale."
            tell("offset", sentence, offset=offset)
        if peak > 1:
            sentence = "The peak of {peak:.3f} is over full scale: the whole sound was scaled down to 1."
            tell("scaled", sentence, peak=peak)
        if peak == 0:
            tell("silent", "The sound is silent throughout.")
        return tuple(notes)
