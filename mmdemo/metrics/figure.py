"""One measured number, with its unit and its target."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One measured number, as `evaluate` and `bench` print it.

    `n` counts what was averaged over (files, utterances, chunks);
    without a target, `target` and `met` are None.
    """

    name: str
    value: float | None
    unit: str = ""
    n: int | None = None
    target: float | None = None
    met: bool | None = None

    @classmethod
    def against(
        cls, name: str, value: float | None, target: float, unit: str = "", n: int | None = None, at_most: bool = False
    ) -> Figure:
        """A figure met if `value` >= `target`, or <= with `at_most`. An undefined value does not meet it."""
        met = value is not None and bool(value <= target if at_most else value >= target)
        return cls(name, value, unit, n, target, met)

    def as_dict(self) -> dict[str, Any]:
        """JSON-able; infinity and NaN, which JSON does not have, become None."""
        odd = {k for k, v in asdict(self).items() if isinstance(v, float) and not math.isfinite(v)}
        return {k: None if k in odd else v for k, v in asdict(self).items()}
