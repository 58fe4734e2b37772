"""Beeps, dial tones, bells, whistles, chirps and noises, each from its seed. Waves are (T,) float32 at 16 kHz."""

from __future__ import annotations

import numpy as np

RATE = 16_000
TAU = 2 * np.pi
DTMF = {key: (row, column) for key, row, column in zip(
    "123A456B789C*0#D",
    (697, 697, 697, 697, 770, 770, 770, 770, 852, 852, 852, 852, 941, 941, 941, 941),
    (1209, 1336, 1477, 1633) * 4,
)}  # fmt: skip
Rng = np.random.Generator


def times(seconds: float) -> np.ndarray:
    """Seconds of every sample, (T,)."""
    return np.arange(round(seconds * RATE)) / RATE


def sine(frequency: float, seconds: float, phase: float = 0.0) -> np.ndarray:
    """A pure tone between -1 and 1."""
    return np.sin(TAU * frequency * times(seconds) + phase)


def faded(wave: np.ndarray, seconds: float = 0.005) -> np.ndarray:
    """Without clicks at both ends."""
    n = min(len(wave) // 2, max(1, round(seconds * RATE)))
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(n) + 0.5) / n)
    wave = wave.copy()
    wave[:n] *= ramp
    wave[len(wave) - n :] *= ramp[::-1]
    return wave


def fitted(wave: np.ndarray, seconds: float) -> np.ndarray:
    """Repeated or cut to a length."""
    n = round(seconds * RATE)
    return np.tile(wave, -(-n // max(1, len(wave))))[:n]


def pitch(rng: Rng, low: float = 60, high: float = 6000) -> float:
    """A frequency in Hz, as often in each octave."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def beeps(rng: Rng, seconds: float) -> np.ndarray:
    """A tone of any shape of wave, held or repeated."""
    f, on = pitch(rng), rng.choice((0.08, 0.2, 0.5, 1.0, seconds))
    t = times(on)
    kind = rng.integers(5)
    if kind <= 2:
        wave = np.sin(TAU * f * t)
    elif kind == 3:  # a square wave's harmonics, below what the rate can hold
        wave = sum(np.sin(TAU * k * f * t) / k for k in range(1, 40, 2) if k * f < 7600) + 0 * t
    else:
        wave = np.sin(TAU * f * t) + np.sin(TAU * f * rng.choice((1.25, 1.5, 2, rng.uniform(1, 2))) * t)
    off = np.zeros(round(rng.choice((0, 0.05, 0.2, 0.5)) * RATE))
    return fitted(np.concatenate([faded(wave), off]), seconds)


def telephone(rng: Rng, seconds: float) -> np.ndarray:
    """Keys, dial tone, ringing and busy signals of several countries (ITU-T E.180)."""
    if rng.random() < 0.5:
        on, off = rng.uniform(0.05, 0.3), rng.uniform(0.03, 0.2)
        keys = [DTMF[k] for k in rng.choice(list(DTMF), 8)]
        parts = [faded(sine(a, on) + sine(b, on)) for a, b in keys]
        gap = np.zeros(round(off * RATE))
        return fitted(np.concatenate([x for p in parts for x in (p, gap)]), seconds)
    signals = (
        ((350, 440), seconds, 0),
        ((425,), seconds, 0),
        ((425,), 0.5, 0.5),
        ((480, 620), 0.5, 0.5),
        ((440, 480), 2.0, 4.0),
        ((425,), 1.0, 4.0),
        ((400, 450), 0.4, 0.2),
        ((950, 1400, 1800), 0.33, 0.03),
    )
    frequencies, on, off = signals[rng.integers(len(signals))]
    wave = faded(sum(sine(f, on) for f in frequencies) + np.zeros(round(on * RATE)))
    whole = fitted(np.concatenate([wave, np.zeros(round(off * RATE))]), seconds + on + off)
    start = rng.integers(0, len(whole) - round(seconds * RATE) + 1)
    return whole[start : start + round(seconds * RATE)]


def bells(rng: Rng, seconds: float) -> np.ndarray:
    """Chimes, glasses and bells: few partials, not in harmony, that die away each at its own pace."""
    out = np.zeros(round(seconds * RATE))
    for _ in range(rng.integers(1, 6)):
        f, t = pitch(rng, 200, 3000), times(seconds)
        wave = np.zeros_like(t)
        for k in (1, 2.0, 2.4, 3.0, 4.5, 5.33, 6.7):
            if f * k < 7600:
                wave += rng.uniform(0.1, 1) / k * np.exp(-t * k * rng.uniform(0.7, 5)) * np.sin(TAU * f * k * t)
        start = rng.integers(0, len(out))
        out[start:] += wave[: len(out) - start]
    return out


def glides(rng: Rng, seconds: float) -> np.ndarray:
    """Chirps, whistles, sirens and birds: one tone whose pitch moves."""
    t, f = times(seconds), pitch(rng, 150, 4000)
    kind = rng.integers(4)
    if kind == 0:  # from one pitch to another
        track = f * (pitch(rng, 150, 6000) / f) ** (t / seconds)
    elif kind == 1:  # whistled: steps that glide, a little vibrato
        steps = f * 2 ** (rng.integers(-7, 8, 8) / 12)
        track = np.interp(t, np.linspace(0, seconds, 8), steps) * (1 + 0.01 * np.sin(TAU * rng.uniform(4, 7) * t))
    elif kind == 2:  # a siren
        track = f * (1 + rng.uniform(0.1, 0.6) * np.sin(TAU * rng.uniform(0.3, 6) * t))
    else:  # chirps again and again
        track = f * (1 + rng.uniform(-0.8, 0.8) * (t * rng.uniform(1, 8) % 1))
    loud = 1 if kind != 3 or rng.random() < 0.5 else (t * 4 % 1 < 0.6)
    breath = rng.normal(0, 0.02, len(t)) if kind == 1 else 0
    return np.sin(TAU * np.cumsum(np.clip(track, 40, 7600)) / RATE) * loud + breath


def coloured(rng: Rng, count: int, slope: float) -> np.ndarray:
    """Noise whose power falls with frequency to the power of ``slope`` (0 white, 1 pink, 2 brown); its level is 1."""
    spectrum = np.fft.rfft(rng.normal(size=count))
    f = np.arange(len(spectrum), dtype=np.float64)
    f[0] = 1
    wave = np.fft.irfft(spectrum * f ** (-slope / 2), count)
    return wave / max(1e-9, float(wave.std()))


def noises(rng: Rng, seconds: float) -> np.ndarray:
    """Hiss, rumble, wind, rain, hum of the mains, clicks, applause: steady, swelling or in bursts."""
    n, t = round(seconds * RATE), times(seconds)
    kind = rng.integers(6)
    if kind <= 1:
        wave = coloured(rng, n, rng.uniform(0, 2.2))
    elif kind == 2:  # wind, waves
        swell = np.interp(t, np.linspace(0, seconds, 8), rng.uniform(0.02, 1, 8))
        wave = coloured(rng, n, rng.uniform(0.5, 2)) * swell
    elif kind == 3:  # hum
        f = rng.choice((50, 60, 100, 120))
        wave = sum(rng.uniform(0, 1) / k * sine(f * k, seconds) for k in range(1, 12)) + 0.02 * rng.normal(size=n)
    elif kind == 4:  # rain, clicks, crackle
        wave = (rng.random(n) < rng.uniform(1e-4, 1e-2)) * rng.normal(size=n)
        wave = np.convolve(wave, np.exp(-np.arange(200) / rng.uniform(2, 60)) * rng.normal(size=200), "same")
    else:  # bursts, as of claps and consonants
        gate = np.repeat(rng.random(-(-n // 800)) < 0.3, 800)[:n]
        wave = coloured(rng, n, rng.uniform(0, 1)) * np.convolve(gate, np.exp(-np.arange(800) / 200) / 200, "same")
    return wave


def silence(rng: Rng, seconds: float) -> np.ndarray:
    """Nothing; or a noise floor 60 dB and more below full scale."""
    n = round(seconds * RATE)
    floor = 0.0 if rng.random() < 0.6 else 10 ** rng.uniform(-4.5, -3)
    return floor * coloured(rng, n, rng.uniform(0, 1)) if floor else np.zeros(n)
