"""Mel bands of sounds, as judges and probes hear them."""

from __future__ import annotations

import torchaudio
from torch import nn


def mel_bands() -> nn.Module:
    """Waveforms (B, T) at 16 kHz -> power in 64 mel bands every 10 ms, (B, 64, frames)."""
    return torchaudio.transforms.MelSpectrogram(16_000, n_fft=512, hop_length=160, n_mels=64)
