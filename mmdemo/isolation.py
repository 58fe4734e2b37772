"""PyTorch as this package expects it, whatever the program around it has set."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch


@contextmanager
def isolated(device: str | torch.device = "cpu") -> Iterator[None]:
    """No gradients, no autocast, no other default device; and no inference mode, so that results are ordinary tensors.

    Args:
        device: where the work is done. New tensors are made on the CPU where nothing else is said.
    """
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.no_grad())
        for kind in {"cpu", torch.device(device).type}:
            stack.enter_context(torch.autocast(kind, enabled=False))
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        yield
