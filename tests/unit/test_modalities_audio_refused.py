"""Sounds: what is refused, and with what words."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from modalities_files import refusal, tone, written

from mmdemo.errors import InputError
from mmdemo.modalities import audio


def refused(source, *words: str) -> str:
    return refusal(audio.load, source, *words)


def test_bounds_of_rate_channels_and_length(tmp_path, monkeypatch):
    refused((3_999, np.zeros(10)), "3,999 Hz", "192,000 Hz")
    refused((192_001, np.zeros(10)), "192,000 Hz")
    refused((0, np.zeros(10)))
    refused((16_000, np.zeros((100, 9))), "9 channels")
    refused(written(np.zeros((100, 9)), 16_000), "9 channels")
    refused(written(np.zeros(100), 2_000), "2,000 Hz")
    # A header alone says that this is too long: 31 minutes of zeros compress to nothing.
    refused(written(np.zeros(31 * 60 * 4_000, np.int16), 4_000, "FLAC"), "30 minutes")
    refused((4_000, np.broadcast_to(np.float32(0), 31 * 60 * 4_000)), "30 minutes")
    assert audio.MAX_SECONDS == 1800


def test_a_stream_without_a_length_is_bounded_while_reading(monkeypatch):
    monkeypatch.setattr(audio, "MAX_SECONDS", 1.0)
    data = bytearray(written(np.zeros(40_000, np.int16), 16_000, "WAV"))
    data[4:8] = data[40:44] = b"\xff\xff\xff\xff"  # as programs write it that send to a pipe
    refused(bytes(data), "long")
    monkeypatch.setattr(audio, "MAX_SECONDS", 3.0)
    assert audio.load(bytes(data)).meta["samples"] == 40_000


def test_text_and_other_files_under_a_sound_name(tmp_path):
    path = tmp_path / "speech.wav"
    path.write_text("I am not a sound.\n")
    refused(path, "speech.wav", "a text file", "WAV")
    path.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0")
    refused(path, "a PNG picture")
    path.write_bytes(b"\0\0\0\x18ftypM4A \0\0\0\0")
    refused(path, "M4A")
    path.write_bytes(b"\0\1\2\3" * 100)
    refused(path, "speech.wav")
    raw = tmp_path / "a.raw"
    raw.write_bytes(b"\0\1\2\3" * 100)
    refused(raw)


def test_paths_that_lead_nowhere_and_empty_files(tmp_path):
    refused(tmp_path / "none.wav", "not found")
    refused(tmp_path, "folder")
    (tmp_path / "empty.wav").touch()
    refused(tmp_path / "empty.wav", "empty")
    refused(b"", "empty")
    for kind in ("WAV", "FLAC"):
        refused(written(np.zeros(0), 16_000, kind))
    refused((16_000, np.zeros(0)), "empty")
    refused((16_000, np.zeros((0, 2))), "empty")
    refused((16_000, np.zeros((2, 0))), "empty")


@pytest.mark.parametrize(
    "source",
    [
        None,
        5,
        np.zeros(10),
        (16_000,),
        (16_000, None),
        (16_000, "abc"),
        (16_000, [[1], [1, 2]]),
        (16_000, np.zeros((2, 2, 2))),
        (16_000, np.float32(0)),
        (16_000, np.zeros(5, np.int64)),
        (16_000, np.zeros(5, complex)),
        (16_000, np.zeros(5, bool)),
        ("16000", np.zeros(5)),
        (16_000.5, np.zeros(5)),
        (True, np.zeros(5)),
        (float("nan"), np.zeros(5)),
        (np.zeros(5), 16_000),
    ],
    ids=repr,
)
def test_what_is_no_sound_is_refused(source):
    refused(source)


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3"])
@pytest.mark.parametrize("part", [0.001, 0.01, 0.5, 0.9])
def test_files_cut_short_give_what_there_is_or_an_error(kind, part):
    data = written(np.random.uniform(-0.5, 0.5, 32_000), 16_000, kind)
    try:
        item = audio.load(data[: max(5, int(len(data) * part))])
    except InputError as error:
        assert str(error).endswith(".")
        return
    assert 0 < item.meta["samples"] <= 33_000
    assert torch.isfinite(item.tensor).all()
    if kind == "FLAC":
        assert any("cut short" in note for note in item.notes)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["WAV", "FLAC", "OGG", "MP3", "AIFF"]), st.data())
def test_random_damage_gives_a_sound_or_an_input_error(kind, data):
    whole = bytearray(written(tone(16_000, 0.1), 16_000, kind))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, min(len(whole) - 1, 300)))
        whole[at] = data.draw(st.integers(0, 255))
    try:
        item = audio.load(bytes(whole))
    except InputError:
        return
    assert item.tensor.shape == (item.meta["samples"],) and item.tensor.abs().max() <= 1


@settings(max_examples=100, deadline=None)
@given(st.binary(min_size=1, max_size=400))
def test_random_bytes_are_refused(data):
    with pytest.raises(InputError, match=r"sound|which is not read"):
        audio.load(data)
