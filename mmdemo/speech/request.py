"""What a person asks of a model that speaks, checked: the same for the page, the command line and programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..diffusion.blocks import BlockStep
from ..diffusion.settings import SamplingSettings
from ..diffusion.step import SamplingStep
from ..errors import InputError
from .duration import check_pace
from .speech import Speech


def made_of(text: bool, recording: bool) -> tuple[str, ...]:
    """What is made where nobody says: of a text its sound, of a recording alone its text, of nothing both."""
    if text:
        return ("audio",)
    return ("text",) if recording else ("audio", "text")


@dataclass(frozen=True)
class Plan:
    """What is going to be made.

    Attributes:
        frames: what is said in every frame of it, as far as that is known before. blocks: of how many parts it is made.
        steps: starts the run.
    """

    frames: str
    blocks: int
    steps: Callable[[], Iterator[SamplingStep | BlockStep]]


@dataclass(frozen=True)
class SpeechRequest:
    """A text to say, a recording to change or to write down, or nothing.

    Attributes:
        want: "audio", "text" or both. text: what is said. recording: to be changed, so that it says the text, or to be
            written down. voice: a recording to speak in the voice of. says: what that recording says, or the one to be
            changed; empty: what is heard in it. pace: of new speech, `PACES`. again: of the recording's frames, the
            first one to make anew and the one after the last, saying the same.
        allowed: whether the person says that they may use the voice of the recording.
    """

    want: Sequence[str] = ("audio",)
    text: str = ""
    recording: Any = None
    voice: Any = None
    says: str = ""
    pace: float = 1.0
    again: tuple[int, int] | None = None
    allowed: bool = False

    def plan(self, speech: Speech, settings: SamplingSettings) -> Plan:
        """Raises InputError for what cannot be made."""
        want, one = set(self.want), replace(settings, n=1)
        if len(settings.styles) > 1:
            raise InputError("A text is said in one voice at a time: choose one, or any.")
        if not want or want - {speech.sound, speech.text}:
            raise InputError(f"This model makes {speech.sound}, {speech.text} or both.")
        pace = check_pace(self.pace)
        if self.text and speech.text in want:
            raise InputError("A text is given, so there is none to make: ask for sound alone.")
        if self.recording is not None and self.voice is not None:
            raise InputError("Give one recording: to be changed, or to speak in its voice.")
        copies = self.voice is not None or (self.recording is not None and speech.sound in want)
        if copies and not self.allowed:
            raise InputError(
                "Speech in the voice of a recording is for those who may use that voice: tick that you may "
                "(on the command line --may-use-voice)."
            )
        if self.recording is not None:
            return self._of_recording(speech, one)
        if self.text:
            like = speech.hear(self.voice, self.says) if self.voice is not None else None
            blocks = speech.blocks(self.text, one, pace)
            return Plan("".join(blocks), len(blocks), lambda: speech.say(blocks, one, like))
        if self.voice is not None:
            raise InputError("Type what the voice of the recording is to say.")
        return Plan("", 1, lambda: speech.babble(settings))

    def _of_recording(self, speech: Speech, one: SamplingSettings) -> Plan:
        if speech.sound not in self.want:
            return Plan("", 1, lambda: speech.write_down(self.recording, one))
        heard = speech.hear(self.recording, self.says or ("" if self.again is None else self.text))
        if self.again is not None:
            start, end = self.again
            if not 0 <= start < end <= len(heard.frames) or (start, end) == (0, len(heard.frames)):
                raise InputError("What is made anew has to be a part of the recording, and not all of it.")
            edit, steps = speech.again(heard, start, end, one)
        else:
            if not self.text:
                raise InputError("Type what the recording is to say.")
            edit, steps = speech.edit(heard, self.text, one)
        return Plan(edit.frames, 1, lambda: steps)
