"""Figures of pictures that are no photographs: screens, charts, drawings, scans, flat colours, greys."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from PIL import Image
from tqdm import tqdm

from .. import metrics
from ..codec import Codec
from ..metrics import Figure
from ..metrics.colour import chroma, ciede2000, lab
from ..tokens import Tokens
from .held_out import pictures
from .judges import characters_kept, reader

JPEG_QUALITY = 30


def wide_image_sections(codec: Codec, limit: int | None) -> list[Callable[[], list[Figure]]]:
    """What measures them, a section a kind."""
    samples = pictures.screens()[:limit]

    @cache
    def encoded() -> list[Tokens]:
        return [codec.encode(s.picture) for s in tqdm(samples, desc="screens", leave=False)]

    return [
        lambda: _screens(codec, samples, encoded()),
        lambda: _text(codec, samples, encoded()),
        lambda: _flats(codec, limit),
        lambda: _pure_lines(codec, limit),
        lambda: _greys(codec, limit),
    ]


def _decoded(codec: Codec, tokens: Tokens, levels: int | None = None) -> np.ndarray:
    """(H, W, 3) uint8"""
    return np.asarray(codec.decode(tokens.truncate(levels) if levels else tokens))


def _screens(codec: Codec, samples: Sequence[pictures.Sample], tokens: Sequence[Tokens]) -> list[Figure]:
    """PSNR with as many levels as fit into the bytes of JPEG."""
    ours, theirs, taken = [], [], []
    for sample, whole in zip(samples, tokens):
        data = jpeg(sample.picture)
        theirs.append(metrics.psnr(sample.picture, Image.open(io.BytesIO(data))))
        level, size = most_levels(whole, codec.levels, len(data))
        taken.append(size / len(data))
        ours.append(metrics.psnr(sample.picture, codec.decode(whole.truncate(level))))
    n, name = len(ours), f"screens, charts, drawings, scans at the bytes of JPEG q{JPEG_QUALITY}"
    return [
        Figure.against(f"{name}: PSNR (target: JPEG's)", _mean(ours), _mean(theirs), "dB", n),
        Figure(f"{name}: bytes taken", _mean(taken), "of JPEG's", n),
        Figure(f"{name}: pictures no worse than JPEG", float(np.mean(np.array(ours) >= theirs)), "of all", n),
    ]


def most_levels(tokens: Tokens, levels: int, most: int) -> tuple[int, int]:
    """The most levels whose file has ``most`` bytes at the most, one at least, and its bytes; each level adds some."""
    low, high = 1, levels
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if len(tokens.truncate(middle).to_bytes()) <= most else (low, middle - 1)
    return low, len(tokens.truncate(low).to_bytes())


def jpeg(picture: Image.Image, quality: int = JPEG_QUALITY) -> bytes:
    """A picture as JPEG, 4:2:0 with optimised tables."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality, optimize=True, subsampling="4:2:0")
    return buffer.getvalue()


def _text(codec: Codec, samples: Sequence[pictures.Sample], tokens: Sequence[Tokens]) -> list[Figure]:
    name = "small text read right by RapidOCR, all levels"
    read = reader()
    if read is None:
        return [Figure(name, None, "of what it reads in the original", None, 0.97)]
    kept = [
        characters_kept(read(s.picture), read(codec.decode(t)))
        for s, t in zip(samples, tokens)
        if s.name.split()[0] in ("article", "settings", "sheet", "editor")
    ]
    right, there = map(sum, zip(*kept)) if kept else (0, 0)
    return [Figure.against(name, right / max(1, there), 0.97, "of what it reads in the original", there)]


def _flats(codec: Codec, limit: int | None) -> list[Figure]:
    colours = pictures.FLATS[:limit]
    tokens = [codec.encode(p) for p in pictures.flats()[:limit]]
    levels = {"all levels": None, "2 levels": min(2, codec.levels)}
    worst = {
        name: max(int(np.abs(_decoded(codec, t, k).astype(int) - c).max()) for t, c in zip(tokens, colours))
        for name, k in levels.items()
    }
    n = len(colours)
    figures = [
        Figure.against(f"flat colours, {name}: worst channel error", float(error), most, "of 255", n, True)
        for (name, error), most in zip(worst.items(), (4, 12))
    ]
    size = float(max(len(t.to_bytes()) for t in tokens))
    return [*figures, Figure.against("flat colours, all levels: largest file", size, 200, "bytes", n, True)]


def _pure_lines(codec: Codec, limit: int | None) -> list[Figure]:
    """How far the colour of lines is off, seen as a whole: their mean in CIELAB."""
    errors = []
    for picture, mask, colour in pictures.pure_lines()[:limit]:
        seen = lab(_decoded(codec, codec.encode(picture)))[mask].mean(0)
        errors.append(float(ciede2000(seen, lab(np.array(colour)))))
    name, n = "chart lines of pure colour, all levels: CIEDE2000", len(errors)
    return [
        Figure.against(f"{name}, worst", max(errors), 6, "", n, True),
        Figure(f"{name}, mean", _mean(errors), "", n),
    ]


def _greys(codec: Codec, limit: int | None) -> list[Figure]:
    found = [chroma(_decoded(codec, codec.encode(s.picture))) for s in pictures.greys()[:limit]]
    name, n = "grey pictures, all levels: chroma of the result", len(found)
    return [
        Figure.against(f"{name}, worst pixel", max(float(c.max()) for c in found), 1, "", n, True),
        Figure(f"{name}, mean of the worst picture", max(float(c.mean()) for c in found), "", n),
    ]


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))
