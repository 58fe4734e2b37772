"""What a joint model's checkpoint says besides its network: how a person's inputs reach it, and what a page may show.

It stands in config.json under "interface", and in a recipe as the table of that name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from typing import Any

from ..checks import nearest
from ..config import Name, Share, settings
from ..errors import InputError
from ..modalities import MODALITIES
from .conditions import CONDITION_ENCODERS, ConditionEncoder
from .frames import FRAMES, Frame
from .reports import REPORTS
from .settings import PAGE_GUIDANCE, PAGE_N, PAGE_STEPS, SamplingSettings
from .streams import DiTConfig, Stream
from .suggestions import SUGGESTIONS

FORMS = ("digits", "speech")  # of a page, besides the general one


@settings
class StreamInterface:
    """How inputs of one stream are brought to its positions."""

    frame: Name = ""  # of `frames.FRAMES`; empty: the usual one of its tokenizer's modality
    options: dict[str, Any] = field(default_factory=dict)  # of the frame


@settings
class ConditionInterface:
    """A vector condition (`DiTConfig.conditions`), worked out from the string of a text stream."""

    encoder: Name  # of `conditions.CONDITION_ENCODERS`
    stream: Name = "text"  # whose string; it may be the name of no stream, if the model takes text as a condition only
    options: dict[str, Any] = field(default_factory=dict)  # of the encoder
    alone: bool = False  # a text that is given is read so alone, and its stream stays absent


@settings
class Usual:
    """Settings of a run that a page begins with; what is not said is as in `SamplingSettings`."""

    steps: int = SamplingSettings.steps
    sampler: Name = SamplingSettings.sampler
    guidance: float = SamplingSettings.guidance
    n: int = SamplingSettings.n

    def __post_init__(self) -> None:
        SamplingSettings(self.n, self.steps, self.guidance, self.sampler)  # which says what cannot be
        limits = {"steps": PAGE_STEPS, "guidance": PAGE_GUIDANCE, "n": PAGE_N}
        for name, (low, high) in limits.items():
            if not low <= getattr(self, name) <= high:
                raise InputError(f"A page offers {name} from {low:g} to {high:g}, not {getattr(self, name):g}.")


@settings
class JointInterface:
    """Everything about a joint model's use that its network does not know."""

    streams: dict[str, StreamInterface] = field(default_factory=dict)
    conditions: dict[str, ConditionInterface] = field(default_factory=dict)
    style: Name = "style"  # what the model's styles are: "speaker", "style"; sampling takes a style under this name too
    # Of several things wanted this stream is made first, in this share of the steps, and conditions the rest: what is
    # made at the same time only slowly comes to agree. Nothing but noise says which digit it is, and guidance has
    # nothing to hold on to. One after the other is a path through the streams' times like any other. Empty: none.
    anchor: Name = ""
    anchor_fraction: Share = 0.25
    form: Name = ""  # which form of the page shows the model; empty: the general one
    usual: Usual = field(default_factory=Usual)  # what the page begins with
    suggestions: Name = ""  # words that a person may ask for (`suggestions.SUGGESTIONS`); empty: none are offered
    figures: Name = ""  # which report measures it (`mmdemo.evaluation`); empty: none

    def check(self, config: DiTConfig) -> None:
        """Raise InputError unless everything named here is there in the network."""
        streams = [s.name for s in config.streams]
        check_names("stream", [*self.streams, *filter(None, [self.anchor])], streams)
        check_names("condition", self.conditions, [c.name for c in config.conditions])
        listed = {"form": FORMS, "list of suggestions": SUGGESTIONS, "report": REPORTS}
        asked = {"form": self.form, "list of suggestions": self.suggestions, "report": self.figures}
        for what, name in asked.items():
            if name and name not in listed[what]:
                raise InputError(f"There is no {what} {name!r}; {nearest(name, listed[what], 'choose one of')}")

    def frame(self, stream: Stream, modality: str, stride: int) -> Frame:
        """The frame of a stream. Raises InputError for a name that is not registered."""
        asked = self.streams.get(stream.name, StreamInterface())
        return FRAMES.make(asked.frame or MODALITIES[modality].frame, stream.shape, stride, **asked.options)

    def condition_encoders(self, config: DiTConfig) -> dict[str, ConditionEncoder]:
        """Encoders of the network's vector conditions, those with weights as drawn. Raises InputError as `frame` does,
        and for vectors of another size than the network takes."""
        made = {k: CONDITION_ENCODERS.make(c.encoder, **c.options) for k, c in self.conditions.items()}
        for condition in config.conditions:
            if condition.name not in made:
                raise InputError(f"Nothing says how the condition {condition.name!r} is worked out.")
            if made[condition.name].dim != condition.dim:
                dims = f"{made[condition.name].dim} numbers, and the network takes {condition.dim}"
                raise InputError(f"The encoder of the condition {condition.name!r} gives {dims}.")
        return made


def check_names(what: str, named: Iterable[str], known: Iterable[str]) -> None:
    """Raise InputError, with the nearest right name, for a name that the model does not have."""
    known = list(known)
    for name in named:
        if name not in known:
            raise InputError(f"The model has no {what} {name!r}; {nearest(name, known, 'it has')}")
