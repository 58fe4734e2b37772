"""Which texts a joint model reads as vectors, and the reading of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import torch
from torch import Tensor

from ..isolation import isolated
from .conditions import ConditionEncoder
from .interface import ConditionInterface


class TextConditions:
    """The vector conditions of a model.

    Args:
        wanted: condition -> the text that it is worked out from. encoders: of each. streams: names of the model's
            streams; a condition may read a text that is none of them.
    """

    def __init__(
        self,
        wanted: Mapping[str, ConditionInterface],
        encoders: Mapping[str, ConditionEncoder],
        streams: Collection[str],
        device: torch.device,
    ) -> None:
        self.wanted, self.encoders, self.streams, self.device = wanted, encoders, streams, device

    def read_by(self, text: str) -> list[str]:
        """Conditions that are worked out from the text of this name."""
        return [name for name, condition in self.wanted.items() if condition.stream == text]

    def texts_of(self, conditions: Iterable[str]) -> list[str]:
        """The reverse: texts from which these conditions are worked out."""
        return [self.wanted[name].stream for name in conditions]

    def alone(self, text: str) -> bool:
        """Whether a text that is given is read as a vector alone, and not as latents of a stream."""
        return text not in self.streams or any(self.wanted[name].alone for name in self.read_by(text))

    @isolated()
    def vectors(self, texts: Mapping[str, Sequence[str]]) -> dict[str, Tensor]:
        """Text -> n strings -> vectors of the conditions that read it, (n, dim) each."""
        return {
            name: self.encoders[name](list(rows)).float().to(self.device)
            for text, rows in texts.items()
            for name in self.read_by(text)
        }
