"""Sounds as people hear them: spectra on the mel scale, loudness, pitch. Waves are (T,) in [-1, 1] at 16 kHz."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

RATE = 16_000
FRAME, HOP = 640, 160  # samples of a frame whose pitch is looked for: 40 ms, every 10 ms
LOWEST, HIGHEST = 55.0, 400.0  # Hz of voices
VOICED = 0.55  # likeness of a frame with itself a period later from which it counts as voiced
QUIET = -45.0  # dB below the loudest frame from which nothing counts


def _tensor(wave: Any) -> Tensor:
    return torch.as_tensor(np.asarray(wave) if not torch.is_tensor(wave) else wave).detach().cpu().float().reshape(-1)


def _pair(reference: Any, output: Any) -> tuple[Tensor, Tensor]:
    x, y = _tensor(reference), _tensor(output)
    y = y[: len(x)]
    return x, torch.nn.functional.pad(y, (0, len(x) - len(y)))


@cache
def _mel_bank(n_fft: int, mels: int) -> Tensor:
    import torchaudio

    return torchaudio.functional.melscale_fbanks(n_fft // 2 + 1, 0.0, RATE / 2, mels, RATE)  # (bins, mels)


def log_mel_distance(reference: Any, output: Any, n_fft: int = 1024, mels: int = 80) -> float:
    """Mean difference in dB of the mel spectra, what is 40 dB below the reference's loudest counted as that.

    About what is heard beside it. With a lower floor a codec that leaves out the faint highs of music seems worse than
    one that turns its notes into others.
    """
    x, y = _pair(reference, output)
    window = torch.hann_window(n_fft)
    a, b = (
        _mel_bank(n_fft, mels).T @ torch.stft(w, n_fft, n_fft // 4, window=window, return_complex=True).abs().square()
        for w in (x, y)
    )
    floor = 1e-4 * float(a.max()) + 1e-9
    return float(10 * ((a + floor) / (b + floor)).log10().abs().mean())


def level_error(reference: Any, output: Any) -> float | None:
    """By how many dB the output is louder; None for a silent reference."""
    x, y = (w.double().square().mean().item() for w in _pair(reference, output))
    return None if x < 1e-10 else 10 * math.log10(max(y, 1e-12) / x)


def loudness(wave: Any) -> float | None:
    """In LUFS (ITU-R BS.1770-4); None where it is silent or shorter than 0.4 s."""
    import torchaudio

    x = _tensor(wave)
    if len(x) < 0.4 * RATE + 1 or not x.any():
        return None
    value = float(torchaudio.functional.loudness(x[None] / 8, RATE)) + 20 * math.log10(8)  # its filters clip at 1
    return value if math.isfinite(value) else None


def _peaks(wave: Any, n_fft: int) -> tuple[Tensor, Tensor]:
    """Frequency in Hz and level in dB of the peak at each bin of each frame, between bins by a parabola: (bins, frames)
    each; the level is -inf where there is no peak."""
    x = _tensor(wave)
    x = torch.nn.functional.pad(x, (0, max(0, n_fft - len(x))))
    window = torch.hann_window(n_fft)
    spectrum = torch.stft(x, n_fft, n_fft // 4, window=window, center=False, return_complex=True)
    power = (spectrum.abs().square() + 1e-12).log10()  # (bins + 2, frames)
    left, middle, right = power[:-2], power[1:-1], power[2:]
    offset = 0.5 * (left - right) / (left - 2 * middle + right).clamp(max=-1e-9)
    at = torch.arange(1, len(power) - 1)[:, None]
    top = (middle >= left) & (middle >= right)
    return (at + offset) * RATE / n_fft, (10 * middle).masked_fill(~top, -math.inf)


def strongest(wave: Any, n_fft: int = 2048) -> tuple[Tensor, Tensor]:
    """Frequency in Hz and level in dB of the strongest peak of each frame of 128 ms: (frames,) each."""
    frequency, level = _peaks(wave, n_fft)
    best, at = level.max(0)
    return frequency.gather(0, at[None])[0], best


def pitch_kept(reference: Any, output: Any, cents: float = 35.0, below: float = 6.0, n_fft: int = 2048) -> float:
    """Share of the reference's loud frames whose strongest frequency the output has, at most ``below`` dB under its own
    strongest: of two tones as loud as each other, as telephones have them, either may be the stronger."""
    x, y = _pair(reference, output)
    (f, level), (g, there) = strongest(x, n_fft), _peaks(y, n_fft)
    loud = level > level.max() - 30
    near = (1200 * (g / f).log2()).abs() < cents  # (bins, frames)
    return float((near & (there >= there.amax(0) - below)).any(0)[loud].float().mean())


def pitch_track(wave: Any) -> Tensor:
    """Pitch of the voice in Hz every 10 ms, 0 where there is none: (frames,).

    The lag at which a frame is most like itself (normalised cross-correlation, Talkin 1995), the shortest of those
    nearly as good.
    """
    x = _tensor(wave)
    shortest, longest = round(RATE / HIGHEST), round(RATE / LOWEST)
    if len(x) < FRAME + longest:
        return torch.zeros(0)
    frames = x.unfold(0, FRAME + longest, HOP)  # (N, FRAME + longest)
    n = 1 << (FRAME + 2 * longest - 1).bit_length()
    head = torch.fft.rfft(frames[:, :FRAME], n)
    cross = torch.fft.irfft(head.conj() * torch.fft.rfft(frames, n), n)[:, : longest + 1]  # (N, lags)
    energy = frames.square().cumsum(1)
    energy = torch.nn.functional.pad(energy, (1, 0))
    at = torch.arange(longest + 1)
    there = energy[:, at + FRAME] - energy[:, at]  # energy of the frame at each lag
    like = cross / (there[:, :1] * there).clamp(min=1e-9).sqrt()
    like = like[:, shortest:]  # (N, lags from the shortest)
    best = like.amax(1)
    peak = (like[:, 1:-1] >= like[:, :-2]) & (like[:, 1:-1] >= like[:, 2:]) & (like[:, 1:-1] > 0.9 * best[:, None])
    lag = shortest + 1 + peak.float().argmax(1)
    level = 10 * (there[:, 0] / FRAME).clamp(min=1e-10).log10()
    voiced = (best > VOICED) & peak.any(1) & (level > level.max() + QUIET)
    return torch.where(voiced, RATE / lag, 0.0)


def voiced_lost(reference: Any, output: Any, off: float = 0.2) -> float | None:
    """Share of the reference's voiced frames that have no voice, or another pitch; None where none is voiced."""
    x, y = (pitch_track(w) for w in _pair(reference, output))
    voiced = x > 0
    if not voiced.any():
        return None
    kept = (y > 0) & ((y / x.clamp(min=1) - 1).abs() < off)
    return float((~kept)[voiced].float().mean())
