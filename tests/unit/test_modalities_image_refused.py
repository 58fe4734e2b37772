"""Pictures: what is refused, and with what words."""

from __future__ import annotations

import io
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from modalities_files import colours, encoded, pixels, png, refusal, smooth
from PIL import Image, features

from mmdemo.errors import InputError
from mmdemo.modalities import image


def refused(source, *words: str) -> str:
    return refusal(image.load, source, *words)


@pytest.mark.parametrize("size", [(10_000, 5_001), (16_000, 16_000), (16_385, 1), (1, 100_000), (2**31 - 1, 2**31 - 1)])
def test_bombs_are_refused_before_any_pixel_is_decoded(size):
    data = png(*size, rows=bytes(1000))
    tracemalloc.start()
    refused(data, "at most")
    assert tracemalloc.get_traced_memory()[1] < 5e6
    tracemalloc.stop()


def test_a_real_bomb_says_the_limit():
    refused(encoded(Image.new("1", (8_000, 8_000)), "PNG"), "64 megapixels", "50 megapixels")
    refused(Image.new("1", (8_000, 8_000)), "50 megapixels")
    refused(np.broadcast_to(np.uint8(0), (8_000, 8_000, 3)), "50 megapixels")


def test_the_largest_side_and_the_smallest_picture_are_taken():
    assert image.load(encoded(Image.new("L", (16_384, 1)), "PNG")).meta == {"height": 1, "width": 16_384}
    assert image.load(encoded(Image.new("L", (1, 1)), "PNG")).tensor.shape == (3, 1, 1)


def test_zero_sizes_are_refused():
    refused(png(0, 5))
    refused(png(5, 0))
    refused(Image.new("RGB", (0, 5)), "no pixels")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.9])
def test_files_cut_short_are_refused(kind, part):
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    data = encoded(Image.fromarray(colours(64, 64)), kind)
    refused(data[: int(len(data) * part)])


def test_text_and_other_files_under_a_picture_name(tmp_path):
    path = tmp_path / "photo.png"
    path.write_text("I am not a picture.\n")
    refused(path, "photo.png", "a text file", "PNG")
    path.write_bytes(b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0")
    refused(path, "a WAV sound")
    path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    refused(path, "HEIC")
    path.write_bytes(b"\0\1\2\3" * 100)
    refused(path, "photo.png")
    path.write_bytes(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    refused(path, "PDF")


def test_paths_that_lead_nowhere(tmp_path):
    refused(tmp_path / "none.png", "not found")
    refused(tmp_path, "folder")
    empty = tmp_path / "empty.png"
    empty.touch()
    refused(empty, "empty")
    refused(b"", "empty")
    refused(io.BytesIO(), "empty")
    refused("a\0b.png")
    refused("x" * 5000 + ".png")
    refused(None)
    refused(12)
    refused(["a.png"])
    refused(io.StringIO("text"), "binary")


def test_a_wrong_suffix_does_not_matter(tmp_path):
    path = tmp_path / "photo.wav"
    path.write_bytes(encoded(Image.fromarray(colours()), "PNG"))
    assert image.load(path).tensor.shape == (3, 24, 32)


def test_a_stream_that_cannot_seek():
    class Pipe(io.RawIOBase):
        def __init__(self, data: bytes) -> None:
            self.rest = io.BytesIO(data)

        def read(self, size: int = -1) -> bytes:
            return self.rest.read(size)

        def readable(self) -> bool:
            return True

    array = colours()
    assert np.array_equal(pixels(image.load(Pipe(encoded(Image.fromarray(array), "PNG")))), array)
    refused(Pipe(b""), "empty")


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"]), st.data())
def test_random_damage_gives_a_picture_or_an_input_error(kind, data):
    whole = bytearray(encoded(Image.fromarray(smooth(16, 16)), kind))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(whole) - 1))
        whole[at] = data.draw(st.integers(0, 255))
    try:
        item = image.load(bytes(whole))
    except InputError:
        return
    assert item.tensor.shape == (3, item.meta["height"], item.meta["width"])
    assert item.tensor.min() >= 0 and item.tensor.max() <= 1


@settings(max_examples=100, deadline=None)
@given(st.binary(min_size=1, max_size=400))
def test_random_bytes_are_refused(data):
    with pytest.raises(InputError):
        image.load(data)
