"""Frames: how an input of any size is brought to what one stream of a joint model was trained on.

A joint model has a fixed number of latent positions a stream. A frame says what of a picture, sound or text lies in
them, and which of them stay where a part is kept. Those here know nothing of what a picture shows; a model of special
things has frames of its own (`mmdemo.digits`).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import InputError
from ..modalities.audio import SAMPLE_RATE
from ..registry import Registry

if TYPE_CHECKING:
    from ..codec import Codec


FRAMES: Registry[type[Frame]] = Registry(
    "frame",
    {
        "picture": "mmdemo.diffusion.frames:PictureFrame",
        "sound": "mmdemo.diffusion.frames:SoundFrame",
        "text": "mmdemo.diffusion.frames:TextFrame",
        "digit_picture": "mmdemo.digits.frames:DigitPicture",
        "spoken_word": "mmdemo.digits.frames:SpokenWord",
        "speech": "mmdemo.speech.frames:SpeechFrame",
        "spoken_frames": "mmdemo.speech.frames:SpokenFrames",
    },
)


class Frame(ABC):
    """One stream's frame.

    Attributes:
        shape: latent positions per axis. stride: pixels, samples or bytes a position. size: shape in those units.
        variable: whether inputs may have fewer positions than ``shape``, which is then the most that there may be.
    """

    modality: str
    variable = False

    def __init__(self, shape: Sequence[int], stride: int) -> None:
        self.shape, self.stride = tuple(shape), int(stride)
        self.size = tuple(n * self.stride for n in self.shape)

    def takes(self, positions: Sequence[int]) -> bool:
        """Whether latents of so many positions are of this frame."""
        fewer = self.variable and len(positions) == len(self.shape)
        return tuple(positions) == self.shape or (fewer and all(1 <= a <= b for a, b in zip(positions, self.shape)))

    def sized(self, positions: Sequence[int]) -> Frame:
        """The same frame of other, usually fewer, positions."""
        other = copy(self)
        other.shape, other.size = tuple(positions), tuple(n * self.stride for n in positions)
        return other

    @abstractmethod
    def fit(self, x: Tensor) -> Tensor:
        """Canonical tensor of an input (see `modalities.base.Item`) -> the same, of this frame's size.

        Raises:
            InputError: it cannot be brought there.
        """

    @abstractmethod
    def meta(self, positions: Sequence[int]) -> dict[str, Any]:
        """Meta of tokens of that many latent positions (`shape`, or several blocks side by side)."""

    def native(self, row: Tensor, codec: Codec) -> Any:
        """A canonical tensor of this frame's size -> what a person uses."""
        return codec.restore(row, {})

    def timeline(self, row: Tensor) -> str | None:
        """Of a text that says what is heard when: the symbol of every position; None of anything else."""
        return None

    @property
    @abstractmethod
    def token(self) -> str:
        """How much one position holds, as a person would say it."""

    @abstractmethod
    def covered(self, keep: Any, text: str) -> Tensor:
        """What a person wants kept -> (*shape) bool, True where at least half of a position is. See `mask`."""

    def mask(self, keep: Any, text: str = "") -> Tensor:
        """What to keep -> mask over latent positions.

        Args:
            keep: pictures: a picture or 2-D array over the frame, bright (true) where it stays. Sounds: spans
                (start, end) in seconds. Text: spans (start, end) of characters. Any: a boolean tensor or array of
                the latent's shape.
            text: the source, where it is a text.

        Returns:
            (*shape) bool.

        Raises:
            InputError: it is no such thing, or keeps nothing or everything.
        """
        array = np.asarray(keep) if isinstance(keep, np.ndarray | Tensor) else None
        if array is not None and array.shape == self.shape and (array.dtype == bool or array.ndim == 2):
            mask = torch.from_numpy(array > _middle(array))
        else:
            mask = self.covered(keep, text)
        if not mask.any():
            raise InputError(
                f"The part of the {self.modality} to keep is smaller than one token ({self.token}): "
                "keep a larger part, or nothing."
            )
        if mask.all():
            raise InputError(
                f"All of the {self.modality} is kept, so nothing is left to make: leave a part of it free."
            )
        return mask


class PictureFrame(Frame):
    """The whole picture, as large as fits, in the middle of white."""

    modality = "image"

    def fit(self, x: Tensor) -> Tensor:
        """(3, H, W) in [0, 1] -> (3, height, width)"""
        height, width = self.size
        scale = min(height / x.shape[1], width / x.shape[2])
        size = [max(1, round(scale * n)) for n in x.shape[1:]]
        if size != list(x.shape[1:]):
            x = F.interpolate(x[None], size, mode="bicubic", antialias=True, align_corners=False)[0].clamp(0, 1)
        top, left = (height - size[0]) // 2, (width - size[1]) // 2
        return F.pad(x, (left, width - size[1] - left, top, height - size[0] - top), value=1.0)

    def meta(self, positions: Sequence[int]) -> dict[str, Any]:
        return {"height": self.stride * positions[0], "width": self.stride * positions[1]}

    @property
    def token(self) -> str:
        return f"{self.stride}x{self.stride} pixels"

    def covered(self, keep: Any, text: str) -> Tensor:
        values = np.asarray(keep.convert("L") if hasattr(keep, "convert") else keep)
        if values.ndim == 3:
            values = values.max(2)
        if values.ndim != 2 or not values.size or values.dtype == object:
            raise InputError(
                "The mask has to be a picture or a table of rows and columns, bright where the input stays."
            )
        bright = torch.from_numpy((values > _middle(values)).astype(np.float32))
        return F.adaptive_avg_pool2d(bright[None], (self.shape[0], self.shape[1]))[0] >= 0.5


class SoundFrame(Frame):
    """The beginning of a recording, silence after it."""

    modality = "audio"

    def fit(self, x: Tensor) -> Tensor:
        """(T,) in [-1, 1], 16 kHz -> (samples,)"""
        (samples,) = self.size
        if not len(x):
            raise InputError("The recording is empty.")
        return F.pad(x[:samples], (0, max(0, samples - len(x))))

    def meta(self, positions: Sequence[int]) -> dict[str, Any]:
        return {"samples": self.stride * positions[0], "sample_rate": SAMPLE_RATE, "channels": 1}

    @property
    def token(self) -> str:
        return f"{1000 * self.stride / SAMPLE_RATE:g} ms"

    def covered(self, keep: Any, text: str) -> Tensor:
        covered = torch.zeros(math.prod(self.size), dtype=torch.float32)
        for start, end in _spans(keep, "seconds"):
            covered[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)] = 1
        return covered.reshape(-1, self.stride).mean(1) >= 0.5


class TextFrame(Frame):
    """A text that fits, NUL after its end.

    Args:
        example: how a text may look, for the sentence that refuses one that does not fit.
    """

    modality = "text"

    def __init__(self, shape: Sequence[int], stride: int, example: str = "") -> None:
        super().__init__(shape, stride)
        self.example = example

    def fit(self, x: Tensor) -> Tensor:
        """UTF-8 bytes (T,) -> (bytes,) uint8"""
        (length,) = self.size
        data = bytes(x.numpy()).decode("utf-8", "replace").strip().encode()
        if not 1 <= len(data) <= length:
            example = f", for example {self.example}" if self.example else ""
            raise InputError(f"The text is {len(data)} bytes long; this model takes 1 to {length}{example}.")
        return F.pad(torch.tensor(list(data), dtype=torch.uint8), (0, length - len(data)))

    @staticmethod
    def read(x: Tensor) -> str:
        """(bytes,) -> the string before the first NUL."""
        return bytes(x.to(torch.uint8).cpu().numpy()).split(b"\0")[0].decode("utf-8", "replace")

    def native(self, row: Tensor, codec: Codec) -> str:
        return self.read(row)

    def meta(self, positions: Sequence[int]) -> dict[str, Any]:
        return {"bytes": self.stride * positions[0]}

    @property
    def token(self) -> str:
        return f"{self.stride} bytes"

    def covered(self, keep: Any, text: str) -> Tensor:
        """Of a position, only the bytes that are text count; the empty ones after the end are always made anew."""
        real, kept = (torch.zeros(self.size, dtype=torch.float32) for _ in range(2))
        spans, at = _spans(keep, "characters"), 0
        for index, character in enumerate(text):
            size = len(character.encode())
            real[at : at + size] = 1
            kept[at : at + size] = float(any(start <= index < end for start, end in spans))
            at += size
        real, kept = real.reshape(-1, self.stride).sum(1), kept.reshape(-1, self.stride).sum(1)
        return (kept >= 0.5 * real) & (real > 0)


def _middle(values: np.ndarray) -> float:
    """Threshold between false and true: halfway for bytes 0..255, 0.5 for shares and booleans."""
    return 127 if values.dtype == np.uint8 and values.max(initial=0) > 1 else 0.5


def _spans(keep: Any, what: str) -> list[tuple[float, float]]:
    """[(start, end), ...] from a list of pairs or one pair. Raises InputError for anything else."""
    try:
        rows = np.asarray(keep, dtype=float).reshape(-1, 2)
    except (TypeError, ValueError):
        rows = np.full((1, 2), np.nan)
    if not np.isfinite(rows).all() or (rows[:, 0] >= rows[:, 1]).any() or (rows < 0).any():
        raise InputError(f"What to keep has to be pairs of start and end in {what}, start before end.")
    return [(float(a), float(b)) for a, b in rows]
