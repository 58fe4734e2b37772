"""The text tokenizer's batches (prose, documentation, translations, labels, random strings) and loss."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import Tensor

from . import corpora
from .losses import byte_loss
from .recipe import Recipe
from .tokenizer_task import TokenizerTask

PAD = 4  # NUL bytes after a short string that count in the loss: the decoder must learn where a string ends


class TextTask(TokenizerTask):
    """Windows of bytes at random offsets from several scripts, some bytes replaced at the input (denoising)."""

    modality = "text"

    def __init__(self, recipe: Recipe, device: torch.device, data_dir: Path) -> None:
        super().__init__(recipe, device)
        settings = recipe.data
        self.window = int(settings.get("window", 256))
        self.noise = float(settings.get("noise", 0.03))
        self.short = float(settings.get("short", 0.15))  # share of batches with a window as short as a word
        self.corpora = corpora.gather(data_dir, list(settings.get("corpora", [])))
        self.strings = {"labels": corpora.labels(data_dir), "digits": corpora.digit_words()}
        if "like_labels" in settings["shares"] and "chinese" in self.corpora:  # not every machine has Chinese text
            self.strings["like_labels"] = corpora.label_like(
                re.findall(r"[a-z]{2,}", _decoded(self.corpora["prose"])),
                re.findall(r"[\u4e00-\u9fff]{2,}", _decoded(self.corpora["chinese"])),
            )
        there = (*self.corpora, *self.strings, "random")
        shares = {k: float(v) for k, v in settings["shares"].items() if k in there}
        self.names = list(shares)
        self.weights = torch.tensor(list(shares.values()))

    def batch(self, generator: torch.Generator) -> dict[str, Tensor]:
        picks = torch.multinomial(self.weights, self.recipe.batch_size, True, generator=generator)
        # A word alone ends where the convolutions see nothing, not NUL bytes: that must have been seen in training.
        window = 4 * (1 + _int(8, generator)) if torch.rand((), generator=generator) < self.short else self.window
        target = torch.zeros(len(picks), window, dtype=torch.long)
        mask = torch.ones(len(picks), window, dtype=torch.bool)
        for row, pick in enumerate(picks.tolist()):
            text = self._text(self.names[pick], generator)[:window]
            target[row, : len(text)] = text
            mask[row, len(text) + PAD :] = False
        noisy = torch.rand(target.shape, generator=generator) < self.noise * torch.rand(
            len(picks), 1, generator=generator
        )
        x = torch.where(noisy, torch.randint(256, target.shape, generator=generator), target)
        return {"x": x, "target": target, "mask": mask}

    def _text(self, name: str, generator: torch.Generator) -> Tensor:
        """Up to ``window`` bytes from one source."""
        if name in self.strings:
            strings = self.strings[name]
            return strings[_int(len(strings), generator)][: self.window]
        if name == "random":
            low, high = ((0, 256), (32, 127))[_int(2, generator)]
            return torch.randint(low, high, (self.window,), generator=generator)
        text = self.corpora[name]
        start = _int(len(text) - self.window + 1, generator)
        piece = text[start : start + self.window]
        # Short strings, which end inside the window, are what people type.
        return piece if _int(5, generator) else piece[: 1 + _int(64, generator)]

    def reconstruction(self, y: Tensor, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        right = (y.argmax(1) == batch["target"])[batch["mask"]].float().mean()
        return byte_loss(y, batch["target"], batch["mask"]), {"bytes": right.item()}


def _decoded(text: Tensor) -> str:
    return bytes(text.numpy()).decode("utf-8", "ignore")


def _int(below: int, generator: torch.Generator) -> int:
    return int(torch.randint(below, (1,), generator=generator))
