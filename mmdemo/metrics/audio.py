"""Sounds: waveform and intelligibility figures.

Waves are one-dimensional, in [-1, 1]; an output longer or shorter than its reference is cut or padded with silence.
An undefined figure is None.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import torch

SILENCE = 1e-4  # RMS (-80 dBFS) below which a wave counts as silent
STOI_SHORTEST = 0.42  # seconds: STOI compares stretches of 30 frames
STOI_LONGEST = 60.0  # seconds: see stoi
PESQ_LONGEST = 15.0  # seconds: see pesq_wb

# A clip too short for STOI gives None here, so the package's own warning says nothing new.
warnings.filterwarnings("ignore", message="Not enough STFT frames", category=RuntimeWarning)


def _wave(wave: Any) -> np.ndarray:
    if torch.is_tensor(wave):
        wave = wave.detach().cpu().numpy()
    return np.asarray(wave, dtype=np.float64).reshape(-1)


def _waves(reference: Any, output: Any) -> tuple[np.ndarray, np.ndarray]:
    x, y = _wave(reference), _wave(output)
    y = y[: len(x)]
    return x, np.pad(y, (0, len(x) - len(y)))


def _silent(wave: np.ndarray) -> bool:
    return len(wave) == 0 or not math.sqrt(np.mean(wave * wave)) > SILENCE  # also true of NaN


def kilobits_per_second(size: int, seconds: float) -> float:
    """8 x bytes / seconds / 1000."""
    return 8 * size / seconds / 1000


def snr(reference: Any, output: Any) -> float | None:
    """Signal-to-noise ratio of the waveform in dB; inf if identical, None for a silent reference."""
    x, y = _waves(reference, output)
    if _silent(x):
        return None
    noise = float(np.sum((x - y) ** 2))
    return math.inf if noise == 0 else 10 * math.log10(float(np.sum(x * x)) / noise)


def stoi(reference: Any, output: Any, sample_rate: int = 16_000, extended: bool = False) -> float | None:
    """Short-time objective intelligibility, about 0..1 (Taal et al. 2011).

    None if the reference is silent or holds too little sound: 0.4 s within 40 dB of its loudest are needed.
    A sound longer than a minute is measured in equal parts of at most a minute and their mean returned, as the
    measure takes over 2 MB a second of sound; parts where it is not defined are left out.
    """
    x, y = _waves(reference, output)
    if not np.isfinite(y).all():
        return None
    parts = max(1, math.ceil(len(x) / (STOI_LONGEST * sample_rate)))
    pairs = zip(np.array_split(x, parts), np.array_split(y, parts))
    scores = [score for a, b in pairs if (score := _stoi_of_part(a, b, sample_rate, extended)) is not None]
    return sum(scores) / len(scores) if scores else None


def _stoi_of_part(x: np.ndarray, y: np.ndarray, sample_rate: int, extended: bool) -> float | None:
    from pystoi import stoi as measure

    if _silent(x) or len(x) < STOI_SHORTEST * sample_rate:
        return None
    value = float(measure(x, y, sample_rate, extended=extended))
    return value if math.isfinite(value) and value != 1e-5 else None  # 1e-5 is the package's "too short"


def estoi(reference: Any, output: Any, sample_rate: int = 16_000) -> float | None:
    """Extended STOI (Jensen and Taal 2016), which also judges modulated noise; None as in `stoi`."""
    return stoi(reference, output, sample_rate, extended=True)


def pesq_wb(reference: Any, output: Any) -> float | None:
    """Wideband PESQ (ITU-T P.862.2), MOS-LQO 1..4.64, of waves at 16 kHz; None for silence or under
    1/4 s, and where the optional package `pesq` is not installed.

    A clip longer than 15 s is measured in equal parts of at most 15 s and their mean returned: P.862 is made
    for clips of 8 to 12 s, and its reference code writes past its tables (and crashes) beyond 50 utterances.
    Parts where it is not defined are left out.
    """
    try:
        from pesq import PesqError, pesq  # compiled at installation, so an extra: the demo must start without it
    except ImportError:
        return None
    x, y = _waves(reference, output)
    if _silent(x) or not np.isfinite(y).all():
        return None
    parts = math.ceil(len(x) / (PESQ_LONGEST * 16_000))
    scores = []
    for a, b in zip(np.array_split(x, parts), np.array_split(y, parts)):
        if _silent(a) or _silent(b):
            continue
        try:
            scores.append(float(pesq(16_000, a, b, "wb")))
        except PesqError:  # no utterance found, or too short
            continue
    return sum(scores) / len(scores) if scores else None
