"""Training of the duration model, on recordings of which is known what is said in every frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ..config import from_dict
from ..datasets.spoken import SpokenClip, read_list
from ..errors import InputError
from ..speech.alphabet import SYMBOLS, runs
from ..speech.duration import DurationConfig, DurationModel, duration_loss, encoded
from .recipe import Recipe
from .task import Task

P_ANY_VOICE = 0.1


class DurationTask(Task):
    """Sentences, their voices, and for how many frames each symbol is said."""

    kind = "durations"
    model: DurationModel

    def __init__(self, recipe: Recipe, device: torch.device, clips: Sequence[SpokenClip]) -> None:
        """
        Args:
            clips: of all splits; those that are not aligned are passed over.

        Raises:
            InputError: none is aligned.
        """
        self.recipe, self.device = recipe, device
        torch.manual_seed(recipe.seed)
        self.model = DurationModel(from_dict(DurationConfig, recipe.model, "[model]")).to(device)
        splits = ("train", "validation")
        self.sets = {split: self._rows([c for c in clips if c.frames and c.split == split]) for split in splits}
        if not self.sets["train"]:
            raise InputError("There is no aligned recording to learn from: first comes their alignment.")

    @property
    def data_summary(self) -> dict[str, object]:
        return {"recordings": len(self.sets["train"])}

    @classmethod
    def from_recipe(cls, recipe: Recipe, device: torch.device, data_dir: Path) -> DurationTask:
        return cls(recipe, device, read_list(data_dir / "spoken"))

    def _rows(self, clips: list[SpokenClip]) -> list[tuple[Tensor, Tensor, int]]:
        """(N,) symbols, (N,) frames and voice of each recording, without the silence around it."""
        voices, rows = self.model.config.voices, []
        for clip in clips:
            said = runs(clip.frames.lstrip(" ").rstrip(" "))
            symbols = encoded("".join(c for c, _ in said))
            voice = voices.index(clip.voice) if clip.voice in voices else len(voices)
            rows.append((symbols, torch.tensor([n for _, n in said]), voice))
        return rows

    def batch(self, generator: torch.Generator) -> dict[str, Tensor]:
        rows = self.sets["train"]
        picks = torch.randint(len(rows), (self.recipe.batch_size,), generator=generator)
        batch = _padded([rows[int(i)] for i in picks])
        anonymous = torch.rand(len(picks), generator=generator) < P_ANY_VOICE
        batch["voice"] = batch["voice"].masked_fill(anonymous, len(self.model.config.voices))
        return batch

    def loss(self, batch: dict[str, Tensor], step: int) -> tuple[Tensor, dict[str, float]]:
        mean, spread = self.model(batch["symbols"], batch["voice"])
        real = batch["symbols"] < len(SYMBOLS)
        off = ((mean - batch["frames"].clamp(min=1).log()).abs() * real).sum() / real.sum()
        return duration_loss(mean, spread, batch["frames"], real), {"off by a factor of": float(off.detach().exp())}

    def validate(self) -> dict[str, float]:
        rows = self.sets["validation"]
        if not rows:
            return {}
        batch = {k: v.to(self.device) for k, v in _padded(rows[:512]).items()}
        loss, shown = self.loss(batch, 0)
        return {"loss": loss.item(), **shown}


def _padded(rows: list[tuple[Tensor, Tensor, int]]) -> dict[str, Tensor]:
    symbols, frames, voices = zip(*rows, strict=True)
    return {
        "symbols": pad_sequence(list(symbols), True, len(SYMBOLS)),
        "frames": pad_sequence(list(frames), True, 1),
        "voice": torch.tensor(voices),
    }
