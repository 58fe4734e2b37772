"""Changing a recording by its text: only the words that differ are made anew, the rest stays, token by token.

As in Voicebox (Le et al. 2023): what is said is known for all frames, the sound for those that stay; the model fills in
the others in the same voice.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..diffusion.blocks import BlockStep
from ..diffusion.step import SamplingStep
from ..errors import InputError
from ..tokens import Tokens
from .alphabet import PAUSES, spoken, spread, units, word_spans
from .duration import PACES, DurationModel

MARGIN = 3  # frames beside a changed word that are made anew too: sounds lean on their neighbours
FADE = 80  # samples, 5 ms, over which what is new gives way to what stays
GAP = 4  # frames between new words and what follows, where the recording has no pause to take


@dataclass(frozen=True)
class TextEdit:
    """A recording with new words in it, before they are made.

    Attributes:
        frames: what is said, a symbol a frame. source: (T,) int64, the frame of the old recording at each new one, or
            -1 where there is none. keep: (T,) bool, True where the old sound stays.
    """

    frames: str
    source: Tensor
    keep: Tensor

    def samples(self, hop: int) -> tuple[Tensor, Tensor]:
        """Of every sample, ``hop`` a frame: whether the old one stays, and which one that is, if there is one."""
        at = (self.source.clamp(min=0)[:, None] * hop + torch.arange(hop)).flatten()
        return self.keep.repeat_interleave(hop), at

    def codes(self, old: Tensor) -> Tensor:
        """Codes (L, frames) of the old recording -> (L, T), 0 where nothing was."""
        return torch.where(self.source >= 0, old[:, self.source.clamp(min=0)], 0)


class EditedStep(BlockStep):
    """One step of an edit, and the recording as it is then: what stays of it is not decoded but taken as it was.

    Attributes:
        edit: what is made anew, and where. before: (samples,) of the old recording.
    """

    def __init__(self, step: SamplingStep, sound: str, edit: TextEdit, before: Tensor) -> None:
        super().__init__(step, 0, 1, step.nfe)
        self.sound, self.edit, self.before = sound, edit, before

    @property
    def frames(self) -> str:
        """What is said, a symbol a frame."""
        return self.edit.frames

    def tokens(self, stream: str) -> list[Tokens]:
        return self.step.tokens(stream)

    def preview(self, stream: str) -> list[tuple[int, np.ndarray]]:
        """The recording with its new words, (rate, samples): elsewhere the old one's samples, exactly."""
        return [(rate, self._spliced(wave)) for rate, wave in self.step.preview(stream)]

    part = preview

    def _spliced(self, wave: np.ndarray) -> np.ndarray:
        return splice(self.before, torch.from_numpy(wave), self.edit).numpy()


def splice(before: Tensor, made: Tensor, edit: TextEdit) -> Tensor:
    """The old recording where it stays, and the new one elsewhere, (samples,) each.

    What is made leans on the frames beside it (`MARGIN`), which the old recording has too: there the one gives way to
    the other within `FADE` samples, and what stays is not touched.
    """
    hop = len(made) // len(edit.source)
    there = edit.source.repeat_interleave(hop) >= 0  # whether the old recording has this sample
    kept, at = edit.samples(hop)
    old = before[at.clamp(max=len(before) - 1)]
    place = torch.arange(len(kept))
    last = torch.where(kept, place, -FADE).cummax(0).values  # nearest kept sample on the left, and on the right
    after = torch.where(kept, place, len(kept) + FADE).flip(0).cummin(0).values.flip(0)
    share = (1 - torch.minimum(place - last, after - place) / FADE).clamp(0, 1) * there  # of the old recording
    return torch.where(kept, old, share * old + (1 - share) * made)


def change_text(frames: str, text: str, durations: DurationModel, voice: str | None = None, seed: int = 0) -> TextEdit:
    """What a recording says, frame by frame, and what it is to say.

    New words last as the duration model says, at the pace of the recording. Pauses stay those of the recording.

    Raises:
        InputError: the text cannot be said, is what is said already, or has no word in common with the recording.
    """
    old, new = word_spans(frames), spoken(text).split()
    matcher = difflib.SequenceMatcher(a=[w for w, _, _ in old], b=[w.strip(PAUSES) for w in new], autojunk=False)
    steps = matcher.get_opcodes()
    if all(op == "equal" for op, *_ in steps):
        raise InputError("The text is what the recording says already: change a word.")
    if not any(op == "equal" for op, *_ in steps):
        raise InputError("No word of the recording is left, so there is nothing to fit in with: keep a word at least.")
    pace = _pace(frames, durations, voice)
    new_frames: list[tuple[str, list[int]]] = [_piece(frames, 0, old[0][1])]  # symbols, and the old frame of each

    def pause(after: int) -> tuple[str, list[int]]:
        """What is silent after an old word."""
        return _piece(frames, old[after][2], old[after + 1][1] if after + 1 < len(old) else len(frames))

    for op, a0, a1, b0, b1 in steps:
        if op == "equal":
            new_frames += [_piece(frames, old[a0][1], old[a1 - 1][2]), pause(a1 - 1)]
        elif b0 < b1:
            words = " ".join(new[b0:b1])
            made = spread(units(words), durations.durations(words, voice, seed, pace))
            new_frames.append((made, [-1] * len(made)))
            if made[-1] not in PAUSES:
                new_frames.append(pause(a1 - 1) if a1 else (" " * GAP, [-1] * GAP))
    said = "".join(symbols for symbols, _ in new_frames)
    source = torch.tensor([at for _, places in new_frames for at in places])  # (T,)
    joins = torch.nonzero(torch.diff(source) != 1)[:, 0]  # the last frame before something else
    keep = source >= 0
    for join in joins.tolist():
        keep[max(0, join + 1 - MARGIN) : join + 1 + MARGIN] = False
    return TextEdit(said, source, keep)


def _piece(frames: str, start: int, end: int) -> tuple[str, list[int]]:
    return frames[start:end], list(range(start, end))


def _pace(frames: str, durations: DurationModel, voice: str | None) -> float:
    """How fast a recording is spoken, 1 as the duration model would; within the paces there are."""
    words = word_spans(frames)
    usual = sum(sum(durations.durations(word, voice)) for word, _, _ in words)
    return min(max(usual / sum(end - start for _, start, end in words), PACES[0]), PACES[1])
