"""Training of the judges of digits on real ones (see `mmdemo.digits.classifier`)."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ..config import from_dict
from ..datasets.mnist import read_mnist
from ..datasets.speech import fsdd_files, fsdd_labels, read_clips
from ..digits.classifier import Judge, JudgeConfig, augment_wave
from ..digits.frames import frame_sound
from .recipe import Recipe
from .task import Task

SAMPLES = 12_800  # 0.8 s at 16 kHz, the joint model's frame


def real_digits(modality: str, data_dir: Path, train: bool) -> tuple[Tensor, Tensor]:
    """Real digits in the joint model's frame: pictures (N, 3, 32, 32) or waveforms (N, 12800), and labels (N,)."""
    if modality == "image":
        digits, labels = read_mnist(data_dir, train)
        return (digits.float() / 255)[:, None].expand(-1, 3, -1, -1), labels
    files = fsdd_files(data_dir, train)
    clips = torch.stack([frame_sound(c, SAMPLES) for c in read_clips(files)])
    return clips, torch.tensor(fsdd_labels(files)[0])


class DigitJudgeTask(Task):
    """Cross-entropy on augmented real digits."""

    kind = "judge"

    def __init__(self, recipe: Recipe, device: torch.device, x: Tensor, y: Tensor) -> None:
        """
        Args:
            x, y: digits of the recipe's modality and their labels, as `real_digits` gives them.
        """
        self.recipe, self.device, self.x, self.y = recipe, device, x, y
        torch.manual_seed(recipe.seed)
        self.model: Judge = Judge(from_dict(JudgeConfig, recipe.model)).to(device)

    @property
    def data_summary(self) -> dict[str, object]:
        return {"digits": len(self.x)}

    @classmethod
    def from_recipe(cls, recipe: Recipe, device: torch.device, data_dir: Path) -> DigitJudgeTask:
        modality = from_dict(JudgeConfig, recipe.model).modality
        return cls(recipe, device, *real_digits(modality, data_dir, train=True))

    def batch(self, generator: torch.Generator) -> dict[str, Tensor]:
        picks = torch.randint(len(self.x), (self.recipe.batch_size,), generator=generator)
        x = self.x[picks]
        if self.model.config.modality == "audio":
            x = augment_wave(x, generator)
        else:  # up to two pixels to each side: the pad is black already
            by = torch.randint(-2, 3, (2,), generator=generator).tolist()
            x = x.roll(by, (2, 3))
        return {"x": x, "y": self.y[picks]}

    def loss(self, batch: dict[str, Tensor], step: int) -> tuple[Tensor, dict[str, float]]:
        logits = self.model(batch["x"])
        right = (logits.argmax(1) == batch["y"]).float().mean()
        return F.cross_entropy(logits, batch["y"], label_smoothing=0.05), {"right": right.item()}
