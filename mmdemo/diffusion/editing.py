"""Editing by diffusion: which positions of an input stay, and noise between two seeds.

- Keep a region, make the rest anew (inpainting): `keep_mask` turns a picture mask, time spans or character spans
  into a mask over latent positions; the denoiser then holds those positions to their source, and the network sees
  them clean. It was trained with one time per modality, not per token, and takes this well: of digits of which half
  is kept and nothing else given, more stay the same digit than when kept and new parts are equally noisy.
- Variation (SDEdit; Meng et al. 2022): sampling starts from the input noised to t = strength, not from pure noise.
- Interpolation: `slerp` between the start noises of two seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import InputError

SAMPLE_RATE = 16_000


@dataclass(frozen=True)
class Held:
    """The source of a wanted stream, and what of it stays.

    Attributes:
        latent: (1 or n, D, *shape), unit variance. codes: (L, *shape), or (n, L, *shape), it is the sum of.
        mask: (*shape) bool, True where the source stays; None: nowhere (a variation).
    """

    latent: Tensor
    codes: Tensor
    mask: Tensor | None = None


def keep_mask(modality: str, keep: Any, shape: Sequence[int], stride: int, text: str = "") -> Tensor:
    """What to keep -> mask over latent positions. A position stays where at least half of it is to be kept.

    Args:
        keep: image: a picture or 2-D array over the model's frame, bright (true) where it stays. audio: spans
            (start, end) in seconds. text: spans (start, end) of characters. Any: a boolean tensor or array of
            the latent's shape.
        shape: latent positions per axis. stride: pixels, samples or bytes a position. text: the source text.

    Returns:
        (*shape) bool.

    Raises:
        InputError: it is no such thing, or keeps nothing or everything.
    """
    array = np.asarray(keep) if isinstance(keep, np.ndarray | Tensor) else None
    if array is not None and array.shape == tuple(shape) and (array.dtype == bool or modality == "image"):
        mask = torch.from_numpy(array > _middle(array))
    elif modality == "image":
        mask = _picture_mask(keep, shape)
    elif modality == "audio":
        mask = _sound_mask(keep, shape[0], stride)
    else:
        mask = _text_mask(keep, shape[0], stride, text)
    if not mask.any():
        raise InputError(
            f"The part of the {modality} to keep is smaller than one token ({_token_size(modality, stride)}): "
            "keep a larger part, or nothing."
        )
    if mask.all():
        raise InputError(f"All of the {modality} is kept, so nothing is left to make: leave a part of it free.")
    return mask


def _middle(values: np.ndarray) -> float:
    """Threshold between false and true: halfway for bytes 0..255, 0.5 for shares and booleans."""
    return 127 if values.dtype == np.uint8 and values.max(initial=0) > 1 else 0.5


def _token_size(modality: str, stride: int) -> str:
    if modality == "image":
        return f"{stride}x{stride} pixels"
    return f"{1000 * stride / SAMPLE_RATE:g} ms" if modality == "audio" else f"{stride} bytes"


def _picture_mask(keep: Any, shape: Sequence[int]) -> Tensor:
    values = np.asarray(keep.convert("L") if hasattr(keep, "convert") else keep)
    if values.ndim == 3:
        values = values.max(2)
    if values.ndim != 2 or not values.size or values.dtype == object:
        raise InputError("The mask has to be a picture or a table of rows and columns, bright where the input stays.")
    bright = torch.from_numpy((values > _middle(values)).astype(np.float32))
    return F.adaptive_avg_pool2d(bright[None], (shape[0], shape[1]))[0] >= 0.5


def _spans(keep: Any, what: str) -> list[tuple[float, float]]:
    """[(start, end), ...] from a list of pairs or one pair. Raises InputError for anything else."""
    try:
        rows = np.asarray(keep, dtype=float).reshape(-1, 2)
    except (TypeError, ValueError):
        rows = np.full((1, 2), np.nan)
    if not np.isfinite(rows).all() or (rows[:, 0] >= rows[:, 1]).any() or (rows < 0).any():
        raise InputError(f"What to keep has to be pairs of start and end in {what}, start before end.")
    return [(float(a), float(b)) for a, b in rows]


def _sound_mask(keep: Any, frames: int, stride: int) -> Tensor:
    covered = torch.zeros(frames * stride)
    for start, end in _spans(keep, "seconds"):
        covered[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)] = 1
    return covered.reshape(frames, stride).mean(1) >= 0.5


def _text_mask(keep: Any, positions: int, stride: int, text: str) -> Tensor:
    """Of a position, only the bytes that are text count; the empty ones after the end are always made anew."""
    real, kept = torch.zeros(positions * stride), torch.zeros(positions * stride)
    spans, at = _spans(keep, "characters"), 0
    for index, character in enumerate(text):
        size = len(character.encode())
        real[at : at + size] = 1
        kept[at : at + size] = float(any(start <= index < end for start, end in spans))
        at += size
    real, kept = real.reshape(positions, stride).sum(1), kept.reshape(positions, stride).sum(1)
    return (kept >= 0.5 * real) & (real > 0)


def slerp(a: Tensor, b: Tensor, share: Tensor) -> Tensor:
    """Spherical interpolation of noise: a, b (D, ...), share (n,) in [0, 1] -> (n, D, ...).

    A straight line would pass through noise that is too small: halfway, its variance is 1/2.
    """
    p, q = a.flatten(), b.flatten()
    angle = torch.arccos((p @ q / (p.norm() * q.norm())).clamp(-1, 1))
    share = share.reshape(-1, 1)
    if angle < 1e-3:  # the same noise twice
        return a.expand(len(share), *a.shape).clone()
    mixed = (torch.sin((1 - share) * angle) * p + torch.sin(share * angle) * q) / torch.sin(angle)  # (n, features)
    return mixed.reshape(len(share), *a.shape)
