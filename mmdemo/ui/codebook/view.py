"""What the Codebook tab shows, as JSON objects: a level of a tokenizer, an input, a place in it, examples of a code."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from mmdemo.codec import Codec, codebook
from mmdemo.codec.atlas import atlas, key
from mmdemo.codec.places import choices, index_of, is_residual, latent_at, latents
from mmdemo.metrics.codes import perplexity, usage
from mmdemo.modalities import MODALITIES
from mmdemo.ui.codebook.kinds import KINDS
from mmdemo.ui.codebook.session import EXAMPLE, Input
from mmdemo.ui.shared import gallery
from mmdemo.ui.shared.payload import pack_codes
from mmdemo.ui.shared.state import Opened

# ------------------------------------------------------------------------------ a level


def level_view(codec: Codec, level: int) -> dict[str, Any]:
    """All there is to show of ``level`` (0 the coarsest), whatever the input.

    Holds for each code: its place on the maps (coordinates in [-1, 1]), its norm, its nearest codes, its use in
    training relative to the mean; orders of the codes; and for each level how much of it was used in training.
    """
    return _level(_Key(codec, level))


def code_pictures(codec: Codec) -> list[Image.Image]:
    """The codes of all levels, drawn; none of codes that are heard or read."""
    sheets = [atlas(codec, level).sheet for level in range(codec.levels)]
    if KINDS[codec.modality].heard or any(sheet.texts for sheet in sheets):
        return []
    return [Image.open(io.BytesIO(sheet.data)) for sheet in sheets]


class _Key:
    """A codec and level, hashed by what they are, so that the cache outlives neither weights nor levels."""

    def __init__(self, codec: Codec, level: int) -> None:
        self.codec, self.level = codec, level
        self._id = (codec.name, key(codec), level)

    def __hash__(self) -> int:
        return hash(self._id)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self._id == other._id


@lru_cache(maxsize=64)
def _level(key: _Key) -> dict[str, Any]:
    codec, level = key.codec, key.level
    book, kept = codec.codebook(level).float(), atlas(codec, level)
    nearest, distances = codebook.neighbours(book)
    places, share = codebook.pca(book)
    counts = codebook.reference_counts(codec, level)
    marks = codebook.rarity(counts) if counts is not None else []
    reference = [c for n in range(codec.levels) if (c := codebook.reference_counts(codec, n)) is not None]
    return {
        "id": f"{codec.name}-{codec.fingerprint}-{level}",
        "model": codec.name,
        "modality": codec.modality,
        "level": level,
        "levels": codec.levels,
        "count": len(book),
        "dim": book.shape[1],
        "stride": int(codec.tokenizer.stride),
        "map": _rounded(places, 4),
        "variance": [round(s, 4) for s in share],
        "umap": None if kept.umap is None else _rounded(kept.umap, 3),
        "norms": _rounded(book.norm(dim=1), 3),
        "nearest": nearest.tolist(),
        "distances": _rounded(distances, 3),
        "orders": codebook.orders(codec, level, kept.sheet.tone),
        "counts": [] if counts is None else _rounded(counts / counts.mean().clamp(min=1e-12), 4),
        "dead": [code for code, mark in enumerate(marks) if mark == "dead"],
        "rare": [code for code, mark in enumerate(marks) if mark == "rare"],
        "perplexity": [round(perplexity(c), 1) for c in reference],
        "usage": [round(usage(c), 4) for c in reference],
        "examples": kept.places is not None,
        "gain": round(kept.sheet.gain, 1),
    }


def _rounded(values: Tensor, digits: int) -> list[Any]:
    return np.round(values.double().numpy(), digits).tolist()


# ------------------------------------------------------------------------------ an input


def input_view(codec: Codec, chosen: Input, own: Sequence[Opened], lang: str) -> dict[str, Any]:
    """An input and its codes on all levels, and what else could be chosen."""
    tokens, kind = chosen.tokens, KINDS[codec.modality]
    return {
        "id": chosen.ident,
        "model": codec.name,
        "modality": codec.modality,
        "name": kind.example_name(chosen.file, lang) if chosen.file else kind.label(tokens, chosen.source, lang),
        "mine": chosen.file is None,
        "place": dict(chosen.place),
        "levels": tokens.levels,
        "grid": list(tokens.positions),
        "stride": int(codec.tokenizer.stride),
        "codes": pack_codes(tokens.codes, codec.codebook_size),
        "exact": chosen.source is not None and is_residual(codec),
        **shown(codec, chosen),
        "choices": [
            *(
                {"id": o.ident, "name": kind.label(o.tokens, o.source, lang), "mine": True, "thumb": kind.thumb(o)}
                for o in own
            ),
            *(
                {"id": EXAMPLE + f.name, "name": kind.example_name(f, lang), "thumb": kind.thumb(f)}
                for f in gallery.of(codec.modality)
            ),
        ],
    }


def shown(codec: Codec, chosen: Input) -> dict[str, Any]:
    """The input as the page shows it; of an .mmt file, what it decodes to."""
    x = chosen.source if chosen.source is not None else codec.decode_tensor(chosen.tokens)
    return KINDS[codec.modality].shown(x, int(codec.tokenizer.stride))


# ------------------------------------------------------------------------------ a place


def place_view(codec: Codec, chosen: Input, place: Sequence[int]) -> list[dict[str, Any]]:
    """For each level, how it came to its code at a place; [] where that is not known (see `choices`)."""
    if chosen.source is None or not is_residual(codec):
        return []
    z = latent_at(codec, chosen.source, place)
    codes = chosen.tokens.codes[index_of(place)]  # (L,)
    return [
        {
            "code": c.code,
            "rank": c.rank,
            "before": round(c.before, 4),
            "after": round(c.after, 4),
            "nearest": [[code, round(d, 5)] for code, d in c.nearest],
            "distance": round(c.distance, 5),
        }
        for c in choices(codec, z, codes)
    ]


def nearest_codes(codec: Codec, level: int, x: Tensor) -> list[int]:
    """All codes of a level, by their distance to what is left to say in the middle of a small input at that level."""
    z = latents(codec, x)  # (D, *positions)
    middle = index_of([n // 2 for n in z.shape[1:]])
    left = z[middle]
    if level:
        codes = codec.tokenizer.encode(x[None].to(codec.device), level)[0].cpu()[middle]
        left = left - sum(codec.codebook(n).float()[code] for n, code in enumerate(codes.tolist()))
    order: list[int] = torch.argsort((codec.codebook(level).float() - left).square().sum(1)).tolist()
    return order


# ------------------------------------------------------------------------------ examples of a code


def example_views(codec: Codec, level: int, code: int, lang: str) -> list[dict[str, Any]]:
    """Where in the shipped examples a code fits best: a piece of each, with the place in its middle."""
    kept = atlas(codec, level)
    if kept.places is None:
        return []
    kind, by_name = KINDS[codec.modality], {file.name: file for file in gallery.of(codec.modality)}
    found = []
    for number, *place in kept.places[code].tolist():
        file = by_name.get(kept.examples[number]) if number >= 0 else None
        if file is not None:
            piece = kind.piece(_example(codec.modality, file), place, int(codec.tokenizer.stride))
            found.append({"name": kind.example_name(file, lang), "input": EXAMPLE + file.name, "place": place, **piece})
    return found


@lru_cache(maxsize=32)
def _example(modality: str, file: Path) -> Tensor:
    tensor: Tensor = MODALITIES[modality].load(file).tensor
    return tensor
