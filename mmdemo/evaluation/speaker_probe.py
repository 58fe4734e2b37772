"""Whose voice is it? A linear speaker classifier on log-mel statistics, fitted to real training recordings.

Small enough (a closed-form ridge regression) to be fitted whenever a model is measured, so it needs no checkpoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from ..datasets.speech import fsdd_files, fsdd_labels, read_clips
from ..digits.frames import frame_sound
from ..metrics.mel import mel_bands
from ..training.digit_judge_task import SAMPLES

RIDGE = 1.0  # of standardised features; a few thousand recordings stand against 192 features


def voice_features(waves: Tensor) -> Tensor:
    """Waveforms (N, T) at 16 kHz -> (N, 192): mean, spread and mean step of each of 64 log-mel bands while sounding."""
    mel = mel_bands()
    rows = []
    for chunk in waves.float().split(256):
        bands = mel(chunk).clamp(min=1e-6).log()  # (B, 64, frames)
        energy = bands.logsumexp(1, keepdim=True)  # (B, 1, frames)
        on = (energy > energy.amax(2, keepdim=True) - 6).float()  # within 26 dB of the loudest frame
        count = on.sum(2).clamp(min=1)
        mean = (bands * on).sum(2) / count
        spread = ((bands - mean[:, :, None]).square() * on).sum(2).div(count).sqrt()
        both = on[:, :, 1:] * on[:, :, :-1]
        step = ((bands[:, :, 1:] - bands[:, :, :-1]).abs() * both).sum(2) / both.sum(2).clamp(min=1)
        level = mean.mean(1, keepdim=True)  # loudness says nothing about who speaks
        rows.append(torch.cat([mean - level, spread, step], dim=1))
    return torch.cat(rows)


class VoiceProbe:
    """Ridge regression from `voice_features` to one-hot speakers."""

    def __init__(self, waves: Tensor, speakers: Sequence[str]) -> None:
        self.names = tuple(sorted(set(speakers)))
        x = voice_features(waves)
        self.mean, self.std = x.mean(0), x.std(0).clamp(min=1e-4)
        x = self._features(x).double()
        y = torch.nn.functional.one_hot(torch.tensor([self.names.index(s) for s in speakers])).double()
        self.weight = torch.linalg.solve(x.T @ x + RIDGE * torch.eye(x.shape[1], dtype=x.dtype), x.T @ y).float()

    def _features(self, x: Tensor) -> Tensor:
        return torch.nn.functional.pad((x - self.mean) / self.std, (0, 1), value=1.0)

    def read(self, waves: Tensor) -> list[str]:
        """Speaker of each waveform (N, T)."""
        scores = self._features(voice_features(waves)) @ self.weight  # (N, speakers)
        return [self.names[i] for i in scores.argmax(1).tolist()]


def real_voices(data_dir: Path, train: bool) -> tuple[Tensor, list[str]]:
    """Real spoken digits in the joint model's frame, (N, 12800), and who speaks."""
    files = fsdd_files(data_dir, train)
    return torch.stack([frame_sound(c, SAMPLES) for c in read_clips(files)]), fsdd_labels(files)[1]
