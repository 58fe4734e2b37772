"""Does a generative model copy its training data? Distances to the nearest training sample.

A model that copies lies much nearer to the training set than fresh real samples do. So generated samples are compared
with real test samples, both through the same tokenizer, so that its error counts on both sides.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..metrics.mel import mel_bands
from ..quantizers.kmeans import nearest

CLOSE = 0.01  # share of real test samples that counts as "close to the training set"


@dataclass(frozen=True)
class Copying:
    """What `compare` finds."""

    ratio: float  # median distance of generated samples to their nearest training sample / that of real test samples
    close: float  # share of generated samples nearer than the nearest 1 % of real test samples are


def points(modality: str, x: Tensor) -> Tensor:
    """Canonical batch -> vectors (N, D) whose Euclidean distance sees what people see or hear.

    Pictures: their pixels, of all colours. Sounds: log-mel in steps of 40 ms, which a shift by a few milliseconds
    hardly changes.
    """
    if modality == "image":
        return x.float().flatten(1)
    mel = mel_bands()
    rows = [F.avg_pool1d(mel(chunk.float()).clamp(min=1e-5).log10(), 4) for chunk in x.split(256)]
    return torch.cat(rows).flatten(1)


def nearest_distance(queries: Tensor, base: Tensor) -> Tensor:
    """Euclidean distance (N,) of each query (N, D) to the nearest row of ``base`` (M, D)."""
    return (queries - base[nearest(queries, base)]).norm(dim=1)


def compare(modality: str, made: Tensor, test: Tensor, train: Tensor) -> Copying:
    """Generated against real test samples, canonical batches, by their distance to the training set."""
    base = points(modality, train)
    ours, real = (nearest_distance(points(modality, x), base) for x in (made, test))
    threshold = real.quantile(CLOSE)
    return Copying(float(ours.median() / real.median()), float((ours < threshold).float().mean()))
