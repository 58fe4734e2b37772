"""The speech tokenizer's batches (read speech, spoken digits) and loss."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ..config import from_dict
from ..datasets.speech import fsdd_files, read_clips, speech_files
from ..errors import InputError
from .discriminators import Critic, CriticConfig
from .draws import draw_int
from .losses import EnvelopeLoss, SpectralLoss
from .recipe import Recipe
from .tokenizer_task import TokenizerTask

WINDOWS = 3  # of the spectral loss, drawn anew at each step


class AudioTask(TokenizerTask):
    """Segments at random gain; spoken digits are set among stretches of silence, as they are used later."""

    modality = "audio"

    def __init__(self, recipe: Recipe, device: torch.device, data_dir: Path) -> None:
        super().__init__(recipe, device)
        settings = recipe.data
        self.segment = int(settings.get("segment", 16_000))
        self.digit_share = float(settings.get("digit_share", 0.25))
        speech = read_clips(speech_files(data_dir, "train")) if settings.get("speech", True) else []
        digits = read_clips(fsdd_files(data_dir, train=True)) if settings.get("fsdd", True) else []
        self.speech = [s for s in speech if len(s) > self.segment]
        self.digits = [d for d in digits if len(d) < self.segment]
        self.spectral = SpectralLoss().to(device)
        self.envelope = EnvelopeLoss().to(device)
        self.envelope_weight = float(recipe.loss.get("envelope", 0.0))
        self.mel_weight = float(recipe.loss.get("mel", 10.0))
        self.magnitude_weight = float(recipe.loss.get("magnitude", 6.0))

    def make_critic(self, settings: dict[str, object]) -> Critic:
        try:
            return Critic(from_dict(CriticConfig, settings))
        except ValueError as error:
            raise InputError(f"The recipe {self.recipe.name!r} cannot be used: {error}") from error

    def batch(self, generator: torch.Generator) -> dict[str, Tensor]:
        rows = [self._segment(generator) for _ in range(self.recipe.batch_size)]
        return {"x": torch.stack(rows), "windows": torch.randperm(len(self.spectral.windows), generator=generator)}

    def _segment(self, generator: torch.Generator) -> Tensor:
        """(segment,) with its peak at a random level between 0.05 and 0.95."""
        digit = torch.rand(1, generator=generator) < self.digit_share
        wave = self._digit(generator) if digit and self.digits else self._speech(generator)
        peak = 0.05 + 0.9 * torch.rand(1, generator=generator)
        return wave * (peak / wave.abs().max().clamp(min=1e-3)).clamp(max=20)

    def _speech(self, generator: torch.Generator) -> Tensor:
        clip = self.speech[draw_int(len(self.speech), generator)]
        start = draw_int(len(clip) - self.segment + 1, generator)
        return clip[start : start + self.segment]

    def _digit(self, generator: torch.Generator) -> Tensor:
        clip = self.digits[draw_int(len(self.digits), generator)]
        room = self.segment - len(clip)
        before = draw_int(room + 1, generator) if draw_int(2, generator) else 0  # half the time from the first sample
        return torch.nn.functional.pad(clip, (before, room - before))

    def reconstruction(self, y: Tensor, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        with torch.autocast(self.device.type, enabled=False):
            # Some of the windows: the gradient is right on average, and their transforms are half of a step.
            mel, magnitude = self.spectral(y.float(), batch["x"], batch["windows"][:WINDOWS].tolist())
            envelope = self.envelope(y.float(), batch["x"])
        loss = self.mel_weight * mel + self.magnitude_weight * magnitude + self.envelope_weight * envelope
        return loss, {"mel": mel.item(), "magnitude": magnitude.item(), "envelope": envelope.item()}
