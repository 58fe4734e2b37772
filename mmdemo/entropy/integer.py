"""The prior in whole numbers: the same probabilities on every machine, thread count, batch and chunk size.

A range decoder must see exactly the probabilities that the encoder saw; a rounding difference in one of them ruins
all that follows. Floating-point sums depend on their order, which differs between machines. So weights and
activations are rounded to fixed point here, and the products are held in float64, whose sums of whole numbers below
2^53 are exact in any order: BLAS may add up as it likes. What is not a sum (exp) is a table of whole numbers,
computed with Python's decimal module, which rounds correctly everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
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
MOST_IN_TABLE = 1 << 23  # numbers in a table of symbols (64 MB)


@lru_cache
def exp_table() -> np.ndarray:
    """exp(-i / 2^LOGIT_BITS) * ONE as whole numbers, i = 0 .. REACH * 2^LOGIT_BITS."""
    step = Decimal(1) / (1 << LOGIT_BITS)
    values = [int(((-step * i).exp() * ONE).to_integral_value()) for i in range((REACH << LOGIT_BITS) + 1)]
    return np.array(values, np.float32)  # whole numbers up to 2^22 are exact in float32


@dataclass
class Coded:
    """What is coded of N positions so far; row N stays "no neighbour".

    Attributes:
        sums: (N + 1, D) codewords added up over the levels so far; (0, D) for a prior with a table.
        codes: (N + 1,) of the level at work, K where there is none.
    """

    sums: Tensor
    codes: Tensor

    def copy(self) -> Coded:
        return Coded(self.sums.clone(), self.codes.clone())


class IntegerPrior:
    """Exact evaluation of a trained `CodePrior`, always on the CPU."""

    def __init__(self, prior: CodePrior) -> None:
        self.config = prior.config
        self.layout = prior.layout
        weights = {k: v.detach().cpu().double() for k, v in prior.state_dict().items()}
        self.codewords = _fixed(weights["words"], VALUE_BITS)  # (L, K, D)
        near, far, hidden, out = (_fixed(weights[k], WEIGHT_BITS) for k in ("near", "far", "hidden", "out"))
        bias1, bias2, bias3 = (
            _fixed(weights[k], VALUE_BITS + WEIGHT_BITS, LIMIT * WEIGHT_LIMIT) for k in ("bias1", "bias2", "bias3")
        )
        # Products are brought back to the scale of activations, or of logits, in the weights: a power of two is exact.
        back, last = 2.0**-WEIGHT_BITS, 2.0 ** (LOGIT_BITS - VALUE_BITS - WEIGHT_BITS)
        self.near, self.far, self.hidden, self.out = near * back, far * back, hidden * back, out * last
        self.bias1, self.bias2, self.bias3 = bias1 * back, bias2 * back, bias3 * last
        self.copy = self.copy_bias = None
        if prior.config.copies:
            self.copy = _fixed(weights["copy"], WEIGHT_BITS) * last
            self.copy_bias = _fixed(weights["copy_bias"], VALUE_BITS + WEIGHT_BITS, LIMIT * WEIGHT_LIMIT) * last
        self.table = self._table() if self._one_level(MOST_IN_TABLE) else None

    def _one_level(self, most: int) -> bool:
        """Whether neighbours are single symbols, not sums over levels, and a table of them all is small enough."""
        c = self.config
        rows = len(c.before) * (c.codebook_size + 1)
        return c.levels == 1 and bool(c.before) and not c.around and rows * c.width <= most

    def _table(self) -> Tensor:
        """(B * (K + 1), width): what each symbol, and none, adds to the hidden units at each place before.

        The sum of B of its rows is the product with ``near``, to the last bit: a decoder that goes symbol by symbol
        reads a fraction of the memory for it.
        """
        places = self.near[0].unflatten(0, (-1, self.config.dim))  # (B, D, width)
        codewords = torch.cat([self.codewords[0], torch.zeros_like(self.codewords[0][:1])])  # (K + 1, D)
        return (codewords @ places).flatten(0, 1)

    def start(self, count: int) -> Coded:
        """What stands for N positions before any level is decoded."""
        sums = torch.zeros(0 if self.table is not None else count + 1, self.config.dim, dtype=torch.float64)
        return Coded(sums, torch.full((count + 1,), self.config.codebook_size))

    def add(self, total: Coded, level: int, where: Tensor, codes: Tensor) -> None:
        """Add ``codes`` (n,) of a level at positions ``where`` (n,) to what `start` gave."""
        total.codes[where] = codes
        if self.table is None:
            total.sums[where] += self.codewords[level][codes]

    def frequencies(self, level: int, lower: Coded, current: Coded, neighbours: Layout, where: Tensor) -> np.ndarray:
        """Relative frequencies of every symbol at some positions.

        Args:
            lower: with the levels below, complete.
            current: with this level too, right at least for all waves before.
            where: (n,) positions of one wave.

        Returns:
            (n, K) float32, whole numbers from 1 to ``ONE``.
        """
        seen = neighbours.before[where]  # (n, B)
        if self.table is not None:
            first = torch.arange(seen.shape[1]) * (self.config.codebook_size + 1)
            acc = F.embedding_bag(current.codes[seen] + first, self.table, mode="sum") + self.bias1[level]  # (n, width)
        else:
            acc = torch.addmm(self.bias1[level], current.sums[seen].flatten(1), self.near[level])
        if len(self.config.around):
            acc += lower.sums[neighbours.around[where]].flatten(1) @ self.far[level]
        hidden = _activation(torch.addmm(self.bias2[level], _activation(acc), self.hidden[level]))
        logits = torch.addmm(self.bias3[level], hidden, self.out[level]).floor_()  # (n, K)
        if self.copy is not None and self.copy_bias is not None:
            again = torch.addmm(self.copy_bias[level], hidden, self.copy[level]).floor_()  # (n, B)
            logits = F.pad(logits, (0, 1)).scatter_add_(1, current.codes[seen], again)[:, :-1]  # the last one: none
        below = (logits.amax(1, keepdim=True) - logits).clamp_(max=REACH << LOGIT_BITS)
        return exp_table()[below.to(torch.int64).numpy()]


def _fixed(values: Tensor, bits: int, limit: float = WEIGHT_LIMIT) -> Tensor:
    """Rounded to whole multiples of 2^-bits (a power of two scales without error)."""
    return (values * 2.0**bits).round().clamp(-limit, limit)


def _activation(acc: Tensor) -> Tensor:
    """Whole numbers again, in place, and ReLU; floor, because rounding must be the same everywhere."""
    return acc.floor_().clamp_(0.0, LIMIT)
