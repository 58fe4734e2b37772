"""Checks of what a person may ask for, in one sentence each."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

from .errors import InputError


def check_int(what: str, value: Any, low: int, high: int) -> int:
    """``value`` as an int: a whole number in low..high of any type (1, 1.0, numpy's), but no bool and no string.

    Raises:
        InputError: it is not; the sentence begins with "The " and ``what``.
    """
    found = whole(value)
    if found is None or not low <= found <= high:
        span = f"{low} to {high}" if high > low else f"{low}"
        raise InputError(f"The {what} must be {span}, not {str(value)[:40]}.")
    return found


def whole(value: Any) -> int | None:
    """``value`` as an int where it is a whole number of any type (1, 1.0, numpy's), but no bool and no string."""
    found = number(value)
    return None if found is None or found != int(found) else int(found)


def number(value: Any) -> int | float | None:
    """``value`` as a plain number: finite, of any type (3, 0.5, numpy's), but no bool and no string; else None."""
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        return None
    return int(value) if isinstance(value, Integral) else float(value)


def nearest(name: str, known: Iterable[str], otherwise: str) -> str:
    """What to write instead of a name that there is not, as the end of a sentence: the nearest of those known, or all.

    Args:
        otherwise: what leads to all of them, such as "choose one of".
    """
    known = list(known)
    near = difflib.get_close_matches(name, known, 1)
    return f"did you mean {near[0]!r}?" if near else f"{otherwise} {', '.join(known) or 'none'}."
