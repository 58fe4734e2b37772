"""Live previews within a share of the sampling time.

Decoding four recordings takes about as long as a step of the transformer that makes them, so decoding everything at
every step would double the time to the result. `Pace` decodes as much as fits while a run is under way, the first and
the last step always; the rest can be decoded when somebody looks at it, since a step keeps its latents.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

S = TypeVar("S")
SHARE = 0.07  # of the sampling time; the per-step numbers, which are always worked out, take about as much again


class Pace:
    """Decides which previews fit.

    ``for step in pace.watch(model.sample(...)): pictures = pace.preview(step, "image")``

    Attributes:
        sampling: seconds spent in the sampler. spent: seconds spent on previews, the last step's not counted: they
            are the result.
    """

    def __init__(self, share: float = SHARE, clock: Callable[[], float] = time.perf_counter) -> None:
        self.share, self.clock = share, clock
        self.sampling, self.spent = 0.0, 0.0
        self._cost: dict[str, float] = {}  # seconds that a preview of each modality took the last time
        self._seen: set[str] = set()  # modalities that have been shown

    def watch(self, run: Iterator[S]) -> Iterator[S]:
        """The steps of a run, with the time it takes to make them noted."""
        while True:
            start = self.clock()
            step = next(run, None)
            self.sampling += self.clock() - start
            if step is None:
                return
            yield step

    def fits(self, step: Any, modality: str) -> bool:
        """Whether this preview may be decoded now: a modality's first, the last step's, and what the time allows."""
        if step.last or modality not in self._seen:
            return True
        return self.spent + self._cost[modality] <= self.share * self.sampling

    def preview(self, step: Any, modality: str) -> list[Any] | None:
        """`Step.preview`, or None where it does not fit."""
        if not self.fits(step, modality):
            return None
        start = self.clock()
        out = step.preview(modality)
        self._cost[modality] = self.clock() - start
        self._seen.add(modality)
        if not step.last:
            self.spent += self._cost[modality]
        return out
