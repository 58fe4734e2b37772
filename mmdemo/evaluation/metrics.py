"""Figures of merit: pure functions from a reference and an output to a Python number.

Pictures may be PIL images, torch tensors (C, H, W) or numpy arrays (H, W, C) or (H, W); floats are in [0, 1].
All are compared as 8-bit samples, because that is what a person gets. Waves are one-dimensional, in [-1, 1];
an output longer or shorter than its reference is cut or padded with silence. An undefined figure is None.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from mmdemo.evaluation.text_diff import character_diff, character_error  # noqa: F401  (part of this API)

MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # Wang et al. 2003, finest scale first
SSIM_WINDOW, SSIM_SIGMA = 11, 1.5
SILENCE = 1e-4  # RMS (-80 dBFS) below which a wave counts as silent
STOI_SHORTEST = 0.42  # seconds: STOI compares stretches of 30 frames
STOI_LONGEST = 60.0  # seconds: see stoi
PESQ_LONGEST = 15.0  # seconds: see pesq_wb

# A clip too short for STOI gives None here, so the package's own warning says nothing new.
warnings.filterwarnings("ignore", message="Not enough STFT frames", category=RuntimeWarning)


@dataclass(frozen=True)
class Figure:
    """One measured number, as `evaluate` and `bench` print it.

    `n` counts what was averaged over (files, utterances, chunks);
    without a target, `target` and `met` are None.
    """

    name: str
    value: float | None
    unit: str = ""
    n: int | None = None
    target: float | None = None
    met: bool | None = None

    @classmethod
    def against(
        cls, name: str, value: float | None, target: float, unit: str = "", n: int | None = None, at_most: bool = False
    ) -> Figure:
        """A figure met if `value` >= `target`, or <= with `at_most`. An undefined value does not meet it."""
        met = value is not None and bool(value <= target if at_most else value >= target)
        return cls(name, value, unit, n, target, met)

    def as_dict(self) -> dict[str, Any]:
        """JSON-able; infinity and NaN, which JSON does not have, become None."""
        odd = {k for k, v in asdict(self).items() if isinstance(v, float) and not math.isfinite(v)}
        return {k: None if k in odd else v for k, v in asdict(self).items()}


# ---------------------------------------------------------------- pictures


def _samples(picture: Any) -> torch.Tensor:
    """A picture as (C, H, W) float32 holding whole numbers in 0..255."""
    if hasattr(picture, "convert"):  # PIL
        picture = np.array(picture.convert("RGB"))
    if isinstance(picture, np.ndarray):
        picture = torch.from_numpy(np.ascontiguousarray(picture[..., None] if picture.ndim == 2 else picture))
        picture = picture.movedim(-1, 0) if picture.ndim == 3 else picture
    if picture.ndim != 3:
        raise ValueError(f"A picture has 3 dimensions, this one has the shape {tuple(picture.shape)}.")
    picture = picture.detach().cpu()
    if picture.is_floating_point():
        picture = (picture.float() * 255).round().clamp(0, 255)
    return picture.float()


def _pictures(reference: Any, output: Any) -> tuple[torch.Tensor, torch.Tensor]:
    x, y = _samples(reference), _samples(output)
    if x.shape != y.shape:
        raise ValueError(f"Pictures must have the same shape, not {tuple(x.shape)} and {tuple(y.shape)}.")
    return x, y


def psnr(reference: Any, output: Any) -> float:
    """Peak signal-to-noise ratio in dB, from one MSE over all 8-bit samples; inf if identical."""
    x, y = _pictures(reference, output)
    mse = (x - y).double().square().mean().item()
    return math.inf if mse == 0 else 10 * math.log10(255**2 / mse)


def _ssim_terms(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """SSIM and its contrast-structure part, means over valid window positions: (C, H, W) x 2 -> (C,) x 2."""
    size = min(SSIM_WINDOW, (min(x.shape[1:]) - 1) // 2 * 2 + 1)  # odd, and no larger than the picture
    taps = torch.arange(size, dtype=torch.float32) - size // 2
    taps = torch.exp(-taps.square() / (2 * SSIM_SIGMA**2))
    taps = (taps / taps.sum()).view(1, 1, 1, size)
    # Variances do not change with the origin; around mid-grey, float32 keeps more of their digits.
    x, y = x - 128, y - 128
    maps = torch.cat([x, y, x * x + y * y, x * y])  # (4 C, H, W)
    n = len(maps)  # a group per plane is fastest
    maps = F.conv2d(maps[None], taps.expand(n, 1, 1, size), groups=n)
    maps = F.conv2d(maps, taps.mT.expand(n, 1, size, 1), groups=n)
    mx, my, squares, xy = maps.view(4, len(x), -1)  # each (C, positions)
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    cs = (2 * (xy - mx * my) + c2) / (squares - mx * mx - my * my + c2)
    mx, my = mx + 128, my + 128
    luminance = (2 * mx * my + c1) / (mx * mx + my * my + c1)
    return (luminance * cs).mean(1), cs.mean(1)


def ssim(reference: Any, output: Any) -> float:
    """Structural similarity (Wang et al. 2004), 11-tap Gaussian of sigma 1.5, mean of channels; 1 is best."""
    x, y = _pictures(reference, output)
    return _ssim_terms(x, y)[0].mean().item()


def ms_ssim(reference: Any, output: Any) -> float:
    """Multi-scale SSIM (Wang et al. 2003): 5 dyadic scales per channel, mean over channels; 1 is best.

    The coarsest scale must hold one 11x11 window, which takes 176 pixels on the shorter side. A smaller
    picture is judged on as many scales as fit (at least one), their weights normalised to sum to one.
    """
    x, y = _pictures(reference, output)
    side = min(x.shape[1:])
    scales = max(1, sum(side >> s >= SSIM_WINDOW for s in range(len(MS_SSIM_WEIGHTS))))
    weights = [w / sum(MS_SSIM_WEIGHTS[:scales]) for w in MS_SSIM_WEIGHTS[:scales]]
    product = torch.ones(x.shape[0])
    for s, weight in enumerate(weights):
        full, cs = _ssim_terms(x, y)
        # A negative mean (inverted structure) has no real power: it counts as 0, as is usual.
        product = product * (full if s == scales - 1 else cs).clamp_min(0) ** weight
        if s < scales - 1:
            x, y = (F.avg_pool2d(z[None], 2)[0] for z in (x, y))
    return product.mean().item()


def bits_per_pixel(size: int, width: int, height: int) -> float:
    """8 x bytes / pixels."""
    return 8 * size / (width * height)


# ---------------------------------------------------------------- sound


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


def si_sdr(reference: Any, output: Any) -> float | None:
    """Scale-invariant SDR in dB (Le Roux et al. 2019), means removed; None if either wave is silent."""
    x, y = (z - z.mean() if len(z) else z for z in _waves(reference, output))
    if _silent(x) or _silent(y):
        return None
    target = x * (np.dot(x, y) / np.dot(x, x))
    signal, noise = float(np.sum(target**2)), float(np.sum((y - target) ** 2))
    if noise <= 1e-24 * signal:  # a scaled copy, up to rounding
        return math.inf
    return -math.inf if signal == 0 else 10 * math.log10(signal / noise)


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


def log_mel_distance(reference: Any, output: Any, sample_rate: int = 16_000, mels: int = 80) -> float:
    """Mean absolute difference in dB of mel magnitudes (1024-sample Hann frames, hop 256, floor -100 dB)."""
    from torchaudio.functional import melscale_fbanks

    bank = melscale_fbanks(513, 0.0, sample_rate / 2, mels, sample_rate, norm="slaney", mel_scale="slaney")
    window = torch.hann_window(1024)
    spectra = []
    for wave in _waves(reference, output):
        padded = F.pad(torch.from_numpy(wave).float(), (512, 512))
        spectrum = torch.stft(padded, 1024, 256, window=window, center=False, return_complex=True)  # (513, T)
        spectra.append(20 * (spectrum.abs().mT @ bank).clamp_min(1e-5).log10())  # (T, mels)
    return (spectra[0] - spectra[1]).abs().mean().item()


# ---------------------------------------------------------------- text


def bits_per_character(size: int, characters: int) -> float:
    """8 x bytes / characters."""
    return 8 * size / characters


def _bytes(text: Any) -> bytes:
    if isinstance(text, str):
        return text.encode("utf-8", "surrogatepass")
    return bytes(text.tolist()) if torch.is_tensor(text) else bytes(text)


def byte_accuracy(reference: Any, output: Any) -> float:
    """Share of bytes that are right where they stand, 0..1; bytes missing or left over count as wrong.

    Takes str (as UTF-8), bytes or uint8 tensors (T,).
    """
    x, y = _bytes(reference), _bytes(output)
    if x == y:
        return 1.0
    n = min(len(x), len(y))
    same = np.frombuffer(x, np.uint8)[:n] == np.frombuffer(y, np.uint8)[:n]
    return float(same.sum()) / max(len(x), len(y))


# ---------------------------------------------------------------- codes and distributions


def perplexity(counts: Any) -> float:
    """exp(entropy) of a histogram (K,): the number of equally frequent codes it is worth; 0 if empty."""
    p = torch.as_tensor(counts).detach().cpu().double().flatten()
    p = p[p > 0] / p.sum()
    return math.exp(-(p * p.log()).sum().item()) if len(p) else 0.0


def usage(counts: Any) -> float:
    """Share of a histogram's (K,) codes that occur at all, 0..1."""
    return (torch.as_tensor(counts) > 0).double().mean().item()


def gaussian(features: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean (D,) and unbiased covariance (D, D), float64, of features (N, D), N >= 2."""
    f = torch.as_tensor(features).detach().cpu().double()
    if f.ndim != 2 or len(f) < 2:
        raise ValueError(f"Features must have the shape (N >= 2, D), not {tuple(f.shape)}.")
    centred = f - f.mean(0)
    return f.mean(0), centred.mT @ centred / (len(f) - 1)


def frechet_distance(mu1: Any, cov1: Any, mu2: Any, cov2: Any) -> float:
    """Squared Frechet (2-Wasserstein) distance of Gaussians with means (D,), covariances (D, D); 0 is best.

    |mu1 - mu2|^2 + tr(C1 + C2 - 2 (C1 C2)^1/2), as in FID (Heusel et al. 2017). The last trace is taken from
    the symmetric C1^1/2 C2 C1^1/2, whose eigenvalues are real even where the covariances are singular.
    """
    mu1, cov1, mu2, cov2 = (torch.as_tensor(z).detach().cpu().double() for z in (mu1, cov1, mu2, cov2))
    values, vectors = torch.linalg.eigh((cov1 + cov1.mT) / 2)
    root = vectors * values.clamp_min(0).sqrt() @ vectors.mT
    inner = root @ cov2 @ root
    cross = torch.linalg.eigvalsh((inner + inner.mT) / 2).clamp_min(0).sqrt().sum()
    return max(0.0, ((mu1 - mu2).square().sum() + cov1.trace() + cov2.trace() - 2 * cross).item())


def frechet_from_features(features1: Any, features2: Any) -> float:
    """`frechet_distance` of Gaussians fitted to features (N1, D) and (N2, D)."""
    return frechet_distance(*gaussian(features1), *gaussian(features2))
