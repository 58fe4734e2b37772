"""Pictures: colours said by profiles, CICP and gamma; transparent colours; what texts in a PNG must not do."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from modalities_files import chunk, colours, encoded, pixels, png_of, smooth
from PIL import Image, ImageCms, features

from mmdemo.modalities import image


def linear(srgb: np.ndarray) -> np.ndarray:
    """sRGB values in [0, 1] to linear light (IEC 61966-2-1)."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def linear_profile(grey: bool = False) -> bytes:
    """The sRGB profile of LittleCMS, its name kept and its curves made straight; or a grey one."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    tags = {bytes(data[at : at + 4]): at for at in range(132, 132 + 12 * struct.unpack(">I", data[128:132])[0], 12)}
    for name in (b"rTRC", b"gTRC", b"bTRC"):
        at = struct.unpack(">I", data[tags[name] + 4 : tags[name] + 8])[0]
        data[at : at + 12] = b"curv" + bytes(8)
    if grey:
        data[16:20] = b"GRAY"
        data[tags[b"rTRC"] : tags[b"rTRC"] + 4] = b"kTRC"
    return bytes(data)


def iccp(profile: bytes) -> bytes:
    return chunk(b"iCCP", b"name\0\0" + zlib.compress(profile))


def close(item, expected: np.ndarray, most: float = 2, mean: float = 1) -> bool:
    """Whether all pixels are within so many of 255 (8-bit conversion rounds twice)."""
    error = np.abs(item.tensor.permute(1, 2, 0).numpy() - expected) * 255
    return bool(error.max() <= most and error.mean() <= mean)


SRGB = smooth(32, 40)
LINEAR_16 = np.round(linear(SRGB / 255) * 65_535).astype(np.uint16)  # the same picture in linear light


# ---- profiles


def test_a_profile_counts_by_what_it_does_not_by_its_name():
    item = image.load(png_of(LINEAR_16, 16, 2, iccp(linear_profile())))
    # 8 bits of linear light are coarse in the shadows.
    assert np.abs(pixels(item).astype(int) - SRGB).mean() < 2.5
    assert any("sRGB built-in" in note for note in item.notes)


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("alpha", [False, True])
def test_grey_pictures_take_grey_profiles(depth, alpha):
    grey = LINEAR_16[..., :1] >> (16 - depth)
    expected = np.interp(grey / (2**depth - 1), linear(np.linspace(0, 1, 4096)), np.linspace(0, 1, 4096))
    if alpha:
        grey = np.concatenate([grey, np.full_like(grey, 2**depth - 1)], axis=2)
        grey[0, 0, 1] = 0
        expected[0, 0] = 1  # the background, which no profile is for
    item = image.load(png_of(grey, depth, 4 if alpha else 0, iccp(linear_profile(grey=True))))
    assert close(item, expected, 14 if alpha and depth == 16 else 2)  # grey with alpha has 8 bits: 13 at black


def test_the_background_of_transparent_parts_is_not_converted():
    array = np.zeros((4, 4, 4), np.uint8)
    array[:, 2:] = 10, 20, 30, 255
    item = image.load(encoded(Image.fromarray(array), "PNG", icc_profile=linear_profile()), background="checker")
    assert set(np.unique(pixels(item)[:, :2])) == {255}
    assert pixels(item)[0, 3].tolist() == pytest.approx([56, 79, 96], abs=3)  # sRGB of 10, 20, 30 in linear light


def test_a_large_profile_in_a_png_is_used():
    noise = np.random.default_rng(0).bytes(3 * 2**20)  # Pillow refuses profiles over 1 MB
    profile = linear_profile()
    profile = struct.pack(">I", len(profile) + len(noise)) + profile[4:] + noise
    item = image.load(png_of(LINEAR_16, 16, 2, iccp(profile)))
    assert np.abs(pixels(item).astype(int) - SRGB).mean() < 2.5


# ---- CICP and gamma


def p3_from_srgb(srgb: np.ndarray) -> np.ndarray:
    """sRGB in [0, 1] to Display P3, both with the curve of sRGB (matrix of CSS Color 4)."""
    matrix = np.array(
        [[0.8224619687, 0.1775380313, 0], [0.0331941989, 0.9668058011, 0], [0.0170826307, 0.0723974407, 0.9105199286]]
    )
    light = linear(srgb) @ matrix.T
    return np.interp(light, linear(np.linspace(0, 1, 65_536)), np.linspace(0, 1, 65_536))


def pq_2020_from_srgb(srgb: np.ndarray, nits: float = 203) -> np.ndarray:
    """sRGB in [0, 1], its white at so many cd/m², to BT.2020 with PQ (SMPTE ST 2084)."""
    matrix = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
    power = (linear(srgb) @ matrix.T * nits / 10_000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375


def cicp(primaries: int, transfer: int) -> bytes:
    return chunk(b"cICP", bytes([primaries, transfer, 0, 1]))


@pytest.mark.parametrize("depth", [8, 16])
def test_cicp_of_a_png(depth):
    samples = np.round(p3_from_srgb(SRGB / 255) * (2**depth - 1)).astype(int)
    # Half a level of 8-bit P3 is up to ten of sRGB where a channel of that is nearly black.
    item = image.load(png_of(samples, depth, 2, cicp(12, 13)))
    assert close(item, SRGB / 255, 10)
    assert "Display P3" in item.notes[-1]
    # It comes before a profile.
    assert close(image.load(png_of(samples, depth, 2, cicp(12, 13) + iccp(linear_profile()))), SRGB / 255, 10)
    plain = image.load(png_of(SRGB.astype(int), 8, 2, cicp(1, 13) + iccp(linear_profile())))
    assert np.array_equal(pixels(plain), SRGB) and plain.notes == ()


def test_hdr_is_mapped_to_the_screen_and_noted():
    samples = np.round(pq_2020_from_srgb(SRGB / 255) * 65_535).astype(int)
    item = image.load(png_of(samples, 16, 2, cicp(9, 16)))
    error = pixels(item).astype(int) - SRGB
    # Light up to diffuse white is kept; the shoulder takes a little from the brightest.
    assert np.abs(error).mean() < 2.5 and "HDR (BT.2020 PQ)" in item.notes[-1]
    bright = np.round(pq_2020_from_srgb(np.full((1, 2, 3), 1.0) * [[[1], [0.6]]], 2000) * 65_535).astype(int)
    got = pixels(image.load(png_of(bright, 16, 2, cicp(9, 16))))
    assert got[0, 0, 0] == 255 and 240 < got[0, 1, 0] <= 255
    hlg = np.full((1, 1, 3), round(0.75 * 65_535))  # diffuse white (ITU-R BT.2408)
    assert pixels(image.load(png_of(hlg, 16, 2, cicp(9, 18))))[0, 0].tolist() == pytest.approx([248] * 3, abs=6)


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
def test_cicp_of_an_avif():
    srgb = encoded(Image.fromarray(SRGB), "AVIF", quality=95, subsampling="4:4:4")
    assert srgb.count(b"colrnclx\0\1\0\r") == 1
    assert image.load(srgb).notes == ()
    samples = np.round(p3_from_srgb(SRGB / 255) * 255).astype(np.uint8)
    data = encoded(Image.fromarray(samples), "AVIF", quality=95, subsampling="4:4:4")
    item = image.load(data.replace(b"colrnclx\0\1\0\r", b"colrnclx\0\x0c\0\r"))
    assert np.abs(pixels(item).astype(int) - SRGB).mean() < 2.5 and "Display P3" in item.notes[0]
    for cut in range(20, 300, 7):  # damage in the boxes: no code, and no other error
        image.containers.read_cicp(io.BytesIO(data[:cut] + b"\xff" * 8 + data[cut + 8 :]))


def gama(gamma: float, xy: tuple[float, ...] | None = None) -> bytes:
    first = chunk(b"gAMA", struct.pack(">I", round(gamma * 100_000)))
    return first + (chunk(b"cHRM", struct.pack(">8I", *(round(v * 100_000) for v in xy))) if xy else b"")


SRGB_XY = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
P3_XY = (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)


def test_gamma_and_primaries_of_a_png():
    for said in (gama(1.0), gama(1.0, SRGB_XY)):
        item = image.load(png_of(LINEAR_16, 16, 2, said))
        assert np.abs(pixels(item).astype(int) - SRGB).mean() < 2.5 and "gamma 1" in item.notes[-1]
    grey = image.load(png_of(LINEAR_16[..., :1], 16, 0, gama(1.0)))
    assert np.abs(pixels(grey)[..., 0].astype(int) - SRGB[..., 0]).max() <= 2
    samples = np.round(p3_from_srgb(SRGB / 255) * 255).astype(int)
    assert close(image.load(png_of(samples, 8, 2, gama(0.45455, P3_XY))), SRGB / 255, 10)
    for said in (
        gama(0.45455),
        gama(0.45455, SRGB_XY),
        chunk(b"sRGB", b"\0") + gama(1.0),  # sRGB comes before gamma
        gama(0.00001),
        gama(1.0, (0.3, 0.3, 0.5, 0, 0.5, 0, 0.5, 0)),
    ):
        item = image.load(png_of(SRGB.astype(int), 8, 2, said))
        assert np.array_equal(pixels(item), SRGB) and item.notes == ()


# ---- transparent colours


@pytest.mark.parametrize("colour, depth", [(0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (2, 8), (2, 16), (3, 2), (3, 8)])
def test_a_transparent_colour_at_every_depth(colour, depth):
    whole = 2**depth - 1
    channels = 3 if colour == 2 else 1
    samples = np.random.default_rng(depth).integers(0, whole + 1, (9, 11, channels))
    samples[0, 0] = samples[3:5, 3:5] = key = samples[8, 10].copy()
    if depth == 16:
        samples[0, 1] = key ^ 1  # alike in the upper 8 bits
    picture = np.broadcast_to(samples / whole, (9, 11, 3))
    if colour == 3:
        table = np.random.default_rng(0).integers(0, 255, (2**depth, 3))
        said = chunk(b"PLTE", table.astype(np.uint8).tobytes())
        said += chunk(b"tRNS", bytes(0 if index == key[0] else 255 for index in range(2**depth)))
        picture = table[samples[..., 0]] / 255
    else:
        said = chunk(b"tRNS", struct.pack(f">{channels}H", *key))
    hit = (samples == key).all(axis=2)
    item = image.load(png_of(samples, depth, colour, said), background="white")
    assert close(item, np.where(hit[..., None], 1, picture), 1.01 if depth == 16 and colour == 2 else 0.01)
    assert item.notes[-1] == "Transparent parts put on white."


def test_what_white_would_hide_is_put_on_black():
    logo = np.full((30, 60, 4), 255, np.uint8)
    logo[:, :20, 3] = logo[:, 40:, 3] = 0
    for source in (logo, logo / 255, encoded(Image.fromarray(logo), "PNG")):
        item = image.load(source)
        assert np.all(pixels(item)[:, :20] == 0) and np.all(pixels(item)[:, 20:40] == 255)
        assert item.notes == ("Transparent parts put on black.", "On white, little of it would be seen.")
        assert image.load(source, background="white").tensor.min() == 1
    logo[..., :3] = 200, 60, 0
    assert image.load(logo).notes == ("Transparent parts put on white.",)
    logo[..., 3] = 0
    assert image.load(logo).notes == ("Transparent parts put on white.",)


# ---- texts and orientation


@pytest.mark.parametrize("kind", ["zTXt", "iTXt", "tEXt"])
def test_large_texts_do_not_matter(kind):
    text = b"a" * 3_000_000
    body = {"zTXt": b"workflow\0\0" + zlib.compress(text), "tEXt": b"workflow\0" + text}.get(kind)
    body = body or b"workflow\0\1\0\0\0" + zlib.compress(text)
    array = colours()
    item = image.load(png_of(array, 8, 2, chunk(kind.encode(), body) * 2))
    assert np.array_equal(pixels(item), array) and item.notes == ()


XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_the_orientation_is_that_of_exif_alone(kind):
    picture = Image.fromarray(SRGB)
    options: dict = {"xmp": XMP}
    if kind == "PNG":
        body = b"XML:com.adobe.xmp\0\0\0\0\0" + XMP
        data = png_of(SRGB.astype(int), 8, 2, chunk(b"iTXt", body))
    else:
        options = {"tiffinfo": {700: XMP}} if kind == "TIFF" else options
        data = encoded(picture, kind, **options)
    assert b"Orientation" in data
    item = image.load(data)
    assert item.meta == {"height": 32, "width": 40} and item.notes == ()
    assert image.load(Image.open(io.BytesIO(data))).meta["width"] == 40 or kind == "TIFF"  # Pillow turns TIFF itself


def test_the_first_frame_of_a_png_animation_is_noted():
    frames = [Image.new("RGB", (8, 8), level) for level in ("white", "black")]
    item = image.load(encoded(frames[0], "PNG", save_all=True, append_images=frames[1:]))
    assert item.tensor.min() == 1 and item.notes == ("First of 2 frames.",)


def test_a_heic_picture():
    heif = pytest.importorskip("pillow_heif")
    buffer = io.BytesIO()
    heif.from_pillow(Image.fromarray(SRGB)).save(buffer, quality=95, chroma=444)
    item = image.load(buffer.getvalue())
    assert np.abs(pixels(item).astype(int) - SRGB).mean() < 2.5 and item.notes == ()  # it is lossy
