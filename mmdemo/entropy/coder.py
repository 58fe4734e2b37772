"""Symbols <-> bytes: a range coder (Martin 1979; from the constriction package) driven by the integer prior."""

from __future__ import annotations

import constriction
import numpy as np
import torch
from torch import Tensor

from ..isolation import isolated
from ..threads import one_thread
from .integer import IntegerPrior

FEW = 1 << 14  # symbols that are not worth a second thread
CHUNK = 1 << 21  # probabilities held at once while encoding
_MODEL = constriction.stream.model.Categorical(perfect=False)


@isolated()
def encode(codes: Tensor, prior: IntegerPrior) -> list[bytes]:
    """Codes (levels, *positions), levels up to the prior's -> the bytes of the first level, of the first two, …

    Level after level, so that the coarse ones come first and all of these are made in one pass; within a level,
    wave after wave.
    """
    if codes.numel() > FEW:
        return _encode(codes, prior)
    with one_thread():
        return _encode(codes, prior)


def _encode(codes: Tensor, prior: IntegerPrior) -> list[bytes]:
    made = []
    flat = codes.flatten(1)  # (levels, N)
    neighbours = prior.layout(tuple(codes.shape[1:]))
    order, total = neighbours.order, prior.start(flat.shape[1])
    coder = constriction.stream.queue.RangeEncoder()
    for level, symbols in enumerate(flat):
        lower = total.copy()
        prior.add(total, level, torch.arange(len(symbols)), symbols)
        # All symbols are known, so waves need not wait for each other: every context uses earlier waves only.
        for where in order.split(max(1, CHUNK // prior.config.codebook_size)):
            table = prior.frequencies(level, lower, total, neighbours, where)
            coder.encode(symbols[where].numpy().astype(np.int32), _MODEL, table)
        made.append(coder.get_compressed().astype("<u4").tobytes().rstrip(b"\0"))  # a copy: coding goes on
    return made


@one_thread()  # wave after wave of a few symbols
@isolated()
def decode(data: bytes, levels: int, positions: tuple[int, ...], prior: IntegerPrior) -> Tensor:
    """The bytes of so many levels -> their codes.

    Wrong data gives wrong codes, or a ValueError where no codes have these bytes: callers check a checksum.
    """
    words = np.frombuffer(data + bytes(-len(data) % 4), "<u4").astype(np.uint32)
    coder = constriction.stream.queue.RangeDecoder(words)
    neighbours = prior.layout(positions)
    count = len(neighbours.before)
    total = prior.start(count)
    codes = torch.zeros(levels, count, dtype=torch.int64)
    for level in range(levels):
        lower = total.copy()
        for where in neighbours.waves:
            table = prior.frequencies(level, lower, total, neighbours, where)
            try:
                symbols = torch.from_numpy(coder.decode(_MODEL, table).astype(np.int64))
            except AssertionError as error:  # what constriction raises where no symbol has such bytes
                raise ValueError("these bytes were not made with this prior") from error
            codes[level, where] = symbols
            prior.add(total, level, where, symbols)
    return codes.reshape(levels, *positions)
