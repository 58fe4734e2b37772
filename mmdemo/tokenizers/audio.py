"""Speech tokenizer: 16 kHz mono, 50 frames a second, frame-level network with an ISTFT head.

STFT features -> ConvNeXt blocks -> residual VQ -> ConvNeXt blocks -> magnitude and phase -> inverse STFT.
The network never sees single samples, so it is an order of magnitude cheaper than sample-level codecs.

Magnitudes of long windows alone do not tell where in a frame a sound begins or a voice's pulses lie, and a decoder
that is not told has to guess: its phases then disagree from frame to frame. So the encoder may also be given short
windows and the phases of the low bins.
Source of the head: Siuzdak 2023, "Vocos"; of the codec layout: Zeghidour et al. 2021, "SoundStream".
"""

from __future__ import annotations

from dataclasses import field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..config import Depth, Expansion, Kernel, Natural, Width, check_weights, settings
from ..quantizers import Bottleneck
from ..quantizers.residual import ResidualVQConfig
from .autoencoder import Autoencoder
from .base import ReceptiveField
from .layers import ChannelNorm, stack
from .receptive_field import receptive_field
from .stages import Stage, stages_of


@settings
class AudioTokenizerConfig:
    """Sizes of the audio tokenizer."""

    n_fft: Width = 1280
    hop: Width = 320  # 50 frames a second
    subframes: Natural = 0  # the encoder also sees this many short windows within each frame
    phase_bins: Natural = 0  # and the phases of this many of the lowest bins
    width: Width = 256
    encoder_depth: Depth = 6
    decoder_depth: Depth = 8
    kernel: Kernel = 7
    expansion: Expansion = 3
    bottleneck: Bottleneck = field(default_factory=lambda: ResidualVQConfig(dim=16, levels=8, codebook_size=1024))

    def __post_init__(self) -> None:
        if not self.hop <= self.n_fft or self.subframes > self.hop or self.phase_bins > self.n_fft // 2 + 1:
            raise ValueError(
                f"A window of {self.n_fft} samples has no hop of {self.hop}, {self.subframes} windows in that, and "
                f"phases of {self.phase_bins} bins."
            )
        blocks = 2 * self.expansion * (self.encoder_depth + self.decoder_depth) * self.width**2
        check_weights(blocks + self.width * (3 * self.n_fft + 2 * self.hop + self.subframes))


class AudioTokenizer(Autoencoder):
    """Waveforms in [-1, 1] at 16 kHz <-> codes at 50 frames a second."""

    Config = AudioTokenizerConfig
    modality = "audio"
    axes = 1
    window: Tensor
    short_window: Tensor

    def __init__(self, config: AudioTokenizerConfig) -> None:
        super().__init__(config.bottleneck)
        self.config = config
        self.stride = config.hop
        bins, width = config.n_fft // 2 + 1, config.width
        self.register_buffer("window", torch.hann_window(config.n_fft, dtype=torch.float32), persistent=False)
        features = bins + 2 * config.phase_bins
        if config.subframes:
            self.short_hop = config.hop // config.subframes
            self.register_buffer(
                "short_window", torch.hann_window(4 * self.short_hop, dtype=torch.float32), persistent=False
            )
            features += config.subframes * (2 * self.short_hop + 1)
        self.encoder = nn.Sequential(
            nn.Conv1d(features, width, 1),
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
        """(B, T) -> (B, features, frames), roughly in [-1, 1]: log magnitudes, then sines and cosines if any."""
        config = self.config
        frames = max(1, -(-x.shape[-1] // config.hop))
        x = F.pad(x.float(), (0, frames * config.hop - x.shape[-1]))
        spectrum = _stft(x, config.hop, self.window)  # (B, bins, frames)
        features = [_log_magnitude(spectrum)]
        if config.subframes:
            short = _log_magnitude(_stft(x, self.short_hop, self.short_window))  # (B, short bins, frames * subframes)
            features.append(short.unflatten(2, (frames, -1)).transpose(2, 3).flatten(1, 2))
        if config.phase_bins:
            low = spectrum[:, : config.phase_bins]
            unit = low / low.abs().clamp(min=1e-4)
            features += [unit.real, unit.imag]
        return torch.cat(features, dim=1)

    def from_latent(self, z: Tensor, num_levels: Tensor, codes: Tensor | None = None) -> Tensor:
        """(B, D, frames) -> waveform (B, frames * hop)."""
        h = self.project_out(z) + self.level_embedding(num_levels)[:, :, None]  # (B, width, frames)
        return self._wave(self.decoder(h))

    def _wave(self, y: Tensor) -> Tensor:
        """What the decoder gives, (B, 2 * bins, frames) -> waveform (B, frames * hop)."""
        magnitude, phase = y.float().chunk(2, dim=1)  # (B, bins, frames) each
        magnitude = magnitude.exp().clamp(max=1e2)  # a cap: one wild bin must not blow up the whole loss
        return self._istft(torch.polar(magnitude, phase))

    def stages(self, levels: int) -> list[Stage] | None:
        """As every autoencoder."""
        level = self.level_embedding.weight[levels][:, None]  # (width, 1)
        first = Stage(lambda codes: self.project_out(self.latent(codes)) + level, 1)
        last = Stage(lambda y: self.to_canonical(self._wave(y)), self._window_reach, self.stride)
        return [first, *stages_of(self.decoder), last]

    @property
    def _window_reach(self) -> int:
        """Frames to each side over which an STFT's window reaches."""
        return -(-(self.config.n_fft - self.config.hop) // (2 * self.config.hop))

    @property
    def receptive_field(self) -> ReceptiveField:
        """As every tokenizer; both STFTs have windows that reach over the neighbours of their frame."""
        fields = receptive_field(self.encoder), receptive_field(self.project_out, self.decoder)
        return self._fields(*(None if n is None else n + self._window_reach for n in fields))

    def to_canonical(self, y: Tensor) -> Tensor:
        """Clipped to [-1, 1]."""
        return y.clamp(-1, 1)

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


def _stft(x: Tensor, hop: int, window: Tensor) -> Tensor:
    """(B, T), T a multiple of hop -> (B, bins, T / hop) complex.

    "Same" padding: frame i sits over samples i*hop ... (i+1)*hop, zeros beyond the ends.
    """
    side = (len(window) - hop) // 2
    return torch.stft(F.pad(x, (side, side)), len(window), hop, window=window, center=False, return_complex=True)


def _log_magnitude(spectrum: Tensor) -> Tensor:
    return (spectrum.abs().clamp(min=1e-4).log10() + 1) / 2


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
