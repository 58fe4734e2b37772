"""Sheets of codes (`mmdemo.codec.code_sheet`) on their way to the page, and the short sounds of codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from mmdemo.codec import Codec
from mmdemo.codec.atlas import atlas
from mmdemo.codec.code_sheet import decoded
from mmdemo.ui.shared.payload import pcm, to_base64

AUDIBLE = 0.3  # the least peak of a sound that is heard


def sheet(codec: Codec, level: int) -> dict[str, Any]:
    """The codes of a level, row by row: patches of pictures, log-mel pictures of sounds, or {"texts": [...]}.

    Returns {"data": base64 of a WebP, "columns": codes a row, "count": codes, "gain": how far a later level's patches
    are amplified, else 1}. Made once per weights and level.
    """
    drawn = atlas(codec, level).sheet
    if drawn.texts:
        return {"texts": list(drawn.texts)}
    gain = round(drawn.gain, 1)
    return {"data": to_base64(drawn.data), "columns": drawn.columns, "count": len(drawn.tone), "gain": gain}


def texts(codec: Codec, level: int) -> list[str]:
    """What each code of a text tokenizer's level says on its own."""
    return list(atlas(codec, level).sheet.texts)


def sounds(codec: Codec, level: int, codes: Sequence[int]) -> dict[str, str]:
    """The short sounds of codes, 16 kHz, by code: base64 of 16-bit samples, each made loud enough to be heard."""
    waves = decoded(codec, level, torch.tensor(list(codes))).numpy()  # (N, samples)
    peaks = np.abs(waves).max(1, keepdims=True)
    waves = waves * np.maximum(1.0, AUDIBLE / np.maximum(peaks, 1e-6))
    return {str(code): pcm(wave) for code, wave in zip(codes, waves)}
