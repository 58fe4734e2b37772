"""Everything that makes a result of the Generate tab, checked, and its form in the page's address."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any
from urllib.parse import urlencode

import numpy as np

from mmdemo.diffusion.settings import MAX_SEED, SamplingSettings
from mmdemo.digits.number import read_number
from mmdemo.digits.words import CHINESE
from mmdemo.errors import InputError
from mmdemo.ui.generate import mask as mask_text
from mmdemo.ui.generate.mask import Masks

MODALITIES = ("image", "audio", "text")
COUNT, STEPS, GUIDANCE, SEED, STRENGTH = (1, 8), (2, 100), (0.0, 10.0), (0, MAX_SEED), (0.05, 1.0)
COMPARED = ("guidance", "sampler", "steps", "seed", "strength")
VARIED = 0.6  # strength of a variation that nobody chose one for
MAX_TEXT = 64  # bytes; how many a model takes is its own business


@dataclass(frozen=True)
class Choices:
    """What the model at hand offers: names of modalities, samplers and speakers, positions of its latents."""

    modalities: tuple[str, ...] = MODALITIES
    samplers: tuple[str, ...] = ("euler", "heun")
    speakers: tuple[str, ...] = ()
    shapes: Mapping[str, Sequence[int]] = field(default_factory=lambda: {"image": (4, 4), "audio": (40,), "text": (4,)})
    text_bytes: int = 16


@dataclass(frozen=True)
class Settings:
    """One run.

    `image` and `audio` are codes of `inputs`. `edit` says what of something given is made anew
    (`mask`), and `strength` from how much noise. `to` is a second seed that the samples lead to, "" for
    none. `vs` names a second run beside this one. Where a picture or sound is given and nothing is to be made, it is
    varied as a whole.
    """

    text: str = ""
    image: str = ""
    audio: str = ""
    want: tuple[str, ...] = MODALITIES
    n: int = SamplingSettings.n
    steps: int = SamplingSettings.steps
    sampler: str = SamplingSettings.sampler
    guidance: float = SamplingSettings.guidance
    speaker: str = ""
    seed: int = SamplingSettings.seed
    to: int | str = ""
    edit: str = ""
    strength: float = SamplingSettings.strength
    vs: str = ""
    choices: Choices = field(default_factory=Choices, repr=False, compare=False)

    def __post_init__(self) -> None:
        set_ = lambda name, value: object.__setattr__(self, name, value)  # noqa: E731  (frozen)
        set_("text", _text(self.text))
        set_("n", _whole("The number of results", self.n, *COUNT))
        set_("steps", _whole("The number of steps", self.steps, *STEPS))
        set_("seed", _whole("The seed", self.seed, *SEED))
        set_("guidance", _number("Guidance", self.guidance, *GUIDANCE))
        set_("sampler", _one_of("sampler", self.sampler, self.choices.samplers))
        set_("speaker", _one_of("speaker", self.speaker or "", ("", *self.choices.speakers)))
        set_("strength", _number("The strength of a variation", self.strength, *STRENGTH))
        set_("to", "" if self.to in ("", None) else _whole("The second seed", self.to, *SEED))
        for name in ("image", "audio", "edit", "vs"):
            if not isinstance(getattr(self, name), str):
                raise InputError(f"The setting {name} has to be a text.")
        # Marks on something that is no longer given mean nothing.
        if self.number:
            self._check_number()
            set_("edit", "")
            set_("to", "")
        masks = {m: mask for m, mask in self.masks().items() if getattr(self, m)}
        if not masks and not self._asked():
            # Something is given, nothing is marked and nothing else is asked for: a variation of what can be varied.
            masks = {m: np.ones(self.choices.shapes[m], bool) for m in ("image", "audio") if getattr(self, m)}
            if masks and self.strength == STRENGTH[1]:
                set_("strength", VARIED)
        set_("edit", mask_text.written(masks))
        set_("want", self._wanted(tuple(masks)))
        if self.vs:
            self.second()

    @property
    def number(self) -> bool:
        """Whether the word is a number of several digits, which is made digit by digit."""
        return is_number(self.text)

    def _check_number(self) -> None:
        read_number(self.text)
        if self.image or self.audio:
            raise InputError("A number of several digits is made from its digits alone: remove the picture or sound.")

    def masks(self) -> Masks:
        """Where things given are made anew."""
        return mask_text.parse(self.edit, self.choices.shapes)

    def _asked(self) -> list[str]:
        """What is asked for and not given."""
        given: Any = self.want
        asked = list(filter(None, given.split(","))) if isinstance(given, str) else given
        if not isinstance(asked, Sequence) or any(m not in self.choices.modalities for m in asked):
            raise InputError(f"What to make is one or more of {', '.join(self.choices.modalities)}.")
        return [m for m in asked if not getattr(self, m)]

    def _wanted(self, edited: tuple[str, ...]) -> tuple[str, ...]:
        # A variation starts from the inputs themselves: nothing else can be made along with it.
        varied = edited and (self.strength < 1 or self.vs.startswith("strength:"))
        asked = [] if varied else self._asked()
        wanted = tuple(m for m in self.choices.modalities if m in asked or m in edited)
        if not wanted:
            raise InputError("Choose something to make that is not given: a picture, a sound or a word.")
        return wanted

    def second(self) -> Settings | None:
        """The run to show beside this one: the same but for what `vs` names, like "guidance:1"."""
        if not self.vs:
            return None
        name, _, value = self.vs.partition(":")
        if name not in COMPARED or not value:
            raise InputError(f"A second run differs in one of {', '.join(COMPARED)}, for example guidance:1.")
        changed: dict[str, Any] = {"vs": "", name: value}
        return replace(self, **changed)

    def titles(self) -> tuple[str, str]:
        """How the two runs differ, in a few characters each: ("guidance 2", "guidance 1")."""
        other, name = self.second(), self.vs.partition(":")[0]
        show = lambda value: f"{value:g}" if isinstance(value, float) else str(value)  # noqa: E731
        return f"{name} {show(getattr(self, name))}", f"{name} {show(getattr(other, name))}"

    def query(self) -> str:
        """The page's address from "?" on; opening it runs the same again."""
        values = {"tab": "generate", **{k: v for k, v in self.plain().items() if v != ""}, "run": 1}
        del values["strength"]
        values |= {"want": ",".join(self.want), "guidance": f"{self.guidance:g}"}
        values |= {"strength": f"{self.strength:g}"} if self.edit else {}
        return "?" + urlencode(values, safe=",:")

    def plain(self) -> dict[str, Any]:
        """JSON-able."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "choices"}
        return {**values, "want": list(self.want)}


NAMES = tuple(f.name for f in fields(Settings) if f.name != "choices")


def is_number(text: str) -> bool:
    """Whether a text is several digits and nothing else: "4072", "四零七二"."""
    digits = text.strip()
    return len(digits) > 1 and all(c.isdecimal() or c in CHINESE for c in digits)


def from_query(params: Mapping[str, str], choices: Choices) -> Settings:
    """The settings in a page's address; what it does not name is as usual. Raises InputError."""
    asked: dict[str, Any] = {name: params[name] for name in NAMES if name in params}
    return Settings(**asked, choices=choices)


def _text(value: Any) -> str:
    text = "" if value is None else value
    if not isinstance(text, str):
        raise InputError("The word has to be a text.")
    text = text.strip()
    if len(text.encode("utf-8", "replace")) > MAX_TEXT:
        raise InputError(f"The word is longer than {MAX_TEXT} bytes; type one short word such as seven.")
    return text


def _parsed(value: Any) -> float:
    """A number, also one written as text; NaN for anything else."""
    try:
        return math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return math.nan


def _number(name: str, value: Any, low: float, high: float) -> float:
    number = _parsed(value)
    if not low <= number <= high:
        raise InputError(f"{name} has to be a number from {low:g} to {high:g}.")
    return number


def _whole(name: str, value: Any, low: int, high: int) -> int:
    number = _parsed(value)
    if not low <= number <= high or number != int(number):
        raise InputError(f"{name} has to be a whole number from {low} to {high}.")
    return int(number)


def _one_of(name: str, value: Any, allowed: Sequence[str]) -> str:
    if value not in allowed:
        raise InputError(f"The {name} has to be one of {', '.join(a for a in allowed if a)}.")
    return value
