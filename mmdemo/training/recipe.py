"""A recipe: one TOML file that says how a checkpoint is trained."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field

from ..config import Name, Natural, Positive, Share, from_dict, settings, to_dict
from ..errors import InputError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER = Path(__file__).parent / "recipes"
T = TypeVar("T")
Rate = Annotated[float, Field(gt=0, le=10)]


@settings
class Recipe:
    """Everything that decides a training run. The same recipe, seed and machine give the same weights.

    What ``model``, ``data`` and ``loss`` may hold is the task's to say: each is read into a dataclass of its own.
    """

    name: Name  # name of the checkpoint
    task: str  # what is trained: of `training.TASKS`, or "compare"
    quantizer: str = "rvq"  # tokenizers: a name of `mmdemo.quantizers.REGISTRY`; "gaussian" is a classical VAE
    reinit: list[str] = field(default_factory=list)  # parts of the model that begin anew, whatever --init has of them
    freeze: str = ""  # tokenizers: "encoder" refines the decoder alone, so that codes keep their meaning
    steps: Positive = 1000
    batch_size: Annotated[int, Field(ge=1, le=65_536)] = 32
    learning_rate: Rate = 6e-4
    warmup_steps: Natural = 100  # linear learning-rate warm-up; then cosine to zero
    weight_decay: Annotated[float, Field(ge=0, le=10)] = 0.01
    betas: tuple[Share, Share] = (0.9, 0.99)
    clip_norm: Annotated[float, Field(gt=0)] = 1.0
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.0  # decay of averaged weights; 0: none
    validate_every: Natural = 250  # steps between validations on held-out data, of which the best is kept; 0: none
    patience: Natural = 0  # validations without a better one after which the training ends; 0: it goes on
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 0
    model: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    loss: dict[str, Any] = field(default_factory=dict)
    interface: dict[str, Any] = field(default_factory=dict)  # joint models: see `diffusion.interface`

    def section(self, cls: type[T], name: str, **more: Any) -> T:
        """The table [model], [data] or [loss] as the dataclass ``cls``.

        Args:
            more: what the task adds to the table.

        Raises:
            InputError: as `config.from_dict`, with the recipe's name.
        """
        try:
            return from_dict(cls, {**getattr(self, name), **more}, f"[{name}]")
        except InputError as error:
            raise InputError(f"The recipe {self.name!r} cannot be used: {error}") from None


def read_recipe(name: str | Path) -> Recipe:
    """A shipped recipe by name ("image") or a TOML file by path. Raises InputError if absent or malformed."""
    path = Path(name)
    if not path.is_file():
        path = FOLDER / f"{name}.toml"
    if not path.is_file():
        raise InputError(f"There is no recipe {str(name)!r}; shipped ones: {', '.join(shipped_recipes())}.")
    try:
        return from_dict(Recipe, tomllib.loads(path.read_text("utf-8-sig")))  # some editors write a byte order mark
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, InputError) as error:
        raise InputError(f"The recipe {path.name} cannot be used: {error}") from error


def changed(recipe: Recipe, changes: Sequence[str]) -> Recipe:
    """A recipe with other settings, each as "steps=200" or "model.bottleneck.levels=4"; values are written as in TOML.

    Raises:
        InputError: there is no such setting, or it cannot have that value.
    """
    table = to_dict(recipe)
    for change in changes:
        name, equals, text = change.partition("=")
        *parents, last = name.strip().split(".")
        if not equals or not last:
            raise InputError(f"A setting is changed by NAME=VALUE, such as data.crop=96, not {change!r}.")
        try:
            value = tomllib.loads(f"value = {text.strip()}")["value"]
        except tomllib.TOMLDecodeError:
            value = text.strip()  # a word without its quotation marks
        inner = table
        for parent in parents:
            inner = inner.setdefault(parent, {})
            if not isinstance(inner, dict):
                raise InputError(f"{parent} has no settings, so there is no {name.strip()}.")
        inner[last] = value
    return from_dict(Recipe, table) if changes else recipe


def shipped_recipes() -> list[str]:
    """Names of the recipes that come with the package."""
    return sorted(p.stem for p in FOLDER.glob("*.toml"))
