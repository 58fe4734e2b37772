"""How a checkpoint was made: its stages of training, written into config.json so that they can be done again.

A stage is one training from the start of its schedule to the end. One that starts from a checkpoint (--init) comes
after all of that checkpoint's; one that is resumed goes on being the same stage.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch

from .. import __version__, checkpoints
from ..config import to_dict
from .recipe import Recipe, read_recipe, shipped_recipes

PACKAGE = Path(__file__).resolve().parent.parent


def earlier_stages(folder: Path) -> list[dict[str, Any]]:
    """The stages of the checkpoint in ``folder``; older ones have notes of their last stage alone."""
    training = checkpoints.read_config(folder).get("training") or {}
    stages = training.get("stages", [training] if training else [])
    return [s for s in stages if isinstance(s, dict)] if isinstance(stages, list) else []


def new_stage(
    recipe: Recipe,
    source: str,
    data: dict[str, object],
    init: str | None,
    minutes: float | None,
    asked: Sequence[str] = (),
) -> dict[str, Any]:
    """What is known of a stage when it begins; the loop adds how far it went.

    Args:
        source: the shipped recipe or the TOML file that was asked for. data: see `Task.data_summary`.
        asked: changes of the recipe, as they were given.
    """
    shipped = source in shipped_recipes()
    base = read_recipe(source) if shipped else Recipe("", "")
    stage: dict[str, Any] = {
        "recipe": source if shipped else Path(source).name,
        "set": list(asked),
        "changes": changes(to_dict(base), to_dict(recipe)),  # of a recipe that does not ship, to the usual settings
        "init": init,
        "budget": f"{minutes:g} minutes" if minutes else f"{recipe.steps} steps",
        "data": data,
        "seed": recipe.seed,
        "version": __version__,
        "commit": commit(),
        "threads": torch.get_num_threads(),
    }
    return {k: v for k, v in stage.items() if v not in (None, {}, "", [])}


def changes(before: dict[str, Any], after: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings that differ, by dotted name: {"data.crop": 96}; None where one is gone."""
    found: dict[str, Any] = {}
    for key in dict.fromkeys([*before, *after]):
        old, new = before.get(key), after.get(key)
        if isinstance(old, dict) or isinstance(new, dict):
            found |= changes(old or {}, new or {}, f"{prefix}{key}.")
        elif old != new and not (isinstance(old, (list, tuple)) and list(old) == list(new or ())):
            found[prefix + key] = new
    return found


@cache
def commit() -> str:
    """The commit of this program, with "+" where files of it were changed since; "" outside of a repository."""
    if not (PACKAGE.parent / ".git").exists():
        return ""

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(PACKAGE.parent), *arguments], capture_output=True, text=True, timeout=20
        )
        return done.stdout.strip()

    try:
        head = git("rev-parse", "--short=10", "HEAD")
        return head + ("+" if head and git("status", "--porcelain", "--", PACKAGE.name) else "")
    except (OSError, subprocess.SubprocessError):
        return ""
