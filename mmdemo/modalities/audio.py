"""Sounds: files and (rate, array) pairs ⇄ 16 kHz mono tensors."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import soundfile
import torch

from mmdemo.errors import InputError
from mmdemo.files import atomic_write
from mmdemo.modalities.base import Item, label, prepare_target
from mmdemo.modalities.mixdown import Scale
from mmdemo.modalities.note import Note
from mmdemo.modalities.resample import resample, resample_chunks, resampled_length
from mmdemo.modalities.sound_files import open_sound
from mmdemo.modalities.waveform import MAX_SECONDS, Source

__all__ = ["MAX_SECONDS", "SAMPLE_RATE", "SUFFIXES", "load", "restore", "save", "save_blocks", "stream_blocks"]

SAMPLE_RATE = 16_000
SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au", ".caf")
SAVE_SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")
_SUBTYPES = {".wav": "PCM_16", ".flac": "PCM_16", ".ogg": "VORBIS", ".mp3": "MPEG_LAYER_III"}


def load(source: str | os.PathLike | bytes | BinaryIO | tuple[int, np.ndarray], first: float | None = None) -> Item:
    """Turn a sound into 16 kHz mono.

    It is read to its real end, whatever its header says. Two channels are averaged, more are mixed as ITU-R BS.775
    says, then the mix is resampled; samples that are not finite become silence, integers that were written as floats
    are divided by their full scale, single ones far above all others are held down, and a peak over 1 scales the whole
    sound down. The notes say so, and tell of clipping and a constant offset, which stay.

    Args:
        source: a path, file bytes, a binary file, or (sample_rate, array) with an array (T,) or (T, C) of
            floats in [-1, 1], int16, int32, int8 or uint8.
        first: take only so many seconds from the start, of a sound of any length; a note says so.

    Returns:
        Item with tensor (T,) float32 in [-1, 1], T = ceil(frames · 16000 / rate), and meta
        {"samples": T, "sample_rate": the original one, "channels": the original count}, and "frames": the original
        length in samples, where the others do not give it (`original_frames`).

    Raises:
        InputError: no sound, damaged, empty, over `MAX_SECONDS` (without `first`), over 8 channels, or a
            rate outside 4 to 192 kHz.
    """
    with open_sound(source, MAX_SECONDS if first is None else None) as sound:
        mixer = sound.mixer(first)
        pieces = list(resample_chunks(mixer.mono(sound.head(first)), sound.rate, SAMPLE_RATE))
        wave = torch.cat(pieces) if pieces else torch.zeros(0)
        del pieces
        peak = float(wave.abs().max()) if len(wave) else 0.0
        notes = sound.remarks + mixer.notes(peak)
        if peak > 1:
            wave /= peak
        return Item(wave, _meta(len(wave), sound), notes)


class AudioStream:
    """A long sound, block by block: iterate over it for float32 tensors (t,) at 16 kHz mono.

    Attributes:
        meta: as of `load`.
        notes: as of `load`.

    Args:
        source: is read anew each time that somebody iterates. block: samples of a block. limit: seconds, if any.
        scale: of the mixer. peak: of the whole sound, at its scale.
    """

    def __init__(
        self,
        source: str | os.PathLike | bytes,
        block: int,
        limit: float | None,
        scale: Scale,
        peak: float,
        meta: dict[str, Any],
        notes: tuple[Note, ...],
    ) -> None:
        self._source, self._block, self._limit, self._scale, self._peak = source, block, limit, scale, peak
        self.meta, self.notes = meta, notes

    def __len__(self) -> int:
        return -(-self.meta["samples"] // self._block)

    def __iter__(self) -> Iterator[torch.Tensor]:
        held: list[torch.Tensor] = []
        count = 0
        with open_sound(self._source, self._limit) as sound:
            mixer = sound.mixer(scale=self._scale)
            for piece in resample_chunks(mixer.mono(sound.head()), sound.rate, SAMPLE_RATE):
                held.append(piece / self._peak if self._peak > 1 else piece)
                count += len(piece)
                if count >= self._block:
                    wave = torch.cat(held)
                    whole = count // self._block * self._block
                    yield from (block.clone() for block in wave[:whole].split(self._block))
                    held, count = [wave[whole:]], count - whole
        if count:
            yield torch.cat(held)


def stream_blocks(
    source: str | os.PathLike | bytes, seconds: float = 10.0, max_seconds: float | None = None
) -> AudioStream:
    """Read a long sound in blocks, without holding it all in memory; the samples are exactly those of `load`.

    Args:
        source: a path, or file bytes (it is read twice: for the peak, then for the samples).
        seconds: length of a block; the last one may be shorter.
        max_seconds: refuse longer sounds; None takes any length.

    Returns:
        AudioStream; iterating it gives float32 tensors (t,) in [-1, 1], 16 kHz mono.

    Raises:
        InputError: as `load` does.
    """
    if not seconds > 0:
        raise InputError(f"Blocks of {seconds} seconds are not possible; give a length over 0.")
    # One pass ahead for the peak, as no block can be scaled before the loudest one is known.
    samples, peak = 0, 0.0
    with open_sound(source, max_seconds) as sound:
        mixer = sound.mixer()
        scale = mixer.scale
        for piece in resample_chunks(mixer.mono(sound.head()), sound.rate, SAMPLE_RATE):
            samples += len(piece)
            peak = max(peak, float(piece.abs().max()))
        notes, meta = sound.remarks + mixer.notes(peak), _meta(samples, sound)
    return AudioStream(source, max(1, round(seconds * SAMPLE_RATE)), max_seconds, scale, peak, meta, notes)


def restore(tensor: torch.Tensor, meta: dict[str, Any] | None = None, original: bool = False) -> tuple[int, np.ndarray]:
    """Turn a tensor back into a sound.

    Args:
        tensor: (T',), (1, T') or (1, 1, T') in [-1, 1] (others are clipped), 16 kHz.
        meta: as given by `load`, meta["samples"] at most T'; None keeps the whole tensor.
        original: give it at the original sample rate, the one channel copied to each of the original ones.

    Raises:
        ValueError: more than one sound in the tensor.

    Returns:
        (sample_rate, float32 array): 16000 and (T,); with `original` meta's rate and (T,), or (T, channels)
        if the original had more than one.
    """
    meta = meta or {}
    if tensor.numel() != tensor.shape[-1]:
        raise ValueError(f"one sound at a time, not a batch of the shape {tuple(tensor.shape)}")
    wave = tensor.detach().reshape(-1).to("cpu", torch.float32).nan_to_num(0.0)
    wave = wave[: meta.get("samples", len(wave))].clamp(-1, 1)
    if not original:
        return SAMPLE_RATE, wave.numpy()
    rate, channels = meta.get("sample_rate", SAMPLE_RATE), meta.get("channels", 1)
    if rate != SAMPLE_RATE:
        frames = original_frames({"samples": len(wave), **meta, "sample_rate": rate})
        wave = resample(wave, SAMPLE_RATE, rate)[:frames].clamp(-1, 1)
    array = wave.numpy()
    return rate, array if channels == 1 else np.repeat(array[:, None], channels, axis=1)


def save(native: tuple[int, np.ndarray], path: str | os.PathLike, comment: str = "") -> Path:
    """Write (sample_rate, float array) as 16-bit WAV or FLAC, Ogg Vorbis or MP3, by the suffix.

    Args:
        comment: how it was made, kept inside the file.
    """
    rate, array = native
    array = np.clip(np.nan_to_num(np.asarray(array, dtype=np.float32)), -1, 1)
    channels = 1 if array.ndim == 1 else array.shape[1]
    # In pieces, as the Vorbis encoder puts a whole write on the stack.
    pieces = (array[start : start + rate] for start in range(0, len(array), rate))
    return _write(pieces, path, rate, channels, comment)


def save_blocks(
    blocks: Iterable[torch.Tensor], path: str | os.PathLike, meta: dict[str, Any], original: bool = False
) -> Path:
    """Write a long sound as `restore` and `save` would, holding one block at a time.

    Args:
        blocks: tensors (t,) in [-1, 1] at 16 kHz, meta["samples"] in all.
        path, meta, original: as of `save` and `restore`.
    """
    rate, channels, samples = SAMPLE_RATE, 1, meta["samples"]
    if original:
        rate, channels = meta["sample_rate"], meta["channels"]
        if rate != SAMPLE_RATE:
            samples = original_frames(meta)
            blocks = resample_chunks(blocks, SAMPLE_RATE, rate)

    def pieces() -> Iterator[np.ndarray]:
        left = samples
        for block in blocks:
            for part in block[:left].clamp(-1, 1).split(rate):
                yield part.numpy() if channels == 1 else np.repeat(part.numpy()[:, None], channels, axis=1)
            left -= min(left, len(block))

    return _write(pieces(), path, rate, channels)


def _write(pieces: Iterable[np.ndarray], path: str | os.PathLike, rate: int, channels: int, comment: str = "") -> Path:
    target = prepare_target(path, SAVE_SUFFIXES)
    suffix = target.suffix.lower()
    with atomic_write(target) as beside, open(beside, "wb") as file:
        sink = _Sink(file)
        try:
            with soundfile.SoundFile(sink, "w", rate, channels, _SUBTYPES[suffix], format=suffix[1:].upper()) as sound:
                if comment:
                    sound.comment = comment
                for piece in pieces:
                    sound.write(piece)
        except (soundfile.LibsndfileError, AssertionError) as error:  # the latter where less was written than given
            if sink.error:  # what the disk said, not what libsndfile makes of it
                raise sink.error from None
            if isinstance(error, AssertionError):
                raise
            raise InputError(
                f"{rate} Hz with {channels} channels cannot be saved as {label(target)} "
                f"({error.error_string.strip()}); WAV takes any."
            ) from None
        if sink.error:
            raise sink.error
    return target


class _Sink:
    """A file for libsndfile to write to, which keeps the first error of the disk: libsndfile loses it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        return self._tried(lambda: self._file.write(data))

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._tried(lambda: self._file.seek(offset, whence))

    def tell(self) -> int:
        return self._tried(self._file.tell)

    def _tried(self, act: Callable[[], int]) -> int:
        try:
            return act()
        except OSError as error:
            self.error = self.error or error
            return 0


def _meta(samples: int, sound: Source) -> dict[str, Any]:
    meta = {"samples": samples, "sample_rate": sound.rate, "channels": sound.channels}
    return meta if original_frames(meta) == sound.count else meta | {"frames": sound.count}


def original_frames(meta: dict[str, Any]) -> int:
    """Samples of each channel that the original sound had, from the meta of `load`.

    meta["frames"], where it is there and fits the others: T samples at 16 kHz stand for several counts at a higher
    rate. The largest of these is taken where it is not.
    """
    samples, rate = meta["samples"], meta["sample_rate"]
    frames = meta.get("frames", 0)
    fits = frames > 0 and resampled_length(frames, rate, SAMPLE_RATE) == samples
    return frames if fits else max(1, samples * rate // SAMPLE_RATE)
