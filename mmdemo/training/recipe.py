"""A recipe: one TOML file that makes one shipped checkpoint."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..config import from_dict
from ..errors import InputError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER = Path(__file__).parent / "recipes"


@dataclass
class Recipe:
    """Everything that decides a training run. The same recipe, seed and machine give the same weights."""

    name: str  # name of the checkpoint
    task: str  # "image", "audio", "text" (tokenizers), "joint" (diffusion), "judge", "prior" or "compare"
    quantizer: str = "rvq"  # tokenizers: "rvq" (residual VQ), "vq" (one codebook) or "gaussian" (a classical VAE)
    fresh: list[str] = field(default_factory=list)  # parts of the model that begin anew, whatever --init has of them
    freeze: str = ""  # tokenizers: "encoder" refines the decoder alone, so that codes keep their meaning
    steps: int = 1000
    batch_size: int = 32
    learning_rate: float = 6e-4
    warmup_steps: int = 100  # linear learning-rate warm-up; then cosine to zero
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.99)
    clip_norm: float = 1.0
    ema: float = 0.0  # decay of averaged weights; 0: none
    seed: int = 0
    model: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    loss: dict[str, Any] = field(default_factory=dict)
    interface: dict[str, Any] = field(default_factory=dict)  # joint models: see `diffusion.interface`
    critic: dict[str, Any] = field(default_factory=dict)  # adversarial refinement; empty: none


def read_recipe(name: str | Path) -> Recipe:
    """A shipped recipe by name ("image") or a TOML file by path. Raises InputError if absent or malformed."""
    path = Path(name)
    if not path.is_file():
        path = FOLDER / f"{name}.toml"
    if not path.is_file():
        raise InputError(f"There is no recipe {str(name)!r}; shipped ones: {', '.join(shipped_recipes())}.")
    try:
        return from_dict(Recipe, tomllib.loads(path.read_text("utf-8")))
    except (tomllib.TOMLDecodeError, ValueError, TypeError) as error:
        raise InputError(f"The recipe {path.name} cannot be used: {error}") from error


def shipped_recipes() -> list[str]:
    """Names of the recipes that come with the package."""
    return sorted(p.stem for p in FOLDER.glob("*.toml"))
