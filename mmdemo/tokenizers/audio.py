"""Speech tokenizer: 16 kHz mono, 50 frames a second, frame-level network with an ISTFT head.

Log-magnitude STFT -> ConvNeXt blocks -> residual VQ -> ConvNeXt blocks -> magnitude and phase -> inverse STFT.
The network never sees single samples, so it is an order of magnitude cheaper than sample-level codecs.
Source of the head: Siuzdak 2023, "Vocos"; of the codec layout: Zeghidour et al. 2021, "SoundStream".
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .base import Tokenizer
from .layers import ChannelNorm, stack
from .quantize import BottleneckConfig

SAMPLE_RATE = 16_000


@dataclass
class AudioTokenizerConfig:
    """Sizes of the audio tokenizer."""

    n_fft: int = 1280
    hop: int = 320  # 50 frames a second
    width: int = 256
    encoder_depth: int = 6
    decoder_depth: int = 8
    kernel: int = 7
    expansion: int = 3
    bottleneck: BottleneckConfig = field(default_factory=lambda: BottleneckConfig(dim=16, levels=8, codebook_size=1024))


class AudioTokenizer(Tokenizer):
    """Waveforms in [-1, 1] at 16 kHz <-> codes at 50 frames a second."""

    modality = "audio"
    window: Tensor

    def __init__(self, config: AudioTokenizerConfig) -> None:
        super().__init__(config.bottleneck)
        self.config = config
        self.stride = config.hop
        bins, width = config.n_fft // 2 + 1, config.width
        self.register_buffer("window", torch.hann_window(config.n_fft), persistent=False)
        self.encoder = nn.Sequential(
            nn.Conv1d(bins, width, 1),
            stack(width, config.encoder_depth, 1, config.kernel, config.expansion),
            ChannelNorm(width),
            nn.Conv1d(width, self.bottleneck.in_dim, 1),
        )
        self.level_embedding = nn.Embedding(self.levels + 1, width)  # tells the decoder how coarse its latent is
        self.project_out = nn.Conv1d(self.dim, width, 3, padding=1)
        self.decoder = nn.Sequential(
            stack(width, config.decoder_depth, 1, config.kernel, config.expansion),
            ChannelNorm(width),
            nn.Conv1d(width, 2 * bins, 1),
        )
        nn.init.zeros_(self.level_embedding.weight)

    def to_latent(self, x: Tensor) -> Tensor:
        """(B, T) in [-1, 1] -> (B, in_dim, ceil(T / hop))."""
        return self.encoder(self._features(x))

    def _features(self, x: Tensor) -> Tensor:
        """(B, T) -> log magnitudes (B, bins, frames), roughly in [-1, 1]."""
        n_fft, hop = self.config.n_fft, self.config.hop
        frames = max(1, -(-x.shape[-1] // hop))
        # "Same" padding: frame i sits over samples i*hop ... (i+1)*hop, zeros beyond the ends.
        side = (n_fft - hop) // 2
        x = F.pad(x.float(), (side, side + frames * hop - x.shape[-1]))
        spectrum = torch.stft(x, n_fft, hop, window=self.window, center=False, return_complex=True)
        return (spectrum.abs().clamp(min=1e-4).log10() + 1) / 2  # (B, bins, frames)

    def from_latent(self, z: Tensor, active: Tensor) -> Tensor:
        """(B, D, frames) -> waveform (B, frames * hop)."""
        h = self.project_out(z) + self.level_embedding(active)[:, :, None]  # (B, width, frames)
        magnitude, phase = self.decoder(h).float().chunk(2, dim=1)  # (B, bins, frames) each
        magnitude = magnitude.exp().clamp(max=1e2)  # a cap: one wild bin must not blow up the whole loss
        return self._istft(torch.polar(magnitude, phase))

    def _istft(self, spectrum: Tensor) -> Tensor:
        """Inverse STFT with "same" padding: (B, bins, frames) complex -> (B, frames * hop).

        torch.istft cannot do this padding: its window-overlap check fails at the ends.
        """
        n_fft, hop = self.config.n_fft, self.config.hop
        pieces = torch.fft.irfft(spectrum, n_fft, dim=1) * self.window[:, None]  # (B, n_fft, frames)
        frames = pieces.shape[-1]
        length = (frames - 1) * hop + n_fft
        wave = _overlap_add(pieces, hop)
        squares = self.window.square()[None, :, None].expand(1, n_fft, frames)
        norm = _overlap_add(squares, hop)
        side = (n_fft - hop) // 2
        return (wave / norm.clamp(min=1e-8))[:, side : length - side]


def _overlap_add(pieces: Tensor, hop: int) -> Tensor:
    """Sum windows (B, n, frames), n a multiple of ``hop``, each shifted by hop -> (B, (frames - 1) * hop + n).

    n / hop shifted additions: on CPU faster than torch.nn.functional.fold, forward and backward.
    """
    batch, n, frames = pieces.shape
    parts = n // hop
    rows = pieces.transpose(1, 2).reshape(batch, frames, parts, hop)
    total = F.pad(rows[:, :, 0], (0, 0, 0, parts - 1))  # (B, frames + parts - 1, hop)
    for p in range(1, parts):
        total = total + F.pad(rows[:, :, p], (0, 0, p, parts - 1 - p))
    return total.reshape(batch, -1)
