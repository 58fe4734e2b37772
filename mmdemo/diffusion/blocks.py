"""What is longer than a model's frame is made block by block: one step of one block, and the whole so far."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..tokens import Tokens
from .step import SamplingStep


class BlockStep(ABC):
    """It answers what a `SamplingStep` answers.

    Attributes:
        step: of the block at work. block: its index, of ``blocks``.
        index, steps: over all blocks. nfe: network evaluations so far, of all blocks.
        t, x, x0, change, code_distance: of the block at work.
    """

    def __init__(self, step: SamplingStep, block: int, blocks: int, nfe: int) -> None:
        self.step, self.block, self.blocks, self.nfe = step, block, blocks, nfe
        self.index, self.steps = block * step.steps + step.index, blocks * step.steps
        self.t = step.t

    @property
    def x(self) -> Mapping[str, Tensor]:
        return self.step.x

    @property
    def x0(self) -> Mapping[str, Tensor]:
        return self.step.x0

    @property
    def last(self) -> bool:
        """Whether the whole is complete."""
        return self.index == self.steps

    @property
    def change(self) -> float:
        return self.step.change

    @property
    def code_distance(self) -> dict[str, float]:
        return self.step.code_distance

    @abstractmethod
    def tokens(self, stream: str) -> list[Tokens]:
        """Per sample, the whole so far as tokens."""

    def preview(self, stream: str) -> list[Any]:
        """Per sample, the whole so far as a person sees or hears it."""
        return [self.step.decoder.codecs[stream].decode(tokens) for tokens in self.tokens(stream)]

    def part(self, stream: str) -> list[Any]:
        """Per sample, the block at work alone."""
        return self.step.preview(stream)
