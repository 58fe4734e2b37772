"""A joint model that speaks, with what it takes besides: how long sounds last, and an ear for recordings.

Four things can be asked of it: to say a text, in a voice by its name or in that of a recording; to change what a
recording says; to write down what one says; and to babble.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from .. import checkpoints
from ..diffusion.settings import SamplingSettings
from ..diffusion.step import SamplingStep
from ..errors import InputError
from .alignment import align
from .alphabet import FRAMES_PER_SECOND, spoken
from .duration import DurationModel, load_duration_model
from .editing import EditedStep, TextEdit, change_text
from .recognizer import Recognizer, load_recognizer, read
from .say import SpokenStep, Voice, say, sentences

if TYPE_CHECKING:
    from ..diffusion.joint import JointDiffusion

DURATIONS, RECOGNIZER = "durations", "judges/speech"  # shipped checkpoints
LEAST_LIKELY = -3.0  # mean log-probability of the letters of a text that a recording says
BABBLE = 4 * FRAMES_PER_SECOND  # frames of what comes from nothing


@dataclass(frozen=True)
class Heard:
    """A recording and what it says: (samples,) at 16 kHz of whole frames, codes (L, T), symbols of each frame."""

    wave: Tensor
    codes: Tensor
    frames: str

    @property
    def voice(self) -> Voice:
        return Voice(self.frames, self.codes)


@dataclass(frozen=True)
class Speech:
    """The three models. ``sound`` and ``text`` are the streams' names."""

    model: JointDiffusion
    durations: DurationModel
    recognizer: Recognizer
    sound: str = "audio"
    text: str = "text"

    @classmethod
    def of(cls, model: JointDiffusion) -> Speech:
        """With the shipped models beside it. Raises InputError where they are missing or damaged."""
        durations = load_duration_model(checkpoints.find(DURATIONS, hub=False))
        recognizer = load_recognizer(checkpoints.find(RECOGNIZER, hub=False))
        return cls(model, durations.eval(), recognizer.eval().to(model.device))

    @property
    def seconds(self) -> float:
        """The longest recording, and block, that the model takes."""
        return float(self.model.streams[self.sound].shape[0]) / FRAMES_PER_SECOND

    def hear(self, recording: Any, text: str = "") -> Heard:
        """A recording with what it says.

        Args:
            recording: whatever the sound's codec takes. text: what it says; empty: what the recogniser hears.

        Raises:
            InputError: it is too long or empty, no word is heard in it, or it does not say the text.
        """
        item = self.model.codecs[self.sound].load(recording)
        wave = self.model.frames[self.sound].fit(item.tensor)  # (samples,)
        posteriors = self.recognizer.posteriors(wave)  # (T, outputs)
        said = text or read(posteriors)
        if not said:
            raise InputError("No word can be heard in the recording: use one in which somebody speaks English.")
        frames, likely = align(posteriors, said)
        if text and likely < LEAST_LIKELY:
            raise InputError(f"The recording does not seem to say “{spoken(text)[:60]}”: type what it says.")
        return Heard(wave, self.model.frame(self.sound, item).codes.cpu(), frames)

    def blocks(self, text: str, settings: SamplingSettings, pace: float = 1.0) -> list[str]:
        """What is said in every frame, block by block.

        Args:
            pace: 2 is twice as fast.

        Raises:
            InputError: the text cannot be said, or there is no such voice or pace.
        """
        most = self.model.streams[self.sound].shape[0]
        (voice,) = settings.styles
        return sentences(text, self.durations, voice, settings.seed, pace, most)

    def say(self, blocks: Sequence[str], settings: SamplingSettings, like: Heard | None = None) -> Iterator[SpokenStep]:
        """Say what `blocks` gave, yielding every step.

        Args:
            like: a recording whose voice speaks.

        Raises:
            InputError: a setting cannot be used.
        """
        voice = like.voice if like else None
        return say(self.model, blocks, settings, voice, sound=self.sound, text=self.text)

    def edit(self, heard: Heard, text: str, settings: SamplingSettings) -> tuple[TextEdit, Iterator[EditedStep]]:
        """A recording with what it is to say instead -> what is made anew, and every step.

        Raises:
            InputError: as `change_text`, or the result is too long.
        """
        (voice,) = settings.styles
        edit = change_text(heard.frames, text, self.durations, voice, settings.seed)
        return edit, self.infill(heard, edit, settings)

    def again(
        self, heard: Heard, start: int, end: int, settings: SamplingSettings
    ) -> tuple[TextEdit, Iterator[EditedStep]]:
        """The frames from ``start`` to ``end`` of a recording made anew, saying the same."""
        places = torch.arange(len(heard.frames))
        edit = TextEdit(heard.frames, places, (places < start) | (places >= end))
        return edit, self.infill(heard, edit, settings)

    def infill(self, heard: Heard, edit: TextEdit, settings: SamplingSettings) -> Iterator[EditedStep]:
        """Make what an edit leaves open. Raises InputError where that is all, nothing, or too long."""
        most = self.model.streams[self.sound].shape[0]
        if len(edit.frames) > most:
            lasts = f"{len(edit.frames) / FRAMES_PER_SECOND:.1f} s"
            raise InputError(
                f"With its new words the recording lasts {lasts}; this model makes up to {self.seconds:g} s."
            )
        settings = replace(settings, n=1)
        old = self.model.decoder.tokens(self.sound, edit.codes(heard.codes))
        steps = self.model.sample(
            {self.text: edit.frames},
            (self.sound,),
            settings,
            edit={self.sound: old},
            keep={self.sound: edit.keep.numpy()},
        )
        return (EditedStep(step, self.sound, edit, heard.wave) for step in steps)

    def write_down(self, recording: Any, settings: SamplingSettings) -> Iterator[SamplingStep]:
        """What a recording says, by the diffusion model itself, yielding every step."""
        return self.model.sample({self.sound: recording}, (self.text,), settings)

    def babble(self, settings: SamplingSettings) -> Iterator[SamplingStep]:
        """Sound and its transcript from nothing."""
        lengths = dict.fromkeys((self.sound, self.text), min(BABBLE, self.model.streams[self.sound].shape[0]))
        return self.model.sample({}, (self.sound, self.text), settings, lengths=lengths)
