"""Sheets of codes: what every code of a level stands for, as one picture or as texts.

A code of level 1 is decoded among copies of itself. Of a later level it is what the code adds, the difference from the
decoder's output of the latent zero, amplified as far as the level allows (`codebook`).
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchaudio.transforms import MelSpectrogram

from ..modalities.audio import SAMPLE_RATE
from ..registry import Registry
from . import codebook

if TYPE_CHECKING:
    from .codec import Codec

MEL_BANDS = 24
HOP = 200  # samples of a column of a log-mel picture: a code among copies of itself changes little in time
# Ends of the colour ramp of log-mel pictures: quiet is dark teal, loud is pale yellow.
_RAMP = np.array([[12, 28, 30], [15, 92, 92], [90, 170, 130], [245, 238, 180]], dtype=np.float32)


@dataclass(frozen=True)
class Sheet:
    """All codes of a level.

    Attributes:
        data: a WebP of patches of pictures or log-mel pictures of sounds, row by row; empty where there are texts.
        texts: what each code says.
        columns: patches a row. gain: how far a later level's patches are amplified, else 1.
        tone: the codes by `codebook.by_tone`.
    """

    data: bytes
    texts: tuple[str, ...]
    columns: int
    gain: float
    tone: tuple[int, ...]


def draw(codec: Codec, level: int) -> Sheet:
    """The sheet of a level, 0 the coarsest, as `SHEETS` has it for the modality. Takes seconds: every code is decoded.

    Raises:
        InputError: codes of that modality have no sheet.
    """
    return SHEETS[codec.modality](codec, level, torch.arange(len(codec.codebook(level))))


def _of_pictures(codec: Codec, level: int, codes: Tensor) -> Sheet:
    outputs = decoded(codec, level, codes)  # (K, 3, H, W)
    factor = codebook.gain(outputs) if level else 1.0
    return _drawn(_patches(outputs, level, factor), codebook.by_tone(codec.modality, outputs), factor, exact=True)


def _of_sounds(codec: Codec, level: int, codes: Tensor) -> Sheet:
    outputs = decoded(codec, level, codes)  # (K, samples)
    return _drawn(spectra(outputs.numpy()), codebook.by_tone(codec.modality, outputs), 1.0, exact=False)


def _of_texts(codec: Codec, level: int, codes: Tensor) -> Sheet:
    texts = tuple(codec.show_codes(level, codes))
    return Sheet(b"", texts, 0, 1.0, tuple(codebook.by_tone(codec.modality, texts)))


SHEETS: Registry[Callable[[Codec, int, Tensor], Sheet]] = Registry(
    "sheet of codes of the modality", {"image": _of_pictures, "audio": _of_sounds, "text": _of_texts}
)


def _drawn(patches: np.ndarray, tone: Sequence[int], factor: float, exact: bool) -> Sheet:
    """Patches (K, H, W, 3) uint8 on a page that is about square."""
    columns = math.ceil(math.sqrt(len(patches)))
    return Sheet(_page(patches, columns, exact), (), columns, factor, tuple(tone))


def decoded(codec: Codec, level: int, codes: Tensor) -> Tensor:
    """Codes (N,) of a level as outputs: themselves, or of a later level what they add. Canonical units, signed."""
    if level:
        return codebook.added(codec, level, codes)
    return codec.decode_alone(codec.codewords(level, codes), level)


def _patches(outputs: Tensor, level: int, factor: float) -> np.ndarray:
    """(N, 3, H, W) -> (N, H, W, 3) uint8."""
    shown = 0.5 + factor * outputs if level else outputs
    return shown.clamp(0, 1).mul(255).round().byte().permute(0, 2, 3, 1).numpy()


def spectra(waves: np.ndarray) -> np.ndarray:
    """Waves (N, samples) -> log-mel pictures (N, 24, columns, 3) uint8, on one scale, so that loud ones look loud."""
    mel = _mel()(torch.from_numpy(np.ascontiguousarray(waves))).transpose(1, 2).numpy()  # (N, columns, bands)
    mel = np.log10(mel + 1e-7)
    low, high = np.percentile(mel, (5, 99.8))
    scaled = np.clip((mel - low) / max(high - low, 1e-6), 0, 1)
    return np.stack([_ramp(picture.T[::-1]) for picture in scaled])


@cache
def _mel() -> MelSpectrogram:
    """(N, samples) -> (N, bands, columns), power."""
    return MelSpectrogram(SAMPLE_RATE, 512, hop_length=HOP, n_mels=MEL_BANDS, pad_mode="constant")


def _ramp(values: np.ndarray) -> np.ndarray:
    """Values in [0, 1], (H, W) -> (H, W, 3) uint8."""
    place = values * (len(_RAMP) - 1)
    lower = np.clip(place.astype(int), 0, len(_RAMP) - 2)
    part = (place - lower)[..., None]
    return (_RAMP[lower] * (1 - part) + _RAMP[lower + 1] * part).round().astype(np.uint8)


def _page(patches: np.ndarray, columns: int, exact: bool) -> bytes:
    """Patches (N, H, W, 3) on one page, as WebP: exactly, or as well as is seen."""
    count, height, width, _ = patches.shape
    page = np.zeros((math.ceil(count / columns), columns, height, width, 3), np.uint8)
    page.reshape(-1, height, width, 3)[:count] = patches
    whole = page.transpose(0, 2, 1, 3, 4).reshape(-1, columns * width, 3)
    buffer = io.BytesIO()
    Image.fromarray(whole).save(buffer, "WEBP", lossless=exact, quality=100 if exact else 75, method=6)
    return buffer.getvalue()
