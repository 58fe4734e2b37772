"""What the training loop asks of a model: its data, its loss, and how to export it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import fields
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn

from .. import checkpoints
from ..config import to_dict
from ..errors import InputError
from .recipe import Recipe

TABLES = ("model", "data", "loss", "interface")  # of a recipe
SPECIAL = ("quantizer", "freeze")  # its other settings that not every task has


class Task(ABC):
    """One model's part of training.

    Attributes:
        kind: of the checkpoint, as config.json has it.
        data_statistics: parts of `inference_module` that are measured from the data at hand: a checkpoint that the
            training starts from may have measured them from other data, and does not replace them.
        tables, special: of a recipe's `TABLES` and `SPECIAL` settings, those that it reads.
    """

    kind: ClassVar[str]
    model: nn.Module
    recipe: Recipe
    device: torch.device
    data_statistics: tuple[str, ...] = ()
    tables: ClassVar[tuple[str, ...]] = ("model",)
    special: ClassVar[tuple[str, ...]] = ()

    @classmethod
    @abstractmethod
    def from_recipe(cls, recipe: Recipe, device: torch.device, data_dir: Path) -> Task:
        """With the data that the recipe names, read from ``data_dir``; constructors take what was read.

        Raises:
            InputError: the recipe is wrong, or its data is not there.
        """

    @classmethod
    def check(cls, recipe: Recipe) -> None:
        """Raise InputError for what a recipe says and this task would not hear; no data is read for it."""
        usual = {f.name: f.default for f in fields(Recipe)}
        where = f"The recipe {recipe.name!r} cannot be used: the task {recipe.task!r}"
        for name in TABLES:
            if getattr(recipe, name) and name not in cls.tables:
                reads = " and ".join(f"[{table}]" for table in cls.tables)
                raise InputError(f"{where} has no [{name}]; it reads {reads}.")
        for name in SPECIAL:
            if getattr(recipe, name) != usual[name] and name not in cls.special:
                raise InputError(f"{where} has no {name!r}.")

    @property
    @abstractmethod
    def data_summary(self) -> dict[str, object]:
        """What there is to train on, for the card: {"pictures": 300, …}."""

    @property
    def inference_module(self) -> nn.Module:
        """What a checkpoint holds, and a training can start from: the model, without what only serves training."""
        return self.model

    @property
    def unfinished(self) -> str:
        """Why the model cannot be used yet, as the end of a sentence; empty when it can."""
        return ""

    @abstractmethod
    def batch(self, generator: torch.Generator) -> dict[str, Tensor]:
        """A training batch, drawn only with ``generator`` so that step k is the same after a resume."""

    @abstractmethod
    def loss(self, batch: dict[str, Tensor], step: int) -> tuple[Tensor, dict[str, float]]:
        """Scalar loss and figures to show."""

    def about(self) -> dict[str, object]:
        """What config.json says of the network, besides its kind, its name and its training."""
        return {"model": to_dict(self.model.config)}

    def export(self, folder: Path, notes: dict[str, object]) -> None:
        """Write a checkpoint others can load, with ``notes`` as its "training"."""
        config = {"kind": self.kind, "name": self.recipe.name, **self.about(), "training": notes}
        checkpoints.save(folder, self.inference_module, config)

    def validate(self) -> dict[str, float]:
        """Figures on held-out data, the same data every time; "loss" is what decides. Empty where none is held out.

        Called in eval mode, without gradients, on the weights that would be exported.
        """
        return {}

    def before_step(self, step: int, progress: float) -> None:  # noqa: B027 - a hook, empty by default
        """Called before each step (the codebooks' k-means start hangs here); ``progress`` goes from 0 to 1."""

    def compile(self) -> None:
        """Compile what each step runs (`torch.compile`): needs a C++ compiler, and a minute at the start."""
        self.model.compile()

    def statistics(self) -> dict[str, float]:
        """More for the log (codebook usage and perplexity)."""
        return {}

    def status(self) -> str:
        """The same for the progress bar, in short."""
        return ""
