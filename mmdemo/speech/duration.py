"""How long each sound of a sentence lasts, in frames: a small model, sampled, with a pace to choose.

As in FastSpeech and Matcha-TTS a network reads the symbols and says the logarithm of each one's duration; here with its
spread too, so that no two readings are alike (as the stochastic predictor of VITS, Kim et al. 2021, by simpler means).
"""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import checkpoints
from ..checks import number
from ..config import Depth, Kernel, Name, Width, check_weights, settings
from ..errors import InputError
from .alphabet import SYMBOLS, units

PACES = (0.5, 2.0)
LONGEST = 100  # frames of one symbol: two seconds, a long pause
SPREAD = 0.7  # of the spread found in speech: all of it sounds restless


@settings
class DurationConfig:
    """Sizes of the duration model, and the voices it knows."""

    voices: list[Name] = field(default_factory=list)
    width: Width = 128
    depth: Depth = 4
    kernel: Kernel = 7

    def __post_init__(self) -> None:
        check_weights(self.depth * self.kernel * self.width**2 + (len(SYMBOLS) + len(self.voices)) * self.width)


class DurationModel(nn.Module):
    """Symbols (B, N) and voices (B,) -> mean and logarithm of the spread of log-durations, (B, N) each."""

    def __init__(self, config: DurationConfig) -> None:
        super().__init__()
        self.config = config
        self.symbol = nn.Embedding(len(SYMBOLS) + 1, config.width, padding_idx=len(SYMBOLS))
        self.voice = nn.Embedding(len(config.voices) + 1, config.width)  # the last entry: any
        pad = config.kernel // 2
        self.convs = nn.ModuleList(
            [nn.Conv1d(config.width, config.width, config.kernel, padding=pad) for _ in range(config.depth)]
        )
        self.norms = nn.ModuleList([nn.LayerNorm(config.width) for _ in range(config.depth)])
        self.dropout = nn.Dropout(0.1)
        self.out = nn.Linear(config.width, 2)

    def forward(self, symbols: Tensor, voice: Tensor) -> tuple[Tensor, Tensor]:
        """``symbols``: (B, N) int64, len(SYMBOLS) after a sentence's end; ``voice``: (B,)."""
        real = (symbols < len(SYMBOLS))[..., None]  # (B, N, 1)
        h = (self.symbol(symbols) + self.voice(voice)[:, None]) * real  # (B, N, C)
        for conv, norm in zip(self.convs, self.norms, strict=True):
            h = (h + self.dropout(F.gelu(conv(norm(h).transpose(1, 2)).transpose(1, 2)))) * real
        mean, spread = self.out(h).unbind(-1)
        return mean + 1.5, spread.clamp(-4, 1)  # 4 or 5 frames before anything is learned

    @torch.inference_mode()
    def durations(self, text: str, voice: str | None = None, seed: int = 0, pace: float = 1.0) -> list[int]:
        """Frames of each of a sentence's symbols (`alphabet.units` of what `alphabet.spoken` gives).

        Args:
            voice: one of the model's (None: any). pace: how fast, `PACES`; 2 is twice as fast.

        Raises:
            InputError: an unknown voice, or a pace out of bounds.
        """
        if voice is not None and voice not in self.config.voices:
            raise InputError(f"There is no voice {voice!r}; choose one of {', '.join(self.config.voices)}.")
        pace = check_pace(pace)
        index = self.config.voices.index(voice) if voice else len(self.config.voices)
        mean, spread = self(encoded(units(text))[None], torch.tensor([index]))
        noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(seed))
        exact = (mean + SPREAD * spread.exp() * noise).exp() / pace  # (1, N) frames
        ends = exact[0].cumsum(0).round().long()  # rounded at the ends, so that errors do not add up
        frames = torch.diff(ends, prepend=ends.new_zeros(1)).clamp(1, LONGEST)
        return [int(n) for n in frames]


def check_pace(pace: Any) -> float:
    """A pace as a number. Raises InputError for one that is none, or out of bounds."""
    found = number(pace)
    if found is None or not PACES[0] <= found <= PACES[1]:
        raise InputError(f"The pace has to be {PACES[0]:g} to {PACES[1]:g}, not {pace}.")
    return found


def encoded(symbols: str) -> Tensor:
    """Symbols -> (N,) int64."""
    return torch.tensor([SYMBOLS.index(c) for c in symbols], dtype=torch.long)


def duration_loss(mean: Tensor, spread: Tensor, frames: Tensor, real: Tensor) -> Tensor:
    """Negative log-likelihood of durations (B, N) in frames, log-normal, over what is ``real`` (B, N) bool."""
    error = (frames.clamp(min=1).float().log() - mean) * (-spread).exp()
    each = 0.5 * error.square() + spread
    return (each * real).sum() / real.sum().clamp(min=1)


def load_duration_model(folder: str | Path) -> DurationModel:
    """The trained model of a checkpoint folder. Raises InputError if it is missing or damaged."""
    return checkpoints.load_model("durations", DurationModel, folder)
