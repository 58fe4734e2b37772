"""Recordings of phones and browsers, and what is said where there is nothing to read them with."""

from __future__ import annotations

import io
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from modalities_files import refusal, tone

from mmdemo.errors import InputError
from mmdemo.modalities import audio, guess, media
from mmdemo.modalities.sniff import sniff

av = pytest.importorskip("av", reason="the extra media is not installed")

KINDS = {
    "m4a": ("ipod", "aac", "an M4A sound"),
    "alac.m4a": ("ipod", "alac", "an M4A sound"),
    "mp4": ("mp4", "aac", "an MP4 recording"),
    "3gp": ("3gp", "aac", "a 3GP recording"),
    "webm": ("webm", "libopus", "a WebM or Matroska recording"),
    "mka": ("matroska", "flac", "a WebM or Matroska recording"),
    "aac": ("adts", "aac", "an AAC sound (ADTS)"),
    "oga": ("oga", "flac", "an Ogg FLAC sound"),
    "wv": ("wv", "wavpack", "a WavPack sound"),
}
RATE = 16_000


def recorded(kind: str, wave: np.ndarray, rate: int, layout: str = "mono", pictures: bool = False) -> bytes:
    """A file as a phone or a browser writes it; wave (T, C)."""
    buffer = io.BytesIO()
    muxer, codec, _ = KINDS[kind]
    with av.open(buffer, "w", format=muxer) as container:
        sound = container.add_stream(codec, rate=rate, layout=layout)
        if pictures:
            video = container.add_stream("mpeg4", rate=5)
            video.width, video.height, video.pix_fmt = 32, 32, "yuv420p"
            for _ in range(5):
                container.mux(video.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8))))
            container.mux(video.encode(None))
        step = sound.codec_context.frame_size or 1024
        resampler = av.AudioResampler(sound.codec_context.format, layout, rate, step)
        samples = np.ascontiguousarray(wave.T, np.float32)
        frame = av.AudioFrame.from_ndarray(samples, "fltp", layout)
        frame.sample_rate, frame.pts = rate, 0
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(sound.encode(part))
        container.mux(sound.encode(None))
    return buffer.getvalue()


def wave_of(rate: int, seconds: float = 2.0) -> np.ndarray:
    return tone(rate, seconds, 440, 0.3)[:, None]


@pytest.mark.parametrize("kind", KINDS)
def test_recordings_are_read_whole(tmp_path, kind):
    data = recorded(kind, wave_of(48_000), 48_000)
    path = tmp_path / f"a.{kind}"
    path.write_bytes(data)
    assert guess(path) == "audio"
    item = audio.load(path)
    assert item.meta["samples"] == pytest.approx(2 * RATE, abs=0.05 * RATE) and item.notes == ()
    # The level, and the pitch.
    middle = item.tensor[RATE // 2 : RATE // 2 + RATE]
    assert middle.square().mean().sqrt() == pytest.approx(0.3 * 0.5**0.5, rel=0.06)
    assert torch.fft.rfft(middle).abs().argmax() == 440
    for source in (data, io.BytesIO(data)):
        again = audio.load(source)
        assert torch.equal(again.tensor, item.tensor) and (again.meta, again.notes) == (item.meta, item.notes)
    stream = audio.stream_blocks(path, 0.3)
    assert torch.equal(torch.cat(list(stream)), item.tensor) and (stream.meta, stream.notes) == (item.meta, item.notes)
    short = audio.load(path, first=0.5)
    assert short.meta["samples"] == RATE // 2 and short.notes[0].key in ("cut", "cut_of")


def test_an_m4a_is_as_long_as_its_edit_list_says():
    data = recorded("m4a", wave_of(44_100, 1.234), 44_100)
    assert audio.load(data).meta["samples"] == pytest.approx(1.234 * RATE, abs=0.03 * RATE)


def test_the_channels_of_an_m4a_are_mixed_by_their_names():
    wave = np.zeros((48_000, 6), np.float32)
    wave[:, 2] = wave_of(48_000, 1.0)[:, 0]  # the centre
    item = audio.load(recorded("m4a", wave, 48_000, "5.1"))
    assert item.tensor[4_000:12_000].square().mean().sqrt() == pytest.approx(0.3 * 0.5**0.5, rel=0.05)
    assert [note.key for note in item.notes] == ["mixed"]


def test_of_a_video_the_sound_is_taken():
    item = audio.load(recorded("mp4", wave_of(48_000, 1.0), 48_000, pictures=True))
    assert item.meta["samples"] == pytest.approx(RATE, abs=0.05 * RATE)
    assert [note.key for note in item.notes] == ["video"]


@pytest.mark.parametrize("kind", ["m4a", "webm", "aac", "oga"])
def test_recordings_cut_short_or_damaged_give_what_there_is_or_a_sentence(kind):
    data = recorded(kind, wave_of(48_000), 48_000)
    rng = np.random.default_rng(0)
    for part in (0.1, 0.5, 0.9):
        cut = data[: int(len(data) * part)]
        damaged = bytearray(data)
        damaged[len(data) // 3 : len(data) // 2] = rng.bytes(len(data) // 2 - len(data) // 3)
        for source in (cut, bytes(damaged)):
            try:
                item = audio.load(source)
                assert 0 < item.meta["samples"] < 3 * RATE and item.tensor.abs().max() <= 1
            except InputError as error:
                assert str(error).endswith(".") and "\n" not in str(error)


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_reader_the_kind_is_named_and_how_to_convert_it(monkeypatch, kind):
    data = recorded(kind, wave_of(16_000, 0.5), 16_000)
    monkeypatch.setattr(media, "_has_pyav", lambda: False)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    refusal(audio.load, data, KINDS[kind][2], "mmdemo[media]", "ffmpeg", "convert it to WAV")


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg")
@pytest.mark.parametrize("kind", KINDS)
def test_ffmpeg_reads_what_pyav_reads(monkeypatch, tmp_path, kind):
    path = tmp_path / "a.bin"
    path.write_bytes(recorded(kind, wave_of(16_000), 16_000))
    expected = audio.load(path)
    monkeypatch.setattr(media, "_has_pyav", lambda: False)
    for source in (path, path.read_bytes()):
        item = audio.load(source)
        assert item.meta["sample_rate"] == expected.meta["sample_rate"]
        assert item.meta["samples"] == pytest.approx(expected.meta["samples"], abs=0.03 * RATE)
        size = min(len(item.tensor), len(expected.tensor))
        assert (item.tensor[:size] - expected.tensor[:size]).abs().max() < 1e-3
    refusal(audio.load, path.read_bytes()[:60], "damaged")


def test_a_playlist_or_script_is_never_followed(tmp_path):
    """FFmpeg opens what such files name; here only what the first bytes say is tried."""
    secret = tmp_path / "secret.wav"
    secret.write_bytes(b"RIFF")
    for text in (f"#EXTM3U\n#EXTINF:1,\n{secret}\n", f"ffconcat version 1.0\nfile '{secret}'\n"):
        refusal(audio.load, text.encode(), "a text file")
        with pytest.raises(InputError, match="damaged at its start"):
            audio.load(b"ID3\3\0\0\0\0\0\0" + text.encode())
    assert not any(Path(tmp_path).glob("*.part*"))


def test_speex_is_named(monkeypatch):
    monkeypatch.setattr(media, "is_available", lambda: False)
    page = b"OggS\0\2" + bytes(20) + b"\1\x50" + b"Speex   1.2.1" + bytes(67)
    refusal(audio.load, page, "an Ogg Speex sound", "mmdemo[media]")


def test_names_of_kinds():
    assert sniff(b"\xff\xf1\x50\x80\x1e\x9f\xfc\xde") == ("audio", "an AAC sound (ADTS)")
    assert sniff(b"\xff\xfb\x90\x64\0\0\0\0")[1] == sniff(b"\xff\xfd\x90\x64\0\0\0\0")[1] == "an MP3 sound"
    assert sniff(b"#!AMR\n\x3c\0\0\0")[1] == "an AMR recording"
    refusal(audio.load, b"MThd\0\0\0\6\0\1\0\1\0\x60", "MIDI", "render")
    refusal(audio.load, b"DSD \x1c\0\0\0\0\0\0\0", "DSD", "convert")


def test_wav_files_with_samples_that_libsndfile_does_not_know(tmp_path):
    """Through FFmpeg where it knows them; what it does not know either is not called damaged alone."""

    def wav(form: int, bits: int, samples: np.ndarray) -> bytes:
        size = bits // 8
        head = struct.pack("<HHIIHH", form, 1, RATE, RATE * size, size, bits)
        body = b"WAVEfmt " + struct.pack("<I", 16) + head + b"data" + struct.pack("<I", samples.nbytes)
        return b"RIFF" + struct.pack("<I", len(body) + samples.nbytes) + body + samples.tobytes()

    wave = tone(RATE, 0.5)
    item = audio.load(wav(1, 64, (wave * 2**62).astype("<i8")))
    assert item.meta["samples"] == len(wave)
    assert np.abs(item.tensor.numpy() - wave / 2).max() < 1e-4
    refusal(audio.load, wav(0x7777, 16, wave.astype("<f2")), "a WAV sound", "coded in a way that is not read")
