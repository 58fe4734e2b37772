"""Everything that makes a result of the Generate tab, checked, and its form in the page's address."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any
from urllib.parse import urlencode

import numpy as np

from mmdemo.checks import whole
from mmdemo.diffusion.settings import MAX_SEED, PAGE_GUIDANCE, PAGE_N, PAGE_STEPS, PAGE_STRENGTH, SamplingSettings
from mmdemo.digits.number import read_number
from mmdemo.digits.words import CHINESE, read_digit
from mmdemo.errors import InputError
from mmdemo.speech.duration import PACES
from mmdemo.speech.request import made_of
from mmdemo.speech.say import LONGEST_TEXT
from mmdemo.ui.generate import mask as mask_text
from mmdemo.ui.generate.mask import Masks

MODALITIES = ("image", "audio", "text")
DEFAULT_MODEL = "digits"  # of a link that names none
COUNT, STEPS, GUIDANCE, SEED, STRENGTH = PAGE_N, PAGE_STEPS, PAGE_GUIDANCE, (0, MAX_SEED), PAGE_STRENGTH
WEIGHT = (0.0, 1.0)  # share of the second text
COMPARED = ("guidance", "sampler", "steps", "seed", "strength", "weight")
VARIED = 0.6  # strength of a variation that nobody chose one for
MAX_WORD, MAX_TEXT = 64, 200  # bytes, of a digit's name and of a prompt; how many a model takes is its own business
ALL = "all"  # instead of a style: a result in each
USES = ("voice", "edit")  # what a recording is for: its voice says the text, or it is changed so that it says it
DRAFT_STEPS = 6  # of what is drawn while one types


@dataclass(frozen=True)
class Choices:
    """What a model offers.

    Attributes:
        modalities, samplers, speakers: names; what speakers are called is `style`. shapes: positions of its latents.
        form: "digits", where a number is a run of several digits; "speech", where texts are said; "" for the general
            form.
        seconds: that a recording may last, 0 where only its loudest part counts.
        usual: settings that are other than those of `Settings` where nobody chose them.
        model: its name, which a link has. suggestions: (sign, names in English and Chinese) of what it knows.
    """

    modalities: tuple[str, ...] = MODALITIES
    samplers: tuple[str, ...] = ("euler", "heun")
    speakers: tuple[str, ...] = ()
    shapes: Mapping[str, Sequence[int]] = field(default_factory=lambda: {"image": (4, 4), "audio": (40,), "text": (4,)})
    text_bytes: int = 16
    form: str = "digits"
    style: str = "speaker"
    usual: Mapping[str, Any] = field(default_factory=dict)
    model: str = DEFAULT_MODEL
    suggestions: Sequence[tuple[str, tuple[str, ...]]] = ()
    seconds: float = 0.0

    @property
    def speaks(self) -> bool:
        """Whether texts are said."""
        return self.form == "speech"

    @property
    def mixes(self) -> bool:
        """Whether prompts can be mixed: those of the general form can."""
        return not self.form and "text" in self.modalities

    @property
    def longest_text(self) -> int:
        """Bytes."""
        return {"digits": MAX_WORD, "speech": LONGEST_TEXT}.get(self.form, MAX_TEXT)


@dataclass(frozen=True)
class Settings:
    """One run.

    `image` and `audio` are codes of `inputs`. `edit` says what of something given is made anew
    (`mask`), and `strength` from how much noise. `to` is a second seed that the samples lead to, "" for none.
    `mix` is a second text, with its share `weight`; in a `film` the results lead from the first text to it, all of one
    noise. A text like "sun + moon" is two. `speaker` may be "all": a result in each style. `vs` names a second run
    beside this one. Where a picture or sound is given and nothing is to be made, it is varied as a whole.

    Of a model that speaks: `use` (`USES`) says what a recording is for, `says` what it says, as far as one knows,
    `pace` how fast new speech is, and `may_use` that one may use its voice, which no link says for anybody else. What
    is made follows from what is given; marks in a recording are made anew, saying the same.
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
    mix: str = ""
    weight: float = 0.5
    film: bool = False
    says: str = ""
    use: str = "voice"
    pace: float = 1.0
    may_use: bool = False
    choices: Choices = field(default_factory=Choices, repr=False, compare=False)

    def __post_init__(self) -> None:
        set_ = lambda name, value: object.__setattr__(self, name, value)  # noqa: E731  (frozen)
        most = self.choices.longest_text
        set_("text", _text(self.text, most))
        set_("says", _text(self.says, most) if self.choices.speaks else "")
        set_("use", _one_of("use of a recording", self.use or USES[0], USES) if self.choices.speaks else USES[0])
        set_("pace", _number("The pace", self.pace, *PACES) if self.choices.speaks else 1.0)
        set_("may_use", _switch("The use of a voice", "may_use", self.may_use) and self.choices.speaks)
        set_("mix", _text(self.mix, most) if self.choices.mixes else "")
        self._split_mix(set_)
        set_("weight", _number("The share of the second text", self.weight, *WEIGHT))
        set_("film", _switch("A film", "film", self.film) and bool(self.mix))
        set_("n", _whole("The number of results", self.n, *COUNT))
        set_("steps", _whole("The number of steps", self.steps, *STEPS))
        set_("seed", _whole("The seed", self.seed, *SEED))
        set_("guidance", _number("Guidance", self.guidance, *GUIDANCE))
        set_("sampler", _one_of("sampler", self.sampler, self.choices.samplers))
        every = (ALL,) if self.choices.mixes and self.choices.speakers and ALL not in self.choices.speakers else ()
        set_("speaker", _one_of(self.choices.style, self.speaker or "", ("", *every, *self.choices.speakers)))
        if self.in_all_styles:
            if self.film:
                raise InputError(f"A film is of one {self.choices.style}: choose one, or any.")
            set_("n", len(self.choices.speakers))
        set_("strength", _number("The strength of a variation", self.strength, *STRENGTH))
        set_("to", "" if self.to in ("", None) or self.film else _whole("The second seed", self.to, *SEED))
        for name in ("image", "audio", "edit", "vs"):
            if not isinstance(getattr(self, name), str):
                raise InputError(f"The setting {name} has to be a text.")
        if self.choices.speaks:
            self._speak(set_)
            return
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

    def _speak(self, set_: Callable[[str, Any], None]) -> None:
        """What is given says what is made: a text is said, a recording alone written down, nothing becomes both."""
        masks = self.masks() if self.audio else {}
        set_("edit", mask_text.written(masks))
        set_("text", "" if masks else self.text)
        set_("want", made_of(bool(self.text or masks), bool(self.audio)))
        for name, value in (("image", ""), ("n", 1), ("to", ""), ("strength", STRENGTH[1])):
            set_(name, value)
        if self.vs:
            self.second()

    def _split_mix(self, set_: Callable[[str, Any], None]) -> None:
        """Two texts from one: "sun + moon"; and a second text without a first is the first."""
        first, plus, second = (part.strip() for part in self.text.partition(" + "))
        if self.choices.mixes and not self.mix and plus and first and second:
            set_("text", first)
            set_("mix", second)
        elif self.mix and not self.text:
            set_("text", self.mix)
            set_("mix", "")

    @property
    def number(self) -> bool:
        """Whether the word is a number of several digits, which is made digit by digit."""
        return self.choices.form == "digits" and is_number(self.text)

    @property
    def in_all_styles(self) -> bool:
        """Whether there is a result in each style."""
        return self.speaker == ALL and ALL not in self.choices.speakers

    @property
    def shares(self) -> list[float]:
        """Of the second text, in each result."""
        return np.linspace(*WEIGHT, self.n).tolist() if self.film and self.n > 1 else [self.weight] * self.n

    def draft(self) -> Settings:
        """The same in a few steps: what is drawn while one types."""
        return replace(self, steps=min(self.steps, DRAFT_STEPS), sampler=self.choices.samplers[0], vs="", film=False)

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

    def query(self, short: Callable[[str], str] = str) -> str:
        """The page's address from "?" on; opening it runs the same again.

        Args:
            short: what stands in it for a long part, such as a voice.
        """
        values = {"tab": "generate", **{k: v for k, v in self.plain().items() if v != ""}, "run": 1}
        values |= {name: short(values[name]) for name in ("image", "audio") if name in values}
        for name in ("strength", "weight", "film", "use", "pace", "may_use"):
            del values[name]
        values |= {"want": ",".join(self.want), "guidance": f"{self.guidance:g}"}
        values |= {"strength": f"{self.strength:g}"} if self.edit else {}
        values |= {"weight": f"{self.weight:g}"} if self.mix else {}
        values |= {"film": 1} if self.film else {}
        values |= {"use": self.use} if self.choices.speaks and self.audio and self.text else {}
        values |= {"pace": f"{self.pace:g}"} if self.pace != 1 else {}
        values |= {"model": self.choices.model} if self.choices.model != DEFAULT_MODEL else {}
        return "?" + urlencode(values, safe=",:")

    def plain(self) -> dict[str, Any]:
        """JSON-able."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "choices"}
        return {**values, "want": list(self.want)}


NAMES = tuple(f.name for f in fields(Settings) if f.name != "choices")


def default(name: str) -> Any:
    """What a setting is where nobody chose it."""
    return getattr(Settings, name)


def is_number(text: str) -> bool:
    """Whether a text is several digits and nothing else: "4072", "四零七二"."""
    digits = text.strip()
    return len(digits) > 1 and all(c.isdecimal() or c in CHINESE for c in digits)


def says_no_digit(settings: Settings) -> bool:
    """Whether a model of digits is given a word that is none: it draws something all the same."""
    known = settings.number or not settings.text or read_digit(settings.text) is not None
    return settings.choices.form == "digits" and not known


def from_query(params: Mapping[str, str], choices: Choices) -> Settings:
    """The settings in a page's address; what it does not name is as usual. Raises InputError."""
    asked: dict[str, Any] = {name: params[name] for name in NAMES if name in params}
    return Settings(**{**choices.usual, **asked}, choices=choices)


def _text(value: Any, most: int) -> str:
    text = "" if value is None else value
    if not isinstance(text, str):
        raise InputError("The word has to be a text.")
    text = text.strip()
    if len(text.encode("utf-8", "replace")) > most:
        raise InputError(f"The text is longer than {most} bytes; type a shorter one, such as seven or red heart.")
    return text


def _parsed(value: Any) -> float:
    """A number, also one written as text; NaN for anything else."""
    try:
        return math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return math.nan


def _switch(what: str, name: str, value: Any) -> bool:
    if value not in (True, False, "1", "0", "", None):
        raise InputError(f"{what} is switched on by {name}=1.")
    return value in (True, "1")


def _number(name: str, value: Any, low: float, high: float) -> float:
    number = _parsed(value)
    if not low <= number <= high:
        raise InputError(f"{name} has to be a number from {low:g} to {high:g}.")
    return number


def _whole(name: str, value: Any, low: int, high: int) -> int:
    number = whole(_parsed(value))
    if number is None or not low <= number <= high:
        raise InputError(f"{name} has to be a whole number from {low} to {high}.")
    return number


def _one_of(name: str, value: Any, allowed: Sequence[str]) -> str:
    if value not in allowed:
        raise InputError(f"The {name} has to be one of {', '.join(a for a in allowed if a)}.")
    return value
