"""Figures in sections, each with its own data: one whose data set is not here is left out and said so."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import MissingError
from ..metrics import Figure


@dataclass(frozen=True)
class Request:
    """What `report.evaluate` was asked for."""

    data_dir: Path
    limit: int | None = None  # at most this many test items a figure
    device: str = "auto"
    group: str = "directions"  # of a joint model's figures


@dataclass
class Measured:
    """The figures of a checkpoint."""

    weights: str  # fingerprint
    figures: list[Figure] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)  # a sentence for each data set that is not there

    def add(self, *sections: Callable[[], list[Figure]]) -> Measured:
        """With the figures of these sections."""
        self.figures += collect(sections, self.missing)
        return self


def collect(sections: Iterable[Callable[[], list[Figure]]], missing: list[str] | None) -> list[Figure]:
    """The figures of all sections in turn.

    Args:
        missing: takes a sentence for each section whose data is not here (None: the first of them is raised).

    Raises:
        MissingError: as above.
    """
    figures: list[Figure] = []
    for section in sections:
        try:
            figures += section()
        except MissingError as error:
            if missing is None:
                raise
            if str(error) not in missing:
                missing.append(str(error))
    return figures
