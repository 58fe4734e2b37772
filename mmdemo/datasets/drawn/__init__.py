"""Pictures that programs draw, to train on: what screens and paper hold beside photographs.

Nothing is downloaded: the fonts are those of the machine, each under its own licence (which, for open fonts, does not
reach to pictures of text), words come from Python's documentation (PSF licence) and the table of GB 2312, and all else
is drawn here. Each picture depends on its seed, its size and the fonts alone.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from functools import partial
from itertools import accumulate

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from ..parallel import for_each
from .canvas import jpeg, paper
from .fonts import find_fonts
from .pages import interface, snippets, source_code, table, text_page
from .shapes import chart, flat, gradient, line_art, pattern, pixel_art, screentone, street_map

Program = Callable[[random.Random, int], Image.Image]


def scan(rng: random.Random, size: int) -> Image.Image:
    """A page, a table or a drawing on paper."""
    return paper(rng.choice((text_page, text_page, table, line_art))(rng, size), rng)


PROGRAMS: dict[str, Program] = {
    "text": text_page,
    "snippets": snippets,
    "code": source_code,
    "table": table,
    "interface": interface,
    "chart": chart,
    "line art": line_art,
    "screentone": screentone,
    "scan": scan,
    "map": street_map,
    "pixel art": pixel_art,
    "flat": flat,
    "gradient": gradient,
    "pattern": pattern,
}
# How often each is drawn.
SHARES = {
    "text": 0.16,
    "snippets": 0.08,
    "code": 0.07,
    "table": 0.05,
    "interface": 0.12,
    "chart": 0.1,
    "line art": 0.06,
    "screentone": 0.04,
    "scan": 0.08,
    "map": 0.04,
    "pixel art": 0.04,
    "flat": 0.08,
    "gradient": 0.05,
    "pattern": 0.03,
}
GREY = 0.12  # of the pictures, that are grey
JPEG = 0.08  # … that have been through JPEG, as much that people pass on has
SIZE = 256  # pixels a side


def draw(seed: int, size: int = SIZE, shares: Mapping[str, float] = SHARES) -> Image.Image:
    """The picture of a seed, RGB."""
    rng = random.Random(seed)
    names, ends = list(shares), list(accumulate(shares.values()))
    picture = PROGRAMS[rng.choices(names, cum_weights=ends)[0]](rng, size)
    kind = rng.random()
    if kind < GREY:
        picture = ImageOps.grayscale(picture).convert("RGB")
    return jpeg(picture, rng.randint(35, 95)) if rng.random() < JPEG else picture


def _array(seed: int, size: int, shares: Mapping[str, float]) -> np.ndarray:
    return np.asarray(draw(seed, size, shares)).transpose(2, 0, 1)


def draw_many(
    count: int, seed: int = 0, size: int = SIZE, shares: Mapping[str, float] = SHARES, workers: int | None = None
) -> Tensor:
    """Pictures of ``count`` seeds in a row, (count, 3, size, size) uint8.

    Args:
        workers: processes that draw; None: one for each processor, 0: this one alone.

    Raises:
        MissingError: there are no fonts.
    """
    find_fonts()  # raised here, and not from another process
    make = partial(_array, size=size, shares=dict(shares))
    drawn = for_each(make, range(seed, seed + count), workers)
    pictures = np.stack(drawn) if drawn else np.zeros((0, 3, size, size), np.uint8)
    return torch.from_numpy(pictures)
