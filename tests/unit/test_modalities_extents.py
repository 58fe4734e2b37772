"""Sounds are read to their real end, whatever names, headers and lengths say."""

from __future__ import annotations

import io
import struct
import time

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from modalities_files import refusal, tone, written

from mmdemo.errors import InputError
from mmdemo.modalities import audio, guess, sound_files
from mmdemo.modalities.extents import View, parts

RATE = 16_000


def noise(seconds: float = 3.0, rate: int = RATE, channels: int = 1) -> np.ndarray:
    """Low-pass noise of a known level, −20 dBFS."""
    rng = np.random.default_rng(0)
    white = rng.standard_normal((round(seconds * rate), channels))
    smooth = white + np.roll(white, 1, 0) + np.roll(white, 2, 0) + np.roll(white, 3, 0)
    return np.clip(0.05 * smooth, -0.9, 0.9)


def load_everywhere(tmp_path, data: bytes, name: str = "a.bin") -> audio.Item:
    """What `load` gives, after a look that path, bytes, file and blocks all give the same."""
    (tmp_path / name).write_bytes(data)
    item = audio.load(data)
    with (tmp_path / name).open("rb") as file:
        for source in (tmp_path / name, io.BytesIO(data), file):
            other = audio.load(source)
            assert torch.equal(other.tensor, item.tensor) and (other.meta, other.notes) == (item.meta, item.notes)
    stream = audio.stream_blocks(tmp_path / name, 0.7)
    assert torch.equal(torch.cat(list(stream)), item.tensor) and (stream.meta, stream.notes) == (item.meta, item.notes)
    return item


def keys(item: audio.Item) -> list[str]:
    return [note.key for note in item.notes]


def id3(picture: int = 40_000) -> bytes:
    """An ID3v2.3 tag with a cover picture, which has what looks like frames of MP3 in it."""
    image = (b"\xff\xfb\x90\x64" + bytes(60)) * (picture // 64)
    frame = b"APIC" + struct.pack(">I", len(image) + 14) + b"\0\0" + b"\0image/jpeg\0\3\0" + image
    size = len(frame)
    return b"ID3\3\0\0" + bytes(size >> shift & 127 for shift in (21, 14, 7, 0)) + frame


# ---- WAV and the other formats of chunks


def wav_data_at(data: bytes) -> int:
    return data.index(b"data") + 4


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
@pytest.mark.parametrize(
    "stated, noted",
    [
        (0, True),
        (1_000, True),
        (0xFFFFFFFF, False),
        (0x7FFFFFFF, False),
        (0x7FFFFFFF - 36, False),
        (0xFFFFFFFF - 36, False),
    ],
)
def test_wav_with_a_wrong_length(tmp_path, subtype, stated, noted):
    wave = noise()
    data = bytearray(written(wave, RATE, "WAV", subtype))
    at = wav_data_at(data)
    data[at : at + 4] = struct.pack("<I", stated)
    item = load_everywhere(tmp_path, bytes(data), "a.wav")
    assert item.meta["samples"] == len(wave) and np.abs(item.tensor.numpy() - wave[:, 0]).max() < 2**-15
    assert keys(item) == (["length"] if noted else [])


def test_what_may_follow_the_samples_of_a_wav_is_no_sound(tmp_path):
    wave = noise(1.0)
    data = written(wave, RATE, "WAV", "PCM_16")
    chunk = b"LIST" + struct.pack("<I", 400) + b"INFOISFT" + struct.pack("<I", 388) + bytes(range(97)) * 4
    for after in (chunk, chunk * 3, b"TAG" + bytes(125), bytes(1_000), b"made by hand\n" * 9, b"\0\1" * 20):
        item = load_everywhere(tmp_path, data + after)
        assert item.meta["samples"] == len(wave) and item.notes == ()


def test_a_wav_without_samples_is_empty_even_with_chunks_after_it():
    data = written(np.zeros(0), RATE, "WAV", "PCM_16") + b"LIST" + struct.pack("<I", 300) + bytes(300)
    refusal(audio.load, data, "holds no samples")


@pytest.mark.parametrize("kind", ["WAV", "RF64", "W64", "AIFF", "CAF", "AU"])
def test_files_cut_short_say_how_much_was_read(tmp_path, kind):
    wave = noise()
    data = written(wave, RATE, kind, "PCM_16")
    item = load_everywhere(tmp_path, data[: -2 * RATE])  # one second of 16 bits
    assert keys(item) == ["truncated"]
    assert item.notes[0].values == pytest.approx({"read": 2.0, "whole": 3.0}, abs=0.01)
    assert np.abs(item.tensor.numpy() - wave[: len(item.tensor), 0]).max() < 2**-15


@pytest.mark.parametrize(
    "kind, name, offset, size, extra",
    [
        ("AU", b".snd", 8, ">I", 0),
        ("AIFF", b"SSND", 4, ">I", 8),
        ("CAF", b"data", 4, ">q", 4),
        ("W64", b"data", 16, "<q", 24),
        ("RF64", b"ds64", 16, "<q", 0),
    ],
)
@pytest.mark.parametrize("stated", [0, 2_000, -1])
def test_other_formats_with_a_wrong_length(tmp_path, kind, name, offset, size, extra, stated):
    wave = noise()
    data = bytearray(written(wave, RATE, kind, "PCM_16"))
    at = data.index(name) + offset
    number = struct.pack(size, stated + extra) if stated >= 0 else b"\xff" * struct.calcsize(size)
    data[at : at + len(number)] = number
    item = load_everywhere(tmp_path, bytes(data))
    assert item.meta["samples"] == len(wave) and np.abs(item.tensor.numpy() - wave[:, 0]).max() < 2**-15
    assert keys(item) == (["length"] if stated >= 0 else [])


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "MP3", "AIFF"])
@pytest.mark.parametrize("tags", [1, 2])
def test_sounds_behind_id3_tags(tmp_path, kind, tags):
    wave = noise()
    data = written(wave, RATE, kind)
    item = load_everywhere(tmp_path, id3() * tags + data)
    plain = audio.load(data)
    assert torch.equal(item.tensor, plain.tensor) and item.notes == plain.notes == ()


# ---- FLAC


def flac(wave: np.ndarray, total: int | None) -> bytes:
    data = bytearray(written(wave, RATE, "FLAC"))
    if total is not None:
        data[21] &= 0xF0
        data[22:26] = struct.pack(">I", total)
    return bytes(data)


@pytest.mark.parametrize("seconds", [0.01, 1.0, 4.096, 9.0])  # not and exactly whole blocks of reading
@pytest.mark.parametrize("total", [0, 100, 0xFFFF_FFFF])
def test_flac_of_unknown_or_wrong_length(tmp_path, seconds, total):
    wave = noise(seconds)
    item = load_everywhere(tmp_path, flac(wave, total))
    assert item.meta["samples"] == len(wave) and np.abs(item.tensor.numpy() - wave[:, 0]).max() < 2**-15
    assert keys(item) == (["truncated"] if total == 0xFFFF_FFFF else [])


def test_joined_flacs(tmp_path):
    item = load_everywhere(tmp_path, flac(noise(1.0), None) + flac(noise(2.0), 0))
    assert item.meta["samples"] == 3 * RATE and item.notes == ()


def test_flac_cut_short_says_how_much_was_read(tmp_path):
    data = flac(noise(6.0), None)
    item = load_everywhere(tmp_path, data[: len(data) // 2])
    assert keys(item) == ["truncated"] and 2.4 < item.notes[0].values["read"] < 3.1
    item = load_everywhere(tmp_path, flac(noise(6.0), 0)[: len(data) // 2])
    assert 2.4 < item.meta["samples"] / RATE < 3.1


# ---- MP3


def mp3(wave: np.ndarray, rate: int = RATE, mode: str = "CONSTANT") -> bytes:
    buffer = io.BytesIO()
    with soundfile.SoundFile(
        buffer, "w", rate, wave.shape[1], "MPEG_LAYER_III", format="MP3", bitrate_mode=mode, compression_level=0.5
    ) as file:
        file.write(wave)
    return buffer.getvalue()


def without_xing(data: bytes) -> bytes:
    """The MP3 without its first frame, which counts the others."""
    (part,) = parts(io.BytesIO(data), 0, "an MP3 sound")
    assert b"Xing" in data[: part.start] or b"Info" in data[: part.start]
    return data[part.start :]


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
@pytest.mark.parametrize("rate, channels", [(16_000, 1), (44_100, 2), (8_000, 1), (48_000, 1)])
def test_mp3_without_a_count_of_its_frames(tmp_path, mode, rate, channels):
    quiet = noise(6.0, rate, channels)
    quiet[: len(quiet) // 2] *= 1e-4  # of few bits when the rate varies: a guess by the first frames is far off
    data = mp3(quiet, rate, mode)
    whole = audio.load(data)
    assert whole.meta["samples"] == 6 * RATE and whole.notes[channels > 1 :] == ()
    for tag in (b"", id3()):
        item = load_everywhere(tmp_path, tag + without_xing(data))
        assert item.meta["samples"] == pytest.approx(6 * RATE, abs=2_400 * RATE / rate)  # what encoders put around it
        assert keys(item) == ["mid"] * (channels > 1)
        assert float(item.tensor.square().sum()) == pytest.approx(float(whole.tensor.square().sum()), rel=0.02)


@pytest.mark.parametrize("stated", [2, 100_000])
def test_mp3_with_a_wrong_count_of_its_frames(tmp_path, stated):
    data = bytearray(mp3(noise(6.0)))
    at = max(data.find(b"Xing"), data.find(b"Info")) + 8
    data[at : at + 4] = struct.pack(">I", stated)
    item = load_everywhere(tmp_path, bytes(data))
    assert item.meta["samples"] == pytest.approx(6 * RATE, abs=1_500)
    assert keys(item) == (["length"] if stated == 2 else ["truncated"])


@pytest.mark.parametrize("tagged", [True, False])
def test_joined_mp3s(tmp_path, tagged):
    pieces = [mp3(noise(seconds, 24_000), 24_000) for seconds in (1.0, 2.0, 1.5)]
    if not tagged:
        pieces = [without_xing(piece) for piece in pieces]
    for tag in (b"", id3(4_000)):
        item = load_everywhere(tmp_path, b"".join(tag + piece for piece in pieces))
        # Each has some 60 ms more where nothing says what its encoder put around it.
        assert item.meta["samples"] == pytest.approx(4.5 * RATE, abs=10 if tagged else 5_000) and item.notes == ()


def test_joined_mp3s_of_different_rates_and_channels(tmp_path):
    pieces = [mp3(noise(1.0, 44_100, 2), 44_100), mp3(noise(2.0, 24_000), 24_000), mp3(noise(1.0, 48_000), 48_000)]
    item = load_everywhere(tmp_path, b"".join(pieces))
    assert item.meta["samples"] == pytest.approx(4 * RATE, abs=10)
    assert item.meta["sample_rate"] == 44_100 and item.meta["channels"] == 2
    seconds = item.tensor[: 4 * RATE].reshape(4, -1).square().mean(1).sqrt()
    assert seconds[1:].min() > 0.05  # each of them sounds


def test_mp3_that_begins_in_the_middle_of_a_frame(tmp_path):
    whole = written(noise(2.0), RATE, "MP3")
    path = tmp_path / "radio.mp3"
    path.write_bytes(whole[1000:])
    assert guess(path) == "audio"
    item = audio.load(path)
    assert 1.6 < item.meta["samples"] / RATE <= 2.1
    refusal(audio.load, np.random.default_rng(0).bytes(20_000), "not known")


@pytest.mark.parametrize("zeros", [1, 417, 3_000, 5_000, 200_000])
@pytest.mark.parametrize("seconds", [0.5, 2.0])
def test_mp3_after_zeros(tmp_path, zeros, seconds):
    """What interrupted downloads and recorders leave before the first frame is skipped, as players do."""
    data = mp3(noise(seconds))
    item = load_everywhere(tmp_path, bytes(zeros) + data, "a.mp3")
    assert guess(tmp_path / "a.mp3") == "audio"
    assert item.meta["samples"] == pytest.approx(seconds * RATE, abs=10) and item.notes == ()
    assert torch.equal(item.tensor, audio.load(data).tensor)


def test_frames_by_accident_are_no_sound():
    rng = np.random.default_rng(0)
    for size in (300, 3_000, 30_000):
        for _ in range(20):
            refusal(audio.load, bytes(100) + b"\1" + rng.bytes(size), "not known")
    refusal(audio.load, bytes(5_000), "not known")


def test_mp3_with_damage_in_the_middle_goes_on_after_it(tmp_path):
    data = bytearray(mp3(noise(6.0)))
    data[len(data) // 2 : len(data) // 2 + 3_000] = np.random.default_rng(0).bytes(3_000)
    item = load_everywhere(tmp_path, bytes(data))
    assert 5.0 * RATE < item.meta["samples"] <= 6 * RATE + 2_000
    assert item.tensor[-RATE:].square().mean().sqrt() > 0.05


# ---- Ogg


@pytest.mark.parametrize("subtype, rate", [("VORBIS", 44_100), ("OPUS", 48_000)])
def test_chained_ogg(tmp_path, subtype, rate):
    pieces = [written(noise(seconds, rate), rate, "OGG", subtype) for seconds in (1.0, 2.0, 1.5)]
    item = load_everywhere(tmp_path, b"".join(pieces))
    assert item.meta["samples"] == pytest.approx(4.5 * RATE, abs=3) and item.notes == ()
    whole = torch.cat([audio.load(piece).tensor for piece in pieces])
    size = min(len(whole), len(item.tensor))
    # Near the seams the filter of a whole sound sees its neighbours.
    assert (item.tensor[:size] - whole[:size]).abs().median() < 1e-2


def test_a_chain_of_different_kinds(tmp_path):
    pieces = [written(noise(1.0, 48_000), 48_000, "OGG", "OPUS"), written(noise(1.0, 22_050), 22_050, "OGG", "VORBIS")]
    item = load_everywhere(tmp_path, b"".join(pieces))
    assert item.meta["samples"] == pytest.approx(2 * RATE, abs=10) and item.meta["sample_rate"] == 48_000


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_ogg_cut_in_a_page_says_how_much_was_read(tmp_path, subtype):
    data = written(noise(8.0, 48_000), 48_000, "OGG", subtype)
    item = load_everywhere(tmp_path, data[: len(data) * 2 // 3])
    assert keys(item) == ["cut_short"]
    assert item.notes[0].values["read"] == pytest.approx(item.meta["samples"] / RATE, abs=1e-4)
    assert 3.0 < item.notes[0].values["read"] < 6.0


# ---- as many samples as went in


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000, 192_000, 44_101, 22_050, 8_000, 4_001])
def test_as_many_samples_come_out_as_went_in(rate, tmp_path):
    for length in (1, 2, 11, rate // 7, rate // 7 + 1, rate + 5):
        item = audio.load((rate, np.full(length, 0.1, np.float32)))
        got_rate, got = audio.restore(item.tensor, item.meta, original=True)
        assert (got_rate, len(got)) == (rate, length)
        audio.save_blocks([item.tensor], tmp_path / "a.wav", item.meta, original=True)
        assert soundfile.info(tmp_path / "a.wav").frames == length


# ---- views, and hostile files


def test_a_view_reads_as_a_file_does():
    file = io.BytesIO(bytes(range(100)))
    (part,) = parts(file, 10, None)
    assert View(file, part).read() == bytes(range(10, 100))
    view = View(file, type(part)(start=20, end=30, head=b"abc"))
    assert view.read(2) == b"ab" and view.read() == b"c" + bytes(range(20, 30)) and view.read() == b""
    assert view.seek(-4, io.SEEK_END) == 9 and view.read() == bytes(range(26, 30))
    assert view.seek(1) == 1 and view.seek(1, io.SEEK_CUR) == 2 and view.read(3) == b"c" + bytes((20, 21))
    assert view.seek(-5) == 0 and view.seek(99) == 99 and view.read() == b""


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["WAV", "RF64", "W64", "AIFF", "CAF", "AU", "FLAC", "OGG", "MP3"]), st.data())
def test_altered_headers_give_a_sound_or_a_sentence_in_bounded_time(kind, data):
    whole = bytearray(written(tone(RATE, 0.2), RATE, kind))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, min(len(whole) - 8, 200)))
        whole[at : at + 4] = data.draw(st.sampled_from([bytes(4), b"\xff" * 4, b"\x7f\xff\xff\xff", b"\0\0\0\x10"]))
    started = time.process_time()
    try:
        item = audio.load(bytes(whole))
        assert item.tensor.abs().max() <= 1
    except InputError as error:
        assert str(error).endswith(".")
    assert time.process_time() - started < 5


def test_a_sound_of_far_too_many_samples_is_refused_while_it_is_read(monkeypatch):
    """Half an hour of silence in eight channels at 192 kHz is 3 MB of FLAC and a minute of work."""
    monkeypatch.setattr(sound_files, "MAX_VALUES", 2_000_000)
    data = written(np.zeros((400_000, 8), np.int16), 192_000, "FLAC")
    refusal(audio.load, data, "2 million samples", "8 channels")
    refusal(audio.stream_blocks, data, "2 million samples")
    assert audio.load(data, first=1).meta["samples"] == RATE
    real = written(noise(2.1, 192_000, 8), 192_000, "FLAC")
    refusal(audio.load, real, "2 million samples")
    assert audio.stream_blocks(real).meta["samples"] == pytest.approx(2.1 * RATE)


def test_junk_that_looks_like_frames_is_searched_in_bounded_time():
    junk = np.random.default_rng(0).bytes(1 << 20).replace(b"\0", b"\xff")
    started = time.process_time()
    refusal(audio.load, b"ID3\3\0\0\0\0\0\0" + b"\xff\xfa" * (1 << 19))
    with pytest.raises(InputError, match="damaged at its start"):
        audio.load(b"\xff\xfb\x90\x64" + junk)
    assert time.process_time() - started < 10
