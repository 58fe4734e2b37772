"""Charts, line art, screentone, maps, pixel art, flat colours, gradients and fine patterns."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from .canvas import CORNERS, Colour, apart, canvas, colour, grey, luma, theme
from .fonts import find_fonts, number, words


def chart(rng: random.Random, size: int) -> Image.Image:
    """Lines, bars, dots or a pie in plain colours, with axes, a grid, numbers and a legend."""
    scale = rng.choice((1, 1, 2))  # drawn larger and scaled down, lines come out smooth
    side = size * scale
    ground, ink, _ = theme(rng)
    picture, draw = canvas(side, ground)
    face = rng.choice(find_fonts()).at(rng.choice((9, 10, 11, 12, 14)) * scale)
    left, bottom = rng.randint(8, 40) * scale, side - rng.randint(8, 30) * scale
    colours = [_on(rng, ground) for _ in range(rng.randint(1, 6))]
    if rng.random() < 0.6:
        faint = apart(rng, ground, 15)
        for at in np.linspace(left, side, rng.randint(4, 9)):
            draw.line((at, 0, at, bottom), fill=faint, width=scale)
            draw.line((left, at - left, side, at - left), fill=faint, width=scale)
    kind = rng.randrange(5)
    width = rng.choice((1, 1, 2, 2, 3, 4)) * scale
    for i, c in enumerate(colours):
        xs = np.linspace(left, side, rng.choice((6, 12, 40, 120)))
        ys = _curve(rng, len(xs), 4 * scale, bottom - 4)
        if kind <= 1:
            draw.line(list(zip(xs.tolist(), ys.tolist())), fill=c, width=width, joint="curve")
        elif kind == 2:
            step = (side - left) / 12
            for j in range(12):
                x = left + j * step + i * step * 0.8 / len(colours)
                box = (x, ys[j % len(ys)], x + step * 0.8 / len(colours), bottom)
                draw.rectangle(box, fill=c, outline=ink if rng.random() < 0.1 else None)
        elif kind == 3:
            r = rng.choice((1, 2, 3, 5)) * scale
            for x, y in zip(xs, ys):
                draw.ellipse((x - r, y - r, x + r, y + r), fill=c)
        else:
            start = 360 * i / len(colours)
            draw.pieslice((left, 10, bottom, bottom), start, start + 360 / len(colours), fill=c, outline=ground)
    if kind < 4:
        draw.line((left, 0, left, bottom, side, bottom), fill=ink, width=scale)
        for at in range(0, side, 40 * scale):
            draw.text((left + at, bottom + 2), number(rng), ink, font=face)
            draw.text((2, at), number(rng)[:5], ink, font=face)
    draw.text((left + 10 * scale, 2 * scale), words(rng, 3), ink, font=face)
    for i, c in enumerate(colours):
        y = (20 + 14 * i) * scale
        draw.rectangle((side - 70 * scale, y, side - 58 * scale, y + 8 * scale), fill=c)
        draw.text((side - 54 * scale, y - 2 * scale), words(rng, 1), ink, font=face)
    return picture.resize((size, size), Image.Resampling.LANCZOS) if scale > 1 else picture


def _on(rng: random.Random, ground: Colour) -> Colour:
    """A colour that differs from the ground somehow, not always in brightness: pure yellow on white is drawn, too."""
    found = colour(rng)
    while sum(abs(a - b) for a, b in zip(found, ground)) < 90:
        found = colour(rng)
    return found


def _curve(rng: random.Random, count: int, top: float, bottom: float) -> np.ndarray:
    """Heights of a smooth or of a jumpy curve."""
    x = np.linspace(0, 1, count)
    waves = [(rng.uniform(-1, 1), k * rng.uniform(0.3, 2), rng.random()) for k in (1, 2)]
    smooth = sum(height * np.sin(2 * math.pi * (often * x + at)) for height, often, at in waves)
    noise = np.random.default_rng(rng.getrandbits(32)).normal(0, rng.choice((0, 0.05, 0.3)), count)
    return np.clip((top + bottom) / 2 + (smooth + noise) * (bottom - top) / 4, top, bottom)


def line_art(rng: random.Random, size: int) -> Image.Image:
    """Curves, polygons, hatching and circles in thin lines, black on white or in colours; some areas filled."""
    scale = rng.choice((1, 2, 3))
    side = size * scale
    ground: Colour = (255, 255, 255) if rng.random() < 0.6 else colour(rng)
    ink: Colour = ((0, 0, 0) if luma(ground) > 127 else (255, 255, 255)) if rng.random() < 0.7 else apart(rng, ground)
    picture, draw = canvas(side, ground)
    for _ in range(rng.randint(5, 18)):
        width = rng.choice((1, 1, 2, 3)) * scale
        fill = colour(rng) if rng.random() < 0.25 else None
        x, y, r = rng.uniform(0, side), rng.uniform(0, side), rng.uniform(side / 20, side / 2)
        kind = rng.randrange(5)
        if kind == 0:
            draw.ellipse((x - r, y - r, x + r, y + r * rng.uniform(0.3, 1)), outline=ink, width=width, fill=fill)
        elif kind == 1:
            corners = sorted(rng.uniform(0, 2 * math.pi) for _ in range(rng.randint(3, 8)))
            points = [(x + r * math.cos(a), y + r * math.sin(a)) for a in corners]
            draw.polygon(points, outline=ink, fill=fill, width=width)
        elif kind == 2:
            t = np.linspace(0, 1, 60)
            xs = x + r * np.sin(rng.uniform(1, 9) * t + rng.random()) + r * t
            ys = y + r * np.cos(rng.uniform(1, 9) * t)
            draw.line(list(zip(xs.tolist(), ys.tolist())), fill=ink, width=width, joint="curve")
        elif kind == 3:  # hatching
            step, slope = rng.choice((3, 4, 6, 9)) * scale, rng.uniform(-1, 1)
            for i in range(int(r // step)):
                draw.line((x + i * step, y, x + i * step + slope * r, y + r), fill=ink, width=scale)
        else:
            draw.arc((x - r, y - r, x + r, y + r), rng.uniform(0, 360), rng.uniform(0, 360), fill=ink, width=width)
    return picture.resize((size, size), Image.Resampling.LANCZOS) if scale > 1 else picture


def screentone(rng: random.Random, size: int) -> Image.Image:
    """Halftone: dots or lines whose size follows a brightness, in panels with outlines, as comics and newspapers."""
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    ink, ground = grey(rng) if rng.random() < 0.3 else (0, 0, 0), (255, 255, 255)
    if rng.random() < 0.25:
        ground = colour(rng)
        ink = apart(rng, ground)
    picture = np.empty((size, size, 3), np.float32)
    picture[:] = ground
    for _ in range(rng.randint(1, 4)):
        angle, period = rng.choice((0, 0.26, math.pi / 4, math.pi / 2, rng.random())), rng.uniform(2.5, 9)
        u, v = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
        wave = np.cos(2 * math.pi * u / period)
        if rng.random() < 0.7:
            wave = (wave + np.cos(2 * math.pi * v / period)) / 2
        slope = (x * rng.uniform(-1, 1) + y * rng.uniform(-1, 1)) / size
        tone = np.clip((wave - slope * rng.choice((0, 1)) - rng.uniform(-0.6, 0.6)) * period / 2 + 0.5, 0, 1)
        if rng.random() < 0.3:
            tone = (tone > 0.5).astype(np.float32)  # without smoothing
        x0, y0 = rng.randint(0, size // 2), rng.randint(0, size // 2)
        part = slice(y0, y0 + rng.randint(40, size)), slice(x0, x0 + rng.randint(40, size))
        share = tone[part][..., None]
        picture[part] = picture[part] * (1 - share) + np.array(ink, np.float32) * share
    drawn = Image.fromarray(picture.round().astype(np.uint8))
    draw: Any = ImageDraw.Draw(drawn)
    for _ in range(rng.randint(0, 3)):
        a, b = sorted((rng.randint(0, size), rng.randint(0, size)))
        draw.rectangle((a, rng.randint(0, size // 2), b, size), outline=ink, width=rng.choice((1, 2, 3)))
    return drawn


def street_map(rng: random.Random, size: int) -> Image.Image:
    """Areas, water, roads with edges, dashed borders and names."""
    ground: Colour = (rng.randint(225, 255), rng.randint(225, 250), rng.randint(210, 240))
    picture, draw = canvas(size, ground)
    for _ in range(rng.randint(3, 9)):
        x, y, r = rng.randint(0, size), rng.randint(0, size), rng.randint(20, size // 2)
        corners = sorted(rng.uniform(0, 2 * math.pi) for _ in range(rng.randint(4, 12)))
        points = [
            (x + r * rng.uniform(0.6, 1) * math.cos(a), y + r * rng.uniform(0.6, 1) * math.sin(a)) for a in corners
        ]
        fill = rng.choice(((170, 211, 223), (200, 230, 180), (173, 209, 158), (218, 208, 220), colour(rng)))
        draw.polygon(points, fill=fill, outline=rng.choice((None, (150, 150, 150))))
    for _ in range(rng.randint(4, 12)):
        width = rng.choice((1, 2, 4, 6, 9))
        points = [(rng.randint(-20, size + 20), rng.randint(-20, size + 20)) for _ in range(rng.randint(2, 4))]
        fill = rng.choice(((255, 255, 255), (248, 215, 110), (232, 146, 162), (120, 120, 120), colour(rng)))
        draw.line(points, fill=(150, 140, 130), width=width + 2, joint="curve")
        draw.line(points, fill=fill, width=width, joint="curve")
    for _ in range(rng.randint(3, 10)):
        font = rng.choice(find_fonts())
        at = rng.randint(-10, size), rng.randint(0, size)
        name = words(rng, rng.randint(1, 2), font)
        face = font.at(rng.choice((8, 9, 10, 11, 13, 16)))
        draw.text(at, name, (60, 60, 70), font=face, stroke_width=rng.choice((0, 1, 2)), stroke_fill=(255, 255, 255))
    return picture


def pixel_art(rng: random.Random, size: int) -> Image.Image:
    """Few colours on a coarse grid, enlarged without smoothing: sprites, tiles, QR-like codes."""
    step = rng.choice((1, 2, 3, 4, 5, 6, 8, 8, 12, 16))
    cells = -(-size // step)
    palette = np.array([colour(rng) for _ in range(rng.randint(2, 12))], np.uint8)
    noise = np.random.default_rng(rng.getrandbits(32))
    if rng.random() < 0.4:  # a code, or noise of two to twelve colours
        picture = palette[noise.integers(0, len(palette), (cells, cells))]
    else:  # sprites: symmetric blobs on a ground
        picture = np.tile(palette[0], (cells, cells, 1))
        for _ in range(rng.randint(2, 20)):
            side = rng.randint(4, 16)
            half = noise.integers(0, len(palette), (side, -(-side // 2))) * (noise.random((side, -(-side // 2))) < 0.6)
            sprite = palette[np.concatenate([half, half[:, ::-1]], 1)][:, :side]
            y, x = rng.randrange(max(1, cells - side)), rng.randrange(max(1, cells - side))
            room = picture[y : y + side, x : x + side]
            room[:] = sprite[: room.shape[0], : room.shape[1]]
    large = np.repeat(np.repeat(picture, step, 0), step, 1)[:size, :size]
    return Image.fromarray(np.ascontiguousarray(large))


def flat(rng: random.Random, size: int) -> Image.Image:
    """One colour all over; or few, with straight edges."""
    picture, draw = canvas(size, rng.choice(CORNERS) if rng.random() < 0.2 else colour(rng))
    if rng.random() < 0.35:
        for _ in range(rng.randint(1, 5)):
            x, y = rng.randint(0, size), rng.randint(0, size)
            draw.rectangle((x, y, x + rng.randint(4, size), y + rng.randint(4, size)), fill=colour(rng))
    return picture


def gradient(rng: random.Random, size: int) -> Image.Image:
    """From colour to colour, straight or round, smooth, in steps or with a little noise."""
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size
    if rng.random() < 0.6:
        angle = rng.uniform(0, 2 * math.pi)
        t = x * math.cos(angle) + y * math.sin(angle)
    else:
        t = np.hypot(x - rng.random(), y - rng.random())
    t = (t - t.min()) / (t.max() - t.min()) * rng.choice((0.25, 1, 1, 3)) % 1.0001
    if rng.random() < 0.2:
        steps = rng.randint(3, 24)
        t = np.floor(t * steps) / steps
    ends = np.array([colour(rng) for _ in range(rng.randint(2, 4))], np.float32)
    at = np.linspace(0, 1, len(ends))
    picture = np.stack([np.interp(t, at, ends[:, i]) for i in range(3)], -1)
    if rng.random() < 0.3:
        noise = np.random.default_rng(rng.getrandbits(32))
        picture += noise.normal(0, rng.uniform(0.3, 3), picture.shape)
    return Image.fromarray(picture.clip(0, 255).round().astype(np.uint8))


def pattern(rng: random.Random, size: int) -> Image.Image:
    """Checkers, stripes and grids of one to some pixels in two colours."""
    y, x = np.mgrid[0:size, 0:size]
    a, b = rng.choice((1, 1, 2, 3, 4, 8, 16)), rng.choice((1, 1, 2, 3, 4, 8, 16))
    kind = rng.randrange(4)
    if kind == 0:
        on = (x // a + y // a) % 2
    elif kind == 1:
        on = (x // a) % 2 if rng.random() < 0.5 else (y // a) % 2
    elif kind == 2:
        on = ((x % (4 * a + b)) < b) | ((y % (4 * a + b)) < b)
    else:
        on = ((x + rng.choice((-1, 1)) * y) // a) % 2
    first: Colour = rng.choice(((0, 0, 0), grey(rng), colour(rng)))
    second: Colour = (255, 255, 255) if rng.random() < 0.4 else apart(rng, first, 30)
    palette = np.array([first, second], np.uint8)
    return Image.fromarray(palette[on.astype(np.intp)])
