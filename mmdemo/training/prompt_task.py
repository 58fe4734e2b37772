"""Distilling a large sentence encoder into the small one: same meaning, near vector."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ..config import from_dict, settings
from ..datasets import prompts
from ..datasets.cache import cache_folder
from ..datasets.emoji import read_annotations
from ..datasets.teacher import meanings
from ..prompts.encoder import PromptEncoder, PromptEncoderConfig, rows
from .recipe import Recipe
from .task import Task

MAX_PARTS = 64  # of a text in training: the longest lists of keywords are cut


@settings
class PromptData:
    """How many texts of each kind."""

    words: int = 30_000  # English
    chinese: int = 40_000  # words with a gloss
    phrases: int = 40_000  # combinations of emoji words


@settings
class PromptLoss:
    """Weights of the loss."""

    contrast: float = 0.3  # telling the right meaning from the others of the batch (InfoNCE, van den Oord et al. 2018)
    temperature: float = 0.05
    drop: float = 0.15  # parts of a text left out at random, so that no single one decides


class PromptTask(Task):
    """Batches of texts with the teacher's vectors of what they mean, in the first principal directions of these."""

    kind = "prompt"
    tables = ("model", "data", "loss")

    model: PromptEncoder

    def __init__(
        self, recipe: Recipe, device: torch.device, texts: Sequence[str], target: Tensor, vectors: Tensor
    ) -> None:
        """
        Args:
            texts: prompts; what each means is row ``target`` (N,) of ``vectors`` (meanings, D).
        """
        self.recipe, self.device, self.target = recipe, device, target
        self.settings = from_dict(PromptLoss, recipe.loss)
        torch.manual_seed(recipe.seed)
        self.model = PromptEncoder(from_dict(PromptEncoderConfig, recipe.model)).to(device)
        self.index = _padded(texts, self.model.config.buckets)  # (N, parts)
        self.vectors = principal(vectors.float(), self.model.config.out)  # (meanings, out)

    @classmethod
    def check(cls, recipe: Recipe) -> None:
        super().check(recipe)
        from_dict(PromptLoss, recipe.loss)
        from_dict(PromptEncoderConfig, recipe.model)

    @property
    def data_summary(self) -> dict[str, object]:
        return {"texts": len(self.index), "meanings": len(self.vectors)}

    @classmethod
    def from_recipe(cls, recipe: Recipe, device: torch.device, data_dir: Path) -> PromptTask:
        data = from_dict(PromptData, recipe.data)
        table = read_annotations(data_dir / "emoji")
        words = prompts.english_words(data.words)
        pairs = [*prompts.emoji_texts(table), *((w, w) for w in words), *prompts.chinese_words(data.chinese)]
        pairs = list(dict.fromkeys([*pairs, *prompts.phrases(table, words, data.phrases, recipe.seed)]))
        said = sorted({meaning for _, meaning in pairs})
        place = {meaning: i for i, meaning in enumerate(said)}
        target = torch.tensor([place[meaning] for _, meaning in pairs])
        return cls(recipe, device, [text for text, _ in pairs], target, meanings(said, cache_folder()))

    def batch(self, generator: torch.Generator) -> dict[str, Tensor]:
        pick = torch.randint(len(self.index), (self.recipe.batch_size,), generator=generator)
        index = self.index[pick].long()
        dropped = torch.rand(index.shape, generator=generator) < self.settings.drop
        dropped[:, 0] = False  # something must stay
        index = index.masked_fill(dropped, 0)[:, : int((index > 0).sum(1).max())]
        return {"index": index, "target": self.vectors[self.target[pick]], "meaning": self.target[pick]}

    def loss(self, batch: dict[str, Tensor], step: int) -> tuple[Tensor, dict[str, float]]:
        said = F.normalize(self.model.from_rows(batch["index"]), dim=-1)  # (B, out)
        cosine = said @ batch["target"].T  # (B, B)
        near = 1 - cosine.diagonal().mean()
        same = batch["meaning"][:, None] == batch["meaning"]  # another text of one meaning is no wrong answer
        same.fill_diagonal_(False)
        logits = (cosine / self.settings.temperature).masked_fill(same, -torch.inf)
        contrast = F.cross_entropy(logits, torch.arange(len(said), device=said.device))
        return near + self.settings.contrast * contrast, {"cosine": 1 - near.item(), "contrast": contrast.item()}


def principal(vectors: Tensor, dim: int) -> Tensor:
    """(N, D) unit vectors -> (N, dim) unit vectors: less their mean, in their first principal directions."""
    centred = vectors - vectors.mean(0)
    _, directions = torch.linalg.eigh(centred.T @ centred)  # ascending
    return F.normalize(centred @ directions.flip(1)[:, :dim], dim=-1)


def _padded(texts: Sequence[str], buckets: int) -> Tensor:
    """(N, parts) int32 rows of every text, 0 after its end."""
    found = [rows(text, buckets)[:MAX_PARTS] for text in texts]
    out = torch.zeros(len(found), max(map(len, found)), dtype=torch.int32)
    for i, r in enumerate(found):
        out[i, : len(r)] = torch.tensor(r)
    return out
