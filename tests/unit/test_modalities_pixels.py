"""Pictures: modes, depths, colour profiles and arrays."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import torch
from modalities_files import colours, encoded, pixels, png
from PIL import Image, ImageCms

from mmdemo.errors import InputError
from mmdemo.modalities import image


def test_palette_and_bilevel_and_grey():
    array = colours()
    palette = Image.fromarray(array).quantize(16)
    assert np.array_equal(pixels(image.load(encoded(palette, "PNG"))), np.asarray(palette.convert("RGB")))
    grey = array[..., 0]
    assert np.array_equal(pixels(image.load(encoded(Image.fromarray(grey), "PNG"))), grey[..., None].repeat(3, 2))
    bits = Image.fromarray(grey > 127)
    assert np.array_equal(pixels(image.load(encoded(bits, "PNG")))[..., 1], (grey > 127) * np.uint8(255))


def test_16_bit_grey_keeps_its_depth(tmp_path):
    grey = np.random.randint(0, 65_536, (12, 13), dtype=np.uint16)
    grey[0, :2] = 0, 65_535
    for kind in ("PNG", "TIFF"):
        item = image.load(encoded(Image.fromarray(grey), kind))
        # float32 holds 24 bits, so 16-bit values come through to rounding.
        assert np.abs(item.tensor[0].numpy() - grey / 65_535).max() < 1e-6
        assert torch.equal(item.tensor[0], item.tensor[2])


def test_16_bit_colour_is_scaled_and_noted():
    values = np.random.randint(0, 65_536, (5, 7, 3), dtype=np.uint16)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    item = image.load(png(7, 5, depth=16, rows=rows))
    # 8 of the 16 bits are kept, cut or rounded: within one level.
    assert np.abs(item.tensor.permute(1, 2, 0).numpy() - values / 65_535).max() <= 1 / 255
    assert item.notes == ("16 bits per channel read as 8.",)


def test_float_and_32_bit_grey():
    ramp = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    item = image.load(encoded(Image.fromarray(ramp), "TIFF"))
    assert np.allclose(item.tensor[1].numpy(), ramp, atol=1e-6)
    wide = (np.arange(12).reshape(3, 4) * 100_000).astype(np.int32)
    item = image.load(encoded(Image.fromarray(wide), "TIFF"))
    assert item.tensor.min() == 0 and item.tensor.max() == 1 and "scaled" in item.notes[0]
    with pytest.raises(InputError, match="not finite"):
        image.load(encoded(Image.fromarray(np.full((2, 2), np.nan, np.float32)), "TIFF"))


def test_integers_of_programs_in_32_bits():
    """What libraries make of 16 bits, and what is too dark to be that."""
    grey = np.linspace(0, 65_535, 12).astype(np.int32).reshape(3, 4)
    item = image.load(Image.fromarray(grey))
    assert np.abs(item.tensor[0].numpy() - grey / 65_535).max() < 1e-6 and item.notes == ()
    item = image.load(Image.fromarray(grey >> 8))
    assert np.abs(item.tensor[0].numpy() - (grey >> 8) / 255).max() < 1e-6 and "from 0 to 255" in item.notes[0]


def test_cmyk_without_a_profile():
    cmyk = Image.merge("CMYK", [Image.new("L", (16, 16), level) for level in (0, 255, 255, 0)])
    item = image.load(encoded(cmyk, "JPEG", quality=100))
    assert pixels(item)[8, 8].astype(int) == pytest.approx([255, 0, 0], abs=4)  # JPEG rounding
    assert "CMYK" in item.notes[0]


def cmyk_profile() -> bytes:
    """A minimal ICC profile in which cyan ink prints as red, and all other inks as nothing."""
    white, red = bytes([255, 128, 128]), bytes([136, 208, 195])  # 8-bit Lab
    identity = b"".join(struct.pack(">i", 65536 * (i in (0, 4, 8))) for i in range(9))
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + identity + bytes(range(256)) * 4
    table += white * 8 + red * 8 + bytes(range(256)) * 3  # cyan is the slowest of the four indices
    name = b"Odd inks\0"
    description = b"desc" + bytes(4) + struct.pack(">I", len(name)) + name + bytes(78)
    description += bytes(-len(description) % 4)
    header_size = 128 + 4 + 2 * 12
    entries = struct.pack(">I4sII", 2, b"desc", header_size, len(description))
    entries += struct.pack(">4sII", b"A2B0", header_size + len(description), len(table))
    size = header_size + len(description) + len(table)
    header = struct.pack(">I4sI4s4s4s", size, bytes(4), 0x02400000, b"prtr", b"CMYK", b"Lab ") + bytes(12) + b"acsp"
    header = header.ljust(68, b"\0") + struct.pack(">iii", 0xF6D6, 0x10000, 0xD32D)  # the D50 white
    return header.ljust(128, b"\0") + entries + description + table


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_with_a_profile(kind):
    cyan = Image.merge("CMYK", [Image.new("L", (16, 16), level) for level in (255, 0, 0, 0)])
    options = {"quality": 100} if kind == "JPEG" else {}
    item = image.load(encoded(cyan, kind, icc_profile=cmyk_profile(), **options))
    # Lab (53, 80, 67) is the red of sRGB; 8-bit Lab rounds, and JPEG does.
    assert pixels(item)[8, 8].astype(int) == pytest.approx([255, 0, 0], abs=12)
    assert item.notes == ("Colours converted to sRGB from the profile “Odd inks”.",)


def swapped_profile() -> bytes:
    """An RGB profile that is not sRGB: its primaries swapped (red is shown as green and so on)."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack(">I", data[128:132])[0]
    tags = {}
    for index in range(count):
        at = 132 + 12 * index
        tags[bytes(data[at : at + 4])] = at
    red, green = tags[b"rXYZ"], tags[b"gXYZ"]
    data[red + 4 : red + 12], data[green + 4 : green + 12] = (
        data[green + 4 : green + 12],
        data[red + 4 : red + 12],
    )
    # Another description, as profiles named sRGB are taken at their word.
    return (
        bytes(data)
        .replace("sRGB".encode("utf-16-be"), "Swap".encode("utf-16-be"))
        .replace(b"sRGB built", b"Swap built")
    )


def test_a_colour_profile_is_converted_to_srgb():
    red = Image.new("RGB", (8, 8), (255, 0, 0))
    item = image.load(encoded(red, "PNG", icc_profile=swapped_profile()))
    assert pixels(item)[4, 4].astype(int) == pytest.approx([0, 255, 0], abs=3)  # rounding of the conversion
    assert "Swap" in item.notes[0]


def test_an_srgb_profile_changes_nothing():
    array = colours()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    item = image.load(encoded(Image.fromarray(array), "PNG", icc_profile=profile))
    assert np.array_equal(pixels(item), array) and item.notes == ()


def test_a_damaged_profile_is_ignored_and_noted():
    array = colours()
    item = image.load(encoded(Image.fromarray(array), "PNG", icc_profile=b"not a profile at all"))
    assert np.array_equal(pixels(item), array)
    assert "profile" in item.notes[0]


@pytest.mark.parametrize("mode", ["YCbCr", "HSV", "LAB", "RGBX", "RGBa", "La", "PA", "I;16", "I", "F", "1", "CMYK"])
def test_every_mode_of_pillow_gives_a_picture(mode):
    if mode == "LAB":
        picture = Image.new("LAB", (4, 3), (255, 128, 128))
    elif mode == "RGBa":
        picture = Image.new("RGBA", (4, 3), "white").convert("RGBa")
    elif mode == "La":
        picture = Image.new("LA", (4, 3), (255, 255)).convert("La")
    else:
        picture = Image.new(mode, (4, 3))
    item = image.load(picture)
    assert item.tensor.shape == (3, 3, 4)
    assert item.tensor.min() >= 0 and item.tensor.max() <= 1
    if mode in ("LAB", "RGBa", "La"):
        assert item.tensor.min() > 0.98  # all of these were white


# ---- arrays


def test_array_layouts_and_types():
    array = colours()
    expected = array / 255
    for source in (
        array / 255,
        (array / 255).astype(np.float32),
        (array.astype(np.uint16) * 257),
        array.astype(np.int64),
        array.transpose(2, 0, 1),
        torch.from_numpy(array).permute(2, 0, 1).float() / 255,
        array[::1, ::1],
        np.asfortranarray(array),
    ):
        got = image.load(source).tensor.permute(1, 2, 0).numpy()
        assert np.abs(got - expected).max() < 1e-6  # float32 rounding
    grey = array[..., 0]
    assert np.array_equal(pixels(image.load(grey))[..., 2], grey)
    assert np.array_equal(pixels(image.load(grey[..., None]))[..., 2], grey)
    assert image.load(grey > 100).tensor.unique().tolist() == [0, 1]


def test_arrays_with_alpha():
    for channels in (2, 4):
        array = colours(channels=channels)
        array[..., -1] = 0
        assert torch.all(image.load(array).tensor == 1)
        assert torch.all(image.load(array / 255).tensor == 1)
        assert image.load(array / 255, background="checker").tensor.min() == pytest.approx(0.8)


def test_the_tensor_does_not_share_memory_with_the_array():
    for array in (colours(), colours() / np.float32(255), np.zeros((1, 1, 3), np.float32)):
        before = array.copy()
        image.load(array).tensor.fill_(0.5)
        assert np.array_equal(array, before)


def test_float_ranges():
    assert "255" in image.load(np.full((4, 4, 3), 200.0)).notes[0]
    assert image.load(np.full((4, 4, 3), 255.0)).tensor.max() == 1
    clipped = image.load(np.array([[-0.02, 1.03]]))
    assert clipped.tensor.min() == 0 and clipped.tensor.max() == 1 and "clipped" in clipped.notes[0]


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(5),
        np.zeros((2, 2, 7, 3)),
        np.zeros((9, 9, 7)),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 0), np.uint8),
        np.full((4, 4), np.nan),
        np.full((4, 4), np.inf),
        np.full((4, 4), -1.0),
        np.full((4, 4), 1000.0),
        np.full((4, 4), 256),
        np.full((4, 4), -1),
        np.full((4, 4), 1j),
        np.full((4, 4), None),
        np.full((4, 4), "a"),
    ],
    ids=lambda array: f"{array.dtype}-{array.shape}",
)
def test_arrays_that_are_no_pictures_are_refused(array):
    with pytest.raises(InputError, match=r"is no picture|no pixels|not finite|values go from"):
        image.load(array)
