"""TIFF: every kind of samples × layout × compression × byte order gives the right pixels, or is refused by name."""

from __future__ import annotations

import io
import itertools
import struct
import sys

import numpy as np
import pytest
from modalities_files import refusal
from PIL import Image

from mmdemo.errors import InputError
from mmdemo.modalities import image, tiff

tifffile = pytest.importorskip("tifffile")
pytest.importorskip("imagecodecs")

HEIGHT, WIDTH = 32, 48
TYPES = ("bool", "uint8", "uint16", "uint32", "int8", "int16", "int32", "float16", "float32", "float64")
LAYOUTS = ("grey", "white is zero", "grey alpha", "grey other", "RGB", "RGB planar", "RGBA", "RGBA planar")
LAYOUTS += ("RGBA premultiplied", "RGB other", "palette", "CMYK", "CMYK planar", "five channels")
PACKINGS = (None, "lzw", "zlib", "packbits", "zstd", "lzw predictor")


def drawn(channels: int) -> np.ndarray:
    """(H, W, channels) in [0, 1]: gradients that differ by channel, black and white in each, and no symmetry."""
    y, x = np.mgrid[0 : 1 : HEIGHT * 1j, 0 : 1 : WIDTH * 1j]
    planes = [np.clip(1.4 * ((c + 1) * x + (c + 2) * y**2) % 1.4 - 0.2, 0, 1) for c in range(channels)]
    return np.stack(planes, axis=2)


def samples_of(values: np.ndarray, kind: str) -> np.ndarray:
    if kind == "bool":
        return values > 0.5
    if kind.startswith("float"):
        return values.astype(kind)
    low, high = np.iinfo(kind).min, np.iinfo(kind).max
    return np.round(values * (float(high) - low) + low).clip(low, high).astype(kind)


def made(kind: str, layout: str, packing: str | None, order: str, tiled: bool) -> tuple[bytes, np.ndarray] | None:
    """A file and the picture (H, W, 3) in [0, 1] that it holds; None for what cannot be written."""
    base = layout.split()[0]
    channels = {"grey": 1, "white": 1, "RGB": 3, "RGBA": 4, "palette": 1, "CMYK": 4, "five": 5}[base]
    channels += layout in ("grey alpha", "grey other", "RGB other")
    values = drawn(channels)
    options: dict = {"photometric": {"white": "miniswhite", "RGB": "rgb", "RGBA": "rgb", "CMYK": "separated"}.get(base)}
    options["photometric"] = options["photometric"] or ("palette" if base == "palette" else "minisblack")
    options["planarconfig"] = "separate" if "planar" in layout else "contig"
    alpha = values[..., -1:] if layout in ("grey alpha", "RGBA", "RGBA planar", "RGBA premultiplied") else None
    if alpha is not None:
        options["extrasamples"] = ["assocalpha" if "pre" in layout else "unassalpha"]
        if kind == "bool":
            return None
    if layout in ("grey other", "RGB other"):
        options["extrasamples"] = ["unspecified"]
    if base == "five":
        options["extrasamples"] = ["unspecified"] * 4
    if base == "palette":
        if kind not in ("uint8", "uint16"):
            return None
        bits = 8 * np.dtype(kind).itemsize
        table = np.random.default_rng(0).integers(0, 65_536, (3, 2**bits), dtype=np.uint16)
        options["colormap"] = table
    if "predictor" in (packing or ""):
        if kind == "bool" or base == "palette":
            return None
        options["predictor"] = True
    if packing:
        options["compression"] = packing.split()[0]
    if tiled:
        options["tile"] = (16, 16)
    else:
        options["rowsperstrip"] = 7
    stored = values.copy()
    if layout == "RGBA premultiplied":
        stored[..., :3] *= alpha
    samples = samples_of(stored, kind)
    truth = samples.astype(np.float64)
    if kind != "bool" and not kind.startswith("float"):
        low, high = float(np.iinfo(kind).min), float(np.iinfo(kind).max)
        truth = (truth - low) / (high - low)
    if base == "palette":
        picture = table.T[samples[..., 0]] / 65_535
    elif base == "CMYK":
        flat = Image.fromarray(np.round(truth * 255).astype(np.uint8), "CMYK")
        picture = np.asarray(flat.convert("RGB")) / 255
    else:
        colours = truth[..., : 3 if base in ("RGB", "RGBA") else 1]
        colours = 1 - colours if base == "white" else colours
        if alpha is not None:
            share = truth[..., -1:]
            colours = (colours if "pre" in layout else colours * share) + 1 - share  # on white
        picture = np.broadcast_to(colours, (HEIGHT, WIDTH, 3))
    array = np.moveaxis(samples, -1, 0) if "planar" in layout else samples
    array = array[..., 0] if channels == 1 else array
    buffer = io.BytesIO()
    try:
        tifffile.imwrite(buffer, array, byteorder=order, metadata=None, **options)
    except (ValueError, NotImplementedError, KeyError, RuntimeError, TypeError):
        return None
    return buffer.getvalue(), picture


def variants(kind: str, layout: str):
    for packing, order, tiled in itertools.product(PACKINGS, "<>", (False, True)):
        if tiled and packing not in (None, "lzw predictor"):
            continue
        file = made(kind, layout, packing, order, tiled)
        if file:
            yield f"{packing}, {order}, {'tiles' if tiled else 'strips'}", *file


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_kind_is_read_right_or_refused_by_name(kind, layout):
    for name, data, picture in variants(kind, layout):
        if layout == "five channels" or (kind == "bool" and layout in ("grey other", "RGB", "RGB planar", "RGB other")):
            refusal(image.load, data, "a TIFF of a kind that is not read", "save it as PNG")
            continue
        if kind == "bool" and layout.startswith("CMYK"):
            refusal(image.load, data, "a TIFF of a kind that is not read", "CMYK, 4 × 1 bits")
            continue
        item = image.load(data, background="white")
        error = np.abs(item.tensor.permute(1, 2, 0).numpy() - picture)
        # Colour and alpha to 8 bits, rounded or cut; premultiplied colours are coarse where little alpha is.
        assert error.max() <= (3.1 if "pre" in layout else 2.1) / 255, name


def by_hand(values: np.ndarray, bits: int, colours: int, order: str, palette: np.ndarray | None = None) -> bytes:
    """A TIFF of one strip with samples (H, W) of any number of bits, rows filled up to bytes, high bits first."""
    digits = (values[..., None] >> np.arange(bits)[::-1] & 1).astype(np.uint8)
    strip = np.packbits(digits.reshape(len(values), -1), axis=1).tobytes()
    tags = [(256, values.shape[1]), (257, values.shape[0]), (258, bits), (259, 1), (262, colours), (273, 8)]
    tags += [(277, 1), (278, len(values)), (279, len(strip))]
    table = b"" if palette is None else palette.astype(order + "u2").tobytes()
    data = strip + bytes(len(strip) % 2) + table
    entries = b"".join(struct.pack(order + "HHII", tag, 4, 1, value) for tag, value in tags)
    if palette is not None:
        entries += struct.pack(order + "HHII", 320, 3, palette.size, 8 + len(data) - len(table))
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8 + len(data))
    return head + data + struct.pack(order + "H", len(entries) // 12) + entries + bytes(4)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("bits", [1, 2, 4, 6, 8, 10, 12, 14])
def test_odd_depths(bits, order):
    values = np.random.default_rng(0).integers(0, 2**bits, (5, 13))
    whole = 2**bits - 1
    for colours, picture in ((1, values / whole), (0, 1 - values / whole)):
        got = image.load(by_hand(values, bits, colours, order)).tensor[1].numpy()
        assert np.abs(got - picture).max() <= 0.51 / 255  # 8 bits, rounded
    palette = np.random.default_rng(1).integers(0, 65_536, (3, 2**bits))
    got = image.load(by_hand(values, bits, 3, order, palette)).tensor.numpy()
    assert np.abs(got - palette[:, values] / 65_535).max() <= 1.1 / 255  # 8 bits, rounded or cut


def test_without_tifffile_such_kinds_are_refused_by_name(monkeypatch):
    monkeypatch.setitem(sys.modules, "tifffile", None)
    values = np.zeros((4, 4), int)
    refusal(image.load, by_hand(values, 12, 1, "<"), "12 bits", "mmdemo[media]", "save it as PNG")
    assert image.load(by_hand(values, 4, 1, "<")).meta == {"height": 4, "width": 4, "grey": 1}


def test_floats_beyond_white_are_scaled_and_noted():
    scene = np.linspace(0, 7.5, 60, dtype=np.float32).reshape(4, 5, 3)
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, scene, photometric="rgb")
    item = image.load(buffer.getvalue())
    assert np.abs(item.tensor.permute(1, 2, 0).numpy() - scene / 7.5).max() <= 0.51 / 255
    assert "from 0 to 7.5" in item.notes[-1]
    scene[0, 0, 0] = np.nan
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, scene, photometric="rgb")
    refusal(image.load, buffer.getvalue(), "not finite")


@pytest.mark.parametrize("kind", ["int16", "int32", "uint32", "float32", "float64"])
@pytest.mark.parametrize("layout", ["grey", "white is zero", "RGB"])  # the first through Pillow, if it reads the type
@pytest.mark.parametrize(
    "low, high, black, white",
    [
        (0, 250, 0, 255),  # a picture of 8 bits in wide samples
        (0, 9, 0, 9),  # labels
        (100, 4_095, 100, 4_095),  # a camera of 12 bits
        (0, 60_000, 0, 60_000),
    ],
)
def test_wide_samples_that_use_little_of_their_range(kind, layout, low, high, black, white):
    """Nothing is nearly black without a note: the range is that of the values, as viewers of measurements show it."""
    if high > 2**15 - 1 and kind == "int16":
        high = white = 32_000
    values = np.round(low + (high - low) * drawn(3 if layout == "RGB" else 1)).astype(kind)
    photometric = {"grey": "minisblack", "white is zero": "miniswhite", "RGB": "rgb"}[layout]
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, values if layout == "RGB" else values[..., 0], photometric=photometric, metadata=None)
    item = image.load(buffer.getvalue())
    right = (values.astype(float) - black) / (white - black)
    right = 1 - right if layout == "white is zero" else right
    assert np.abs(item.tensor.permute(1, 2, 0).numpy() - right).max() <= 0.51 / 255  # 8 bits, rounded
    assert f"Values from {black} to " in item.notes[-1]


def test_wide_samples_that_use_their_range_are_taken_as_their_type_says():
    for kind, white in (("uint32", 2**32 - 1), ("float32", 1)):
        values = (drawn(1)[..., 0] * 0.1 * white).astype(kind)  # a dark picture
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, values, photometric="minisblack", metadata=None)
        item = image.load(buffer.getvalue())
        assert np.abs(item.tensor[0].numpy() - values / white).max() <= 0.51 / 255
        assert not any("scaled" in note for note in item.notes)
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.zeros((4, 4), np.int32), photometric="minisblack", metadata=None)
    item = image.load(buffer.getvalue())
    assert item.tensor.max() == 0 and item.notes == ()


def test_orientation_pages_and_profile_of_kinds_for_tifffile():
    ramp = np.arange(24, dtype=np.uint16).reshape(4, 6) * 2800
    buffer = io.BytesIO()
    tags = [(274, "H", 1, 6, True)]  # turn right
    with tifffile.TiffWriter(buffer) as file:
        for _ in range(3):
            file.write(ramp, photometric="miniswhite", extratags=tags, metadata=None)
    item = image.load(buffer.getvalue())
    assert np.abs(item.tensor[0].numpy() - np.rot90(1 - ramp / 65_535, -1)).max() <= 0.51 / 255
    assert "First of 3 pages." in item.notes and any("upright" in note for note in item.notes)


def test_camera_raw_and_previews_are_refused_by_name():
    preview = np.zeros((8, 12, 3), np.uint8)
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, preview, photometric="rgb", extratags=[(50706, "B", 4, bytes([1, 4, 0, 0]), True)])
    refusal(image.load, buffer.getvalue(), "camera RAW", "export")
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        file.write(preview, photometric="rgb", subfiletype=1, subifds=1, extratags=[(271, "s", 0, "Maker", True)])
        file.write(np.zeros((80, 120), np.uint16), photometric="cfa", metadata=None)
    refusal(image.load, buffer.getvalue(), "camera RAW")
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        file.write(preview, photometric="rgb", subfiletype=1)
        file.write(np.zeros((80, 120, 3), np.uint8), photometric="rgb")
    refusal(image.load, buffer.getvalue(), "preview")


def test_many_samples_are_refused_before_they_are_decoded():
    layout = tiff.Layout(
        width=6000,
        height=8000,
        samples=3,
        bits=64,
        kind=3,
        colours=2,
        extra=(),
        compression=1,
        bytes=2**31,
        planar=False,
        big_endian=False,
        big=False,
        raw=False,
        preview=False,
    )
    with pytest.raises(InputError, match="over 1024 MB of samples"):
        tiff.check(layout, "It")


def test_small_files_that_announce_large_pictures_are_refused_at_once():
    for kind, packing in (("<u2", None), ("<f4", "zlib"), ("<u2", "packbits")):
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, np.zeros((4, 4), kind), photometric="miniswhite", compression=packing, metadata=None)
        data = bytearray(buffer.getvalue())
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            for tag in (256, 257, 278):
                place = file.pages.first.tags[tag]
                struct.pack_into("<HI", data, place.offset + 2, 4, 1)
                struct.pack_into("<I", data, place.offset + 8, 7000)
        refusal(image.load, bytes(data), "too small for the 7,000 × 7,000 pixels")


def test_missing_strips_are_no_black():
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.full((64, 64), 900, np.uint16), photometric="miniswhite", rowsperstrip=8, metadata=None)
    data = bytearray(buffer.getvalue())
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        place = file.pages.first.tags[279]
    struct.pack_into("<H", data, place.valueoffset, 0)
    refusal(image.load, bytes(data), "damaged or cut short")


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("kind, layout", [("uint8", "RGB"), ("uint16", "grey"), ("float32", "RGB"), ("uint8", "RGBA")])
def test_big_tiff_of_either_byte_order(kind, layout, order):
    values = drawn({"grey": 1, "RGB": 3, "RGBA": 4}[layout])
    values[..., 3:] = 1
    samples = samples_of(values, kind)
    options: dict = {"photometric": "minisblack" if layout == "grey" else "rgb", "bigtiff": True, "byteorder": order}
    if layout == "RGBA":
        options["extrasamples"] = ["unassalpha"]
    for tile in (None, (16, 16)):
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, samples[..., 0] if layout == "grey" else samples, tile=tile, **options)
        picture = image.load(buffer.getvalue()).tensor.permute(1, 2, 0).numpy()
        assert np.abs(picture - values[..., :3]).max() <= 1.1 / 255
