"""Work of many seeds, shared among processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

T = TypeVar("T")
LEAST = 64  # seeds that are worth starting processes for
CHUNK = 16  # handed over at once


def for_each(make: Callable[[int], T], seeds: Iterable[int], workers: int | None = None) -> list[T]:
    """``make`` of each seed, in order; it must pickle.

    Args:
        workers: processes; None: one for each processor, 0: this one alone.
    """
    seeds = list(seeds)
    processes = os.cpu_count() or 1 if workers is None else workers
    if processes < 2 or len(seeds) < LEAST:
        return list(map(make, seeds))
    with ProcessPoolExecutor(processes) as pool:
        return list(pool.map(make, seeds, chunksize=CHUNK))
