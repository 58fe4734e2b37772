"""Sound files: opened as what they are, and read in chunks to their real end."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, BinaryIO

import numpy as np
import soundfile
import torch

from mmdemo.errors import InputError
from mmdemo.modalities import extents, media
from mmdemo.modalities.base import label, opened
from mmdemo.modalities.extents import Part, View
from mmdemo.modalities.mixdown import layout, mix_weights
from mmdemo.modalities.note import Note
from mmdemo.modalities.resample import resample_chunks
from mmdemo.modalities.sniff import HEAD_BYTES, how_to_convert, sniff
from mmdemo.modalities.waveform import MAX_VALUES, VALUES_PER_BYTE, Source, check_layout, check_length, from_pair

_FRAMES = 1 << 16  # read at once
_FORMATS = {"WAV", "WAVEX", "FLAC", "OGG", "MP3", "AIFF", "AU", "CAF", "W64", "RF64"}
_NO_SOUND = "is damaged, or holds no sound"
_ACCEPTED = "a WAV, FLAC, OGG or MP3 sound is needed"


@contextmanager
def open_sound(source: Any, max_seconds: float | None) -> Iterator[Source]:
    """Open a path, bytes, a binary file or (rate, array).

    Raises:
        InputError: no sound, or one with a rate, channels or a length that is not taken; while it is read, too.
    """
    if isinstance(source, (np.ndarray, torch.Tensor)):
        raise InputError("A sound array needs its sample rate: give (sample_rate, array).")
    if isinstance(source, (tuple, list)):
        yield from_pair(source, max_seconds)
        return
    with opened(source, _ACCEPTED) as file, _open_file(file, label(source), max_seconds) as sound:
        # A few megabytes of silence can stand for minutes of work.
        streamed = VALUES_PER_BYTE * file.seek(0, io.SEEK_END) if max_seconds is None else 0
        sound.most_values = max(MAX_VALUES, streamed)
        yield sound


@contextmanager
def _open_file(file: BinaryIO, name: str, max_seconds: float | None) -> Iterator[Source]:
    start = extents.content_start(file)
    file.seek(start)
    modality, kind = sniff(file.read(HEAD_BYTES))
    if start and modality != "audio":  # an MP3 may have something between its tag and its first frame
        modality, kind = "audio", "an MP3 sound"
    codec = extents.ogg_codec(file, start) if kind == "an Ogg sound" else None
    if (codec or kind) in media.FORMATS:
        with _from_media(file, name, codec or kind or "", max_seconds) as sound:
            yield sound
        return
    if kind and modality != "audio":
        how = how_to_convert(kind) if "sound" in kind else ""
        raise InputError(f"{name} is {kind}, not a sound that can be read; {how or _ACCEPTED}.")
    try:
        sound = _from_parts(
            file, name, extents.parts(file, start, kind), kind, extents.channel_mask(file, start), max_seconds
        )
    except _NotRead:
        if kind not in media.SPARE or start or not media.is_available():
            raise
        with _from_media(file, name, kind, max_seconds) as sound:
            yield sound
        return
    yield sound


# ---- by libsndfile


class _NotRead(InputError):
    """Libsndfile makes nothing of the file."""


class _Reader(soundfile.SoundFile):
    """A file that is read straight on: soundfile's own seek after each read fails where a length is not known."""

    def seekable(self) -> bool:
        return False

    def blocks_to_end(self) -> Iterator[np.ndarray]:
        """Arrays (t, channels) as long as any come; what is read before an error in the data counts."""
        self.failed = False
        while True:
            block = np.full((_FRAMES, self.channels), np.nan, np.float32)
            try:
                count = self.buffer_read_into(block, "float32")
            except (soundfile.SoundFileError, RuntimeError):
                self.failed = True
                untouched = np.isnan(block[:, 0])
                count = _FRAMES if not untouched.any() else int(untouched.argmax())
            if not count:
                return
            yield block[:count]


def _reader(file: BinaryIO, part: Part) -> _Reader | None:
    try:
        return _Reader(View(file, part))
    except (soundfile.SoundFileError, RuntimeError, TypeError, ValueError, OSError):
        return None


def _from_parts(
    file: BinaryIO, name: str, parts: list[Part], kind: str | None, mask: int, max_seconds: float | None
) -> Source:
    first = next((reader for part in parts if (reader := _reader(file, part))), None)
    if first is None:
        reason = (
            "is damaged, or its kind of file is not known"
            if kind is None
            else f"is {kind} that is damaged at its start, or coded in a way that is not read"
        )
        raise _NotRead(f"{name} {reason}; {_ACCEPTED}.")
    with first:
        rate, channels, container = first.samplerate, first.channels, first.format
        floats = first.subtype in ("FLOAT", "DOUBLE")
        frames = parts[0].frames or _known(first.frames) if len(parts) == 1 else None
    if container not in _FORMATS:
        raise InputError(f"{name} is a {container} file, which is not taken; {_ACCEPTED}.")
    check_layout(name, rate, channels)
    if frames and (parts[0].frames is None or parts[0].credible):
        check_length(name, frames, rate, max_seconds)

    def chunks() -> Iterator[np.ndarray]:
        count = 0
        ending = _Ending()
        for part in parts:
            reader = _reader(file, part)
            if reader is None:
                ending.damaged = True
                continue
            with reader:
                for block in _conformed(ending.watched(reader, part), reader.samplerate, rate, channels):
                    count += len(block)
                    check_length(name, count, rate, max_seconds)
                    yield block
        sound.remarks = ending.notes()

    speakers = layout(channels, container, mask)
    sound = Source(name, rate, channels, chunks, frames, mix_weights(speakers), floats)
    return sound


class _Ending:
    """Compares what is read of a file with what its headers say."""

    def __init__(self) -> None:
        self.damaged = self.cut = self.corrected = False
        self.read = self.stated = 0.0  # seconds

    def watched(self, reader: _Reader, part: Part) -> Iterator[np.ndarray]:
        """The blocks of a part, which are noted on their way."""
        count = 0
        for block in reader.blocks_to_end():
            count += len(block)
            yield block
        stated = part.frames or _known(reader.frames) or count
        if part.ratio:
            stated = round(count * part.ratio)
        self.damaged |= reader.failed
        self.cut |= part.cut
        self.corrected |= part.corrected
        self.read += count / reader.samplerate
        self.stated += max(stated, count) / reader.samplerate

    def notes(self) -> tuple[Note, ...]:
        """What to tell after all has been read."""
        if self.read == 0:
            return ()
        if self.stated > self.read:
            sentence = "The file is cut short or damaged: {read:.2f} of {whole:.2f} seconds could be read."
            return (Note("truncated", sentence, read=self.read, whole=self.stated),)
        if self.cut or self.damaged:
            sentence = "The file is cut short or damaged: {read:.2f} seconds could be read."
            return (Note("cut_short", sentence, read=self.read),)
        if self.corrected:
            sentence = "The length in the header of the file is wrong: all of the {read:.2f} seconds were read."
            return (Note("length", sentence, read=self.read),)
        return ()


def _known(frames: int) -> int | None:
    """The length that libsndfile gives; a header without one comes as 0 or 2^63 − 1."""
    return frames if 0 < frames < 2**62 else None


def _conformed(blocks: Iterator[np.ndarray], own: int, rate: int, channels: int) -> Iterator[np.ndarray]:
    """Blocks of a joined sound at the rate and with the channels of the first one."""

    def fitted() -> Iterator[torch.Tensor]:
        for block in blocks:
            if block.shape[1] != channels:
                block = np.repeat(block.mean(axis=1, keepdims=True, dtype=np.float32), channels, axis=1)
            yield torch.from_numpy(block)

    return (block.numpy() for block in resample_chunks(fitted(), own, rate))


# ---- by FFmpeg


@contextmanager
def _from_media(file: BinaryIO, name: str, kind: str, max_seconds: float | None) -> Iterator[Source]:
    if not media.is_available():
        raise media.refusal(name, kind)

    def stream(stack: ExitStack) -> media.Stream:
        try:
            return stack.enter_context(media.opened_stream(file, kind, max_seconds))
        except media.Unreadable:
            reason = "is damaged, or coded in a way that is not read" if kind in media.SPARE else _NO_SOUND
            raise InputError(f"{name} is {kind} that {reason}; {_ACCEPTED}.") from None

    with ExitStack() as stack:
        about = stream(stack)
        check_layout(name, about.rate, about.channels)
        if about.frames:
            check_length(name, about.frames, about.rate, max_seconds)

    def chunks() -> Iterator[np.ndarray]:
        count = 0
        damaged = False
        with ExitStack() as stack:
            try:
                for block in stream(stack).blocks:
                    count += len(block)
                    check_length(name, count, about.rate, max_seconds)
                    yield block
            except media.Unreadable:
                damaged = True
        ending = _Ending()
        ending.damaged, ending.read, ending.stated = damaged, count / about.rate, (about.frames or 0) / about.rate
        # Lengths in such files are rounded, and count what encoders put before the sound.
        ending.stated = ending.stated if ending.stated > ending.read + 0.1 else 0.0
        video = (Note("video", "Only the sound of the video was taken."),) if about.video else ()
        sound.remarks = video + ending.notes()

    weights = mix_weights(about.speakers or layout(about.channels))
    sound = Source(name, about.rate, about.channels, chunks, about.frames, weights)
    yield sound
