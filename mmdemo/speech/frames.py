"""A recording and what it says on one axis of time, as a joint model's streams take them: of any length up to the most.

Registered in `mmdemo.diffusion.frames.FRAMES`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..codec import Codec
from ..diffusion.frames import SoundFrame, TextFrame
from ..errors import InputError
from ..modalities.audio import SAMPLE_RATE
from .alphabet import SYMBOLS, collapse


class SpeechFrame(SoundFrame):
    """A whole recording, silence after it up to a whole position."""

    variable = True

    def fit(self, x: Tensor) -> Tensor:
        """(T,) in [-1, 1], 16 kHz -> (whole positions,). Raises InputError where it is empty or too long."""
        most = self.size[0] / SAMPLE_RATE
        if not len(x):
            raise InputError("The recording is empty.")
        if len(x) > self.size[0]:
            raise InputError(f"The recording lasts {len(x) / SAMPLE_RATE:.1f} s; this model takes up to {most:g} s.")
        return F.pad(x, (0, -len(x) % self.stride))


class SpokenFrames(TextFrame):
    """What is said in every frame (see `alphabet`), as a text of one symbol a frame."""

    variable = True

    def fit(self, x: Tensor) -> Tensor:
        """ASCII bytes (T,) -> the same. Raises InputError for other symbols, or too many."""
        if not 1 <= len(x) <= self.size[0]:
            raise InputError(f"These are {len(x)} frames of text; this model takes 1 to {self.size[0]}.")
        if strange := next((c for c in bytes(x.tolist()).decode("latin1") if c not in SYMBOLS), None):
            raise InputError(f"{strange!r} is no symbol of spoken text: frames hold letters, pauses and their marks.")
        return x.to(torch.uint8)

    def native(self, row: Tensor, codec: Codec) -> str:
        """The text that the frames say."""
        return collapse(frames_of(row))

    def timeline(self, row: Tensor) -> str:
        """As every frame's."""
        return frames_of(row)


def frames_of(row: Tensor) -> str:
    """Bytes (T,) -> the symbol of each frame."""
    return bytes(row.to(torch.uint8).tolist()).decode("latin1")
