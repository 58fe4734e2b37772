"""Training of the emoji judge on real pictures of the training split (see `mmdemo.emoji.matching`)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ..config import from_dict
from ..datasets.cache import cache_folder
from ..datasets.emoji import pictures, pixels, read_annotations
from ..datasets.teacher import meanings
from ..emoji.matching import MatchingJudge, MatchingJudgeConfig
from .prompt_task import principal
from .recipe import Recipe
from .task import Task

STYLE_WEIGHT = 0.3
SMOOTHING = 0.1  # of the labels' cross-entropy (Szegedy et al. 2016)


class MatchingTask(Task):
    """Which label of the training split a picture shows, by nearness to the labels' fixed vectors; and its style."""

    kind = "matching"
    model: MatchingJudge

    def __init__(
        self,
        recipe: Recipe,
        device: torch.device,
        labels: Sequence[str],
        vectors: Tensor,
        x: Tensor,
        y: Tensor,
        style: Tensor,
    ) -> None:
        """
        Args:
            labels: one a concept; what each means, ``vectors`` (labels, D).
            x, y, style: pictures (N, 3, 64, 64) uint8 of the training split, the label of each and its style, (N,).
        """
        self.recipe, self.device = recipe, device
        config = _config(recipe, labels)
        torch.manual_seed(recipe.seed)
        self.model = MatchingJudge(config)
        self.model.vectors.copy_(principal(vectors.float(), config.dim))
        self.model.to(device)
        self.x, self.y, self.style = x, y, style
        self.known = torch.zeros(len(labels), dtype=torch.bool)  # concepts of the training split: the wrong answers
        self.known[self.y] = True

    @property
    def data_summary(self) -> dict[str, object]:
        return {"pictures": len(self.x), "labels": int(self.known.sum())}

    @classmethod
    def from_recipe(cls, recipe: Recipe, device: torch.device, data_dir: Path) -> MatchingTask:
        root = data_dir / "emoji"
        rows = read_annotations(root)
        labels = [row.labels[0] for row in rows]
        config = _config(recipe, labels)
        chosen = pictures(root, "train", config.styles)
        place = {row.hexcode: i for i, row in enumerate(rows)}
        y = torch.tensor([place[p.emoji.hexcode] for p in chosen])
        style = torch.tensor([config.styles.index(p.style) for p in chosen])
        return cls(recipe, device, labels, meanings(labels, cache_folder()), pixels(root, chosen), y, style)

    def batch(self, generator: torch.Generator) -> dict[str, Tensor]:
        pick = torch.randint(len(self.x), (self.recipe.batch_size,), generator=generator)
        x = moved(self.x[pick].float() / 255, generator)
        return {"x": tinted(x, generator), "shaded": x, "y": self.y[pick], "style": self.style[pick]}

    def loss(self, batch: dict[str, Tensor], step: int) -> tuple[Tensor, dict[str, float]]:
        # Colours and shading tell styles apart; what is drawn has to be told without.
        vectors, styles = self.model.embedding(batch["x"]), self.model.style_logits(batch["shaded"])
        logits = (vectors @ self.model.labels.T) * self.model.scale.exp()  # (B, labels)
        logits = logits.masked_fill(~self.known.to(logits.device), -torch.inf)
        right = (logits.argmax(1) == batch["y"]).float().mean()
        logp = logits.log_softmax(1)
        of_right, of_all = logp.gather(1, batch["y"][:, None]).mean(), logp[:, self.known.to(logp.device)].mean()
        loss = -(1 - SMOOTHING) * of_right - SMOOTHING * of_all
        loss = loss + STYLE_WEIGHT * F.cross_entropy(styles, batch["style"])
        return loss, {"right": right.item()}


def _config(recipe: Recipe, labels: Sequence[str]) -> MatchingJudgeConfig:
    return from_dict(MatchingJudgeConfig, {**recipe.model, "labels": list(labels)})


def tinted(x: Tensor, generator: torch.Generator) -> Tensor:
    """Pictures (B, 3, H, W) with each channel's darkness scaled by 0.7 to 1.3, and one in five in grey, on white."""
    n = len(x)
    gain = 0.7 + 0.6 * torch.rand(n, 3, 1, 1, generator=generator)
    grey = torch.rand(n, 1, 1, 1, generator=generator) < 0.2
    x = 1 - ((1 - x) * gain).clamp(0, 1)
    return torch.where(grey, x.mean(1, keepdim=True), x)


def moved(x: Tensor, generator: torch.Generator) -> Tensor:
    """Pictures (B, 3, H, W) shifted by up to 6 %, scaled by up to 10 % and turned by up to 6 degrees, on white."""
    n = len(x)
    shift = (torch.rand(n, 2, generator=generator) - 0.5) * 0.24  # of half the side
    scale = 1 + (torch.rand(n, generator=generator) - 0.5) * 0.2
    angle = (torch.rand(n, generator=generator) - 0.5) * 0.2
    cos, sin = scale * angle.cos(), scale * angle.sin()
    theta = torch.stack([torch.stack([cos, -sin, shift[:, 0]], 1), torch.stack([sin, cos, shift[:, 1]], 1)], 1)
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    return 1 - F.grid_sample(1 - x, grid, align_corners=False)
