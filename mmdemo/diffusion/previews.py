"""Live previews within a share of the sampling time.

Decoding four recordings takes about half as long as the step of the transformer that made them. So while a run is
under way only as many steps are decoded as fit; a step keeps its latents, and the others can be decoded afterwards,
or when somebody looks at them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
Shown = TypeVar("Shown")
SHARE = 0.12  # of the sampling time; with what is worked out for every step it stays below 15 %


class PreviewBudget:
    """Decides which steps may be shown at once.

    ``for step in pace.watch(model.sample(...)): pace.fits and pace.show(lambda: step.preview("image"))``

    Attributes:
        sampling: seconds spent in the sampler so far. spent: seconds spent on showing.
    """

    def __init__(self, share: float = SHARE, clock: Callable[[], float] = time.perf_counter) -> None:
        self.share, self.clock = share, clock
        self.sampling, self.spent, self._cost = 0.0, 0.0, 0.0

    def watch(self, run: Iterator[Item]) -> Iterator[Item]:
        """The steps of a run, with the time noted that it takes to make them."""
        start = self.clock()
        for step in run:
            self.sampling += self.clock() - start
            yield step
            start = self.clock()
        self.sampling += self.clock() - start

    @property
    def fits(self) -> bool:
        """Whether there is time to show another step, if it takes as long as the last one shown."""
        return self.spent + self._cost <= self.share * self.sampling

    def show(self, work: Callable[[], Shown]) -> Shown:
        """Do the work of showing a step, with the time noted that it takes."""
        start = self.clock()
        try:
            return work()
        finally:
            self._cost = self.clock() - start
            self.spent += self._cost
