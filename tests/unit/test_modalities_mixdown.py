"""Sounds: many channels to one, and floats of any scale."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from modalities_files import tone, written

from mmdemo.modalities import audio
from mmdemo.modalities.mixdown import find_scale, layout, mix_weights

HALF, ROOT = 0.5, 0.5**0.5

# What each channel counts in a mix to mono, ITU-R BS.775-4, table 2, in the order that each format defines.
FLAC = {
    3: (ROOT, ROOT, 1),
    4: (ROOT, ROOT, HALF, HALF),
    5: (ROOT, ROOT, 1, HALF, HALF),
    6: (ROOT, ROOT, 1, 0, HALF, HALF),
    7: (ROOT, ROOT, 1, 0, HALF, HALF, HALF),
    8: (ROOT, ROOT, 1, 0, HALF, HALF, HALF, HALF),
}


def level(array: np.ndarray, kind: str, subtype: str | None = None) -> float:
    """RMS of a sound of many channels after loading."""
    return float(audio.load(written(array, 16_000, kind, subtype)).tensor.square().mean().sqrt())


@pytest.mark.parametrize("channels", FLAC)
def test_each_channel_of_flac_counts_what_the_standard_says(channels):
    wave = tone(16_000, 0.25, level=0.4)
    for channel, weight in enumerate(FLAC[channels]):
        array = np.zeros((len(wave), channels))
        array[:, channel] = wave
        assert level(array, "FLAC") == pytest.approx(weight * 0.4 * ROOT, abs=1e-4)


@pytest.mark.parametrize("kind", ["WAV", "WAVEX", "AIFF", "CAF", "AU"])
def test_six_channels_are_5_1_everywhere(kind):
    array = np.random.uniform(-0.2, 0.2, (3_000, 6))
    got = audio.load(written(array, 16_000, kind, "PCM_24"))
    assert np.abs(got.tensor.numpy() - array @ FLAC[6]).max() < 1e-6
    assert torch.allclose(audio.load((16_000, array)).tensor, got.tensor, atol=1e-6)
    assert [note.key for note in got.notes] == ["mixed"]


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_the_order_of_vorbis_and_opus_is_another(subtype):
    wave = tone(48_000, 1.0, level=0.4)
    weights = {"left": ROOT, "centre": 1.0, "right": ROOT, "surround": HALF, "other": HALF, "low": 0.0}
    for channel, weight in enumerate(weights.values()):
        array = np.zeros((len(wave), 6))
        array[:, channel] = wave
        buffer = io.BytesIO()
        soundfile.write(buffer, array, 48_000, format="OGG", subtype=subtype)
        got = audio.load(buffer.getvalue()).tensor[4_000:12_000].square().mean().sqrt()
        assert float(got) == pytest.approx(weight * 0.4 * ROOT, abs=0.02)


def test_the_channel_mask_of_a_wav_file_counts():
    array = np.random.uniform(-0.3, 0.3, (3_000, 3))
    data = bytearray(written(array, 16_000, "WAVEX", "PCM_24"))
    at = data.index(b"fmt ") + 28
    data[at : at + 4] = struct.pack("<I", 0b1101)  # left, centre, LFE
    got = audio.load(bytes(data))
    assert np.abs(got.tensor.numpy() - array @ (ROOT, 1, 0)).max() < 1e-6
    data[at : at + 4] = struct.pack("<I", 0b111111)  # more loudspeakers than channels: not believed
    assert np.abs(audio.load(bytes(data)).tensor.numpy() - array.mean(1)).max() < 1e-6


def test_layouts_and_weights():
    assert layout(2) is layout(3) is layout(4) is None and mix_weights(None) is None
    assert mix_weights(["BL", "BR", "SL"]) is None  # no front at all: the mean
    assert mix_weights(["FL", "FR", "FC", "BC"]).tolist() == pytest.approx([ROOT, ROOT, 1, ROOT])  # 3/1
    assert layout(6, "OGG")[1] == "FC" and layout(6, "FLAC")[2] == "FC"


# ---- floats


def speech(seconds: float = 1.0) -> np.ndarray:
    """Noise in bursts, as loud as speech: −20 dBFS, peaks below 0.8."""
    rng = np.random.default_rng(0)
    noise = np.clip(rng.laplace(0, 0.09, round(16_000 * seconds)), -0.8, 0.8)
    return (noise * np.repeat(rng.uniform(0, 1.2, len(noise) // 400), 400)).astype(np.float32)


def rms_db(wave: torch.Tensor | np.ndarray) -> float:
    return 10 * np.log10(float((wave**2).mean()))


@pytest.mark.parametrize("peak", [2.5, 60.0, -1e6, 1e20])
@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_a_spike_does_not_silence_the_rest(peak, rate):
    wave = speech()
    expected = rms_db(audio.load((rate, wave)).tensor)
    wave[5_000] = peak
    for source in ((rate, wave), written(wave, rate, "WAV", "FLOAT")):
        item = audio.load(source)
        assert rms_db(item.tensor) == pytest.approx(expected, abs=0.5)
        assert [note.key for note in item.notes] == ["spikes"] and item.notes[0].values["count"] == 1
        assert item.tensor.abs().max() <= 1


@pytest.mark.parametrize("bits", [16, 24, 32])
def test_integers_that_were_written_as_floats(bits):
    wave = speech()
    item = audio.load((16_000, wave.astype(np.float64) * 2 ** (bits - 1)))
    assert np.abs(item.tensor.numpy() - wave).max() < 1e-6
    assert [note.key for note in item.notes] == ["integers"] and f"{bits}-bit" in item.notes[0]


def test_integers_with_a_spike():
    wave = speech() * 2**15
    wave[3_000] = 1e9
    item = audio.load((16_000, wave))
    assert rms_db(item.tensor) == pytest.approx(rms_db(speech()), abs=0.5)
    assert [note.key for note in item.notes] == ["integers"]


@pytest.mark.parametrize("gain", [1.5, 3.0, 10.0, 100.0, 9e29])
def test_what_is_loud_throughout_is_scaled_as_a_whole(gain):
    wave = tone(16_000, level=gain)
    item = audio.load((16_000, wave))
    assert np.abs(item.tensor.numpy() - wave / np.abs(wave).max()).max() < 1e-6
    assert [note.key for note in item.notes] == ["scaled"]


def test_wild_floats_in_blocks_are_exactly_the_whole(tmp_path):
    wave = np.stack([speech(8.0), speech(8.0)], 1) * 2**15
    wave[100_000] = 1e9, -1e9
    wave[7] = np.nan
    soundfile.write(tmp_path / "a.wav", wave, 22_050, subtype="FLOAT")
    item, stream = audio.load(tmp_path / "a.wav"), audio.stream_blocks(tmp_path / "a.wav", 0.7)
    assert torch.equal(torch.cat(list(stream)), item.tensor) and stream.notes == item.notes
    assert {note.key for note in item.notes} == {"mid", "not_finite", "integers"}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(width=32), min_size=1, max_size=200), st.integers(1, 3))
def test_any_floats_give_a_sound_in_range(values, channels):
    block = np.repeat(np.array(values, np.float32)[:, None], channels, 1)
    scale = find_scale([block])
    assert scale.full >= 1 and scale.limit >= 1
    if np.isfinite(block).any() and (np.abs(block) < 1e30).any():
        item = audio.load((16_000, block))
        assert torch.isfinite(item.tensor).all() and item.tensor.abs().max() <= 1
