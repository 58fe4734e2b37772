"""What all programs of pictures need: a picture to draw on, colours, and what happens to pictures afterwards."""

from __future__ import annotations

import colorsys
import io
import random
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

Colour = tuple[int, int, int]
CORNERS: tuple[Colour, ...] = tuple((r, g, b) for r in (0, 255) for g in (0, 255) for b in (0, 255))


def canvas(size: int, colour: Colour) -> tuple[Image.Image, Any]:
    """A picture of ``size`` pixels a side in one colour, and what draws on it."""
    picture = Image.new("RGB", (size, size), colour)
    return picture, ImageDraw.Draw(picture)


def colour(rng: random.Random) -> Colour:
    """Any colour: corners and edges of the RGB cube, its surface, its inside, saturated ones, greys."""
    kind = rng.random()
    if kind < 0.15:
        return rng.choice(CORNERS)
    if kind < 0.5:  # an edge, or the surface
        parts = [rng.choice((0, 255)), rng.choice((0, 255, rng.randrange(256))), rng.randrange(256)]
        rng.shuffle(parts)
        return parts[0], parts[1], parts[2]
    if kind < 0.65:
        return grey(rng)
    if kind < 0.85:
        return of_hue(rng.random(), rng.uniform(0.3, 1), rng.uniform(0.3, 1))
    return rng.randrange(256), rng.randrange(256), rng.randrange(256)


def grey(rng: random.Random) -> Colour:
    """A grey; black and white more often than others."""
    n = rng.choice((0, 255, rng.randrange(256), rng.randrange(256)))
    return n, n, n


def of_hue(hue: float, saturation: float, value: float) -> Colour:
    """A colour by hue, saturation and value, each from 0 to 1."""
    r, g, b = colorsys.hsv_to_rgb(hue, saturation, value)
    return round(255 * r), round(255 * g), round(255 * b)


def luma(c: Colour) -> float:
    """How bright a colour is, 0 to 255 (ITU-R BT.601)."""
    return 0.299 * c[0] + 0.587 * c[1] + 0.114 * c[2]


def apart(rng: random.Random, ground: Colour, least: float = 70) -> Colour:
    """A colour to be seen on ``ground``."""
    for _ in range(12):
        found = colour(rng)
        if abs(luma(found) - luma(ground)) > least:
            return found
    return (0, 0, 0) if luma(ground) > 127 else (255, 255, 255)


def theme(rng: random.Random) -> tuple[Colour, Colour, Colour]:
    """Ground, text and accent of a page: mostly dark on white or light on dark, as pages are."""
    kind = rng.random()
    if kind < 0.4:
        ground: Colour = (255, 255, 255)
    elif kind < 0.6:
        n = rng.randint(235, 254)
        ground = n, n, rng.randint(n - 6, 255)
    elif kind < 0.8:
        n = rng.randint(0, 50)
        ground = n, n, min(255, n + rng.randint(0, 14))
    else:
        ground = colour(rng)
    light = luma(ground) > 127
    n = rng.randint(0, 90) if light else rng.randint(180, 255)
    text: Colour = (n, n, n) if rng.random() < 0.75 else apart(rng, ground)
    return ground, text, of_hue(rng.random(), rng.uniform(0.5, 1), rng.uniform(0.5, 1))


def jpeg(picture: Image.Image, quality: int) -> Image.Image:
    """The picture as JPEG gives it back."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def paper(picture: Image.Image, rng: random.Random) -> Image.Image:
    """The picture as a scanner or a camera sees it on paper: turned a little, yellowed, shaded, blurred, noisy."""
    size = picture.size[0]
    white = tuple(picture.getpixel((1, 1)))  # type: ignore[arg-type]
    turned = picture.rotate(rng.uniform(-4, 4), Image.Resampling.BICUBIC, fillcolor=white)
    if rng.random() < 0.5:
        turned = turned.filter(ImageFilter.GaussianBlur(rng.uniform(0.2, 0.9)))
    pixels = np.asarray(turned, np.float32) / 255
    noise = np.random.default_rng(rng.getrandbits(32))
    coloured = rng.random() < 0.5
    tint = np.array([1, rng.uniform(0.94, 1), rng.uniform(0.82, 1)] if coloured else [1, 1, 1], np.float32)
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size
    shade = 1 - rng.uniform(0, 0.25) * np.clip(x * rng.uniform(-1, 1) + y * rng.uniform(-1, 1), 0, 1)
    grain = noise.normal(0, rng.uniform(0.002, 0.025), (size, size, 1)).astype(np.float32)
    fibres = Image.fromarray(noise.integers(0, 255, (size // 8, size // 8), np.uint8)).resize((size, size))
    grain += (np.asarray(fibres, np.float32)[..., None] / 255 - 0.5) * rng.uniform(0, 0.03)
    black = rng.uniform(0, 0.2)
    seen = (black + (1 - black) * pixels) * tint * shade[..., None] + grain
    scanned = Image.fromarray((seen.clip(0, 1) * 255).round().astype(np.uint8))
    return jpeg(scanned, rng.randint(40, 92)) if rng.random() < 0.5 else scanned


def subpixels(draw_wide: Image.Image) -> Image.Image:
    """A picture three times as wide -> one whose red, green and blue are taken beside each other, as on LCD screens."""
    wide = np.asarray(draw_wide.filter(ImageFilter.Kernel((3, 3), (0, 0, 0, 1, 1, 1, 0, 0, 0))))
    return Image.fromarray(np.stack([wide[:, i::3, i] for i in range(3)], -1))
