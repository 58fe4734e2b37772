"""Loudness, pitch and mel distance: known values, and what they must say of simple sounds. Colours likewise."""

import numpy as np
import pytest
import torch

from mmdemo.metrics import colour, hearing

T = np.arange(16_000) / 16_000
RNG = np.random.default_rng(0)


def buzz(pitch):
    return sum(np.sin(2 * np.pi * k * pitch * T + k) / k for k in range(1, 20)) * 0.2


@pytest.mark.parametrize("pitch", [75.0, 110.0, 240.0])
def test_the_pitch_of_a_voice(pitch):
    track = hearing.pitch_track(buzz(pitch))
    assert (track > 0).float().mean() > 0.95 and track.median() == pytest.approx(pitch, rel=0.02)


def test_noise_and_silence_have_no_pitch():
    assert (hearing.pitch_track(RNG.normal(size=16_000)) > 0).float().mean() < 0.05
    assert not (hearing.pitch_track(np.zeros(16_000)) > 0).any() and len(hearing.pitch_track(np.zeros(100))) == 0


def test_voiced_frames_are_lost_in_noise_and_an_octave_away():
    voice = buzz(110)
    assert hearing.voiced_lost(voice, voice) == 0
    assert hearing.voiced_lost(voice, RNG.normal(size=16_000)) > 0.9
    assert hearing.voiced_lost(voice, buzz(220)) > 0.9
    assert hearing.voiced_lost(np.zeros(16_000), voice) is None


def test_loudness_of_a_sine_at_full_scale():
    # ITU-R BS.1770: a sine of 997 Hz at 0 dBFS in one channel reads -3.01 LKFS.
    full = hearing.loudness(np.sin(2 * np.pi * 997 * T))
    assert full == pytest.approx(-3.01, abs=0.1)
    assert hearing.loudness(0.1 * np.sin(2 * np.pi * 997 * T)) == pytest.approx(full - 20, abs=0.01)
    assert hearing.loudness(np.zeros(16_000)) is None and hearing.loudness(np.ones(100)) is None


def test_levels():
    tone = buzz(300)
    assert hearing.level_error(tone, tone / 2) == pytest.approx(-6.02, abs=0.01)
    assert hearing.level_error(np.zeros(100), tone) is None


def test_the_strongest_frequency_is_found_between_bins():
    frequency, _ = hearing.strongest(np.sin(2 * np.pi * 1003.3 * T))
    assert frequency[2:-2] == pytest.approx(torch.full_like(frequency[2:-2], 1003.3), abs=1)
    assert hearing.pitch_kept(np.sin(2 * np.pi * 1000 * T), np.sin(2 * np.pi * 1005 * T)) == 1
    assert hearing.pitch_kept(np.sin(2 * np.pi * 1000 * T), np.sin(2 * np.pi * 1060 * T)) < 0.1


def test_of_two_tones_either_may_be_the_stronger_but_one_alone_is_not_both():
    low, high = np.sin(2 * np.pi * 440 * T), np.sin(2 * np.pi * 480 * T)
    assert hearing.pitch_kept(low + 0.98 * high, 0.98 * low + high) == 1
    assert hearing.pitch_kept(low + 0.98 * high, 0.3 * low + high) == 0
    assert hearing.pitch_kept(low, high) == 0


def test_mel_distance_grows_with_what_is_wrong():
    tone = buzz(200)
    small, large = (hearing.log_mel_distance(tone, tone + s * RNG.normal(size=16_000)) for s in (0.001, 0.1))
    assert hearing.log_mel_distance(tone, tone) == 0 and 0 < small < large
    noise = RNG.normal(size=16_000)
    assert hearing.log_mel_distance(noise, 0.1 * noise) == pytest.approx(20, abs=1)
    assert 1 < hearing.log_mel_distance(tone, 0.1 * tone) < 20  # between partials both are below the floor


# From the test data of Sharma, Wu & Dalal 2005, table 1.
PAIRS = (
    ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
    ((50, -1, 2), (50, 0, 0), 2.3669),
    ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
    ((50, 2.5, 0), (73, 25, -18), 27.1492),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
)


@pytest.mark.parametrize(("a", "b", "difference"), PAIRS)
def test_differences_of_colours(a, b, difference):
    assert colour.ciede2000(a, b) == pytest.approx(difference, abs=1e-4)
    assert colour.ciede2000(b, a) == pytest.approx(difference, abs=1e-4)


def test_lab_of_known_colours():
    assert colour.lab([255, 255, 255]) == pytest.approx([100, 0, 0], abs=0.02)
    assert colour.lab([255, 0, 0]) == pytest.approx([53.24, 80.09, 67.20], abs=0.03)
    greys = np.repeat(np.arange(256)[:, None], 3, 1)
    assert colour.chroma(greys).max() < 0.02 and colour.chroma([0, 0, 255]) > 130
