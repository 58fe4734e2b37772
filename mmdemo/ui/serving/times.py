"""How long requests take, learnt from those before."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any
from weakref import WeakKeyDictionary

from gradio.queueing import Event

USUAL = 1.0  # seconds that a function is thought to take before it has run once
NEWEST = 0.2  # how much the newest run counts


class Times:
    """By function and lane.

    Args:
        lane: gives the lane of a request.
    """

    def __init__(self, lane: Callable[[Event], str]) -> None:
        self._lane = lane
        self._began: WeakKeyDictionary[Event, float] = WeakKeyDictionary()
        self._usual: dict[tuple[Any, str], float] = {}

    def begin(self, event: Event) -> None:
        self._began[event] = time.monotonic()

    def end(self, event: Event) -> None:
        """Note how long it took, if it has begun at all."""
        began = self._began.pop(event, None)
        if began is not None:
            key, took = (event.fn, self._lane(event)), time.monotonic() - began
            self._usual[key] = NEWEST * took + (1 - NEWEST) * self._usual.get(key, took)

    def usual(self, fn: Any, lane: str) -> float:
        """Seconds that a function usually takes in a lane."""
        return self._usual.get((fn, lane), USUAL)

    def left(self, events: Iterable[Event]) -> float:
        """Seconds until these have run, one after the other."""
        now, left = time.monotonic(), 0.0
        for event in events:
            usual = self.usual(event.fn, self._lane(event))
            began = self._began.get(event)
            left += usual if began is None else max(0.5, usual - (now - began))
        return left

    def longest(self, events: Iterable[Event]) -> float:
        """Seconds for which that of these has run that began first."""
        now = time.monotonic()
        return max((now - self._began.get(event, now) for event in events), default=0.0)
