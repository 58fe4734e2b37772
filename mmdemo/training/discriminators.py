"""Discriminators of sound: small convolutional networks over complex STFTs at several resolutions.

A reconstruction loss on magnitudes alone leaves the phase between bins to chance, which is heard as a buzz. These
networks see real and imaginary parts, learn what speech looks like there, and judge every patch of the
time-frequency plane on its own. They are used in training only and never exported.

Sources: Jang et al. 2021 (UnivNet: one discriminator a resolution), Défossez et al. 2022 (EnCodec: complex STFT,
dilation in time, relative feature matching). Channels are few and strides begin early: this has to run on a CPU.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from ..config import settings

SLOPE = 0.2  # of the leaky ReLU


@settings
class CriticConfig:
    """The ``[critic]`` table of a recipe: the discriminators, how they are trained, and what their verdict weighs."""

    windows: tuple[int, ...] = (1024, 256)  # STFT window lengths in samples; hop is a quarter
    channels: int = 8  # of the first layer; the last has four times as many
    rows: int = 4  # how many of a batch's rows are judged
    learning_rate: float = 5e-4
    betas: tuple[float, float] = (0.8, 0.99)
    alone_steps: int = 300  # the discriminators' head start, with the model held still
    adversarial: float = 0.03  # weight of the hinge loss
    features: float = 0.3  # weight of the feature-matching loss


class StftDiscriminator(nn.Module):
    """One resolution. Waveform (B, T) -> the features of every layer, the last being the logits of the patches."""

    window: Tensor

    def __init__(self, n_fft: int, channels: int) -> None:
        super().__init__()
        self.n_fft = n_fft
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)
        c = channels
        self.layers = nn.ModuleList(
            [  # strides (frames, bins); kernels are wide in frequency, dilation reaches along time
                _conv(2, c, (3, 5), (1, 2)),
                _conv(c, 2 * c, (3, 5), (2, 2)),
                _conv(2 * c, 4 * c, (3, 5), (1, 2), dilation=2),
                _conv(4 * c, 4 * c, (3, 5), (2, 2)),
            ]
        )
        self.logits = _conv(4 * c, 1, (3, 3), (1, 1))

    def forward(self, wave: Tensor) -> list[Tensor]:
        """(B, T) -> [(B, C_i, frames_i, bins_i), ..., logits (B, 1, frames', bins')]"""
        h = self._spectrum(wave)
        features = []
        for layer in self.layers:
            h = F.leaky_relu(layer(h), SLOPE)
            features.append(h)
        return [*features, self.logits(h)]

    def _spectrum(self, wave: Tensor) -> Tensor:
        """(B, T) -> (B, 2, frames, bins): real and imaginary part, square-rooted in magnitude, same phase."""
        with torch.autocast(wave.device.type, enabled=False):
            s = torch.stft(wave.float(), self.n_fft, self.n_fft // 4, window=self.window, return_complex=True)
            parts = torch.view_as_real(s).permute(0, 3, 2, 1)  # (B, 2, frames, bins)
            # Speech spans 60 dB: on a linear scale its loudest bins are all that a small network would see.
            # The floor keeps the gradient finite at silence.
            power = parts.square().sum(1, keepdim=True) + 1e-4
            return parts * power.pow(-0.25)


class Critic(nn.Module):
    """All resolutions together."""

    def __init__(self, config: CriticConfig) -> None:
        super().__init__()
        self.config = config
        self.parts = nn.ModuleList([StftDiscriminator(n, config.channels) for n in config.windows])

    def forward(self, wave: Tensor) -> list[list[Tensor]]:
        """(B, T) -> per resolution what `StftDiscriminator` gives."""
        return [part(wave) for part in self.parts]


def _conv(inputs: int, outputs: int, kernel: tuple[int, int], stride: tuple[int, int], dilation: int = 1) -> nn.Module:
    padding = (dilation * (kernel[0] // 2), kernel[1] // 2)
    return weight_norm(nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation=(dilation, 1)))
