"""A picture-text judge for emoji: pictures and labels in one space, near where they belong together.

A convolutional network maps a picture to the space in which a large sentence encoder (MiniLM) puts the labels, so
labels of concepts that it never saw can be ranked too (as CLIP does, Radford et al. 2021, with the text side fixed).
It is trained on real pictures of the training split alone, and tells the drawing style besides: by lines and shading
within a few pixels, because a view of the whole picture would learn which styles a concept was not shown in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import checkpoints
from ..config import Name, Width, settings


@settings
class MatchingJudgeConfig:
    """Sizes of the judge, and the labels it knows the vectors of."""

    labels: list[Name] = field(default_factory=list)
    styles: list[Name] = field(default_factory=list)
    dim: Width = 128
    width: Width = 32


class MatchingJudge(nn.Module):
    """Pictures (B, 3, 64, 64) in [0, 1] -> scores of labels, and logits of styles."""

    vectors: Tensor

    def __init__(self, config: MatchingJudgeConfig) -> None:
        super().__init__()
        self.config = config
        w = config.width
        self.body = nn.Sequential(
            nn.AvgPool2d(2),  # 32 x 32: enough to tell emoji apart, and a quarter of the time
            _stage(3, w),  # 16 x 16
            _stage(w, 2 * w),  # 8 x 8
            _stage(2 * w, 4 * w),  # 4 x 4
            nn.Conv2d(4 * w, 8 * w, 3, padding=1),
            nn.BatchNorm2d(8 * w),
            nn.ReLU(),
        )
        self.dropout = nn.Dropout(0.2)
        self.embed = nn.Linear(4 * 8 * w, config.dim)  # of four quarters: where a part is tells much
        self.strokes = nn.Sequential(  # sees 18 x 18 pixels
            nn.Conv2d(3, 32, 4, stride=2, padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.Conv2d(32, 64, 4, stride=2, padding=1),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.Conv2d(64, 64, 3, padding=1),
            nn.BatchNorm2d(64),
            nn.ReLU(),
        )
        self.style = nn.Linear(64, len(config.styles))
        self.register_buffer("vectors", torch.zeros(len(config.labels), config.dim))  # (labels, D) unit vectors
        self.offsets = nn.Parameter(torch.zeros(len(config.labels), config.dim))  # learned, of labels seen in training
        self.scale = nn.Parameter(torch.tensor(3.0))  # log of the inverse temperature

    @property
    def labels(self) -> Tensor:
        """(labels, D) unit vectors."""
        return F.normalize(self.vectors + self.offsets, dim=-1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, 64, 64) -> unit vectors (B, D) and style logits (B, styles)."""
        return self.embedding(x), self.style_logits(x)

    def embedding(self, x: Tensor) -> Tensor:
        """(B, 3, 64, 64) -> unit vectors (B, D)."""
        h = F.avg_pool2d(self.body(x.float() * 2 - 1), 2)  # (B, 8w, 2, 2)
        return F.normalize(self.embed(self.dropout(h.flatten(1))), dim=-1)

    def style_logits(self, x: Tensor) -> Tensor:
        """(B, 3, 64, 64) -> (B, styles)."""
        return self.style(self.strokes(x.float() * 2 - 1).mean((2, 3)))

    @torch.inference_mode()
    def read(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures (N, 3, 64, 64) -> scores (N, labels), higher is nearer, and styles (N,)."""
        parts = [self(chunk) for chunk in x.split(128)]
        vectors, styles = (torch.cat(p) for p in zip(*parts, strict=True))
        return vectors @ self.labels.T, styles.argmax(1)

    def place(self, labels: Sequence[str]) -> Tensor:
        """Columns of `read`'s scores that these labels have."""
        where = {label: i for i, label in enumerate(self.config.labels)}
        return torch.tensor([where[label] for label in labels])


def _stage(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, padding=1, stride=2),
        nn.BatchNorm2d(after),
        nn.ReLU(),
        nn.Conv2d(after, after, 3, padding=1),
        nn.BatchNorm2d(after),
        nn.ReLU(),
    )


def load_matching_judge(name: str | Path = "judges/emoji") -> MatchingJudge:
    """The trained judge. Raises InputError if its checkpoint is missing or damaged."""
    return checkpoints.load_model("matching", MatchingJudge, name)
