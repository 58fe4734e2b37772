"""Pictures and sounds made for the tests of the modalities."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from mmdemo.errors import InputError


def refusal(load, source, *words: str) -> str:
    """The sentence of the InputError that `load(source)` raises: one line, ended, holding `words`."""
    with pytest.raises(InputError) as caught:
        load(source)
    sentence = str(caught.value)
    assert sentence.endswith(".") and "\n" not in sentence and len(sentence) < 300
    for word in words:
        assert word in sentence
    return sentence


def colours(height: int = 24, width: int = 32, channels: int = 3) -> np.ndarray:
    """Random (H, W, channels) uint8."""
    return np.random.randint(0, 256, (height, width, channels), dtype=np.uint8)


def smooth(height: int = 48, width: int = 64) -> np.ndarray:
    """A smooth colour gradient, which lossy formats keep closely."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    return np.stack([255 * x, 255 * y, 255 * (1 - x)], axis=2).astype(np.uint8)


def encoded(picture: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def pixels(item) -> np.ndarray:
    return item.tensor.permute(1, 2, 0).mul(255).round().to(torch.uint8).numpy()


def chunk(kind: bytes, data: bytes) -> bytes:
    """A PNG chunk."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, depth: int = 8, colour: int = 2, rows: bytes = b"", chunks: bytes = b"") -> bytes:
    """A PNG by hand, for headers, depths and chunks (between header and pixels) that Pillow does not write."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunks + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def png_of(array: np.ndarray, depth: int, colour: int, chunks: bytes = b"") -> bytes:
    """A PNG of samples (H, W, C) of `depth` bits."""
    height, width, _ = array.shape
    digits = (array[..., None] >> np.arange(depth)[::-1] & 1).astype(np.uint8)
    rows = np.packbits(digits.reshape(height, -1), axis=1)
    return png(width, height, depth, colour, np.pad(rows, ((0, 0), (1, 0))).tobytes(), chunks)


def tone(rate: int, seconds: float = 0.5, frequency: float = 440.0, level: float = 0.5) -> np.ndarray:
    """A sine, (T,) float64."""
    return level * np.sin(2 * np.pi * frequency * np.arange(round(rate * seconds)) / rate)


def written(array: np.ndarray, rate: int, kind: str = "WAV", subtype: str | None = None) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, array, rate, format=kind, subtype=subtype)
    return buffer.getvalue()


def middle(wave: torch.Tensor) -> np.ndarray:
    """Without 10 ms at each end, where the filter reaches beyond the sound."""
    return wave[160:-160].numpy()
