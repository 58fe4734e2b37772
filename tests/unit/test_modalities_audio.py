"""Sounds: formats, channels, samples that are not as they should be, and back to files."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
import soundfile
import torch
from modalities_files import refusal, tone, written

from mmdemo.errors import InputError
from mmdemo.modalities import audio


def refused(source, *words: str) -> str:
    return refusal(audio.load, source, *words)


# ---- formats and sources


@pytest.mark.parametrize(
    "kind, subtype, tolerance",
    [
        # Half a step of the format, and a little for float32.
        ("WAV", "PCM_U8", 1 / 128),
        ("WAV", "PCM_16", 2**-15),
        ("WAV", "PCM_24", 2**-22),
        ("WAV", "PCM_32", 1e-6),
        ("WAV", "FLOAT", 1e-6),
        ("WAV", "DOUBLE", 1e-6),
        ("WAVEX", "PCM_16", 2**-15),
        ("FLAC", "PCM_16", 2**-15),
        ("FLAC", "PCM_24", 2**-22),
        ("AIFF", "PCM_16", 2**-15),
        ("CAF", "PCM_16", 2**-15),
        ("AU", "PCM_16", 2**-15),
    ],
)
def test_lossless_formats(tmp_path, kind, subtype, tolerance):
    wave = tone(16_000)
    data = written(wave, 16_000, kind, subtype)
    path = tmp_path / "a.bin"
    path.write_bytes(data)
    with path.open("rb") as file:
        for source in (path, str(path), data, io.BytesIO(data), file):
            item = audio.load(source)
            assert item.meta == {"samples": 8_000, "sample_rate": 16_000, "channels": 1}
            assert item.tensor.dtype == torch.float32 and item.tensor.shape == (8_000,)
            assert np.abs(item.tensor.numpy() - wave).max() <= tolerance
            assert item.notes == ()
        assert not file.closed


@pytest.mark.parametrize("kind, subtype", [("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", None)])
def test_lossy_formats_come_close(kind, subtype):
    wave = tone(48_000, 1.0)
    item = audio.load(written(wave, 48_000, kind, subtype))
    assert abs(item.meta["samples"] - 16_000) <= 1152  # an MP3 frame of padding at most
    spectrum = np.abs(np.fft.rfft(item.tensor[:16_000].numpy() * np.hanning(16_000)[: len(item.tensor)]))
    assert spectrum.argmax() == 440
    assert item.tensor.abs().max() == pytest.approx(0.5, abs=0.1)


# ---- channels


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 7])
def test_channels_are_averaged_and_noted(tmp_path, channels):
    array = np.random.uniform(-0.9, 0.9, (4_000, channels)).astype(np.float32)
    item = audio.load(written(array, 16_000, "WAV", "FLOAT"))
    assert np.abs(item.tensor.numpy() - array.mean(1)).max() < 1e-6
    assert item.meta["channels"] == channels
    assert any("mid" in note for note in item.notes) == (channels > 1)


def test_opposite_channels_are_noticed():
    wave = tone(16_000)
    item = audio.load((16_000, np.stack([wave, -wave], 1)))
    assert any("cancel" in note for note in item.notes)


def test_array_layouts():
    array = np.random.uniform(-0.5, 0.5, (300, 2))
    expected = array.mean(1).astype(np.float32)
    for source in (array, array.T, torch.from_numpy(array)):
        assert np.allclose(audio.load((16_000, source)).tensor.numpy(), expected, atol=1e-6)
    assert audio.load((16_000, array[:, :1])).meta["channels"] == 1
    # Few samples of few channels are taken as gradio gives them, (T, C).
    assert audio.load((16_000, array[:3])).meta == {"samples": 3, "sample_rate": 16_000, "channels": 2}


@pytest.mark.parametrize("dtype, full", [("int16", 2**15), ("int32", 2**31), ("int8", 128), ("uint8", 128)])
def test_integer_arrays_are_scaled_by_their_full_scale(dtype, full):
    wave = tone(16_000)
    centre = 128 if dtype == "uint8" else 0
    item = audio.load((np.int32(16_000), np.round(wave * full + centre).astype(dtype)))
    assert np.abs(item.tensor.numpy() - wave).max() <= 1 / full + 1e-6
    assert item.notes == ()


def test_the_tensor_does_not_share_memory_with_the_array():
    array = np.full(100, 0.25, np.float32)
    audio.load((16_000, array)).tensor.fill_(0)
    assert np.all(array == 0.25)


# ---- samples that are not as they should be


def test_nan_and_infinity_become_silence_and_are_noted():
    wave = tone(16_000)
    wave[10], wave[20], wave[30], wave[40] = np.nan, np.inf, -np.inf, 1e200
    for source in (
        (16_000, wave),
        (16_000, torch.from_numpy(wave).float()),
        written(wave, 16_000, "WAV", "DOUBLE"),
    ):
        item = audio.load(source)
        assert torch.isfinite(item.tensor).all() and item.tensor[[10, 20, 30, 40]].tolist() == [0, 0, 0, 0]
        assert any(note.startswith("4 samples") for note in item.notes)
    refused((16_000, np.full(100, np.nan)), "finite")
    refused(written(np.full(100, np.nan), 16_000, "WAV", "FLOAT"), "finite")


def test_a_peak_over_full_scale_is_scaled_and_noted():
    item = audio.load((16_000, tone(16_000, level=3.0)))
    assert item.tensor.abs().max() == 1
    assert np.abs(item.tensor.numpy() - tone(16_000, level=1.0)).max() < 1e-3  # the peak falls between samples
    assert any("scaled" in note for note in item.notes) and not any("clipped" in note for note in item.notes)


def test_clipping_and_offset_and_silence_are_noted():
    clipped = np.clip(tone(16_000, level=2.0), -1, 1)
    assert any("clipped" in note for note in audio.load((16_000, clipped)).notes)
    as_int = (clipped * 32_767).astype(np.int16)
    assert any("clipped" in note for note in audio.load((16_000, as_int)).notes)
    item = audio.load((16_000, tone(16_000, level=0.3) + 0.1))
    assert any("DC" in note and "+0.100" in note for note in item.notes)
    assert item.tensor.mean() == pytest.approx(0.1, abs=1e-3)  # said, not changed
    assert audio.load((16_000, np.zeros(100, np.int16))).notes == ("The sound is silent throughout.",)


def test_every_remark_is_a_sentence_with_its_values():
    wave = np.clip(tone(16_000, level=2.0) + 0.3, -1, 1)
    wave[100:110] = np.nan
    notes = audio.load((16_000, np.stack([wave, wave * 0], 1))).notes
    assert {note.key for note in notes} == {"mid", "not_finite", "clipped", "offset"}
    for note in notes:
        assert note[0].isupper() or note[0].isdigit()
        assert note.endswith(".") and all(f"{value:,}" in note for value in note.values.values() if type(value) is int)


# ---- only the start of a sound


@pytest.mark.parametrize("rate, channels", [(16_000, 1), (44_100, 2), (44_101, 1), (4_000, 3)])
def test_the_first_seconds_are_those_of_the_whole(rate, channels):
    wave = np.random.uniform(-0.5, 0.5, (3 * rate, channels)).astype(np.float32)
    whole = audio.load((rate, wave))
    for source in ((rate, wave), written(wave, rate, "WAV", "FLOAT")):
        item = audio.load(source, first=1.5)
        assert item.meta.items() >= {"samples": len(item.tensor), "sample_rate": rate, "channels": channels}.items()
        assert audio.original_frames(item.meta) == math.floor(1.5 * rate)
        assert len(item.tensor) in (23_999, 24_000)
        clear = 24_000 - 300 * max(1, 16_000 // rate)  # the filter reaches over the cut
        assert torch.allclose(item.tensor[:clear], whole.tensor[:clear], atol=1e-6)
        assert item.notes[0] == "Only the first 1.5 of 3 seconds were taken." and item.notes[1:] == whole.notes
        assert item.notes[0].values == {"seconds": 1.5, "whole": 3.0}


def test_a_sound_that_is_short_enough_is_not_cut():
    wave = tone(16_000, 1.0)
    for first in (1.0, 100.0):
        item = audio.load((16_000, wave), first=first)
        assert item.meta["samples"] == 16_000 and item.notes == ()


def test_the_start_of_a_sound_longer_than_is_taken_whole():
    data = written(np.zeros(2 * 3600 * 4_000, np.int16), 4_000, "FLAC")
    refused(data, "30 minutes")
    assert audio.load(data, first=2).meta["samples"] == 32_000


def test_the_start_of_a_stream_that_does_not_say_its_length():
    data = bytearray(written(np.zeros(40_000, np.int16), 16_000, "WAV"))
    data[4:8] = data[40:44] = b"\xff\xff\xff\xff"
    item = audio.load(bytes(data), first=1)
    assert item.meta["samples"] == 16_000 and item.notes[0].startswith("Only the first 1")


def test_resampling_overshoot_stays_in_range():
    square = np.sign(tone(44_100, 0.5, 300)).astype(np.float32)
    assert audio.load((44_100, square)).tensor.abs().max() <= 1
    # Back at its own rate too: without a bound this one would reach 1.28.
    square = torch.from_numpy(np.sign(np.sin(np.arange(4_000) / 9)).astype(np.float32))
    rate, array = audio.restore(square, {"sample_rate": 44_100}, original=True)
    assert rate == 44_100 and np.abs(array).max() == 1


# ---- back again


def test_restore_crops_and_clips():
    wave = torch.tensor([0.5, 2.0, -2.0, float("nan"), 0.1, 0.1])
    for tensor in (wave, wave[None], wave[None, None]):
        rate, array = audio.restore(tensor.requires_grad_(), {"samples": 4})
        assert rate == 16_000 and array.dtype == np.float32
        assert array.tolist() == [0.5, 1.0, -1.0, 0.0]
    with pytest.raises(ValueError, match="one sound"):
        audio.restore(torch.zeros(2, 5))


@pytest.mark.parametrize("rate", [4_000, 8_000, 16_000, 22_050, 44_100, 44_101, 192_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_restore_in_the_original_form(rate, channels):
    wave = tone(rate, 0.5)
    source = wave if channels == 1 else np.stack([wave] * channels, 1)
    item = audio.load((rate, source))
    got_rate, got = audio.restore(item.tensor, item.meta, original=True)
    assert got_rate == rate
    assert got.shape == source.shape
    first = got if channels == 1 else got[:, -1]
    edge = rate // 50
    size = min(len(first), len(wave)) - edge
    assert np.abs(first[edge:size] - wave[edge:size]).max() < 1e-3


@pytest.mark.parametrize("suffix, tolerance", [(".wav", 2**-15), (".flac", 2**-15), (".ogg", 0.1), (".mp3", 0.1)])
def test_save_by_suffix(tmp_path, suffix, tolerance):
    wave = tone(16_000, 1.0).astype(np.float32)
    path = audio.save((16_000, wave), tmp_path / "new" / f"a{suffix}")
    item = audio.load(path)
    assert item.meta["sample_rate"] == 16_000
    size = min(len(item.tensor), len(wave)) - 2_000
    assert np.abs(item.tensor.numpy()[2_000:size] - wave[2_000:size]).max() <= tolerance


@pytest.mark.parametrize("original", [False, True])
@pytest.mark.parametrize("rate, channels", [(16_000, 1), (16_000, 2), (44_100, 2), (8_000, 1), (4_000, 8)])
def test_saving_blocks_writes_what_saving_the_whole_does(tmp_path, rate, channels, original):
    wave = np.random.uniform(-0.9, 0.9, (rate * 2 + 123, channels)).astype(np.float32)
    item = audio.load((rate, wave))
    padded = torch.nn.functional.pad(item.tensor, (0, 100))  # a decoder gives whole frames
    audio.save_blocks(padded.split(3_001), tmp_path / "blocks.wav", item.meta, original)
    audio.save(audio.restore(padded, item.meta, original), tmp_path / "whole.wav")
    got, got_rate = soundfile.read(tmp_path / "blocks.wav")
    want, want_rate = soundfile.read(tmp_path / "whole.wav")
    assert got_rate == want_rate and got.shape == want.shape
    assert not original or len(got) == len(wave)
    assert np.abs(got - want)[: -rate // 10].max() <= 2**-15
    assert np.abs(got - want).max() < (0.2 if original else 1e-6)  # what follows the end is heard by the filter


def test_save_clips_and_takes_channels(tmp_path):
    array = np.array([[2.0, -2.0], [np.nan, 0.5]] * 100, np.float32)
    back, rate = soundfile.read(audio.save((22_050, array), tmp_path / "a.wav"))
    assert rate == 22_050 and back.shape == (200, 2)
    assert back[0] == pytest.approx([1, -1], abs=2**-14) and back[1] == pytest.approx([0, 0.5], abs=2**-14)


def test_a_long_ogg_can_be_saved(tmp_path):
    wave = np.zeros(16_000 * 120, np.float32)
    assert soundfile.info(audio.save((16_000, wave), tmp_path / "a.ogg")).frames == len(wave)


def test_save_refuses_what_a_format_cannot_hold(tmp_path):
    with pytest.raises(InputError, match=r"\.wav"):
        audio.save((16_000, np.zeros(10)), tmp_path / "a.txt")
    with pytest.raises(InputError, match="WAV takes any"):
        audio.save((44_101, np.zeros(100)), tmp_path / "a.mp3")
    assert not (tmp_path / "a.mp3").exists()
