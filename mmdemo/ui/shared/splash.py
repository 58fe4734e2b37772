"""What moves in a tab's place until Gradio's page is there: its first example on one level, two, …, or a run step by
step. Made from the models of this page when the server starts; `shell/splash.py` shows it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

FRAMES = 8  # at most: more of them take longer to arrive than they are seen
WIDTH = 440  # pixels of a frame at most
QUALITY = 60
READY = {  # what is there when a tab shows its first example
    "image": ".mm-viewer[data-ready]",
    "text": "#mm-text-chips .chip",
    "audio": "#mm-audio-lab .lab:not([hidden])",
    "codebook": "#mm-tab-codebook canvas",
    "generate": "#mm-generate",
}


@dataclass(frozen=True)
class Splash:
    """Frames of a tab's first example.

    Attributes:
        counts: number of levels or steps of each frame, rising. total: of how many.
        picture: the frames one below the other, as WebP; empty where they are texts. size: (width, height) of a frame.
        texts: the frames, where they are texts.
        steps: whether `counts` are steps of a run, else levels.
    """

    counts: tuple[int, ...]
    total: int
    picture: bytes = b""
    size: tuple[int, int] = (0, 0)
    texts: tuple[str, ...] = ()
    steps: bool = False


def of_pictures(pictures: Sequence[Image.Image], steps: bool = False) -> Splash:
    """From the pictures of 1, 2, … levels or steps, all of one size; some are left out where there are many."""
    counts, total = chosen(len(pictures)), len(pictures)
    frames = [pictures[n - 1].convert("RGB") for n in counts]
    width, height = frames[0].size
    scale = min(1, WIDTH / width)
    size = (round(width * scale), round(height * scale))
    page = Image.new("RGB", (size[0], size[1] * len(frames)))
    for i, one in enumerate(frames):
        page.paste(one.resize(size, Image.Resampling.LANCZOS), (0, i * size[1]))
    buffer = io.BytesIO()
    page.save(buffer, "WEBP", quality=QUALITY, method=4)
    return Splash(counts, total, buffer.getvalue(), size, steps=steps)


def of_texts(texts: Sequence[str]) -> Splash:
    """From the text of one level, two, …"""
    counts = chosen(len(texts))
    return Splash(counts, len(texts), texts=tuple(texts[n - 1] for n in counts))


def chosen(total: int) -> tuple[int, ...]:
    """Which of the numbers 1 to `total` have a frame: the first, the last and what lies evenly between."""
    return tuple(sorted({round(n) for n in np.linspace(1, total, min(total, FRAMES)).tolist()}))
