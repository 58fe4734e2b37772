"""Recordings of phones and browsers (M4A, 3GP, WebM, AAC…), by PyAV where it is installed, or else by ffmpeg.

A file is opened as what its first bytes say and as nothing else, from the disk alone: FFmpeg knows formats that name
other files and addresses, and those are never tried.
"""

from __future__ import annotations

import importlib.util
import io
import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from mmdemo.errors import InputError
from mmdemo.modalities.mixdown import SPEAKERS

FORMATS = {
    "an M4A sound": "mov",
    "a 3GP recording": "mov",
    "an MP4 recording": "mov",
    "a WebM or Matroska recording": "matroska",
    "an AAC sound (ADTS)": "aac",
    "an AMR recording": "amr",
    "a WMA sound": "asf",
    "a WavPack sound": "wv",
    "a Monkey's Audio sound": "ape",
    "an Ogg FLAC sound": "ogg",
    "an Ogg Speex sound": "ogg",
    "an Ogg video": "ogg",
    "an Ogg file of several streams": "ogg",
}
"""FFmpeg's name of the format for each kind of file that is read here."""
SPARE = {"a WAV sound": "wav", "an AIFF sound": "aiff", "an AU sound": "au", "a CAF sound": "caf"}
"""The same for kinds that are read by libsndfile, unless their samples are coded in a way that it does not know."""

_FRAMES = 1 << 16


class Unreadable(Exception):
    """FFmpeg cannot make a sound of the file."""


@dataclass
class Stream:
    """The sound of an opened file.

    Attributes:
        rate: samples per second.
        speakers: of the channels in order, where they are known.
        channels: how many.
        frames: samples of each channel that the file announces, where it does.
        video: whether there are pictures too.
        blocks: float32 arrays (t, channels); ends with `Unreadable` where the file does not go on.
    """

    rate: int
    channels: int
    speakers: list[str] | None
    frames: int | None
    video: bool
    blocks: Iterator[np.ndarray]


def is_available() -> bool:
    """Whether there is anything to read such files with."""
    return _has_pyav() or shutil.which("ffmpeg") is not None


@contextmanager
def opened_stream(file: BinaryIO, kind: str, most_seconds: float | None) -> Iterator[Stream]:
    """Open the first sound in a file.

    Args:
        file: seekable; read from its start.
        kind: one of `FORMATS` or `SPARE`.
        most_seconds: ffmpeg stops after so many, a little more than the caller takes.

    Raises:
        Unreadable: there is no sound in it, or it is damaged.
    """
    file.seek(0)
    demuxer = FORMATS.get(kind) or SPARE[kind]
    opener = _pyav(file, demuxer) if _has_pyav() else _ffmpeg(file, demuxer, most_seconds)
    with opener as stream:
        yield stream


def _has_pyav() -> bool:
    return importlib.util.find_spec("av") is not None


@contextmanager
def _pyav(file: BinaryIO, demuxer: str) -> Iterator[Stream]:
    import av

    with ExitStack() as stack:
        try:
            container = stack.enter_context(av.open(file, format=demuxer, metadata_errors="replace"))
            sound = next(iter(container.streams.audio), None)
            context = sound and sound.codec_context
            if sound is None or context is None:  # no sound, or one of a codec that is not known
                raise Unreadable
            rate, channels = int(context.sample_rate), int(context.layout.nb_channels)
        except (av.FFmpegError, ValueError, EOFError):
            raise Unreadable from None
        names = [channel.name for channel in context.layout.channels]
        # Encoders of AAC fill up their last frame; the edit list of MP4 says where the sound ends.
        stated = None
        if demuxer == "mov" and sound.duration and sound.time_base:
            stated = round(sound.duration * sound.time_base * rate)
        yield Stream(
            rate=rate,
            channels=channels,
            speakers=names if set(names) <= set(SPEAKERS) else None,
            frames=stated,
            video=any(
                not stream.disposition & av.stream.Disposition.attached_pic for stream in container.streams.video
            ),
            blocks=_pyav_blocks(container, sound, rate, channels, stated),
        )


def _pyav_blocks(container: Any, sound: Any, rate: int, channels: int, stated: int | None) -> Iterator[np.ndarray]:
    import av

    resampler = av.AudioResampler(format="flt", layout=sound.codec_context.layout, rate=rate)
    count = 0

    def arrays() -> Iterator[np.ndarray]:
        failed = False
        packets = container.demux(sound)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                break
            except (av.FFmpegError, ValueError):
                failed = True
                break
            try:
                outs = [out for frame in packet.decode() for out in resampler.resample(frame)]
            except (av.FFmpegError, ValueError):
                failed = True  # a damaged packet, or one of another form; the next one may be whole
                continue
            for out in outs:
                yield out.to_ndarray().reshape(-1, channels)
        for out in resampler.resample(None):
            yield out.to_ndarray().reshape(-1, channels)
        if failed:
            raise Unreadable

    for block in _gathered(arrays()):
        if stated is not None and 0 < count + len(block) - stated < rate // 10:
            block = block[: stated - count]
        count += len(block)
        if len(block):
            yield block


@contextmanager
def _ffmpeg(file: BinaryIO, demuxer: str, most_seconds: float | None) -> Iterator[Stream]:
    with ExitStack() as stack:
        path = _on_disk(file, stack)
        command = [shutil.which("ffmpeg") or "ffmpeg", "-nostdin", "-hide_banner", "-v", "error"]
        command += ["-protocol_whitelist", "file", "-f", demuxer, "-i", f"file:{path}", "-map", "0:a:0", "-vn"]
        command += ["-t", f"{most_seconds + 1:g}"] if most_seconds is not None else []
        command += ["-c:a", "pcm_f32le", "-bitexact", "-f", "wav", "-protocol_whitelist", "pipe", "pipe:1"]
        quiet = subprocess.DEVNULL
        process = stack.enter_context(subprocess.Popen(command, stdin=quiet, stdout=subprocess.PIPE, stderr=quiet))
        stack.callback(process.kill)
        assert process.stdout is not None
        header = _wave_header(process.stdout)
        if header is None:
            process.wait()
            raise Unreadable
        rate, channels, mask = header
        names = [name for bit, name in enumerate(SPEAKERS) if mask >> bit & 1]
        speakers = names if len(names) == channels else None

        def blocks() -> Iterator[np.ndarray]:
            assert process.stdout is not None
            rest = b""
            while piece := process.stdout.read(_FRAMES * 4 * channels):
                data = rest + piece
                whole = len(data) // (4 * channels) * 4 * channels
                rest = data[whole:]
                if whole:
                    yield np.frombuffer(data[:whole], "<f4").astype(np.float32).reshape(-1, channels)
            if process.wait():
                raise Unreadable

        yield Stream(rate, channels, speakers, None, False, blocks())


def _on_disk(file: BinaryIO, stack: ExitStack) -> str:
    """A path for ffmpeg, which has to seek: the file's own, or that of a copy."""
    name = getattr(file, "name", None)
    if isinstance(file, io.BufferedReader) and isinstance(name, (str, os.PathLike)) and os.path.isfile(name):
        return os.path.realpath(name)
    copy = stack.enter_context(tempfile.NamedTemporaryFile())  # noqa: SIM115
    shutil.copyfileobj(file, copy)
    copy.flush()
    return copy.name


def _wave_header(pipe: Any) -> tuple[int, int, int] | None:
    """(rate, channels, mask) of a WAV stream, read up to its samples; None if it is none."""
    start = pipe.read(12)
    if len(start) < 12 or start[:4] != b"RIFF":
        return None
    rate = channels = mask = 0
    while len(chunk := pipe.read(8)) == 8 and chunk[:4] != b"data":
        content = pipe.read(int.from_bytes(chunk[4:], "little") + chunk[4] % 2)
        if chunk[:4] == b"fmt ":
            channels, rate = struct.unpack("<HI", content[2:8])
            mask = int.from_bytes(content[20:24], "little") if content[:2] == b"\xfe\xff" else 0
    return (rate, channels, mask) if rate and channels else None


def _gathered(arrays: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Codec frames put together to blocks; what came before an error is given too."""
    held: list[np.ndarray] = []
    count = 0
    failed: Unreadable | None = None
    while True:
        try:
            array = next(arrays)
        except StopIteration:
            break
        except Unreadable as error:
            failed = error
            break
        held.append(array)
        count += len(array)
        if count >= _FRAMES:
            yield np.concatenate(held)
            held, count = [], 0
    if held:
        yield np.concatenate(held)
    if failed:
        raise failed


def refusal(name: str, kind: str) -> InputError:
    """The sentence for a file that could be read if there were something to read it with."""
    return InputError(
        f'{name} is {kind}; to read it, install PyAV (pip install "mmdemo[media]") or ffmpeg, '
        "or convert it to WAV, FLAC or MP3, with VLC or Audacity for one."
    )
