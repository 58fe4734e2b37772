"""Numbers that tell what a visitor has open apart, and the versions of it."""

from __future__ import annotations

import itertools
import time

_numbers = itertools.count(int(time.time() * 1000))


def new_number() -> int:
    """One that nothing on any page has had."""
    return next(_numbers)


def new_id() -> str:
    """The same as an ident."""
    return str(new_number())
