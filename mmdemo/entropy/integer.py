"""The prior in whole numbers: the same probabilities on every machine, thread count, batch and chunk size.

A range decoder must see exactly the probabilities that the encoder saw; a rounding difference in one of them ruins
all that follows. Floating-point sums depend on their order, which differs between machines. So weights and
activations are rounded to fixed point here, and the products are held in float64, whose sums of whole numbers below
2^53 are exact in any order: BLAS may add up as it likes. What is not a sum (exp) is a table of whole numbers,
computed with Python's decimal module, which rounds correctly everywhere.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from .layout import Layout
from .prior import CodePrior

VALUE_BITS = 10  # fraction bits of activations
WEIGHT_BITS = 12  # fraction bits of weights
LOGIT_BITS = 8  # fraction bits of logits, in nats
LIMIT = 2.0**20  # activations are clipped here: 512 products of 2^20 and 2^16 stay far below 2^53
WEIGHT_LIMIT = 2.0**16
REACH = 15  # nats below the best logit at which the probability stops falling
ONE = 1 << 22  # frequency of the most likely symbol


@lru_cache
def exp_table() -> np.ndarray:
    """exp(-i / 2^LOGIT_BITS) * ONE as whole numbers, i = 0 .. REACH * 2^LOGIT_BITS."""
    step = Decimal(1) / (1 << LOGIT_BITS)
    values = [int(((-step * i).exp() * ONE).to_integral_value()) for i in range((REACH << LOGIT_BITS) + 1)]
    return np.array(values, np.float32)  # whole numbers up to 2^22 are exact in float32


class IntegerPrior:
    """Exact evaluation of a trained `CodePrior`, always on the CPU."""

    def __init__(self, prior: CodePrior) -> None:
        self.config = prior.config
        self.layout = prior.layout
        weights = {k: v.detach().cpu().double() for k, v in prior.state_dict().items()}
        self.words = _fixed(weights["words"], VALUE_BITS)  # (L, K, D)
        self.near, self.far, self.hidden, self.out = (
            _fixed(weights[k], WEIGHT_BITS) for k in ("near", "far", "hidden", "out")
        )
        self.bias1, self.bias2, self.bias3 = (
            _fixed(weights[k], VALUE_BITS + WEIGHT_BITS, LIMIT * WEIGHT_LIMIT) for k in ("bias1", "bias2", "bias3")
        )

    def start(self, count: int) -> Tensor:
        """Sums before any level is decoded: (N + 1, D) zeros, whose last row stays "no neighbour"."""
        return torch.zeros(count + 1, self.config.dim, dtype=torch.float64)

    def add(self, total: Tensor, level: int, where: Tensor, codes: Tensor) -> None:
        """Add the words of ``codes`` (n,) at positions ``where`` (n,) to the sums."""
        total[where] += self.words[level][codes]

    def frequencies(self, level: int, lower: Tensor, current: Tensor, neighbours: Layout, where: Tensor) -> np.ndarray:
        """Relative frequencies of every symbol at some positions.

        Args:
            lower: (N + 1, D) sums of the levels below, complete.
            current: (N + 1, D) sums through this level, right at least for all waves before.
            where: (n,) positions of one wave.

        Returns:
            (n, K) float32, whole numbers from 1 to ``ONE``.
        """
        acc = current[neighbours.before[where]].flatten(1) @ self.near[level] + self.bias1[level]  # (n, width)
        if len(self.config.around):
            acc += lower[neighbours.around[where]].flatten(1) @ self.far[level]
        acc = _rescale(acc).relu_() @ self.hidden[level] + self.bias2[level]
        acc = _rescale(acc).relu_() @ self.out[level] + self.bias3[level]  # (n, K)
        logits = (acc / 2.0 ** (VALUE_BITS + WEIGHT_BITS - LOGIT_BITS)).floor_()
        below = (logits.amax(1, keepdim=True) - logits).clamp_(max=REACH << LOGIT_BITS)
        return exp_table()[below.to(torch.int64).numpy()]


def _fixed(values: Tensor, bits: int, limit: float = WEIGHT_LIMIT) -> Tensor:
    """Rounded to whole multiples of 2^-bits (a power of two scales without error)."""
    return (values * 2.0**bits).round().clamp(-limit, limit)


def _rescale(acc: Tensor) -> Tensor:
    """From the scale of products back to that of activations; floor, because shifting must be the same everywhere."""
    return (acc / 2.0**WEIGHT_BITS).floor_().clamp_(-LIMIT, LIMIT)
