"""What takes long to work out for training, kept on disk between runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

from .. import files
from ..files import atomic_write


def cache_folder() -> Path:
    """Where encoded items are kept between runs."""
    return files.cache_folder("latents")


def cached(folder: Path | None, name: str, make: Callable[[], Tensor]) -> Tensor:
    """``make()``, or what it gave under this name in an earlier run.

    Args:
        folder: where it is kept; None keeps nothing. name: a digest of all that the tensor depends on.
    """
    if folder is None:
        return make()
    path = folder / f"{name}.safetensors"
    if not path.is_file():
        made = make().contiguous()
        with atomic_write(path) as beside:
            save_file({"kept": made}, beside)
        return made
    (kept,) = load_file(path).values()
    return kept
