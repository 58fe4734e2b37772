"""What the Codebook tab shows, as JSON objects: a level of a tokenizer, an input, a place in it, examples of a code."""

from __future__ import annotations

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
from mmdemo.modalities.audio import SAMPLE_RATE
from mmdemo.tokens import Tokens
from mmdemo.ui.codebook.session import EXAMPLE, Input
from mmdemo.ui.shared import gallery, thumbnail
from mmdemo.ui.shared.i18n import tr
from mmdemo.ui.shared.payload import data_uri, pack_codes, pcm
from mmdemo.ui.shared.state import Opened

SHOWN_SIDE = 640  # pixels of a picture shown
AROUND = {"image": 3, "audio": 12, "text": 5}  # positions to each side that an example of a code is shown with
THUMB = 56


# ------------------------------------------------------------------------------ a level


def level_view(codec: Codec, level: int) -> dict[str, Any]:
    """All there is to show of ``level`` (0 the coarsest), whatever the input.

    Holds for each code: its place on the maps (coordinates in [-1, 1]), its norm, its nearest codes, its use in
    training relative to the mean; orders of the codes; and for each level how much of it was used in training.
    """
    return _level(_Key(codec, level))


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
    tokens = chosen.tokens
    return {
        "id": chosen.ident,
        "model": codec.name,
        "modality": codec.modality,
        "name": label(chosen.tokens, chosen.source, lang) if chosen.file is None else example_name(chosen.file, lang),
        "mine": chosen.file is None,
        "levels": tokens.levels,
        "grid": list(tokens.positions),
        "stride": int(codec.tokenizer.stride),
        "codes": pack_codes(tokens.codes, codec.codebook_size),
        "exact": chosen.source is not None and is_residual(codec),
        **shown(codec, chosen),
        "choices": [
            *({"id": o.ident, "name": label(o.tokens, o.source, lang), "mine": True, "thumb": _thumb(o)} for o in own),
            *(
                {"id": EXAMPLE + f.name, "name": example_name(f, lang), "thumb": _thumb(f)}
                for f in gallery.of(codec.modality)
            ),
        ],
    }


def shown(codec: Codec, chosen: Input) -> dict[str, Any]:
    """The input as the page shows it; of an .mmt file, what it decodes to."""
    x = chosen.source if chosen.source is not None else codec.decode_tensor(chosen.tokens)
    if codec.modality == "image":
        pixels = (x.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
        image = Image.fromarray(pixels)
        image.thumbnail((SHOWN_SIDE, SHOWN_SIDE))
        return {"picture": data_uri(image), "size": list(x.shape[:0:-1])}
    if codec.modality == "audio":
        return {"pcm": pcm(x)}
    return {"spans": spans(bytes(x.tolist()), int(codec.tokenizer.stride))}


def spans(data: bytes, stride: int) -> list[str]:
    """For each position, the characters that begin in it."""
    labels, at = [""] * -(-len(data) // stride), 0
    for character in data.decode("utf-8", "surrogateescape"):
        size = len(character.encode("utf-8", "surrogateescape"))
        labels[at // stride] += character if size > 1 or character.isascii() else "\ufffd"
        at += size
    return labels


def label(tokens: Tokens, source: Tensor | bytes | None, lang: str) -> str:
    """What a visitor's own input is called."""
    meta = tokens.meta
    if tokens.modality == "image":
        return tr("codebook.own_image", lang, **meta)
    if tokens.modality == "audio":
        return tr("codebook.own_audio", lang, seconds=meta["samples"] / SAMPLE_RATE)
    data = source if isinstance(source, bytes) else bytes(source.tolist()) if source is not None else b""
    beginning = " ".join(data[:200].decode("utf-8", "ignore").split())[:24]
    return tr("codebook.own_text", lang, beginning=beginning or f"{meta['bytes']:,} B")


def example_name(file: Path, lang: str) -> str:
    """An example's name in the visitor's language, where it has one."""
    try:
        return tr(f"audio.example_{file.stem}", lang)
    except KeyError:
        return str(file.stem).replace("_", " ")


def _thumb(source: Path | Opened) -> str | None:
    """A small square of a picture, an example's or a visitor's own; None of anything else."""
    if isinstance(source, Path):
        return thumbnail.of_file(source, THUMB) if source.suffix in MODALITIES["image"].suffixes else None
    if source.tokens.modality != "image" or not isinstance(source.source, Tensor):
        return None
    return thumbnail.of_picture(Image.fromarray(source.source.permute(1, 2, 0).contiguous().numpy()), THUMB)


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
    by_name = {file.name: file for file in gallery.of(codec.modality)}
    found = []
    for number, *place in kept.places[code].tolist():
        file = by_name.get(kept.examples[number]) if number >= 0 else None
        if file is not None:
            piece = _piece(codec, file, place)
            found.append({"name": example_name(file, lang), "input": EXAMPLE + file.name, "place": place, **piece})
    return found


def _piece(codec: Codec, file: Path, place: Sequence[int]) -> dict[str, Any]:
    stride, reach = int(codec.tokenizer.stride), AROUND[codec.modality]
    x = _example(codec.modality, file)
    if codec.modality == "image":
        height, width = x.shape[1:]
        top, left = ((p - reach) * stride for p in place)
        side = (2 * reach + 1) * stride
        rows = torch.arange(top, top + side).clamp(0, height - 1)
        columns = torch.arange(left, left + side).clamp(0, width - 1)
        pixels = (x[:, rows][:, :, columns] * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
        return {"picture": data_uri(Image.fromarray(pixels), exact_up_to=0, quality=90)}
    first = max(0, (place[0] - reach) * stride)
    part = x[first : (place[0] + reach + 1) * stride]
    if codec.modality == "audio":
        return {"pcm": pcm(part), "time": place[0] * stride / SAMPLE_RATE}
    data = bytes(part.tolist())
    at = place[0] * stride - first
    pieces = data[:at], data[at : at + stride], data[at + stride :]
    return {"text": [piece.decode("utf-8", "ignore" if i != 1 else "replace") for i, piece in enumerate(pieces)]}


@lru_cache(maxsize=32)
def _example(modality: str, file: Path) -> Tensor:
    tensor: Tensor = MODALITIES[modality].load(file).tensor
    return tensor
