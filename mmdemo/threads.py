"""How many threads torch uses: one for many small operations in a row, what is free for bulk work."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

CORES = torch.get_num_threads()  # as torch, or OMP_NUM_THREADS, has it when the program starts
_lock = threading.Lock()
_at_work = 0
_looked, _own = (time.monotonic(), time.process_time()), 0.0  # when, with how much time of cores used; our own load


@contextmanager
def one_thread() -> Iterator[None]:
    """Run small operations on the calling thread alone; also a decorator.

    A second thread gains nothing where an operation takes microseconds, and on a busy machine each waits for it.
    """
    with _threads(1):
        yield


@contextmanager
def free_threads() -> Iterator[None]:
    """Run bulk work on the cores that other work of this kind, and other programs, leave free; one at the least.

    For servers, where several requests are at work at once: torch keeps the number for each thread of a program by
    itself, and would give all cores to every one of them. Threads without a core of their own are worse than none:
    after each operation all wait for the last.
    """
    global _at_work
    with _lock:
        _at_work += 1
        share = max(1, min(CORES // _at_work, round((os.cpu_count() or CORES) - _elsewhere())))
    try:
        with _threads(share):
            yield
    finally:
        with _lock:
            _at_work -= 1


def _elsewhere() -> float:
    """Cores that other programs keep busy, by the load of the machine in the last minute; 0 where that is not told."""
    global _looked, _own
    now, used = time.monotonic(), time.process_time()
    since = now - _looked[0]
    if since > 1:
        _own += (1 - math.exp(-since / 60)) * ((used - _looked[1]) / since - _own)  # averaged as the load is
        _looked = now, used
    try:
        return max(0.0, os.getloadavg()[0] - _own)
    except (AttributeError, OSError):  # Windows
        return 0.0


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
