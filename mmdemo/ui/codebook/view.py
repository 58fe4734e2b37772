"""What the Codebook tab shows of one level of one tokenizer, as one JSON object."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

NEIGHBOURS = 8


def level_view(codec: Any, tokens: Any, level: int, source: str) -> dict[str, Any]:
    """The value of `CodeBrowser` for `level` (0 the coarsest).

    The codes themselves come as a sheet (`mmdemo.ui.shared.code_sheet`). `tokens` are the ones whose use of the
    codebook is shown, or None; `source` says what they are of.

    Holds for each code: its place on the PCA map (both coordinates in [-1, 1]), its norm, its nearest
    codes, and how often the input uses it.
    """
    book = codec.codebook(level).float()
    used = tokens is not None and level < tokens.levels
    return {
        "id": f"{codec.name}-{codec.fingerprint}-{level}",
        "model": codec.name,
        "modality": codec.modality,
        "level": level,
        "levels": codec.levels,
        "count": len(book),
        "dim": book.shape[1],
        **geometry(codec, level),
        "uses": torch.bincount(tokens.codes[level].flatten(), minlength=len(book)).tolist() if used else [],
        "perplexity": [round(p, 1) for p in tokens.perplexity()] if tokens is not None else [],
        "usage": [round(u, 4) for u in tokens.usage()] if tokens is not None else [],
        "source": source,
    }


def geometry(codec: Any, level: int) -> dict[str, Any]:
    """PCA map, norms and nearest codes of a level."""
    return _geometry(_Key(codec, level))


class _Key:
    """A codec and level, hashed by what they are, so that the cache outlives neither weights nor levels."""

    def __init__(self, codec: Any, level: int) -> None:
        self.codec, self.level = codec, level
        self._id = (codec.name, codec.fingerprint, level)

    def __hash__(self) -> int:
        return hash(self._id)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self._id == other._id


@lru_cache(maxsize=64)
def _geometry(key: _Key) -> dict[str, Any]:
    book = key.codec.codebook(key.level).float()
    distance = torch.cdist(book, book)
    nearest = distance.topk(min(NEIGHBOURS + 1, len(book)), largest=False).indices.tolist()
    places, share = pca(book)
    return {
        "map": [[round(x, 4), round(y, 4)] for x, y in places.tolist()],
        "variance": [round(s, 4) for s in share],
        "norms": [round(n, 3) for n in book.norm(dim=1).tolist()],
        "nearest": [[n for n in row if n != code][:NEIGHBOURS] for code, row in enumerate(nearest)],
        "distances": [
            [round(float(distance[code, n]), 3) for n in row if n != code][:NEIGHBOURS]
            for code, row in enumerate(nearest)
        ],
    }


def pca(vectors: Tensor) -> tuple[Tensor, list[float]]:
    """(K, D) -> the first two principal components and their shares of the variance.

    The components are (K, 2), centred and scaled into [-1, 1]. The sign of each is fixed (its largest
    coordinate is positive), so that the map always looks the same.
    """
    centred = vectors - vectors.mean(0)
    u, s, _ = torch.linalg.svd(centred, full_matrices=False)
    places = torch.zeros(len(vectors), 2)
    parts = min(2, s.numel())
    places[:, :parts] = u[:, :parts] * s[:parts]
    extreme = places.abs().argmax(0)
    places = places * torch.where(places[extreme, torch.arange(2)] < 0, -1.0, 1.0)
    total = s.square().sum().clamp(min=1e-12)
    places = places - (places.amax(0) + places.amin(0)) / 2
    return places / places.abs().max().clamp(min=1e-12), [float(x) for x in (s.square() / total)[:2]]
