"""Sheets of codes: what every code of a level stands for, as one picture or as texts.

A code of level 1 is decoded among copies of itself. Of a later level it is what the code adds, the difference from the
decoder's output of the latent zero, amplified as far as the level allows (`mmdemo.codec.codebook`).
"""

from __future__ import annotations

import io
import math
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import soundfile
import torch
from PIL import Image

from mmdemo.codec import codebook
from mmdemo.ui.shared.payload import to_base64

_made: dict[tuple[Any, ...], Any] = {}
_lock = threading.Lock()
MEL_BANDS = 24
# Ends of the colour ramp of log-mel pictures: quiet is dark teal, loud is pale yellow.
_RAMP = np.array([[12, 28, 30], [15, 92, 92], [90, 170, 130], [245, 238, 180]], dtype=np.float32)


def sheet(codec: Any, level: int) -> dict[str, Any]:
    """The codes of a level, row by row: patches of pictures, log-mel pictures of sounds, or {"texts": [...]}.

    Returns {"data": base64 of a PNG, "columns": codes a row, "count": codes, "gain": how far a later level's patches
    are amplified, else 1}. Made once per weights and level.
    """
    if codec.modality == "text":
        return {"texts": texts(codec, level)}
    draw = _patches if codec.modality == "image" else _spectra
    return _once(("sheet", codec.name, codec.fingerprint, level), lambda: _sheet(*draw(codec, level)))


def texts(codec: Any, level: int) -> list[str]:
    """What each code of a text tokenizer's level says on its own."""
    return _once(("texts", codec.name, codec.fingerprint, level), lambda: _decoded(codec, level))


def sound(codec: Any, level: int, code: int) -> str:
    """The short sound of one code, as a WAV data URI, made audible: its peak is brought to at least 0.3."""
    rate, wave = 16_000, _waves(codec, level, torch.tensor([code]))[0]
    peak = float(np.abs(wave).max()) or 1.0
    buffer = io.BytesIO()
    soundfile.write(buffer, wave * max(1.0, 0.3 / peak), rate, format="WAV", subtype="PCM_16")
    return f"data:audio/wav;base64,{to_base64(buffer.getvalue())}"


def _once(key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
    with _lock:
        if key not in _made:
            _made[key] = make()
        return _made[key]


def _decoded(codec: Any, level: int) -> list[Any]:
    return codec.show_codes(level, torch.arange(len(codec.codebook(level))))


def _patches(codec: Any, level: int) -> tuple[list[Image.Image], float]:
    if not level:
        return _decoded(codec, level), 1.0
    change = codebook.added(codec, level, torch.arange(len(codec.codebook(level))))  # (K, 3, H, W)
    factor = codebook.gain(change)
    pixels = (0.5 + factor * change).clamp(0, 1).mul(255).round().byte().permute(0, 2, 3, 1).numpy()
    return [Image.fromarray(patch) for patch in pixels], factor


def _waves(codec: Any, level: int, codes: torch.Tensor) -> np.ndarray:
    """(N, samples) of sound codes: themselves, or what they add."""
    if level:
        return codebook.added(codec, level, codes).numpy()
    return np.stack([wave for _, wave in codec.show_codes(level, codes)])


def _spectra(codec: Any, level: int) -> tuple[list[Image.Image], float]:
    """Log-mel pictures on one scale for the whole level, so that loud codes look loud. (24 bands high)"""
    waves = _waves(codec, level, torch.arange(len(codec.codebook(level))))
    power = np.abs(_stft(waves)) ** 2  # (K, frames, bins)
    mel = np.log10(power @ _mel_filters(power.shape[-1]).T + 1e-7)  # (K, frames, bands)
    low, high = np.percentile(mel, (5, 99.8))
    scaled = np.clip((mel - low) / max(high - low, 1e-6), 0, 1)
    return [Image.fromarray(_ramp(picture.T[::-1])) for picture in scaled], 1.0


def _stft(waves: np.ndarray, size: int = 512, hop: int = 80) -> np.ndarray:
    window = np.hanning(size).astype(np.float32)
    padded = np.pad(waves, ((0, 0), (size // 2, size // 2)))
    starts = range(0, padded.shape[1] - size + 1, hop)
    return np.stack([np.fft.rfft(padded[:, s : s + size] * window) for s in starts], axis=1)


def _mel_filters(bins: int, rate: int = 16_000) -> np.ndarray:
    """(bands, bins) triangular filters, evenly spaced in mel."""
    top = 2595 * math.log10(1 + rate / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, MEL_BANDS + 2) / 2595) - 1) / (rate / 2) * (bins - 1)
    at = np.arange(bins)
    rising = (at - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - at) / (edges[2:] - edges[1:-1])[:, None]
    return np.clip(np.minimum(rising, falling), 0, None).astype(np.float32)


def _ramp(values: np.ndarray) -> np.ndarray:
    """Values in [0, 1], (H, W) -> (H, W, 3) uint8."""
    place = values * (len(_RAMP) - 1)
    lower = np.clip(place.astype(int), 0, len(_RAMP) - 2)
    part = (place - lower)[..., None]
    return (_RAMP[lower] * (1 - part) + _RAMP[lower + 1] * part).round().astype(np.uint8)


def _sheet(patches: list[Image.Image], factor: float) -> dict[str, Any]:
    width, height = patches[0].size
    columns = math.ceil(math.sqrt(len(patches)))
    page = Image.new("RGB", (columns * width, math.ceil(len(patches) / columns) * height))
    for code, patch in enumerate(patches):
        page.paste(patch, (code % columns * width, code // columns * height))
    buffer = io.BytesIO()
    page.save(buffer, "PNG")
    return {"data": to_base64(buffer.getvalue()), "columns": columns, "count": len(patches), "gain": round(factor, 1)}
