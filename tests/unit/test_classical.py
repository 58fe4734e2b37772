"""Existing codecs: points are true to the files they describe, and absence is quiet."""

import builtins
import io
import json
import math
import subprocess
from itertools import pairwise

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from mmdemo import metrics
from mmdemo.evaluation import classical


@pytest.fixture(scope="module")
def picture():
    y, x = np.mgrid[:96, :128]
    waves = np.stack([128 + 90 * np.sin(x / (5 + c)) * np.cos(y / 7) for c in range(3)], -1)
    noise = np.random.default_rng(0).normal(0, 10, waves.shape)
    return Image.fromarray(np.clip(waves + noise, 0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def wave():
    """1.5 s of voiced syllables, (24000,) float32 at 16 kHz."""
    t = np.arange(24_000) / 16_000
    phase = 2 * np.pi * np.cumsum(120 + 30 * np.sin(2 * np.pi * 0.7 * t)) / 16_000
    voice = sum(np.sin(k * phase) / k for k in range(1, 25)) * np.clip(np.sin(2 * np.pi * 2.5 * t), 0, 1)
    return (0.2 * voice).astype(np.float32)


def needs(condition, what):
    return pytest.mark.skipif(not condition, reason=f"{what} is not installed")


needs_opus = needs("OPUS" in soundfile.available_subtypes("OGG"), "libsndfile with Opus")
needs_codec2 = needs(classical.shutil.which("c2enc") and classical.shutil.which("c2dec"), "codec2")


# ---------------------------------------------------------------- pictures


def test_image_points(picture):
    points = classical.image_points(picture)
    assert {p.codec for p in points} == set(classical.image_codecs()) >= {"JPEG"}
    for p in points:
        assert p.output.size == picture.size and p.output.mode == "RGB" and p.unit == "bpp"
        assert p.rate == metrics.bits_per_pixel(p.bytes, *picture.size)
        assert p.figures["psnr"] == metrics.psnr(picture, p.output)
    for codec in classical.image_codecs():
        ladder = [p for p in points if p.codec == codec]
        assert len(ladder) >= 2
        for worse, better in pairwise(ladder):
            assert worse.bytes < better.bytes and worse.figures["psnr"] < better.figures["psnr"]
            assert worse.figures["ms_ssim"] < better.figures["ms_ssim"]


def test_jpeg_is_what_pillow_writes(picture):
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=30, optimize=True, subsampling=2)
    point = classical.image_points(picture, {"JPEG": (30,)})[0]
    assert point.bytes == len(buffer.getvalue())
    assert point.label == "JPEG q=30"


def test_only_pixels_are_counted(picture):
    heavy = picture.copy()
    heavy.info.update(icc_profile=b"x" * 5_000, exif=b"Exif\0\0" + b"x" * 5_000, comment=b"x" * 5_000)
    ladder = {"JPEG": (30,), "WebP": (30,), "AVIF": (30,)}
    assert classical.image_points(heavy, ladder) == classical.image_points(picture, ladder)


def test_other_modes_are_taken_as_rgb(picture):
    for mode in ("L", "RGBA", "P"):
        assert classical.image_points(picture.convert(mode), {"JPEG": (30,)})[0].output.mode == "RGB"


@pytest.mark.parametrize("codec", classical.image_codecs())
def test_nearest_bytes_beats_its_neighbours(picture, codec):
    low, high = classical.QUALITIES[codec]
    target = classical.nearest_bytes(picture, codec, 3_000)
    quality = int(target.setting.removeprefix("q="))
    around = [q for q in (quality - 1, quality + 1) if low <= q <= high]
    sizes = [p.bytes for p in classical.image_points(picture, {codec: tuple(around)})]
    assert all(abs(target.bytes - 3_000) <= abs(size - 3_000) for size in sizes)


def test_nearest_bytes_at_the_ends(picture):
    assert classical.nearest_bytes(picture, "JPEG", 0).setting == "q=1"
    assert classical.nearest_bytes(picture, "JPEG", 10**9).setting == "q=95"
    assert classical.nearest_bytes(picture, "JPEG-XR", 1_000) is None


def test_searches_of_one_picture_share_its_files(picture, monkeypatch):
    alone = [classical.nearest_bytes(picture, "JPEG", size) for size in (2_000, 3_000, 9_000)]
    encode, qualities = classical._encode_image, []
    monkeypatch.setattr(classical, "_encode_image", lambda p, c, q: qualities.append(q) or encode(p, c, q))
    files = {}
    shared = [classical.nearest_bytes(picture, "JPEG", size, files) for size in (2_000, 3_000, 9_000)]
    assert len(qualities) == len(set(qualities)) == len(files)
    for mine, other, size in zip(shared, alone, (2_000, 3_000, 9_000)):
        assert abs(mine.bytes - size) <= abs(other.bytes - size)


def test_a_picture_that_webp_cannot_hold():
    wide = Image.new("RGB", (17_000, 2))
    assert not [p for p in classical.image_points(wide, {"JPEG": (30,), "WebP": (30,)}) if p.codec == "WebP"]
    assert classical.nearest_bytes(wide, "WebP", 100) is None


def test_codecs_missing_from_pillow_are_absent(picture, monkeypatch):
    monkeypatch.setattr(classical.features, "get_supported", lambda: ["jpg"])
    assert {p.codec for p in classical.image_points(picture)} == {"JPEG"}
    assert classical.nearest_bytes(picture, "WebP", 1_000) is None


# ---------------------------------------------------------------- sound


@needs_opus
def test_opus_rate_is_of_the_payload(wave):
    points = [classical.opus_point(wave, kbps, measure=False) for kbps in (6, 12, 32)]
    for p, kbps in zip(points, (6, 12, 32)):
        assert p.rate < 1.2 * kbps  # less where a sound is simple
        assert p.bytes < p.figures["file_bytes"]
        rate, output = p.output
        assert rate == 16_000 and output.shape == wave.shape and output.dtype == np.float32
    assert points[0].rate < points[1].rate < points[2].rate
    assert metrics.snr(wave, points[-1].output[1]) > 5  # only if it is aligned


@needs_opus
def test_ogg_payload_counts_audio_packets(wave):
    buffer = io.BytesIO()
    soundfile.write(buffer, wave, 16_000, format="OGG", subtype="OPUS")
    data = buffer.getvalue()
    headers = data.index(b"OggS", data.index(b"OpusTags"))  # where audio pages begin
    assert 0 < classical.ogg_payload(data) < len(data) - headers
    assert classical.ogg_payload(b"") == classical.ogg_payload(b"RIFFxxxx" * 10) == 0


@needs_codec2
@pytest.mark.parametrize("mode", classical.CODEC2_DELAY)
def test_codec2_rate_and_alignment(wave, mode):
    point = classical.codec2_point(wave, mode)
    nominal = 0.7 if mode == "700C" else int(mode) / 1_000
    assert point.rate == pytest.approx(nominal, rel=0.2) and point.rate >= nominal
    envelopes = [np.convolve(np.abs(z), np.ones(400) / 400, "same") for z in (wave, point.output[1])]
    a, b = (e - e.mean() for e in envelopes)
    shift = int(np.argmax(np.correlate(b, a, "full"))) - (len(a) - 1)
    assert abs(shift) < 320  # 20 ms of syllables 200 ms long
    assert set(point.figures) == {"file_bytes", "stoi", "estoi", "pesq"}


CODECS = {
    "opus": lambda wave, measure: classical.opus_point(wave, 8, measure),
    "codec2": lambda wave, measure: classical.codec2_point(wave, "2400", measure),
}


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_sounds_that_are_short_or_of_another_type(wave, codec):
    short = codec(wave[:100], True)
    assert short is None or (short.figures["stoi"] is None and len(short.output[1]) == 100)
    assert codec(torch.from_numpy(wave), False) == codec(wave, False)


def test_audio_programs_missing(wave, monkeypatch):
    monkeypatch.setattr(classical.shutil, "which", lambda name: None)
    monkeypatch.setattr(soundfile, "available_subtypes", lambda kind: {"VORBIS": "Vorbis"})
    assert classical.opus_point(wave, 8) is None and classical.codec2_point(wave, "2400") is None


def test_audio_programs_failing(wave, monkeypatch):
    monkeypatch.setattr(classical.shutil, "which", lambda name: f"/nowhere/{name}")
    assert classical.codec2_point(wave, "2400") is None

    def hang(*args, **kwargs):
        raise subprocess.TimeoutExpired("c2enc", 30)

    monkeypatch.setattr(classical.subprocess, "run", hang)
    assert classical.codec2_point(wave, "2400") is None


# ---------------------------------------------------------------- text

TEXT = "The quick brown fox jumps over the lazy dog, 七 times. " * 12


def test_text_points():
    points = {p.codec: p for p in classical.text_points(TEXT)}
    assert set(points) >= {"zlib", "gzip", "bz2", "lzma"}
    assert points["zlib"].bytes == len(classical.zlib.compress(TEXT.encode(), 9))
    for p in points.values():
        assert p.rate == 8 * p.bytes / len(TEXT) and p.unit == "bpc" and p.output == TEXT
        assert p.figures == {"byte_accuracy": 1.0, "exact": True}
    assert classical.text_points("") == []


def test_modern_compressors_absent(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.split(".")[0] in ("zstandard", "brotli", "compression"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    assert [p.codec for p in classical.text_points(TEXT)] == ["zlib", "gzip", "bz2", "lzma"]


# ---------------------------------------------------------------- points


def test_a_point_as_json():
    figures = {"psnr": math.inf, "exact": True, "stoi": None}
    point = classical.Point("JPEG", "q=5", 10, 0.5, "bpp", object(), figures)
    assert json.loads(json.dumps(point.as_dict(), allow_nan=False)) == {
        "codec": "JPEG",
        "setting": "q=5",
        "bytes": 10,
        "rate": 0.5,
        "rate_unit": "bpp",
        "psnr": None,
        "exact": True,
        "stoi": None,
    }
