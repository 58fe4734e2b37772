"""What existing codecs make of the same input: JPEG, WebP, AVIF; Opus, codec2; zlib to zstd and brotli.

A codec that is not installed is absent: every function returns the points that it could measure, or none.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import math
import shutil
import subprocess
import tempfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, features

from mmdemo import metrics

# Few settings that span the rates of the tokenizers: a page computes these while a person waits.
IMAGE_LADDER = {"JPEG": (5, 12, 30, 60), "WebP": (1, 15, 50), "AVIF": (10, 28, 45)}
IMAGE_OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"optimize": True, "subsampling": "4:2:0"},
    "WebP": {"method": 6},
    "AVIF": {"speed": 6, "subsampling": "4:2:0"},
}
QUALITIES = {"JPEG": (1, 95), "WebP": (0, 100), "AVIF": (0, 100)}  # JPEG beyond 95 only wastes bytes

AUDIO_RATE = 16_000
OPUS_LEAST, OPUS_MOST = 6_000, 256_000  # bits/s: libsndfile's scale from compression 1 to 0
# Delay of codec2 in samples at 8 kHz, measured: the shift at which ESTOI of speech is highest.
CODEC2_DELAY = {"3200": 160, "2400": 160, "1200": 160, "700C": 240}
CODEC2_FRAME = {"3200": 160, "2400": 160, "1200": 320, "700C": 320}  # samples at 8 kHz
TIMEOUT = 30  # seconds for one run of a program


@dataclass(frozen=True)
class Point:
    """One codec at one setting on one input.

    `bytes` is the whole file, except for audio: there it is the coded payload without the container
    (`figures` has the file's size). `rate` is in `unit`: "bpp", "kbps" or "bpc". `output` is the decoded
    native: PIL.Image, (16000, float32 array (T,)) or str.
    """

    codec: str
    setting: str
    bytes: int
    rate: float
    unit: str
    output: Any = field(default=None, repr=False, compare=False)
    figures: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """For people: "JPEG q=30"."""
        return f"{self.codec} {self.setting}".strip()

    def as_dict(self) -> dict[str, Any]:
        """JSON-able: everything but the output; infinity (an identical picture's PSNR) becomes None."""
        figures = {k: None if v is None or not math.isfinite(v) else v for k, v in self.figures.items()}
        own = {"codec": self.codec, "setting": self.setting, "bytes": self.bytes}
        return {**own, "rate": self.rate, "rate_unit": self.unit, **figures}


# ---------------------------------------------------------------- pictures


def image_codecs() -> tuple[str, ...]:
    """The picture codecs that this Pillow can write: some of "JPEG", "WebP", "AVIF"."""
    names = {"JPEG": "jpg", "WebP": "webp", "AVIF": "avif"}
    known = features.get_supported()  # the names that this Pillow has, whatever its version
    return tuple(codec for codec in IMAGE_LADDER if names[codec] in known)


def _bare(picture: Image.Image) -> Image.Image:
    """RGB pixels alone: a colour profile or EXIF data would be written into the file and counted."""
    return Image.fromarray(np.array(picture.convert("RGB")))


def _encode_image(picture: Image.Image, codec: str, quality: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, codec.upper(), quality=quality, **IMAGE_OPTIONS[codec])
    return buffer.getvalue()


def _image_point(picture: Image.Image, codec: str, quality: int, data: bytes) -> Point:
    with Image.open(io.BytesIO(data)) as decoded:
        output = decoded.convert("RGB")
    figures = {"psnr": metrics.psnr(picture, output), "ms_ssim": metrics.ms_ssim(picture, output)}
    rate = metrics.bits_per_pixel(len(data), *picture.size)
    return Point(codec, f"q={quality}", len(data), rate, "bpp", output, figures)


def image_points(picture: Image.Image, ladder: dict[str, tuple[int, ...]] = IMAGE_LADDER) -> list[Point]:
    """A picture at a few qualities of each codec: rate in bpp of the whole file, PSNR and MS-SSIM.

    JPEG is 4:2:0 with optimised Huffman tables, WebP is at method 6, AVIF at speed 6. It takes about a second
    for 768x512, and in proportion to the pixels. A codec that cannot hold the picture (WebP: more than 16,383
    pixels on a side) has no points.
    """
    picture = _bare(picture)
    points = []
    for codec in image_codecs():
        for quality in ladder.get(codec, ()):
            try:
                data = _encode_image(picture, codec, quality)
            except (OSError, ValueError):
                break
            points.append(_image_point(picture, codec, quality, data))
    return points


def nearest_bytes(
    picture: Image.Image, codec: str, target_bytes: int, encoded: dict[int, bytes] | None = None
) -> Point | None:
    """The quality of `codec` ("JPEG", "WebP", "AVIF") whose file is nearest to `target_bytes`: binary search.

    `encoded` holds the picture's files by quality and is added to: give the same one to several searches.
    Every codec has a smallest file: compare the point's `bytes` with the target. None where `image_codecs`
    lacks the codec or the codec cannot hold the picture.
    """
    if codec not in image_codecs():
        return None
    picture = _bare(picture)
    low, high = QUALITIES[codec]
    files = {} if encoded is None else encoded
    try:
        while low <= high:
            middle = (low + high) // 2
            if middle not in files:
                files[middle] = _encode_image(picture, codec, middle)
            if len(files[middle]) > target_bytes:
                high = middle - 1
            else:
                low = middle + 1
    except (OSError, ValueError):
        return None
    quality = min(files, key=lambda q: (abs(len(files[q]) - target_bytes), q))
    return _image_point(picture, codec, quality, files[quality])


# ---------------------------------------------------------------- sound


def _speech_figures(wave: np.ndarray, output: np.ndarray) -> dict[str, float | None]:
    return {
        "stoi": metrics.stoi(wave, output),
        "estoi": metrics.estoi(wave, output),
        "pesq": metrics.pesq_wb(wave, output),
    }


def _fitted(wave: np.ndarray, samples: int) -> np.ndarray:
    """Cut or padded with silence to (samples,) float32."""
    wave = wave[:samples].astype(np.float32)
    return np.pad(wave, (0, samples - len(wave)))


def ogg_payload(data: bytes) -> int:
    """Audio packets of an Ogg Opus file, in bytes: no page headers, no header packets (RFC 7845)."""
    packets, size, position = [], 0, 0
    while position + 27 <= len(data) and data[position : position + 4] == b"OggS":
        lacing = data[position + 27 : position + 27 + data[position + 26]]
        for length in lacing:
            size += length
            if length < 255:  # a shorter segment ends its packet
                packets.append(size)
                size = 0
        position += 27 + len(lacing) + sum(lacing)
    return sum(packets[2:])


def opus_point(wave: Any, kbps: float, measure: bool = True) -> Point | None:
    """Opus at a target bitrate of 6..256 kbit/s through libsndfile; None if it was built without Opus.

    `wave`: (T,) in [-1, 1] at 16 kHz. The rate is of the payload. libsndfile itself trims the delay.
    """
    import soundfile

    if "OPUS" not in soundfile.available_subtypes("OGG"):
        return None
    wave = _as_wave(wave)
    level = (OPUS_MOST - min(max(kbps * 1000, OPUS_LEAST), OPUS_MOST)) / (OPUS_MOST - OPUS_LEAST)
    buffer = io.BytesIO()
    try:
        soundfile.write(buffer, wave, AUDIO_RATE, format="OGG", subtype="OPUS", compression_level=level)
        data = buffer.getvalue()
        decoded, _ = soundfile.read(io.BytesIO(data), dtype="float32")
    except (soundfile.LibsndfileError, TypeError):  # TypeError: a soundfile without compression_level
        return None
    return _audio_point("Opus", f"{kbps:g} kbit/s", wave, decoded, ogg_payload(data), len(data), measure)


def codec2_point(wave: Any, mode: str, measure: bool = True) -> Point | None:
    """codec2 in `mode` ("3200", "2400", "1200", "700C") through programs c2enc and c2dec; None without them.

    `wave`: (T,) in [-1, 1] at 16 kHz. codec2 works on speech at 8 kHz; its delay is taken out of the output.
    """
    encoder, decoder = shutil.which("c2enc"), shutil.which("c2dec")
    if not encoder or not decoder:
        return None
    from torchaudio.functional import resample

    wave = _as_wave(wave)
    narrow = resample(torch.from_numpy(wave), AUDIO_RATE, 8_000).clamp(-1, 1).numpy()
    delay, frame = CODEC2_DELAY[mode], CODEC2_FRAME[mode]
    # c2enc drops an incomplete last frame, and the last sounds come out `delay` later.
    length = math.ceil((len(narrow) + delay) / frame) * frame
    pcm = (_fitted(narrow, length) * 32_767).round().astype("<i2")
    with tempfile.TemporaryDirectory() as folder:
        raw, bits, out = (str(Path(folder) / name) for name in ("in.raw", "bits.bin", "out.raw"))
        pcm.tofile(raw)
        if not (_run([encoder, mode, raw, bits]) and _run([decoder, mode, bits, out])):
            return None
        size = Path(bits).stat().st_size
        decoded = np.fromfile(out, "<i2").astype(np.float32) / 32_768
    decoded = resample(torch.from_numpy(decoded[delay:].copy()), 8_000, AUDIO_RATE).numpy()
    return _audio_point("codec2", mode, wave, decoded, size, size, measure)


def _run(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=TIMEOUT, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _as_wave(wave: Any) -> np.ndarray:
    wave = wave.detach().cpu().numpy() if torch.is_tensor(wave) else np.asarray(wave)
    return np.ascontiguousarray(wave.reshape(-1), dtype=np.float32)


def _audio_point(
    codec: str, setting: str, wave: np.ndarray, decoded: np.ndarray, payload: int, file_bytes: int, measure: bool
) -> Point:
    output = _fitted(decoded, len(wave))
    figures: dict[str, Any] = {"file_bytes": file_bytes, **(_speech_figures(wave, output) if measure else {})}
    rate = metrics.kilobits_per_second(payload, len(wave) / AUDIO_RATE)
    return Point(codec, setting, payload, rate, "kbps", (AUDIO_RATE, output), figures)


# ---------------------------------------------------------------- text


def _lzma(data: bytes) -> bytes:
    return lzma.compress(data, lzma.FORMAT_ALONE, preset=9)  # the .xz container alone costs 60 bytes


def _zstd() -> Callable[[bytes], bytes] | None:
    try:
        from compression import zstd  # Python 3.14

        return lambda data: zstd.compress(data, 19)
    except ImportError:
        pass
    try:
        import zstandard

        return zstandard.ZstdCompressor(level=19).compress
    except ImportError:
        return None


def _brotli() -> Callable[[bytes], bytes] | None:
    try:
        import brotli

        return brotli.compress  # quality 11
    except ImportError:
        return None


def _text_point(codec: str, setting: str, text: str, size: int) -> Point:
    rate = metrics.bits_per_character(size, len(text))
    return Point(codec, setting, size, rate, "bpc", text, {"byte_accuracy": 1.0, "exact": True})


def text_points(text: str) -> list[Point]:
    """A text's UTF-8 bytes through each lossless compressor at its best: bytes, bits per character."""
    if not text:
        return []
    data = text.encode("utf-8", "surrogatepass")
    compressors = (
        ("zlib", "-9", lambda d: zlib.compress(d, 9)),
        ("gzip", "-9", lambda d: gzip.compress(d, 9, mtime=0)),
        ("bz2", "-9", bz2.compress),
        ("lzma", "-9", _lzma),
        ("zstd", "-19", _zstd()),
        ("brotli", "11", _brotli()),
    )
    return [
        _text_point(codec, setting, text, len(compress(data))) for codec, setting, compress in compressors if compress
    ]
