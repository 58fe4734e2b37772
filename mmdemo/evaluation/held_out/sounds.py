"""Tones of telephones and doors, and 24 pieces of music; seeds and tunes that no training set has."""

from __future__ import annotations

import numpy as np

from ...datasets.sounds.music import composed, played
from ...datasets.sounds.tones import DTMF, RATE, TAU, faded, sine, times

PIECES, SECONDS = 24, 4.0
FIRST_SEED = 2_000_000  # training sounds are numbered from 0, those for validation from 1,000,000
LEVEL = 0.3  # peak of a tone


def tones() -> dict[str, np.ndarray]:
    """Sounds whose pitch everybody would miss, (T,) float32 at 16 kHz each."""
    gap = np.zeros(round(0.08 * RATE))
    keys = [faded(sine(DTMF[k][0], 0.12) + sine(DTMF[k][1], 0.12)) for k in "0431872695"]
    t = times(2.0)
    track = np.interp(t, np.linspace(0, 2, 7), (1100, 1320, 1480, 1320, 1760, 1650, 1100))
    strokes = [587.33, 493.88, 440.0, 329.63]
    chime = np.zeros(round(2.4 * RATE))
    for i, f in enumerate(strokes):
        at, u = round(0.45 * i * RATE), times(1.0)
        chime[at : at + len(u)] += sum(
            np.exp(-u * d) * np.sin(TAU * f * k * u) / k for k, d in ((1, 2.5), (2.76, 5), (5.4, 9))
        )
    half = np.zeros(RATE // 2)
    made = {
        "beep": np.concatenate([faded(sine(1000, 1.5)), half]),
        "DTMF": np.concatenate([x for key in keys for x in (key, gap)]),
        "whistle": faded(np.sin(TAU * np.cumsum(track) / RATE), 0.05),
        "busy": np.tile(np.concatenate([faded(sine(480, 0.5) + sine(620, 0.5)), half]), 2),
        "ring": np.concatenate([faded(sine(440, 2.0) + sine(480, 2.0)), half]),
        "chimes": chime,
    }
    return {name: (LEVEL * w / np.abs(w).max()).astype(np.float32) for name, w in made.items()}


def pieces(count: int = PIECES) -> list[np.ndarray]:
    """Pieces on instruments of our own, (T,) float32 at 16 kHz with their peak at 0.7."""
    found = []
    for i in range(count):
        rng = np.random.default_rng(FIRST_SEED + i)
        wave = played(composed(rng, SECONDS), rng, SECONDS)
        found.append((0.7 * wave / max(1e-6, float(np.abs(wave).max()))).astype(np.float32))
    return found
