"""Pictures: what is refused, and with what words."""

from __future__ import annotations

import io
import struct
import sys
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from modalities_files import colours, encoded, pixels, png, refusal, smooth
from PIL import Image, features

from mmdemo.errors import InputError
from mmdemo.modalities import guess, image, text


def refused(source, *words: str) -> str:
    return refusal(image.load, source, *words)


@pytest.mark.parametrize("size", [(10_000, 5_201), (16_000, 16_000), (16_385, 1), (1, 100_000), (2**31 - 1, 2**31 - 1)])
def test_bombs_are_refused_before_any_pixel_is_decoded(size):
    data = png(*size, rows=bytes(1000))
    tracemalloc.start()
    refused(data, "at most")
    assert tracemalloc.get_traced_memory()[1] < 5e6
    tracemalloc.stop()


def test_a_real_bomb_says_the_limit():
    refused(encoded(Image.new("1", (8_000, 8_000)), "PNG"), "64 megapixels", "52 megapixels")
    refused(Image.new("1", (8_000, 8_000)), "52 megapixels")
    refused(np.broadcast_to(np.uint8(0), (8_000, 8_000, 3)), "52 megapixels")


def test_a_size_just_over_the_limit_reads_as_over_it():
    refused(Image.new("1", (13_001, 4_000)), "52.1 megapixels", "at most 52 megapixels")


@pytest.mark.parametrize("size", [(8_160, 6_144), (8_192, 6_144), (8_688, 5_792)])
def test_cameras_of_50_megapixels_are_taken(size):
    pixels_of = np.broadcast_to(np.uint8(255), (*size[::-1], 1))
    assert image.load(pixels_of).meta == {"height": size[1], "width": size[0], "grey": 1}


def test_the_largest_side_and_the_smallest_picture_are_taken():
    assert image.load(encoded(Image.new("L", (16_384, 1)), "PNG")).meta == {"height": 1, "width": 16_384, "grey": 1}
    assert image.load(encoded(Image.new("L", (1, 1)), "PNG")).tensor.shape == (3, 1, 1)


def test_zero_sizes_are_refused():
    refused(png(0, 5))
    refused(png(5, 0))
    refused(Image.new("RGB", (0, 5)), "no pixels")


@pytest.mark.parametrize("kind", ["WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.9])
def test_files_cut_short_of_which_no_part_can_be_read_are_refused(kind, part):
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    data = encoded(Image.fromarray(colours(64, 64)), kind)
    refused(data[: int(len(data) * part)])


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP"])
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "I;16"])
def test_files_that_come_row_by_row_give_the_rows_that_are_there(kind, mode):
    array = colours(150, 200, 4)
    whole = Image.fromarray(array[..., 0] * np.uint16(257)) if mode == "I;16" else Image.fromarray(array).convert(mode)
    if kind != "PNG" and mode in ("I;16", "RGBA"):
        pytest.skip("not kept by the format")
    data = encoded(whole, kind, **({"interlace": 0} if kind == "GIF" else {}))
    expected = pixels(image.load(data, background="black")).astype(int)
    for part in (0.55, 0.9):
        item = image.load(data[: int(len(data) * part)], background="black")
        note = next(n for n in item.notes if "cut short" in n)
        rows = note.values["rows"]
        assert part - 0.2 < rows / 150 <= part + 0.1 and note.values["all"] == 150
        kept = slice(150 - rows + 1, None) if kind == "BMP" else slice(rows - 1)  # the row of the cut may be a part
        off = np.abs(pixels(item).astype(int) - expected)
        assert off[kept].max() == 0
        rest = pixels(item)[: 150 - rows] if kind == "BMP" else pixels(item)[rows:]
        assert (rest == 255).all()
    refused(data[:60])


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_interlaced_files_that_are_cut_short_are_coarse(kind):
    array = smooth(160, 120)
    if kind == "GIF":
        data = encoded(Image.fromarray(array), "GIF", interlace=1)
    else:
        passes = [array[y::dy, x::dx] for x, y, dx, dy in ADAM7]
        rows = b"".join(np.pad(p.reshape(len(p), -1), ((0, 0), (1, 0))).tobytes() for p in passes)
        data = png(120, 160, rows=rows).replace(b"\x08\2\0\0\0", b"\x08\2\0\0\1", 1)
        data = data[:29] + struct.pack(">I", zlib.crc32(data[12:29])) + data[33:]
    whole = pixels(image.load(data)).astype(int)
    assert np.abs(whole - array).mean() < 10
    item = image.load(data[: len(data) // 2])
    assert any("as fine as" in note for note in item.notes)
    assert np.abs(pixels(item).astype(int) - whole).mean() < 12


# Columns and rows of each pass: first column, first row, and the steps.
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def test_a_jpeg_cut_short_gives_what_is_there():
    array = smooth(160, 64)
    data = encoded(Image.fromarray(array), "JPEG", quality=95)
    whole = pixels(image.load(data)).astype(int)
    for source in (data[:-2], data[: len(data) * 3 // 4]):
        item = image.load(source)
        assert item.meta == {"height": 160, "width": 64}
        (note,) = item.notes
        rows = note.values["rows"]
        assert f"at least {rows} of 160 rows" in note and rows >= (140 if source == data[:-2] else 60)
        # The last rows that were read are smoothed with what follows them.
        assert np.abs(pixels(item).astype(int) - whole)[: rows - 16].max() == 0
    refused(data[:300])
    coarse = encoded(Image.fromarray(array), "JPEG", progressive=True)
    assert "as fine as" in image.load(coarse[: len(coarse) // 2]).notes[0]


# The first bytes of files of kinds that are not read.
UNREAD = {
    "JPEG XL": [b"\xff\x0a\xff\x07\0", b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x14ftypjxl "],
    "JPEG 2000": [b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjp2 ", b"\xff\x4f\xff\x51\0\x2f"],
    "camera RAW": [
        b"II*\0\x10\0\0\0CR\2\0",
        b"\0\0\0\x18ftypcrx \0\0\0\1crx isom",
        b"FUJIFILMCCD-RAW 0201\0",
        b"IIRO\x08\0\0\0",
        b"IIU\0\x08\0\0\0",
    ],
    "SVG": [
        b'<svg xmlns="http://www.w3.org/2000/svg" width="9"/>',
        b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- a > b -->\n<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG" "a.dtd">\n<svg>',
        b'<!DOCTYPE svg [<!ENTITY a "b">]><svg:svg xmlns:svg="http://www.w3.org/2000/svg"></svg:svg>',
    ],
    "OpenEXR": [b"\x76\x2f\x31\1\2\0\0\0"],
    "PostScript": [b"%!PS-Adobe-3.0 EPSF-3.0\n", b"\xc5\xd0\xd3\xc6\0\0"],
    "DICOM": [bytes(128) + b"DICM\2\0"],
    "QOI": [b"qoif\0\0\0\1\0"],
    "PCX": [b"\x0a\5\1\x08\0\0"],
    "Radiance HDR": [b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 9 +X 9\n\x02\x02"],
    "icon": [b"\0\0\1\0\1\0\x10\x10"],
}


@pytest.mark.parametrize("kind", UNREAD)
def test_kinds_that_are_not_read_are_named_with_a_way_to_convert(kind, tmp_path):
    for head in UNREAD[kind]:
        sentence = refused(head, kind, "which is not read", "PNG" if kind != "camera RAW" else "JPEG")
        assert "damaged" not in sentence
        path = tmp_path / "a"
        path.write_bytes(head)
        with pytest.raises(InputError, match=kind):  # never as a text, nor by its suffix
            guess(path)


def test_an_svg_is_a_text_for_whom_asks_for_its_text(tmp_path):
    path = tmp_path / "a.svg"
    path.write_bytes(UNREAD["SVG"][0])
    assert text.load(path).tensor.numpy().tobytes() == UNREAD["SVG"][0]


def test_a_page_with_a_drawing_in_it_is_a_text(tmp_path):
    path = tmp_path / "a.html"
    path.write_text("<!DOCTYPE html><html><svg></svg></html>")
    assert guess(path) == "text"
    path.write_text("<!-- " * 800)  # nothing in it takes long to tell
    assert guess(path) == "text"


def test_heic_without_its_reader_is_named(monkeypatch):
    monkeypatch.setattr(sys.modules["mmdemo.modalities.sniff"], "HEIC_READ", False)
    for brand in (b"heic", b"mif1", b"heix"):
        sentence = refused(b"\0\0\0\x18ftyp" + brand + b"\0\0\0\0mif1heic", "HEIC", "mmdemo[media]", "JPEG")
        assert "damaged" not in sentence


def test_text_and_other_files_under_a_picture_name(tmp_path):
    path = tmp_path / "photo.png"
    path.write_text("I am not a picture.\n")
    refused(path, "photo.png", "a text file", "PNG")
    path.write_bytes(b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0")
    refused(path, "a WAV sound")
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
    with pytest.raises(InputError, match=r"picture|which is not read"):
        image.load(data)
