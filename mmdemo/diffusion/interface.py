"""What a joint model's checkpoint says besides its network: how a person's inputs reach it, and what a page may show.

It stands in config.json under "interface", and in a recipe as the table of that name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..config import from_dict
from .conditions import CONDITION_ENCODERS, ConditionEncoder
from .dit import Stream
from .frames import FRAMES, USUAL, Frame


@dataclass
class StreamInterface:
    """How inputs of one stream are brought to its positions."""

    frame: str = ""  # of `frames.FRAMES`; empty: the usual one of its tokenizer's modality
    options: dict[str, Any] = field(default_factory=dict)  # of the frame


@dataclass
class ConditionInterface:
    """A vector condition (`DiTConfig.conditions`), worked out from the string of a text stream."""

    encoder: str  # of `conditions.CONDITION_ENCODERS`
    stream: str = "text"  # whose string; it may be the name of no stream, if the model takes text as a condition only
    options: dict[str, Any] = field(default_factory=dict)  # of the encoder


@dataclass
class JointInterface:
    """Everything about a joint model's use that its network does not know."""

    streams: dict[str, StreamInterface] = field(default_factory=dict)
    conditions: dict[str, ConditionInterface] = field(default_factory=dict)
    style: str = "style"  # what the model's styles are: "speaker", "style"; sampling takes a style under this name too
    # Of several things wanted this stream is made first, in this share of the steps, and conditions the rest: what is
    # made at the same time only slowly comes to agree. Nothing but noise says which digit it is, and guidance has
    # nothing to hold on to. One after the other is a path through the streams' times like any other. Empty: none.
    anchor: str = ""
    anchor_fraction: float = 0.25
    form: str = ""  # which form of the page shows the model; empty: the general one
    figures: str = ""  # which report measures it (`mmdemo.evaluation`); empty: none

    def __post_init__(self) -> None:
        self.streams = {k: _as(StreamInterface, v) for k, v in self.streams.items()}
        self.conditions = {k: _as(ConditionInterface, v) for k, v in self.conditions.items()}

    def frame(self, stream: Stream, modality: str, stride: int) -> Frame:
        """The frame of a stream. Raises InputError for a name that is not registered."""
        asked = self.streams.get(stream.name, StreamInterface())
        return FRAMES[asked.frame or USUAL[modality]](stream.shape, stride, **asked.options)

    def condition_encoders(self) -> dict[str, ConditionEncoder]:
        """Encoders of the vector conditions, those with weights as drawn. Raises InputError as `frame` does."""
        return {k: CONDITION_ENCODERS[c.encoder](**c.options) for k, c in self.conditions.items()}


def _as(cls: type, value: Any) -> Any:
    return from_dict(cls, dict(value)) if isinstance(value, Mapping) else value
