"""Sounds made by programs: each from its seed alone, of the length asked for, at the pitch that it should have."""

import numpy as np
import pytest
import torch

from mmdemo.datasets import sounds
from mmdemo.datasets.sounds import voices
from mmdemo.datasets.sounds.instruments import FAMILIES, Instrument
from mmdemo.datasets.sounds.music import Note, composed, excerpt, midi, played
from mmdemo.datasets.sounds.tones import DTMF, RATE, silence, sine
from mmdemo.metrics.hearing import pitch_track, strongest


@pytest.mark.parametrize("name", list(sounds.PROGRAMS))
def test_a_sound_is_made_of_its_seed(name):
    a, b, c = (sounds.PROGRAMS[name](np.random.default_rng(seed), 0.7) for seed in (3, 3, 4))
    assert a.shape == (round(0.7 * RATE),) and np.isfinite(a).all()
    assert np.array_equal(a, b) and (name == "silence" or not np.array_equal(a, c))


def test_made_sounds_are_as_loud_as_can_be_and_silence_is_silent():
    waves = sounds.make_many(6, seed=10, seconds=0.5, workers=0)
    for wave in waves:
        peak = float(wave.abs().max())
        assert peak == pytest.approx(0.9, abs=1e-4) or peak < 0.01
    assert torch.equal(waves[2], torch.from_numpy(sounds.make(12, 0.5)))
    floors = [float(np.abs(silence(np.random.default_rng(i), 0.5)).max()) for i in range(20)]
    assert 0.0 in floors and max(floors) < 0.01


@pytest.mark.parametrize("family", FAMILIES)
def test_an_instrument_plays_the_note_asked_for(family):
    wave = Instrument(np.random.default_rng(1), family).note(440.0, 1.0)
    assert len(wave) == RATE and np.abs(wave).max() <= 3
    frequency, level = strongest(wave)
    loud = frequency[level > level.max() - 20]
    ratio = loud / 440
    # A partial may be stronger than the fundamental; FM has sidebands at its ratio; a string's loop is whole samples.
    near = (ratio - ratio.round().clamp(min=1)).abs() < 0.03
    assert family == "electric" or near.float().mean() > 0.8


def test_keys_have_the_frequencies_of_the_standard():
    assert DTMF["1"] == (697, 1209) and DTMF["0"] == (941, 1336) and DTMF["D"] == (941, 1633) and len(DTMF) == 16


def test_a_piece_has_notes_within_its_time_and_sounds_there():
    rng = np.random.default_rng(8)
    notes = composed(rng, 2.0)
    assert notes and all(0 <= n.start < 2 and n.seconds > 0 for n in notes)
    wave = played([Note(0.5, 0.2, 69)], rng, 1.0)
    assert len(wave) == RATE and not wave[: RATE // 2 - 1].any() and np.abs(wave[RATE // 2 :]).max() > 0.05


def test_an_excerpt_begins_at_its_start():
    notes = [Note(0.0, 1, 60), Note(2.5, 1, 62), Note(4.0, 1, 64)]
    assert [(n.start, n.pitch) for n in excerpt(notes, 2.0, 1.5)] == [(0.5, 62)]


def test_a_midi_file_says_its_notes():
    data = midi([Note(0.0, 0.5, 60, 1.0, 0), Note(1.0, 0.5, 2, 1.0, -1)], {0: 40})
    assert data[:4] == b"MThd" and data[14:18] == b"MTrk" and len(data) == 22 + int.from_bytes(data[18:22], "big")
    track, at, clock, found = data[22:], 0, 0, []
    while at < len(track):
        delta = 0
        while True:
            delta, at = delta << 7 | track[at] & 0x7F, at + 1
            if track[at - 1] < 0x80:
                break
        clock += delta
        length = {0xC0: 2, 0xF0: 3}.get(track[at] & 0xF0, 3)
        found.append((clock, track[at : at + length]))
        at += length
    assert found == [
        (0, bytes([0xC0, 40])),
        (0, bytes([0x90, 60, 127])),
        (480, bytes([0x80, 60, 0])),
        (960, bytes([0x99, 42, 127])),
        (1440, bytes([0x89, 42, 0])),
        (1440, b"\xff\x2f\x00"),
    ]


def _voice(seconds=1.0, pitch=120.0):
    """A buzz with formants: enough of a voice for what measures one."""
    return sum(sine(k * pitch, seconds, phase=k) / k for k in range(1, 25)) * 0.2


def test_a_voice_made_higher_is_higher():
    wave = voices.shifted(_voice(), 1.3)
    assert len(wave) == pytest.approx(RATE / 1.3, rel=0.01)
    track = pitch_track(wave)
    assert track[track > 0].median() == pytest.approx(156, rel=0.03)


def test_a_whisper_has_no_pitch():
    wave = voices.whispered(_voice(), np.random.default_rng(0))
    assert (
        len(wave) == RATE and (pitch_track(wave) > 0).float().mean() < 0.2 < (pitch_track(_voice()) > 0).float().mean()
    )


def test_a_telephone_has_no_bass_and_no_treble():
    noise = np.random.default_rng(0).normal(size=RATE)
    power = np.abs(np.fft.rfft(voices.phone(noise, np.random.default_rng(1)))) ** 2
    assert power[:60].mean() < 0.01 * power[600:3000].mean() > power[4500:].mean()


def test_varied_recordings_keep_their_peak():
    wave = torch.from_numpy(_voice()).float()
    for seed in range(8):
        out = voices.varied(wave, np.random.default_rng(seed))
        assert out.isfinite().all() and float(out.abs().max()) == pytest.approx(float(wave.abs().max()), rel=1e-3)
