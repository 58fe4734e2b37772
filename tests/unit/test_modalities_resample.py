"""Sounds: rates, and exact reading in blocks."""

from __future__ import annotations

import time
import tracemalloc

import numpy as np
import pytest
import soundfile
import torch
import torchaudio
from hypothesis import given, settings
from hypothesis import strategies as st
from modalities_files import middle, tone, written

from mmdemo.errors import InputError
from mmdemo.modalities import audio
from mmdemo.modalities.resample import resample, resample_chunks

RATES = (4_000, 8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 88_200, 96_000, 192_000)
ODD_RATES = (7_919, 22_255, 44_101)


@pytest.mark.parametrize("rate", RATES + ODD_RATES)
def test_every_rate_keeps_a_tone_and_the_length(rate):
    wave = tone(rate, 0.5)[: round(rate * 0.5) - 3]
    item = audio.load((rate, wave))
    expected = -(-len(wave) * 16_000 // rate)
    assert item.meta["samples"] == len(item.tensor) == expected
    edge = 160 * max(1, 16_000 // rate)  # where the filter reaches beyond the sound
    # A ripple in the pass band, and a shift by 1e-4 samples at some rates, far below 16 bits.
    assert np.abs(item.tensor.numpy() - tone(16_000)[:expected])[edge:-edge].max() < 1e-4


@pytest.mark.parametrize("rate", [22_050, 44_100, 44_101, 48_000])
def test_what_16_khz_cannot_hold_is_filtered_out(rate):
    wave = audio.load((rate, tone(rate, 0.5, 9_500, 0.9))).tensor
    assert np.abs(middle(wave)).max() < 1e-3  # below −59 dB, no alias


@pytest.mark.parametrize("rate", [8_000, 11_025, 44_100, 44_101, 96_000])
def test_agrees_with_torchaudio(rate):
    """Below the end of both pass bands, for noise: the settings are those of resampy's "kaiser_best"."""
    length = rate // 4
    spectrum = np.fft.rfft(np.random.uniform(-1, 1, length))
    spectrum[0] = 0
    spectrum[np.fft.rfftfreq(length, 1 / rate) > 0.4 * min(rate, 16_000)] = 0
    wave = torch.from_numpy(np.fft.irfft(spectrum, length)).float()
    if rate == 44_101:  # torchaudio's kernel for it would have 0.7 billion entries; so by way of the exact spectrum
        size = length * 16_000 // rate
        seconds = np.arange(size) / 16_000
        basis = np.exp(2j * np.pi * rate / length * np.outer(seconds, np.arange(length // 2 + 1)))
        expected = torch.from_numpy((basis @ spectrum).real * 2 / length)
    else:
        expected = torchaudio.functional.resample(
            wave.double(), rate, 16_000, 64, 0.9475937167399596, "sinc_interp_kaiser", 14.769656459379492
        )
    got = resample(wave, rate, 16_000)[: len(expected)]
    edge = 200  # where the filters reach beyond the sound
    assert (got - expected)[edge:-edge].abs().max() < 1e-3


@pytest.mark.parametrize("rate, target", [(44_101, 16_000), (191_999, 16_000), (16_000, 44_101), (4_001, 16_000)])
def test_rates_without_a_common_divisor_are_cheap(rate, target):
    wave = torch.rand(10 * rate) - 0.5
    started = time.process_time()
    assert len(resample(wave, rate, target)) == 10 * target
    assert time.process_time() - started < 2.5  # some 0.1 s; a table of the filter's phases took 7 s and 105 MB


def test_channels_are_resampled_alike():
    wave = torch.rand(10_000, 3) - 0.5
    got = resample(wave, 44_100, 16_000)
    assert all(torch.equal(got[:, c], resample(wave[:, c].clone(), 44_100, 16_000)) for c in range(3))


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([8_000, 11_025, 16_000, 22_050, 44_100, 44_101, 192_000]), st.integers(1, 70_000), st.data())
def test_chunks_do_not_change_one_bit(rate, length, data):
    wave = torch.rand(length, generator=torch.Generator().manual_seed(length)) * 2 - 1
    chunk = data.draw(st.integers(max(1, length // 50), length))
    whole = resample(wave, rate, 16_000)
    parts = torch.cat(list(resample_chunks(wave.split(chunk), rate, 16_000)))
    assert len(whole) == -(-length * 16_000 // rate)
    assert torch.equal(whole, parts)


# ---- in blocks


@pytest.mark.parametrize(
    "kind, subtype",
    [("WAV", "PCM_16"), ("WAV", "FLOAT"), ("FLAC", "PCM_24"), ("OGG", "VORBIS"), ("MP3", None)],
)
@pytest.mark.parametrize("rate, channels", [(8_000, 1), (16_000, 2), (44_100, 2), (48_000, 1)])
def test_blocks_are_exactly_the_whole(tmp_path, kind, subtype, rate, channels):
    array = np.random.uniform(-1, 1, (int(rate * 2.3), channels))
    path = tmp_path / "a.bin"
    soundfile.write(path, array * (1.5 if subtype == "FLOAT" else 0.7), rate, format=kind, subtype=subtype)
    item = audio.load(path)
    for seconds in (0.05, 0.5, 100):
        stream = audio.stream_blocks(path, seconds)
        blocks = list(stream)
        assert torch.equal(torch.cat(blocks), item.tensor)
        assert all(len(block) == round(seconds * 16_000) for block in blocks[:-1])
        assert len(stream) == len(blocks)
        assert (stream.meta, stream.notes) == (item.meta, item.notes)


def test_an_odd_rate_in_blocks(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.random.uniform(-1, 1, 50_000), 22_255)
    assert torch.equal(torch.cat(list(audio.stream_blocks(path, 0.3))), audio.load(path).tensor)


def test_blocks_of_a_long_file_take_little_memory(tmp_path):
    path = tmp_path / "long.flac"
    with soundfile.SoundFile(path, "w", 48_000, 1) as file:
        for _ in range(40):  # 40 s of floats would take 7.7 MB, at 16 kHz 2.6 MB
            file.write(np.random.uniform(-0.5, 0.5, 48_000))
    tracemalloc.start()
    count = sum(len(block) for block in audio.stream_blocks(path, 1.0))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 40 * 16_000
    assert peak < 2.5e6  # one chunk in a few types; torch's own memory is as bounded, but not traced


def test_a_stream_may_be_longer_than_load_takes(tmp_path):
    path = tmp_path / "long.flac"
    soundfile.write(path, np.zeros(31 * 60 * 4_000, np.int16), 4_000)
    assert audio.stream_blocks(path, 60).meta["samples"] == 31 * 60 * 16_000
    with pytest.raises(InputError, match="30 minutes"):
        audio.stream_blocks(path, 60, max_seconds=audio.MAX_SECONDS)


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_block_lengths_have_to_be_positive(seconds):
    with pytest.raises(InputError, match="give a length over 0"):
        audio.stream_blocks(written(tone(16_000), 16_000), seconds)
