"""Exponential moving average of the weights, which is what gets exported: it generalises better than the last step.

Of what is trained alone. (`torch.optim.swa_utils.AveragedModel` keeps a second copy of the whole network, in which
codebooks, that no gradient trains, would stay as they were at the start; and averaging turns a frozen -0.0 into 0.0,
which is another fingerprint.)
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class WeightAverage:
    """The average of a network's trained weights. With a decay of 0 there is none, and all of this does nothing."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.parameters = {k: p for k, p in network.named_parameters() if p.requires_grad} if decay else {}
        self.values = {k: p.detach().clone() for k, p in self.parameters.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after ``step`` steps. It begins with a short memory (power 0.75): early weights go."""
        decay = min(self.decay, 1 - (1 + step) ** -0.75)
        for k, value in self.values.items():
            value.lerp_(self.parameters[k], 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The network with averaged weights; afterwards with its own again."""
        own = {k: p.detach().clone() for k, p in self.parameters.items()}
        self._put(self.values)
        try:
            yield
        finally:
            self._put(own)

    def load(self, values: dict[str, Tensor]) -> None:
        """Averaged weights of a snapshot."""
        self.values = values

    @torch.no_grad()
    def _put(self, values: dict[str, Tensor]) -> None:
        for k, value in values.items():
            self.parameters[k].copy_(value)
