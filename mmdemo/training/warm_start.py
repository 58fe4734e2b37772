"""Start a training from a checkpoint, also one of a smaller model: what fits is taken over, what is new begins new.

A widened layer gives at first what it gave before (Net2Net, Chen et al. 2016, in its simplest form): its old inputs
keep their weights, new inputs weigh nothing yet, new outputs start as drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor, nn

from ..checkpoints import load_state
from ..checks import nearest
from ..errors import InputError


def warm_start(model: nn.Module, folder: Path, reinit: Sequence[str] = (), measured: Sequence[str] = ()) -> list[str]:
    """Take over the weights of the checkpoint in ``folder``, in place, but for the parts named in ``reinit``
    and those ``measured`` from the data at hand (`Task.data_statistics`).

    Returns:
        The names of the tensors that have grown or are new; empty where the checkpoint has the model's own shapes.

    Raises:
        InputError: the checkpoint is of another architecture, or wider than the model; neither has such a part.
    """
    stored, new = load_state(folder), model.state_dict()
    for part in reinit:
        if not any(k == part or k.startswith(f"{part}.") for k in (*stored, *new)):
            parts = dict.fromkeys(k.partition(".")[0] for k in new)
            raise InputError(f"The model has no part {part!r} to begin anew; {nearest(part, parts, 'it has')}")
    begun = [*reinit, *measured]
    skipped = tuple(f"{part}." for part in begun)
    old = {k: v for k, v in stored.items() if k not in begun and not k.startswith(skipped)}
    if not old.keys() <= new.keys():
        raise InputError(f"The checkpoint {folder.name!r} is of another architecture than the recipe's.")
    grown = [name for name in old if old[name].shape != new[name].shape]
    for name in grown:
        shapes = list(zip(old[name].shape, new[name].shape, strict=False))
        if old[name].ndim != new[name].ndim or any(a > b for a, b in shapes):
            raise InputError(
                f"The checkpoint {folder.name!r} does not fit the recipe: {name} is {tuple(old[name].shape)} there "
                f"and {tuple(new[name].shape)} here. A start may be narrower than the recipe, not wider."
            )
    # A latent with another number of channels or levels gets new codebooks, by k-means after the unquantised steps:
    # their statistics are of one latent space, and worth nothing in another.
    renewed = {name.removesuffix("codebooks") for name in grown if name.endswith("codebooks")}
    for name, value in old.items():
        if not name.startswith(tuple(renewed)):
            new[name] = widened(value, new[name]) if name in grown else value
    model.load_state_dict(new)
    return grown + sorted(new.keys() - old.keys())


def widened(old: Tensor, new: Tensor) -> Tensor:
    """``new`` with ``old`` in its leading corner, and nothing from new inputs (dimension 1) to old outputs."""
    out = new.clone()
    if old.ndim > 1:
        out[: old.shape[0], old.shape[1] :] = 0
    out[tuple(slice(n) for n in old.shape)] = old
    return out
