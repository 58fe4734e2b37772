"""ZeroGPU: borrow a GPU for one call where the Space lends them; the identity everywhere else."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

F = TypeVar("F", bound=Callable)

try:
    import spaces
except ImportError:
    spaces = None


def gpu(duration: int | Callable[..., int] = 60) -> Callable[[F], F]:
    """Decorator for a function or generator that runs a model.

    On ZeroGPU the function runs in a forked worker and all it returns or yields is pickled, so that must be
    plain data on the CPU. `duration` is the time asked for in seconds, or a function of the same arguments.
    """
    if spaces is None:
        return lambda function: function
    return lambda function: spaces.GPU(duration=duration)(function)
