"""Reconstruction losses of the three tokenizers."""

from __future__ import annotations

import torch
import torch.nn.functional as F
import torchaudio
from torch import Tensor, nn


def picture_loss(
    y: Tensor, x: Tensor, l1: float = 1.0, mse: float = 40.0, psnr: float = 0.0, gradient: float = 0.5
) -> Tensor:
    """Weighted L1 + MSE + its logarithm + differences between neighbours at three scales; (B, 3, H, W) in [0, 1].

    MSE makes coarse reconstructions better first, its logarithm all in proportion: the mean PSNR is just that, in tens
    of decibels. L1 keeps flat areas flat; the gradient terms keep edges where they are.
    """
    each = (y - x).square().flatten(1).mean(1)  # (B,)
    loss = l1 * F.l1_loss(y, x) + mse * each.mean() + psnr * (each + 1e-5).log10().mean()  # no prize beyond 50 dB
    for _ in range(3):
        across = F.l1_loss(y.diff(dim=-1), x.diff(dim=-1))
        down = F.l1_loss(y.diff(dim=-2), x.diff(dim=-2))
        loss = loss + gradient * (across + down)
        y, x = F.avg_pool2d(y, 2), F.avg_pool2d(x, 2)
    return loss


def clipped_right(y: Tensor, x: Tensor) -> Tensor:
    """``y`` with ``x`` put where clipping to [0, 1] will: beyond 1 where ``x`` is 1, below 0 where it is 0.

    What a network has to hit exactly it misses to both sides; here half of that is no error, and black, white and pure
    colours come out exactly so.
    """
    return torch.where(((x >= 1) & (y > 1)) | ((x <= 0) & (y < 0)), x, y)


def chroma_loss(y: Tensor, x: Tensor) -> Tensor:
    """Mean error of red and blue less green, of pixels and of 8 x 8 means; (B, 3, H, W) in [0, 1].

    Grey has none: a grey picture that comes back coloured pays for it here.
    """
    error = y - x
    colour = error[:, ::2] - error[:, 1:2]  # (B, 2, H, W)
    return colour.abs().mean() + F.avg_pool2d(colour, 8).abs().mean()


def flat_loss(y: Tensor, x: Tensor) -> Tensor:
    """Mean error where ``x`` is of one colour within 2 pixels to each side; (B, 3, H, W) in [0, 1].

    With a root before the mean over a neighbourhood's errors a few that stand out cost more than the same spread out.
    """
    spread = F.max_pool2d(x, 5, 1, 2) + F.max_pool2d(-x, 5, 1, 2)  # largest less smallest, (B, 3, H, W)
    flat = (spread.amax(1, keepdim=True) < 1 / 510).to(y.dtype)
    error = (F.avg_pool2d((y - x).square(), 4) + 1e-7).sqrt()  # (B, 3, H/4, W/4)
    weight = F.avg_pool2d(flat, 4)
    return (weight * error).sum() / (3 * weight.sum()).clamp(min=1)


class SpectralLoss(nn.Module):
    """Multi-resolution STFT loss: L1 of log-mel and of compressed magnitude, over several window lengths.

    The log-mel part hears quiet and loud alike; the square-rooted magnitudes, relative to the clip's own, weigh what
    is loud, which is where speech is: without them much of the network's effort goes into a recording's noise floor.

    Short windows judge onsets, long ones pitch (Yamamoto et al. 2020; mel part as in DAC, Kumar et al. 2023).
    The number of mel bins is capped for short windows: more would leave some filters empty.
    """

    def __init__(self, sample_rate: int = 16_000, windows: tuple[int, ...] = (2048, 1024, 512, 256, 128)) -> None:
        super().__init__()
        self.windows = windows
        for n in windows:
            mels = min(80, max(5, n // 16))
            bank = torchaudio.functional.melscale_fbanks(n // 2 + 1, 0.0, sample_rate / 2, mels, sample_rate)
            self.register_buffer(f"bank{n}", bank)  # (bins, mels)
            self.register_buffer(f"window{n}", torch.hann_window(n))

    def forward(self, y: Tensor, x: Tensor, which: list[int] | None = None) -> tuple[Tensor, Tensor]:
        """Waveforms (B, T) -> (log-mel loss, magnitude loss), each a mean over the windows (``which`` of them)."""
        mel, loud = y.new_zeros(()), y.new_zeros(())
        windows = self.windows if which is None else [self.windows[i] for i in which]
        for n in windows:
            a, b = self._magnitude(y, n), self._magnitude(x, n)  # (B, frames, bins)
            bank = getattr(self, f"bank{n}")
            mel = mel + F.l1_loss((a @ bank).clamp(min=1e-3).log10(), (b @ bank).clamp(min=1e-3).log10())
            loud = loud + F.l1_loss(a.sqrt(), b.sqrt()) / b.sqrt().mean()
        return mel / len(windows), loud / len(windows)

    def _magnitude(self, wave: Tensor, n: int) -> Tensor:
        spectrum = torch.stft(wave, n, n // 4, window=getattr(self, f"window{n}"), return_complex=True)
        # A floor under the root: its gradient at exact silence is infinite otherwise.
        return (spectrum.real.square() + spectrum.imag.square() + 1e-9).sqrt().transpose(1, 2)


class EnvelopeLoss(nn.Module):
    """1 - correlation of the envelopes of third-octave bands over 0.4 s: how much of the rhythm of speech is lost.

    What makes speech intelligible is how loudness rises and falls in each band; STOI (Taal et al. 2011) measures just
    that, and as a loss it was proposed by Fu et al. 2018. Spectral losses alone spend on what is loud or long instead.
    """

    FRAMES = 30  # of 12.8 ms, which is 384 ms
    STEP = 6
    window: Tensor
    bank: Tensor

    def __init__(self, sample_rate: int = 16_000, n_fft: int = 512, bands: int = 15, lowest: float = 150.0) -> None:
        super().__init__()
        self.hop = round(0.0128 * sample_rate)
        self.register_buffer("window", F.pad(torch.hann_window(2 * self.hop), (0, n_fft - 2 * self.hop)))
        centre = lowest * 2 ** (torch.arange(bands) / 3)
        edges = torch.stack([centre * 2 ** (-1 / 6), centre * 2 ** (1 / 6)], dim=1)  # (bands, 2) in Hz
        bins = torch.linspace(0, sample_rate / 2, n_fft // 2 + 1)[:, None]
        self.register_buffer("bank", ((bins >= edges[:, 0]) & (bins < edges[:, 1])).float())  # (bins, bands)

    def forward(self, y: Tensor, x: Tensor) -> Tensor:
        """Waveforms (B, T) -> mean over bands and stretches of 0.4 s (or T, if it is less) that are not silent."""
        a, b = self._envelopes(y), self._envelopes(x)  # (B, frames, bands)
        floor = 1e-3 * b.square().mean((1, 2), keepdim=True)[..., None]  # 30 dB below the clip's mean
        frames = min(self.FRAMES, a.shape[1])
        a, b = (e.unfold(1, frames, self.STEP) for e in (a, b))  # (B, stretches, bands, frames)
        a, b = a - a.mean(-1, keepdim=True), b - b.mean(-1, keepdim=True)
        energy = b.square().mean(-1, keepdim=True)
        heard = energy / (energy + floor)  # what is next to silent counts for next to nothing
        down = (a.square().mean(-1, keepdim=True) + 0.01 * floor).sqrt() * (energy + 0.01 * floor).sqrt()
        agree = (a * b).mean(-1, keepdim=True) / down.clamp(min=1e-6)
        return (heard * (1 - agree)).sum() / heard.sum().clamp(min=1)

    def _envelopes(self, wave: Tensor) -> Tensor:
        s = torch.stft(wave, len(self.window), self.hop, window=self.window, return_complex=True)
        power = (s.real.square() + s.imag.square()).transpose(1, 2)  # (B, frames, bins)
        return (power @ self.bank + 1e-9).sqrt()


def level_loss(y: Tensor, x: Tensor, frame: int = 1600, floor: float = 1e-3) -> Tensor:
    """Mean error of the level of stretches of 0.1 s, in tens of decibels; (B, T) each.

    Levels below -60 dBFS count as that: what is silent may be anything as silent. Other losses forgive a tone that is
    missing, as it is one of many bins; this does not.
    """
    n = min(frame, x.shape[1])
    a, b = (w.unfold(1, n, n).square().mean(2) + floor**2 for w in (y, x))  # (B, stretches)
    return (a / b).log10().abs().mean()


def tone_loss(y: Tensor, x: Tensor, n_fft: int = 1024, bins: int = 6) -> Tensor:
    """Mean error of each frame's strongest bins, in tens of decibels; (B, T) each.

    Where a few bins hold a frame's energy they are its pitch, and there are too few of them to matter in a mean over
    all. Frames are weighted by how much of their energy these bins hold: a hiss has none that stand out.
    """
    window = torch.hann_window(n_fft, device=x.device)
    a, b = (
        torch.stft(w, n_fft, n_fft // 2, window=window, return_complex=True).abs().square() + 1e-6 for w in (y, x)
    )  # (B, bins, frames)
    power, where = b.topk(bins, dim=1)
    error = (a.gather(1, where) / power).log10().abs().mean(1)  # (B, frames)
    weight = power.sum(1) / b.sum(1)
    weight = weight * (b.sum(1) > 1e-2)  # silent frames have no pitch
    return (weight * error).sum() / weight.sum().clamp(min=1)


def byte_loss(logits: Tensor, x: Tensor, mask: Tensor) -> Tensor:
    """Cross-entropy per real byte. logits (B, 256, T), x (B, T) int64, mask (B, T) bool."""
    each = F.cross_entropy(logits.float(), x, reduction="none")  # (B, T)
    return (each * mask).sum() / mask.sum().clamp(min=1)
