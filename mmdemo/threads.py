"""How many threads torch uses: one for many small operations in a row, which would wait for each other otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Run small operations on the calling thread alone; also a decorator.

    A second thread gains nothing where an operation takes microseconds, and on a busy machine each waits for it.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
