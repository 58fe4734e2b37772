"""Test figures of a joint model: those that its interface names."""

from __future__ import annotations

from pathlib import Path

from .. import checkpoints
from ..diffusion.reports import REPORTS
from ..errors import InputError
from ..loading import load
from ..metrics import Figure
from .sections import Measured, Request


def measure(folder: Path, request: Request) -> Measured:
    """The figures that the model's interface names; of a model that names none, its size."""
    model = load(folder, request.device)
    found = Measured(checkpoints.fingerprint(model.network))

    def figures() -> list[Figure]:
        if not model.interface.figures and request.group != "directions":
            raise InputError(f"The figures of {model.name!r} are of one group: leave --group out.")
        if not model.interface.figures:
            return [Figure("parameters", sum(p.numel() for p in model.network.parameters()))]
        report = REPORTS[model.interface.figures]
        return report(model, request.data_dir, request.limit, request.group, found.missing)

    return found.add(figures)
