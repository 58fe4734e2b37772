"""Where a data set lies."""

from __future__ import annotations

from pathlib import Path

from ..errors import MissingError


def need(path: Path, what: str) -> Path:
    """``path``, or an MissingError that says which data set is missing and where it was expected."""
    if not path.exists():
        raise MissingError(f"The data set {what} is not in {path.parent}: put it there, or name another --data-dir.")
    return path
