"""Vector conditions: what a text means, as one vector beside the streams.

A stream of latents spells a text, byte by byte; a condition says what it is about. It is worked out from the string of
a text stream that is given, by an encoder that is frozen while the transformer trains and is saved with it.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import InputError
from ..registry import Registry

CONDITION_ENCODERS: Registry[Callable[..., ConditionEncoder]] = Registry(
    "condition encoder",
    {
        "ngrams": "mmdemo.diffusion.conditions:HashedNgrams",
        "prompt": "mmdemo.prompts.encoder:prompt_encoder",
    },
)


class ConditionEncoder(Protocol):
    """Strings -> vectors. An encoder with weights is an `nn.Module`; its weights are stored in the joint checkpoint."""

    dim: int

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """(n, dim), of about unit variance a channel."""
        ...


class HashedNgrams:
    """The words of a text and their pieces, each hashed to a random direction, summed: no weights, any language.

    As fastText (Bojanowski et al. 2017) makes vectors of words it never saw, but with directions that are drawn, not
    trained: texts that share words or parts of words lie near each other, whatever their order.
    """

    def __init__(self, dim: int = 128, shortest: int = 1, longest: int = 4) -> None:
        if not (1 <= dim <= 8192 and 1 <= shortest <= longest <= 16):
            raise InputError(f"N-grams of {shortest} to {longest} characters cannot be hashed to {dim} directions.")
        self.dim, self.shortest, self.longest = dim, shortest, longest

    def __call__(self, texts: Sequence[str]) -> Tensor:
        rows = []
        for text in texts:
            counts = torch.zeros(self.dim, dtype=torch.float32)
            for word in text.lower().split():
                marked = f"<{word}>"
                sizes = range(self.shortest, self.longest + 1)
                pieces = [marked[i : i + n] for n in sizes for i in range(len(marked) - n + 1)]
                for piece in [marked, *pieces]:
                    code = zlib.crc32(piece.encode())  # not Python's hash, which differs from run to run
                    counts[code % self.dim] += 1 - 2 * (code >> 31)
            rows.append(counts)
        return F.normalize(torch.stack(rows), dim=1) * self.dim**0.5
