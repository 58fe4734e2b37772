"""Figures in sections, each with its own data: one whose data set is not here is left out and said so."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..errors import MissingError
from ..metrics import Figure


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
