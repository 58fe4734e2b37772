"""Saying a text: durations first, then the sound given what is said when, block by block where it is long.

A block is as long as the model's axis of time. It begins with the end of the block before, kept clean, so that the
voice stays the same; that part is not made again, so where two blocks meet the sound is one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..diffusion.blocks import BlockStep
from ..diffusion.settings import SamplingSettings
from ..diffusion.step import SamplingStep
from ..errors import InputError
from ..tokens import Tokens
from .alphabet import FRAMES_PER_SECOND, PAUSES, spoken, spread, units
from .duration import DurationModel

if TYPE_CHECKING:
    from ..diffusion.joint import JointDiffusion

LEAD_IN, LEAD_OUT = 8, 12  # frames of silence before and after a text
PREFIX = 3 * FRAMES_PER_SECOND  # frames of the block before that the next one sees
LONGEST_TEXT = 2_000  # characters


@dataclass(frozen=True)
class Voice:
    """A recording to go on in the voice of: what it says in every frame, and its codes (L, T)."""

    frames: str
    codes: Tensor

    def last(self, frames: int) -> Voice:
        """Its end."""
        return Voice(self.frames[-frames:], self.codes[:, -frames:])


def timed(text: str, durations: DurationModel, voice: str | None, seed: int, pace: float = 1.0) -> str:
    """A sentence -> the symbol of each frame, with a little silence around it.

    Raises:
        InputError: it cannot be said (see `alphabet.spoken`), or a voice or pace is unknown.
    """
    text = spoken(text)
    symbols = units(text)
    frames = spread(symbols, durations.durations(text, voice, seed, pace))
    return " " * LEAD_IN + frames + (frames[-1] if frames[-1] in PAUSES else " ") * LEAD_OUT


def sentences(text: str, durations: DurationModel, voice: str | None, seed: int, pace: float, most: int) -> list[str]:
    """A text -> the frames of its blocks, each at most ``most`` long: cut between sentences, else between words.

    Raises:
        InputError: it is too long, or a word alone is.
    """
    text = spoken(text)
    if len(text) > LONGEST_TEXT:
        raise InputError(f"The text has {len(text)} characters; up to {LONGEST_TEXT} can be said in one go.")
    blocks: list[str] = []
    for i, sentence in enumerate(re.findall(r"[^.?!]+[.?!]?", text)):
        blocks += _fitting(sentence.strip(), durations, voice, seed + i, pace, most)
    return blocks


def _fitting(text: str, durations: DurationModel, voice: str | None, seed: int, pace: float, most: int) -> list[str]:
    frames = timed(text, durations, voice, seed, pace)
    if len(frames) <= most:
        return [frames]
    words = text.split()
    if len(words) < 2:
        raise InputError(f"The word “{text[:30]}” alone would take longer than {most / FRAMES_PER_SECOND:g} s.")
    half = len(words) // 2
    comma = [i + 1 for i, w in enumerate(words[:-1]) if w.endswith(",")]
    at = min(comma, key=lambda i: abs(i - half)) if comma else half
    parts = " ".join(words[:at]), " ".join(words[at:])
    return [block for part in parts for block in _fitting(part, durations, voice, seed, pace, most)]


def say(
    model: JointDiffusion,
    blocks: Sequence[str],
    settings: SamplingSettings,
    like: Voice | None = None,
    *,
    sound: str = "audio",
    text: str = "text",
) -> Iterator[SpokenStep]:
    """Make the sound of what the blocks say, yielding every step. A plain generator: close it to stop.

    Args:
        blocks: symbols of each frame (see `sentences`). settings: ``n`` must be 1: a voice goes on in one recording.
        like: a recording whose voice speaks; it is not said again.

    Raises:
        InputError: more than one sample is asked for, or a block and what it goes on from are longer than the model's
            axis of time.
    """
    if settings.n != 1:
        raise InputError("A text is said by one voice at a time: ask for one sample.")
    most, nfe = model.streams[sound].shape[0], 0
    done: list[Tensor] = []
    before = like.last(PREFIX) if like else None
    for index, frames in enumerate(blocks):
        prefix = before or Voice("", torch.zeros(model.codecs[sound].levels, 0, dtype=torch.long))
        room = most - len(frames)
        if room < 0:
            raise InputError(f"A block lasts {len(frames) / FRAMES_PER_SECOND:.1f} s, longer than the model's axis.")
        prefix = prefix.last(room) if room else Voice("", prefix.codes[:, :0])
        start = len(prefix.frames)
        way: dict[str, Any] = {}
        if start:
            whole = torch.cat([prefix.codes, prefix.codes.new_zeros(len(prefix.codes), len(frames))], 1)
            keep = torch.arange(whole.shape[1]) < start
            way = {"edit": {sound: model.decoder.tokens(sound, whole)}, "keep": {sound: keep.numpy()}}
        else:
            way = {"lengths": {sound: len(frames), text: len(frames)}}
        own = replace(settings, seed=settings.seed + index)
        for step in model.sample({text: prefix.frames + frames}, (sound,), own, **way):
            yield SpokenStep(step, sound, index, tuple(blocks), done, start, nfe + step.nfe)
        nfe += step.nfe
        done = [*done, step.codes(sound)[0][:, start:].cpu()]
        before = Voice("".join(blocks[: index + 1]), torch.cat(done, 1)).last(PREFIX)


class SpokenStep(BlockStep):
    """One step of one block, and the recording so far.

    Attributes:
        said: symbols of each frame, of every block. done: codes (L, T) of the blocks before. start: frames of this
            block's ``step`` that were there before it, and are no part of it.
    """

    def __init__(
        self,
        step: SamplingStep,
        sound: str,
        block: int,
        said: Sequence[str],
        done: Sequence[Tensor],
        start: int,
        nfe: int,
    ) -> None:
        super().__init__(step, block, len(said), nfe)
        self.sound, self.said, self.done, self.start = sound, tuple(said), tuple(done), start

    @property
    def x(self) -> dict[str, Tensor]:
        return {k: z[:, :, self.start :] for k, z in self.step.x.items()}

    @property
    def x0(self) -> dict[str, Tensor]:
        return {k: z[:, :, self.start :] for k, z in self.step.x0.items()}

    @property
    def frames(self) -> str:
        """What is said so far, a symbol a frame."""
        return "".join(self.said[: self.block + 1])

    def tokens(self, stream: str) -> list[Tokens]:
        """The recording so far."""
        return [self._tokens([*self.done, self._now])]

    def part(self, stream: str) -> list[Any]:
        """The block at work alone."""
        return [self.step.decoder.codecs[stream].decode(self._tokens([self._now]))]

    @property
    def _now(self) -> Tensor:
        return self.step.codes(self.sound)[0][:, self.start :].cpu()

    def _tokens(self, codes: Sequence[Tensor]) -> Tokens:
        return self.step.decoder.tokens(self.sound, torch.cat(list(codes), 1))
