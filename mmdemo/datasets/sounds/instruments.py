"""A small synthesiser: plucked, struck, blown, bowed, organ-like and electronic instruments, and drums.

Karplus & Strong 1983 for plucked strings, Chowning 1973 for frequency modulation, partials added up for the rest.
"""

from __future__ import annotations

import numpy as np

from .tones import RATE, TAU, Rng, coloured, faded, times

FAMILIES = ("plucked", "struck", "blown", "bowed", "organ", "electric", "pad", "voice")


class Instrument:
    """One instrument; every note of it sounds alike.

    Args:
        family: one of `FAMILIES`.
    """

    def __init__(self, rng: Rng, family: str) -> None:
        self.family, self.rng = family, rng
        self.bright = rng.uniform(0.4, 1.6)  # how fast partials fall off: the less, the brighter
        self.attack = rng.uniform(0.005, 0.03) if family != "pad" else rng.uniform(0.05, 0.3)
        self.odd = rng.random() < 0.3  # mostly odd partials, as of a clarinet
        self.vibrato = rng.uniform(0, 0.008) if family in ("blown", "bowed", "voice") else 0.0
        self.ratio, self.depth = rng.choice((1, 2, 3, 1.41, 3.5)), rng.uniform(0.5, 5)
        self.formants = rng.uniform((300, 900, 2300), (800, 2000, 3200))
        self.breath = rng.uniform(0, 0.05) if family in ("blown", "voice") else 0.0

    def note(self, frequency: float, seconds: float) -> np.ndarray:
        """A note, (T,), about between -1 and 1."""
        t = times(seconds)
        if self.family == "plucked":
            return faded(self._string(frequency, len(t)), 0.003)
        if self.family == "electric":
            fall = np.exp(-t * 3)
            wave = (
                np.sin(TAU * frequency * t + self.depth * fall * np.sin(TAU * frequency * self.ratio * t)) * fall**0.3
            )
            return faded(wave)
        phase = TAU * frequency * t
        if self.vibrato:
            phase = phase + self.vibrato * frequency / 5.5 * np.sin(TAU * 5.5 * t)
        wave = np.zeros_like(t)
        for k in range(1, min(24, int(7600 / frequency)) + 1):
            loud = k ** -(1 + self.bright) if self.family != "organ" else (k & (k - 1) == 0) / k**0.5
            if self.odd and k % 2 == 0:
                loud *= 0.1
            if self.family == "voice":
                loud = sum(np.exp(-(((k * frequency - f) / 150) ** 2)) for f in self.formants) + 0.05 / k
            if loud > 1e-3:
                dying = np.exp(-t * (0.8 + 0.6 * k)) if self.family == "struck" else 1.0
                wave += loud * dying * np.sin(k * phase + k)
        if self.breath:
            wave += self.breath * self.rng.normal(size=len(t))
        rise = np.minimum(1, t / self.attack) if self.family != "struck" else 1.0
        return faded(wave / max(1e-6, float(np.abs(wave).max())) * rise, 0.02)

    def _string(self, frequency: float, count: int) -> np.ndarray:
        """A burst of noise that goes round in a loop and loses its high partials on the way, a round at a time."""
        period = max(2, round(RATE / frequency - 0.5))
        loop = coloured(self.rng, period, self.bright) * 0.3
        loop -= loop.mean()  # which would go round for ever
        rounds = []
        for _ in range(-(-count // period)):
            rounds.append(loop)
            loop = 0.498 * (loop + np.roll(loop, 1))
        return np.concatenate(rounds)[:count]


def drum(rng: Rng, kind: int) -> np.ndarray:
    """A hit, (T,): 0 bass drum, 1 snare, 2 closed hi-hat, 3 open one, 4 tom."""
    t = times((0.35, 0.25, 0.06, 0.4, 0.35)[kind])
    if kind in (0, 4):
        low, high = ((45, 120), (90, 200))[kind == 4]
        track = low + (high - low) * np.exp(-t * 30)
        return np.sin(TAU * np.cumsum(track) / RATE) * np.exp(-t * 9)
    hiss = np.diff(rng.normal(size=len(t) + 1)) * 0.5
    if kind == 1:
        return (0.5 * np.sin(TAU * 190 * t) + rng.normal(size=len(t)) * 0.5) * np.exp(-t * 18)
    return hiss * np.exp(-t * (60 if kind == 2 else 9))
