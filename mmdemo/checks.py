"""Checks of what a person may ask for, in one sentence each."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

from .errors import InputError


def check_int(what: str, value: Any, low: int, high: int) -> int:
    """``value`` as an int: a whole number in low..high of any type (1, 1.0, numpy's), but no bool and no string.

    Raises:
        InputError: it is not; the sentence begins with "The " and ``what``.
    """
    number = isinstance(value, Integral) or (isinstance(value, Real) and float(value).is_integer())
    if not number or isinstance(value, bool) or not low <= value <= high:
        span = f"{low} to {high}" if high > low else f"{low}"
        raise InputError(f"The {what} must be {span}, not {str(value)[:40]}.")
    return int(value)


def number(value: Any) -> int | float | None:
    """``value`` as a plain number: finite, of any type (3, 0.5, numpy's), but no bool and no string; else None."""
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        return None
    return int(value) if isinstance(value, Integral) else float(value)
