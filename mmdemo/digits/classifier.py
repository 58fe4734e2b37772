"""Judges: small classifiers of real digits, trained on real training data only, that grade generated ones.

A judge never sees a reconstruction or a generated sample in training, so its verdict on them is independent.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import checkpoints
from ..config import Positive, Width, check_weights, settings
from ..metrics.mel import mel_bands


@settings
class JudgeConfig:
    """Which modality a judge reads, and how wide it is."""

    modality: Literal["image", "audio"]  # "image": pictures (B, 3, 32, 32); "audio": waveforms (B, 12800) at 16 kHz
    width: Width = 32
    classes: Positive = 10

    def __post_init__(self) -> None:
        check_weights(600 * self.width**2 + 8 * self.width * self.classes)


class Judge(nn.Module):
    """A plain convolutional classifier; its pooled features also serve for Fréchet distances."""

    config: JudgeConfig

    def __init__(self, config: JudgeConfig) -> None:
        super().__init__()
        self.config = config
        w = config.width
        self.mel: nn.Module = mel_bands() if config.modality == "audio" else nn.Identity()
        self.body = nn.Sequential(
            _stage(1, w),
            _stage(w, 2 * w),
            _stage(2 * w, 4 * w),
            nn.Conv2d(4 * w, 4 * w, 3, padding=1),
            nn.ReLU(),
        )
        self.dropout = nn.Dropout(0.3)
        self.head = nn.Linear(4 * w, config.classes)

    def features(self, x: Tensor) -> Tensor:
        """Canonical batch -> (B, 4 * width)"""
        if self.config.modality == "audio":
            h = (self.mel(x.float()).clamp(min=1e-5).log10() + 1)[:, None]  # (B, 1, 64, frames)
        else:
            h = x.float().mean(1, keepdim=True) * 2 - 1  # (B, 1, 32, 32)
        return self.body(h).mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Canonical batch -> logits (B, classes)"""
        return self.head(self.dropout(self.features(x)))

    @torch.inference_mode()
    def verdict(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Class (N,) and features (N, F) of a batch of any size."""
        parts = [self.features(chunk) for chunk in x.split(256)]
        features = torch.cat(parts)
        return self.head(features).argmax(1), features


def _stage(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, padding=1),
        nn.BatchNorm2d(after),
        nn.ReLU(),
        nn.Conv2d(after, after, 3, padding=1, stride=2),
        nn.BatchNorm2d(after),
        nn.ReLU(),
    )


def load_judge(name: str | Path) -> Judge:
    """A trained judge, by checkpoint name ("judges/image", "judges/audio") or folder."""
    return checkpoints.load_model("judge", Judge, name)


def augment_wave(x: Tensor, generator: torch.Generator) -> Tensor:
    """Random shift, level, tempo and noise for waveforms (B, T): six speakers alone would be learned by heart."""
    length = x.shape[1]
    rows = []
    for wave in x:
        tempo = 0.85 + 0.3 * float(torch.rand(1, generator=generator))
        wave = F.interpolate(wave[None, None], scale_factor=tempo, mode="linear", align_corners=False)[0, 0]
        shift = int(torch.randint(1600, (1,), generator=generator))
        wave = F.pad(wave, (shift, max(0, length - len(wave) - shift)))[:length]
        rows.append(wave * (0.3 + float(torch.rand(1, generator=generator))))
    noisy = torch.stack(rows)
    level = 10 ** (-1.5 - 2.5 * torch.rand(len(x), 1, generator=generator))
    return noisy + level * 0.1 * torch.randn(noisy.shape, generator=generator)
