"""What a person asks of a joint model besides settings: what is edited, composed, and how long; each checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ..checks import check_int
from ..errors import InputError
from .denoiser import Conditions
from .editing import EditSource
from .frames import Frame
from .streams import Stream


def check_edit(
    given: Mapping[str, Any], want: Sequence[str], edit: Mapping[str, Any], keep: Mapping[str, Any], strength: float
) -> None:
    """Raise InputError, with the reason, for what cannot be edited or kept so."""
    for name in edit:
        if name in given:
            raise InputError(f"{name!r} is both given and edited: choose one.")
        if name not in want:
            raise InputError(f"{name!r} is edited but not wanted: add it to what is made.")
    for name in keep:
        if name not in edit:
            raise InputError(f"A part of {name!r} is to be kept, but there is no {name} to edit.")
    without = [name for name in want if name not in edit]
    if strength < 1 and without:
        raise InputError(f"A variation starts from an input of each thing made, and there is no {without[0]}.")


def shares_of(share: float | Sequence[float], n: int, device: torch.device) -> Tensor:
    """Shares of the guidance as (n,). Raises InputError unless it is one from 0 to 1, or one a sample."""
    try:
        values = torch.as_tensor(share, dtype=torch.float32, device=device)
    except (TypeError, ValueError, RuntimeError):
        values = torch.tensor(torch.nan)
    if values.shape not in ((), (n,)) or not bool(((values >= 0) & (values <= 1)).all()):
        raise InputError("The share of what is composed is a number from 0 to 1, or one for each sample.")
    return values.expand(n)


def lengths_of(
    streams: Mapping[str, Stream],
    frames: Mapping[str, Frame],
    conditions: Sequence[Conditions],
    sources: Mapping[str, EditSource],
    asked: Mapping[str, int],
) -> dict[str, int]:
    """Positions of the streams of variable length: of what is given or edited, else as asked.

    Streams on one axis of time have one length: that of any of them is that of the others.

    Raises:
        InputError: a length that cannot be, or that is not the input's.
    """
    inputs = [(k, z) for c in conditions for k, z in c.clean.items()] + [(k, s.latent) for k, s in sources.items()]
    found: dict[str, int] = {}
    for name, z in inputs:
        if frames[name].variable and found.setdefault(name, z.shape[2]) != z.shape[2]:
            raise InputError(f"What is composed of {name!r} has to be of one length.")
    for name, length in asked.items():
        if name not in frames or not frames[name].variable:
            raise InputError(f"The model has no stream {name!r} of variable length.")
        check_int(f"length of {name!r}", length, 1, frames[name].shape[0])
        if found.setdefault(name, int(length)) != length:
            raise InputError(f"What is given of {name!r} has {found[name]} positions, not {length}.")
    for name, stream in streams.items():
        leader = stream.aligned or name
        together = [k for k, s in streams.items() if (s.aligned or k) == leader and k in found]
        if len({found[k] for k in together}) > 1:
            raise InputError(f"What is given of {' and '.join(map(repr, together))} has to be of one length.")
        if together and frames[name].variable:
            found[name] = found[together[0]]
    return found
