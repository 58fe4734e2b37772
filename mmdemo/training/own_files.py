"""The shipped tokenizers' recipes on anybody's own files: any folder of pictures, recordings or texts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from .. import checkpoints
from ..errors import MissingError
from .recipe import Recipe


def _image(data: dict[str, Any]) -> dict[str, Any]:
    return {"crop": data["crop"], "photographs": ["."], "shares": {"photographs": 1.0}}


def _audio(data: dict[str, Any]) -> dict[str, Any]:
    return {"segment": data["segment"], "speech": False, "fsdd": False, "folders": ["."]}


def _text(data: dict[str, Any]) -> dict[str, Any]:
    # A few letters of every script and random bytes besides: so that there is no text that cannot be coded at all.
    shares = {"files": 0.92, "letters": 0.05, "digits": 0.01, "random": 0.02}
    kept: dict[str, Any] = {k: data[k] for k in ("window", "noise", "short") if k in data}
    return {**kept, "folders": ["."], "corpora": ["letters"], "shares": shares}


# Task -> the data sets of its recipe, and its table [data] for any folder.
OWN: dict[str, tuple[Callable[[dict[str, Any]], list[str]], Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "image": (lambda data: [*data["photographs"], "emoji", "MNIST"], _image),
    "audio": (lambda data: ["speechocean762", "fsdd"], _audio),
    "text": (lambda data: ["text", "emoji"], _text),
}


def on_own_files(recipe: Recipe, data_dir: Path, name: str) -> Recipe:
    """The recipe as it is where ``data_dir`` holds one of its data sets; else with all files of that folder.

    Args:
        name: of the model then; a shipped one's gets "my-" before it, so that files say who made them.

    Raises:
        MissingError: there is no such folder.
    """
    if recipe.task not in OWN:
        return recipe
    if not data_dir.is_dir():
        raise MissingError(f"There is no folder {data_dir}: name another --data-dir.")
    sets, table = OWN[recipe.task]
    if any((data_dir / s).exists() for s in sets(recipe.data)):
        return recipe
    name = f"my-{name}" if name in checkpoints.list_checkpoints() else name
    return replace(recipe, name=name, data=table(recipe.data))
