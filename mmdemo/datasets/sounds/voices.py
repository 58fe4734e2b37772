"""Speech in other voices and through other lines: deep, child-like, whispered, noisy, in rooms, on the telephone."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .music import reverberant
from .tones import RATE, Rng, coloured

N_FFT, HOP = 512, 128  # of the whispering


def shifted(wave: np.ndarray, factor: float) -> np.ndarray:
    """Faster and higher by ``factor``, or slower and lower: pitch, formants and pace together, as of a larger body."""
    import soxr

    return soxr.resample(wave, RATE * factor, RATE)


def phone(wave: np.ndarray, rng: Rng) -> np.ndarray:
    """From 300 to 3400 Hz, perhaps clipped and through 8-bit mu-law."""
    spectrum = np.fft.rfft(wave)
    f = np.fft.rfftfreq(len(wave), 1 / RATE)
    low, high = rng.uniform(150, 350), rng.uniform(3000, 3700)
    spectrum *= 1 / (1 + (low / np.maximum(f, 1)) ** 8) / (1 + (f / high) ** 16)
    out = np.fft.irfft(spectrum, len(wave))
    if rng.random() < 0.4:
        out = out / max(1e-6, float(np.abs(out).max()))
        law = np.sign(out) * np.log1p(255 * np.abs(out)) / np.log(256)
        law = np.round(law * 127) / 127
        out = np.sign(law) * np.expm1(np.abs(law) * np.log(256)) / 255
    return out


def noisy(wave: np.ndarray, rng: Rng) -> np.ndarray:
    """With noise 3 to 30 dB below."""
    level = float(np.sqrt(np.mean(wave**2))) * 10 ** (-rng.uniform(3, 30) / 20)
    return wave + level * coloured(rng, len(wave), rng.uniform(0, 2))


def whispered(wave: np.ndarray, rng: Rng) -> np.ndarray:
    """The same without a voice: the spectrum's envelope from cepstra of up to 2 ms, on noise."""
    window = torch.hann_window(N_FFT)
    spectrum = torch.stft(torch.from_numpy(wave).float(), N_FFT, HOP, window=window, return_complex=True)
    cepstrum = torch.fft.irfft((spectrum.abs() + 1e-5).log(), N_FFT, dim=0)
    cepstrum[RATE // 500 : -RATE // 500] = 0
    envelope = torch.fft.rfft(cepstrum, N_FFT, dim=0).real.exp()
    noise = torch.from_numpy(rng.normal(size=len(wave))).float()
    hiss = torch.stft(noise, N_FFT, HOP, window=window, return_complex=True)
    tilt = torch.linspace(0.2, 1, N_FFT // 2 + 1)[:, None]  # a whisper has little below
    return torch.istft(hiss * envelope * tilt, N_FFT, HOP, window=window, length=len(wave)).double().numpy()


def varied(wave: Tensor, rng: Rng) -> Tensor:
    """A recording (T,) in one or two other ways, (T',), its peak as it was."""
    x = wave.double().numpy()
    kind = rng.integers(6)
    if kind <= 1:
        x = shifted(x, rng.uniform(0.68, 0.92) if kind else rng.uniform(1.12, 1.45))
    elif kind == 2:
        x = phone(x, rng)
    elif kind == 3:
        x = whispered(x, rng)
    elif kind == 4:
        x = reverberant(x, rng)
    if kind == 5 or rng.random() < 0.25:
        x = noisy(x, rng)
    peak = float(wave.abs().max()) / max(1e-6, float(np.abs(x).max()))
    return torch.from_numpy(np.ascontiguousarray(x * peak)).float()
