"""Music: scores made up, and played by the synthesiser or, where there is one, by General MIDI instruments.

A score is a list of notes. Instruments come from any SoundFont on the machine, such as Debian's ``fluid-soundfont-gm``
(MIT) or ``timgm6mb-soundfont`` (GPL-2), played by the program ``fluidsynth``; neither is needed.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from .instruments import FAMILIES, Instrument, drum
from .tones import RATE, Rng, coloured

SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 4, 7, 9), (0, 2, 3, 5, 7, 9, 10))
PROGRESSIONS = ((0, 4, 5, 3), (0, 3, 4, 0), (0, 5, 3, 4), (1, 4, 0, 0), (0, 0, 3, 4), (5, 3, 0, 4))
SOUNDFONTS = ("/usr/share/sounds/sf2", "/usr/share/sounds/sf3", "/usr/share/soundfonts", "~/.fluidsynth")
TICKS = 480  # of a quarter in a MIDI file, whose quarters here last half a second
TIMEOUT = 60  # seconds for one run of fluidsynth


@dataclass(frozen=True)
class Note:
    """A note: when and how long in seconds, MIDI pitch, loudness 0 to 1, part (0, 1, … or "drums" as -1)."""

    start: float
    seconds: float
    pitch: int
    loud: float = 0.8
    part: int = 0


def composed(rng: Rng, seconds: float) -> list[Note]:
    """A made-up piece: chords, a bass, a melody and drums, each of them or some; or one part alone."""
    key, scale = int(rng.integers(36, 48)), SCALES[rng.integers(len(SCALES))]
    beat = 60 / rng.uniform(60, 170)
    chords = PROGRESSIONS[rng.integers(len(PROGRESSIONS))]
    parts = set(rng.permutation(4)[: rng.choice((1, 1, 2, 3, 4))].tolist())
    notes: list[Note] = []

    def degree(n: int) -> int:
        return key + 12 * (n // len(scale)) + scale[n % len(scale)]

    at, bar = 0.0, 0
    step = len(scale) + int(rng.integers(0, 7))
    while at < seconds:
        root = chords[bar % len(chords)]
        for i in range(4):
            now = at + i * beat
            if 0 in parts and (i == 0 or rng.random() < 0.3):  # chords, held or broken
                broken = rng.random() < 0.4
                for j, n in enumerate((0, 2, 4)):
                    delay = j * beat / 3 if broken else 0.0
                    notes.append(Note(now + delay, beat * rng.choice((1, 2, 4)), degree(root + n) + 12, 0.5, 0))
            if 1 in parts and rng.random() < 0.8:
                notes.append(Note(now, beat * 0.9, degree(root + int(rng.choice((0, 0, 4)))), 0.8, 1))
            if 2 in parts:
                for half in range(rng.choice((1, 1, 2, 3))):
                    step = int(np.clip(step + rng.integers(-3, 4), 7, 26))
                    length = beat / rng.choice((1, 2))
                    notes.append(Note(now + half * beat / 3, length, degree(step) + 12, rng.uniform(0.5, 1), 2))
            if 3 in parts:
                hit = (0, 2, 1, 2)[i] if rng.random() < 0.8 else int(rng.integers(5))
                notes.append(Note(now, 0.3, hit, 0.8, -1))
                notes.append(Note(now + beat / 2, 0.1, 2, 0.4, -1))
        at, bar = at + 4 * beat, bar + 1
    return [n for n in notes if n.start < seconds]


def played(notes: Sequence[Note], rng: Rng, seconds: float) -> np.ndarray:
    """The notes on instruments of our own, one a part, (T,), in a room or dry."""
    out = np.zeros(round(seconds * RATE))
    parts = {n.part for n in notes if n.part >= 0}
    instruments = {p: Instrument(rng, str(rng.choice(FAMILIES))) for p in sorted(parts)}
    hits = [drum(rng, k) for k in range(5)] if any(n.part < 0 for n in notes) else []
    for n in notes:
        start = round(n.start * RATE)
        if start >= len(out):
            continue
        if n.part < 0:
            wave = hits[n.pitch % 5]
        else:
            wave = instruments[n.part].note(440 * 2 ** ((n.pitch - 69) / 12), min(n.seconds, seconds - n.start) + 0.02)
        end = min(len(out), start + len(wave))
        out[start:end] += n.loud * wave[: end - start]
    return reverberant(out, rng) if rng.random() < 0.4 else out


def reverberant(wave: np.ndarray, rng: Rng) -> np.ndarray:
    """In a room: with an echo of decaying noise."""
    length = round(rng.uniform(0.1, 0.6) * RATE)
    echo = coloured(rng, length, 0.5) * np.exp(-6 * np.arange(length) / length)
    n = len(wave) + length
    wet = np.fft.irfft(np.fft.rfft(wave, n) * np.fft.rfft(echo, n), n)[: len(wave)]
    level = float(np.abs(wave).max()) / max(1e-9, float(np.abs(wet).max()))
    return wave + rng.uniform(0.1, 0.5) * level * wet


# ------------------------------------------------------------------------------- General MIDI


@cache
def soundfont() -> Path | None:
    """The largest SoundFont here; None without one, or without the program that plays them."""
    folders = [Path(f).expanduser() for f in SOUNDFONTS]
    found = [p for f in folders if f.is_dir() for p in sorted(f.iterdir()) if p.suffix in (".sf2", ".sf3")]
    return max(found, key=lambda p: p.stat().st_size, default=None) if shutil.which("fluidsynth") else None


def midi(notes: Sequence[Note], programs: dict[int, int]) -> bytes:
    """A standard MIDI file, format 0.

    Args:
        programs: the General MIDI program (0 to 127) of each part; drums have channel 10.
    """
    channels = {p: i + (i >= 9) for i, p in enumerate(sorted(programs))}
    events = [(0, 0, bytes([0xC0 | channels[p], program])) for p, program in programs.items()]
    kit = (36, 38, 42, 46, 45)
    for n in notes:
        channel = 9 if n.part < 0 else channels[n.part]
        key = kit[n.pitch % 5] if n.part < 0 else min(127, max(0, n.pitch))
        loud = round(127 * min(1.0, max(0.05, n.loud)))
        start, end = (round(2 * TICKS * t) for t in (n.start, n.start + max(0.05, n.seconds)))
        events += [(start, 2, bytes([0x90 | channel, key, loud])), (end, 1, bytes([0x80 | channel, key, 0]))]
    track, before = b"", 0
    for at, _, event in sorted(events, key=lambda e: e[:2]):
        track, before = track + _varint(at - before) + event, at
    track += b"\x00\xff\x2f\x00"
    return b"MThd" + struct.pack(">IHHH", 6, 0, 1, TICKS) + b"MTrk" + struct.pack(">I", len(track)) + track


def _varint(n: int) -> bytes:
    """Seven bits a byte, the high ones first."""
    out = [n & 0x7F]
    while n := n >> 7:
        out.append(0x80 | n & 0x7F)
    return bytes(out[::-1])


def sampled(notes: Sequence[Note], rng: Rng, seconds: float) -> np.ndarray | None:
    """The notes on General MIDI instruments; None where there are none, or they could not be played."""
    font = soundfont()
    if font is None or not notes:
        return None
    parts = sorted({n.part for n in notes if n.part >= 0})[:15]
    programs = {p: int(rng.integers(0, 120)) for p in parts}  # the last eight are effects such as a gunshot
    with tempfile.TemporaryDirectory() as folder:
        score, wave = Path(folder) / "a.mid", Path(folder) / "a.wav"
        score.write_bytes(midi([n for n in notes if n.part < 0 or n.part in programs], programs))
        command = ["fluidsynth", "-ni", "-q", "-g", "0.5", "-r", str(RATE), "-F", str(wave), str(font), str(score)]
        try:
            subprocess.run(command, capture_output=True, timeout=TIMEOUT, check=True)
            return _mono(wave, round(seconds * RATE))
        except (OSError, subprocess.SubprocessError, ValueError):
            return None


def _mono(path: Path, count: int) -> np.ndarray:
    import soundfile

    wave, _ = soundfile.read(path, dtype="float64", always_2d=True)
    mono = wave.mean(1)[:count]
    return np.pad(mono, (0, count - len(mono)))


def excerpt(notes: Sequence[Note], start: float, seconds: float) -> list[Note]:
    """The notes that begin within a stretch, from its start."""
    return [Note(n.start - start, n.seconds, n.pitch, n.loud, n.part) for n in notes if 0 <= n.start - start < seconds]


def piece(rng: Rng, seconds: float) -> np.ndarray:
    """A piece: on General MIDI instruments where there are some, in two of three cases, else on our own."""
    notes = composed(rng, seconds)
    wave = sampled(notes, rng, seconds) if rng.random() < 0.67 else None
    return played(notes, rng, seconds) if wave is None or not wave.any() else wave
