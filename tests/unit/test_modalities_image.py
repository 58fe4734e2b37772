"""Pictures: formats, orientation, transparency, and back to files."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from modalities_files import colours, encoded, pixels, smooth
from PIL import Image, features

from mmdemo.errors import InputError
from mmdemo.modalities import image


@pytest.mark.parametrize(
    "kind, suffix, options",
    [
        ("PNG", ".png", {}),
        ("WEBP", ".webp", {"lossless": True}),
        ("BMP", ".bmp", {}),
        ("TIFF", ".tif", {}),
    ],
)
def test_lossless_formats_give_the_exact_pixels_from_every_kind_of_source(tmp_path, kind, suffix, options):
    array = colours()
    data = encoded(Image.fromarray(array), kind, **options)
    path = tmp_path / f"a{suffix}"
    path.write_bytes(data)
    with path.open("rb") as file:
        for source in (path, str(path), data, io.BytesIO(data), file, array, Image.fromarray(array)):
            item = image.load(source)
            assert np.array_equal(pixels(item), array)
            assert item.meta == {"height": 24, "width": 32}
            assert item.notes == ()
            assert item.tensor.dtype == torch.float32 and item.tensor.is_contiguous()
        assert not file.closed


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF"])
def test_lossy_formats_come_close(kind):
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    array = smooth()
    got = pixels(image.load(encoded(Image.fromarray(array), kind, quality=95))).astype(int)
    # Chroma subsampling and quantisation of a gradient stay within a few levels.
    assert np.abs(got - array).mean() < 3


def test_gif_gives_its_first_frame_and_says_so():
    first, second = np.full((8, 9, 3), 255, np.uint8), np.zeros((8, 9, 3), np.uint8)
    frames = [Image.fromarray(frame) for frame in (first, second, first)]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    item = image.load(data)
    assert np.array_equal(pixels(item), first)
    assert item.notes == ("First of 3 frames.",)


def test_an_opened_animation_gives_the_frame_it_stands_at():
    frames = [Image.new("RGB", (8, 8), level) for level in ("white", "black")]
    opened = Image.open(io.BytesIO(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])))
    opened.seek(1)
    item = image.load(opened)
    assert item.tensor.max() == 0
    assert item.notes == ("Number 2 of 2 frames.",)
    assert opened.tell() == 1


# ---- orientation


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_exif_orientation_is_undone(orientation, kind):
    upright = colours(6, 10)
    # What a camera that is held in that way stores, as the EXIF standard has it.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(Image.fromarray(np.ascontiguousarray(stored)), kind, exif=exif.tobytes(), **options)
    item = image.load(data)
    assert np.array_equal(pixels(item), upright)
    assert item.meta == {"height": 6, "width": 10}
    if kind != "TIFF":  # Pillow turns these while loading, without a trace
        assert bool(item.notes) == (orientation != 1)


def test_exif_orientation_of_a_jpeg():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(Image.fromarray(smooth(48, 64)), "JPEG", exif=exif.tobytes())
    assert image.load(data).meta == {"height": 64, "width": 48}


def test_damaged_exif_does_not_stop_the_picture():
    for exif in (b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\x7f", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"):
        item = image.load(encoded(Image.fromarray(smooth()), "JPEG", exif=exif))
        assert item.meta == {"height": 48, "width": 64}


# ---- transparency


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA-as-P"])
def test_transparency_is_put_on_white_or_checker(mode):
    array = np.zeros((16, 16, 4), np.uint8)
    array[:, 8:, 3] = 255  # left half transparent black, right half opaque black
    picture = Image.fromarray(array)
    picture = picture.convert("LA") if mode == "LA" else picture
    picture = picture.quantize(4) if mode == "PA-as-P" else picture
    data = encoded(picture, "PNG")
    white = image.load(data)
    assert np.all(pixels(white)[:, :8] == 255) and np.all(pixels(white)[:, 8:] == 0)
    assert white.notes == ("Transparent parts put on white.",)
    checker = image.load(data, background="checker")
    assert set(np.unique(pixels(checker)[:, :8])) == {204, 255}
    assert checker.notes == ("Transparent parts put on a checkerboard.",)


def test_half_transparent_is_mixed():
    array = np.zeros((1, 1, 4), np.uint8)
    array[..., 3] = 128
    assert abs(int(pixels(image.load(encoded(Image.fromarray(array), "PNG")))[0, 0, 0]) - 127) <= 1


def test_opaque_alpha_says_nothing():
    array = colours(channels=4)
    array[..., 3] = 255
    item = image.load(encoded(Image.fromarray(array), "PNG"))
    assert np.array_equal(pixels(item), array[..., :3]) and item.notes == ()


@pytest.mark.parametrize("mode, key", [("RGB", (255, 0, 0)), ("L", 76), ("P", 0), ("1", 0)])
def test_a_transparent_colour_counts_as_transparent(mode, key):
    picture = Image.new("RGB", (4, 4), (255, 0, 0)).convert(mode)
    if mode == "P":
        key = picture.getpixel((0, 0))
    if mode == "1":
        picture = Image.new("1", (4, 4), 0)
    item = image.load(encoded(picture, "PNG", transparency=key))
    assert torch.all(item.tensor == 1)
    assert "white" in item.notes[0]


def test_unknown_background_is_refused():
    with pytest.raises(InputError, match="auto, white, black, checker"):
        image.load(colours(), background="blue")


# ---- back again


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 9), st.integers(0, 9))
def test_restore_undoes_load_and_crops_padding(height, width, bottom, right):
    array = np.random.randint(0, 256, (height, width, 3), dtype=np.uint8)
    item = image.load(array)
    padded = torch.nn.functional.pad(item.tensor, (0, right, 0, bottom))
    for tensor in (padded, padded[None]):
        restored = image.restore(tensor, item.meta)
        assert restored.mode == "RGB" and restored.size == (width, height)
        assert np.array_equal(np.asarray(restored), array)


def test_restore_clips_what_a_decoder_gives():
    tensor = torch.tensor([[[-1.0, 2.0, float("nan"), 0.5]]]).expand(3, 1, 4).requires_grad_()
    assert np.asarray(image.restore(tensor))[0, :, 0].tolist() == [0, 255, 0, 128]


@pytest.mark.parametrize("suffix", [".png", ".webp", ".PNG", ".jpg", ".jpeg"])
def test_save_by_suffix(tmp_path, suffix):
    array = smooth()
    path = image.save(Image.fromarray(array), tmp_path / "new" / f"a{suffix}")
    assert path.is_file() and isinstance(path, Path)
    difference = np.abs(pixels(image.load(path)).astype(int) - array).max()
    # Quality 95 without chroma subsampling keeps a gradient within a few levels.
    assert difference <= (6 if suffix in (".jpg", ".jpeg") else 0)


def test_save_refuses_other_suffixes_and_bad_places(tmp_path):
    picture = Image.new("RGB", (4, 4))
    with pytest.raises(InputError, match=r"\.png"):
        image.save(picture, tmp_path / "a.bmp")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="could not be written"):
        image.save(picture, tmp_path / "file" / "a.png")
