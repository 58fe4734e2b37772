"""What the Codebook tab needs of each modality: how its inputs are shown and named, and what is searched for.

Its half in the browser is `kinds.js`; the orders and sheets of codes are in `mmdemo.codec`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from mmdemo.errors import InputError
from mmdemo.modalities.audio import SAMPLE_RATE
from mmdemo.modalities.registry import IMAGE
from mmdemo.registry import Registry
from mmdemo.tokens import Tokens
from mmdemo.ui.shared import thumbnail
from mmdemo.ui.shared.i18n import tr
from mmdemo.ui.shared.payload import as_image, data_uri, pcm
from mmdemo.ui.shared.state import Opened

SHOWN_SIDE = 640  # pixels of a picture shown
THUMB = 56
PATCH, LEAST_CLIP, CLIP = 40, 320, 9_600  # pixels a side, least and most samples, of what is searched for
NOT_SEARCHED = "Search by example is for pictures and sounds."


class Kind(ABC):
    """A modality as this tab shows it; tensors are canonical (`mmdemo.modalities`), places counted in positions."""

    around: ClassVar[int]  # positions to each side that an example of a code is shown with
    heard: ClassVar[bool] = False  # a code is a sound, to be played

    @abstractmethod
    def shown(self, x: Tensor, stride: int) -> dict[str, Any]:
        """An input, as the page's `kinds.js` draws it."""

    @abstractmethod
    def label(self, tokens: Tokens, source: Tensor | bytes | None, lang: str) -> str:
        """What a visitor's own input is called."""

    @abstractmethod
    def piece(self, x: Tensor, place: Sequence[int], stride: int) -> dict[str, Any]:
        """An example about a place, for `kinds.js` again."""

    def example_name(self, file: Path, lang: str) -> str:
        """What an example is called, in the visitor's language where it has a name there."""
        return file.stem.replace("_", " ")

    def thumb(self, source: Path | Opened) -> str | None:
        """A small square of an example or of a visitor's own input; None where there is none."""
        return None

    def sample(self, raw: bytes) -> Tensor:
        """What the page sends to search for codes like it. Raises InputError where it is none."""
        raise InputError(NOT_SEARCHED)


class Pictures(Kind):
    """(3, H, W) in [0, 1]; places are rows and columns."""

    around = 3

    def shown(self, x: Tensor, stride: int) -> dict[str, Any]:
        image = IMAGE.restore(x)
        image.thumbnail((SHOWN_SIDE, SHOWN_SIDE))
        return {"picture": data_uri(image), "size": list(x.shape[:0:-1])}

    def label(self, tokens: Tokens, source: Tensor | bytes | None, lang: str) -> str:
        return tr("codebook.own_image", lang, **tokens.meta)

    def piece(self, x: Tensor, place: Sequence[int], stride: int) -> dict[str, Any]:
        height, width = x.shape[1:]
        top, left = ((p - self.around) * stride for p in place)
        side = (2 * self.around + 1) * stride
        rows = torch.arange(top, top + side).clamp(0, height - 1)
        columns = torch.arange(left, left + side).clamp(0, width - 1)
        return {"picture": data_uri(IMAGE.restore(x[:, rows][:, :, columns]), exact_up_to=0, quality=90)}

    def thumb(self, source: Path | Opened) -> str | None:
        if isinstance(source, Path):
            return thumbnail.of_file(source, THUMB)
        if not isinstance(source.source, Tensor):
            return None
        return thumbnail.of_picture(as_image(source.source), THUMB)

    def sample(self, raw: bytes) -> Tensor:
        if len(raw) != 3 * PATCH**2:
            raise InputError(f"A patch of {PATCH} x {PATCH} pixels is needed.")
        pixels = np.frombuffer(raw, np.uint8).reshape(PATCH, PATCH, 3)
        return torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 255


class Sounds(Kind):
    """(T,) samples at 16 kHz; places are frames."""

    around = 12
    heard = True

    def shown(self, x: Tensor, stride: int) -> dict[str, Any]:
        return {"pcm": pcm(x)}

    def label(self, tokens: Tokens, source: Tensor | bytes | None, lang: str) -> str:
        return tr("codebook.own_audio", lang, seconds=tokens.meta["samples"] / SAMPLE_RATE)

    def piece(self, x: Tensor, place: Sequence[int], stride: int) -> dict[str, Any]:
        part = _stretch(x, place[0], self.around, stride)[1]
        return {"pcm": pcm(part), "time": place[0] * stride / SAMPLE_RATE}

    def example_name(self, file: Path, lang: str) -> str:
        try:
            return tr(f"audio.example_{file.stem}", lang)
        except KeyError:
            return super().example_name(file, lang)

    def sample(self, raw: bytes) -> Tensor:
        if len(raw) % 2 or not LEAST_CLIP <= len(raw) // 2 <= CLIP:
            raise InputError(f"A clip of {LEAST_CLIP:,} to {CLIP:,} samples is needed.")
        return torch.from_numpy(np.frombuffer(raw, "<i2").astype(np.float32) / 32_768)


class Texts(Kind):
    """(T,) bytes of UTF-8; places are groups of them."""

    around = 5

    def shown(self, x: Tensor, stride: int) -> dict[str, Any]:
        return {"spans": spans(bytes(x.tolist()), stride)}

    def label(self, tokens: Tokens, source: Tensor | bytes | None, lang: str) -> str:
        data = source if isinstance(source, bytes) else bytes(source.tolist()) if source is not None else b""
        beginning = " ".join(data[:200].decode("utf-8", "ignore").split())[:24]
        return tr("codebook.own_text", lang, beginning=beginning or f"{tokens.meta['bytes']:,} B")

    def piece(self, x: Tensor, place: Sequence[int], stride: int) -> dict[str, Any]:
        at, part = _stretch(x, place[0], self.around, stride)
        data = bytes(part.tolist())
        pieces = data[:at], data[at : at + stride], data[at + stride :]
        return {"text": [piece.decode("utf-8", "ignore" if i != 1 else "replace") for i, piece in enumerate(pieces)]}


KINDS: Registry[Kind] = Registry("codebook", {"image": Pictures(), "audio": Sounds(), "text": Texts()})


def spans(data: bytes, stride: int) -> list[str]:
    """For each position, the characters that begin in it."""
    labels, at = [""] * -(-len(data) // stride), 0
    for character in data.decode("utf-8", "surrogateescape"):
        size = len(character.encode("utf-8", "surrogateescape"))
        labels[at // stride] += character if size > 1 or character.isascii() else "\ufffd"
        at += size
    return labels


def _stretch(x: Tensor, position: int, around: int, stride: int) -> tuple[int, Tensor]:
    """A position of (T,) with those about it, and where in that it begins."""
    first = max(0, (position - around) * stride)
    return position * stride - first, x[first : (position + around + 1) * stride]
