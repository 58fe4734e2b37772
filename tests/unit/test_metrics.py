"""Figures of merit against known identities and independent implementations."""

import json
import math
import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mmdemo import metrics
from mmdemo.metrics.text_diff import LIMIT


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def picture(height=192, width=208, seed=0):
    """A smooth picture with some structure, (H, W, 3) uint8, and a noisy copy."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    clean = np.stack([128 + 90 * np.sin(x / 9 + c) * np.cos(y / (11 + c)) for c in range(3)], -1)
    noisy = clean + rng.normal(0, 12, clean.shape)
    return tuple(np.clip(np.round(z), 0, 255).astype(np.uint8) for z in (clean, noisy))


def speech_like(seconds=2.0, seed=0, rate=16_000):
    """Voiced syllables: harmonics of a gliding pitch under a syllable envelope, (T,) float32."""
    t = np.arange(int(seconds * rate)) / rate
    phase = 2 * np.pi * np.cumsum(120 + 30 * np.sin(2 * np.pi * 0.7 * t)) / rate
    wave = sum(np.sin(k * phase) / k for k in range(1, 30)) * np.clip(np.sin(2 * np.pi * 2.5 * t), 0, 1)
    return (0.2 * wave + np.random.default_rng(seed).normal(0, 1e-3, len(t))).astype(np.float32)


# ---------------------------------------------------------------- pictures


def test_psnr_of_a_known_error():
    a = np.zeros((4, 4, 3), np.uint8)
    assert metrics.psnr(a, a) == math.inf
    assert metrics.psnr(a, a + 255) == 0
    b = a.copy()
    b[0, 0, 0] = 48  # MSE 48^2 / 48 = 48
    assert metrics.psnr(a, b) == pytest.approx(10 * math.log10(255**2 / 48))


def test_picture_kinds_agree():
    a, b = picture(40, 50)
    kinds = [
        lambda z: z,
        Image.fromarray,
        lambda z: torch.from_numpy(z).permute(2, 0, 1),
        lambda z: torch.from_numpy(z).permute(2, 0, 1).float() / 255,
        lambda z: z / 255.0,
    ]
    values = {(metrics.psnr(kind(a), kind(b)), metrics.ms_ssim(kind(a), kind(b))) for kind in kinds}
    assert len(values) == 1


def test_pictures_of_different_shapes_are_refused():
    with pytest.raises(ValueError, match="same shape"):
        metrics.psnr(np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5, 3), np.uint8))
    with pytest.raises(ValueError, match="3 dimensions"):
        metrics.psnr(torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4))


def test_ssim_matches_scikit_image():
    skimage = pytest.importorskip("skimage.metrics")
    a, b = picture(60, 71)
    _, full = skimage.structural_similarity(
        a, b, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255, full=True
    )
    assert metrics.ssim(a, b) == pytest.approx(full[5:-5, 5:-5].mean(), abs=2e-5)
    assert metrics.psnr(a, b) == pytest.approx(skimage.peak_signal_noise_ratio(a, b), abs=1e-9)


def test_ms_ssim_matches_torchmetrics():
    image = pytest.importorskip("torchmetrics.functional.image")
    a, b = picture()
    per_channel = [
        image.multiscale_structural_similarity_index_measure(
            torch.from_numpy(b[..., c])[None, None].double(),
            torch.from_numpy(a[..., c])[None, None].double(),
            data_range=255.0,
            normalize="relu",
        ).item()
        for c in range(3)
    ]
    assert metrics.ms_ssim(a, b) == pytest.approx(np.mean(per_channel), abs=2e-5)


def test_ssim_identities():
    a, b = picture()
    assert metrics.ssim(a, a) == pytest.approx(1, abs=1e-6)
    assert metrics.ms_ssim(a, a) == pytest.approx(1, abs=1e-6)
    assert metrics.ms_ssim(a, b) == pytest.approx(metrics.ms_ssim(b, a), abs=1e-6)
    assert metrics.ms_ssim(a, 255 - a) == 0  # inverted structure


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (8, 8), (28, 28), (64, 175), (176, 177)])
def test_ms_ssim_of_small_pictures(size):
    a, b = picture(*size)
    assert metrics.ms_ssim(a, a) == pytest.approx(1, abs=1e-6)
    assert 0 <= metrics.ms_ssim(a, b) <= 1


def test_ms_ssim_of_one_scale_is_ssim():
    a, b = picture(21, 60)
    assert metrics.ms_ssim(a, b) == pytest.approx(metrics.ssim(a, b), abs=1e-6)


def test_rates():
    assert metrics.bits_per_pixel(100, 40, 20) == 1
    assert metrics.kilobits_per_second(500, 2) == 2
    assert metrics.bits_per_character(30, 80) == 3


# ---------------------------------------------------------------- sound


def test_snr():
    x = speech_like(0.5)
    noise = np.random.default_rng(1).normal(0, 0.01, len(x))
    power = 10 * math.log10(np.sum(x.astype(float) ** 2) / np.sum(noise**2))
    assert metrics.snr(x, x + noise) == pytest.approx(power, abs=1e-3)
    assert metrics.snr(x, 0 * x) == pytest.approx(0)
    assert metrics.snr(x, x) == math.inf
    assert metrics.snr(torch.from_numpy(x), x[:-10]) > 20  # the missing end counts as silence


def test_speech_figures_order_and_range():
    x = speech_like()
    rng = np.random.default_rng(1)
    little, much = (x + rng.normal(0, s, len(x)) for s in (0.01, 0.3))
    for figure in (metrics.stoi, metrics.estoi, metrics.pesq_wb):
        assert figure(x, x) > figure(x, little) > figure(x, much)
    assert metrics.stoi(x, x) == pytest.approx(1)
    assert metrics.estoi(x, x) == pytest.approx(1)
    assert metrics.pesq_wb(x, x) == pytest.approx(4.644, abs=1e-3)


@pytest.mark.parametrize("wave", [np.zeros(16_000), np.zeros(0), speech_like(0.2)], ids=["silent", "empty", "short"])
def test_undefined_speech_figures_are_none(wave):
    assert metrics.stoi(wave, wave) is None
    assert metrics.estoi(wave, wave) is None
    assert metrics.pesq_wb(wave, wave) is None
    if not wave.any():
        assert metrics.snr(wave, wave) is None


@pytest.mark.filterwarnings("ignore:Not enough STFT frames")
def test_a_click_in_silence_is_too_little_for_stoi():
    wave = np.zeros(32_000)
    wave[9_000:9_400] = 0.5
    assert metrics.stoi(wave, wave) is None


def test_a_bad_output_gives_none_not_a_crash():
    x = speech_like(1.0)
    assert metrics.pesq_wb(x, np.zeros_like(x)) is None
    assert metrics.pesq_wb(x, np.full_like(x, np.nan)) is None
    assert metrics.stoi(x, np.full_like(x, np.nan)) is None


def test_pesq_survives_many_utterances():
    """The reference code has tables for 50 utterances; this clip has 71."""
    t = np.arange(30 * 16_000) / 16_000
    wave = np.random.default_rng(0).normal(0, 0.1, len(t)) * (t % 0.42 < 0.21)
    assert metrics.pesq_wb(wave, wave) == pytest.approx(4.644, abs=1e-3)


# ---------------------------------------------------------------- text


def test_byte_accuracy():
    assert metrics.byte_accuracy("", "") == 1
    assert metrics.byte_accuracy("abcd", "abxd") == 0.75
    assert metrics.byte_accuracy("abcd", b"ab") == 0.5
    assert metrics.byte_accuracy("ab", "abcd") == 0.5
    assert metrics.byte_accuracy(torch.tensor([228, 184, 131], dtype=torch.uint8), "七") == 1
    assert metrics.byte_accuracy("a", "") == 0


def levenshtein(a, b):
    row = list(range(len(b) + 1))
    for i, p in enumerate(a, 1):
        previous, row = row, [i]
        for j, q in enumerate(b, 1):
            row.append(min(previous[j] + 1, row[-1] + 1, previous[j - 1] + (p != q)))
    return row[-1]


def rebuild(ops, a, b):
    return "".join(a[i:j] if op == "equal" else b[k:m] for op, i, j, k, m in ops)


def check_ops(a, b):
    ops = metrics.character_diff(a, b)
    at = (0, 0)
    for op, i, j, k, m in ops:
        assert (i, k) == at and (j, m) != at
        assert (op == "equal") == (a[i:j] == b[k:m])
        assert op == "equal" or op == {(1, 1): "replace", (1, 0): "delete", (0, 1): "insert"}[j > i, m > k]
        at = (j, m)
    assert at == (len(a), len(b))
    assert rebuild(ops, a, b) == b
    return ops


@settings(max_examples=60, deadline=None)
@given(st.text("ab七 ", max_size=30), st.text("ab七 ", max_size=30))
def test_character_diff_covers_both_texts(a, b):
    check_ops(a, b)
    assert metrics.character_error(a, b) * max(len(a), 1) >= levenshtein(a, b) - 1e-9


def test_character_diff_of_one_change():
    assert metrics.character_diff("hello", "hallo") == [
        ("equal", 0, 1, 0, 1),
        ("replace", 1, 2, 1, 2),
        ("equal", 2, 5, 2, 5),
    ]
    assert metrics.character_diff("", "") == []
    assert metrics.character_diff("", "x") == [("insert", 0, 0, 0, 1)]
    assert metrics.character_error("hello", "hllo") == pytest.approx(0.2)


def edited(text, rate, rng):
    return "".join(c if rng.random() > rate else rng.choice(["", "x", c + "y"]) for c in text)


def test_character_diff_follows_edits_through_long_texts():
    rng = random.Random(0)
    text = "".join(rng.choice("etaoin shrdlu") for _ in range(3_000))
    other = edited(text, 0.1, rng)
    check_ops(text, other)
    assert 0.05 < metrics.character_error(text, other) <= 0.11


def test_character_diff_is_bounded(monkeypatch):
    monkeypatch.setattr("mmdemo.metrics.text_diff.LIMIT", 1_000)
    assert LIMIT > 1_000
    rng = random.Random(0)
    text = "".join(rng.choice("abcdefgh") for _ in range(200_000))
    other = edited(text, 0.1, rng)
    check_ops(text, other)
    assert metrics.character_error(text, other) < 0.2  # of the part that is aligned
    check_ops("a" * 3_000, "ab" * 3_000)


# ---------------------------------------------------------------- codes and distributions


def test_perplexity_and_usage():
    assert metrics.perplexity(torch.ones(256)) == pytest.approx(256)
    assert metrics.perplexity([5, 0, 0]) == 1
    assert metrics.perplexity(np.array([3, 3, 0])) == pytest.approx(2)
    assert metrics.perplexity([0, 0]) == 0
    assert metrics.usage([5, 0, 1, 0]) == 0.5


def test_frechet_distance_of_diagonal_gaussians():
    """Where covariances commute: |mu1 - mu2|^2 plus the squared differences of the standard deviations."""
    s1, s2 = torch.tensor([1.0, 2.0, 0.0]), torch.tensor([3.0, 0.5, 1.0])
    mu1, mu2 = torch.zeros(3), torch.tensor([1.0, -1.0, 2.0])
    expected = 6 + (s1 - s2).square().sum().item()
    value = metrics.frechet_distance(mu1, torch.diag(s1**2), mu2, torch.diag(s2**2))
    assert value == pytest.approx(expected, rel=1e-9)


def test_frechet_distance_matches_a_matrix_square_root():
    linalg = pytest.importorskip("scipy.linalg")
    g = torch.Generator().manual_seed(0)
    a = torch.randn(200, 12, generator=g) @ torch.randn(12, 12, generator=g)
    b = torch.randn(150, 12, generator=g) + 0.5
    (m1, c1), (m2, c2) = metrics.gaussian(a), metrics.gaussian(b)
    assert np.allclose(c1.numpy(), np.cov(a.numpy(), rowvar=False))
    root = linalg.sqrtm((c1 @ c2).numpy()).real
    expected = (m1 - m2).square().sum().item() + np.trace(c1.numpy() + c2.numpy() - 2 * root)
    assert metrics.frechet_from_features(a, b) == pytest.approx(expected, rel=1e-8)
    assert metrics.frechet_from_features(a, a) == pytest.approx(0, abs=1e-6)


def test_frechet_distance_of_singular_covariances():
    features = torch.randn(5, 40, generator=torch.Generator().manual_seed(0))  # rank 4
    assert metrics.frechet_from_features(features, features) == pytest.approx(0, abs=1e-4)
    assert metrics.frechet_from_features(features, features + 1) == pytest.approx(40, rel=1e-4)
    with pytest.raises(ValueError, match="N >= 2"):
        metrics.gaussian(torch.zeros(1, 3))


# ---------------------------------------------------------------- figures


def test_figure_as_json():
    assert metrics.Figure("PSNR", 30.5, "dB", 24).as_dict() == {
        "name": "PSNR",
        "value": 30.5,
        "unit": "dB",
        "n": 24,
        "target": None,
        "met": None,
    }
    infinite = metrics.Figure("PSNR", math.inf, "dB").as_dict()
    assert json.loads(json.dumps(infinite, allow_nan=False))["value"] is None


def test_figure_against_a_target():
    assert metrics.Figure.against("PSNR", 28.0, 27.0, "dB").met is True
    assert metrics.Figure.against("PSNR", 26.0, 27.0, "dB").met is False
    assert metrics.Figure.against("seconds", 1.0, 2.0, "s", at_most=True).met is True
    assert metrics.Figure.against("PESQ", None, 2.0).met is False
