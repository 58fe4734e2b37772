"""24 pages, windows, charts, drawings and scans; 24 flat colours; grey pictures; lines of pure colours.

Text is in the font that Pillow brings along (Aileron Regular, CC0), which the drawn training pictures leave out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

WIDTH, HEIGHT = 384, 288
FLAT_SIDE = 256
VARIANTS = 3  # of each kind of picture
Colour = tuple[int, int, int]

PROSE = (
    "Ferry timetable for the outer islands, valid until further notice. Boats leave from pier 7 at 6:40, 9:15, 13:05 "
    "and 18:30 on weekdays; at 8:00 and 17:20 on Sundays. Bicycles cost 4.50, dogs travel free of charge. Passengers "
    "should arrive twelve minutes before departure. In heavy weather the captain decides whether the crossing takes "
    "place; please ring 0431 87 26 95 or look at the board beside the lighthouse. Lost property is kept for thirty "
    "days in the harbour office, open from 10 to 16 o'clock. The quick brown fox jumps over the lazy dog, and pack my "
    "box with five dozen liquor jugs. Average depth 38.2 m, water temperature 14.7 degrees, wind north-west 5 to 6. "
)
SOURCE = (
    "import wave, math\n\nclass Mixer:\n    def __init__(self, rate=44100):\n        self.rate = rate\n"
    "        self.tracks = []\n\n    def add(self, name, gain=0.8):\n        if gain > 1.0:\n"
    "            raise ValueError('too loud')\n        self.tracks.append((name, gain))\n\n"
    "    def render(self, secs):\n"
    "        n = int(secs * self.rate)\n        out = [0.0] * n\n        for i, (name, g) in enumerate(self.tracks):\n"
    "            for k in range(n):\n                out[k] += g * math.sin(k / (i + 3))\n        return out\n"
)
# Corners and edges of the RGB cube, greys, and some between.
FLATS: tuple[Colour, ...] = (
    *((0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255), (255, 0, 255)),
    *((128, 0, 0), (0, 128, 0), (0, 0, 128), (255, 128, 0), (0, 255, 128), (128, 0, 255), (255, 0, 128), (128, 255, 0)),
    *((64, 64, 64), (128, 128, 128), (192, 192, 192), (40, 90, 160), (240, 200, 150), (90, 60, 30), (30, 160, 120)),
    (250, 235, 215),
)
LINES: tuple[Colour, ...] = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 165, 0), (128, 0, 128), (50, 205, 50))


@dataclass(frozen=True)
class Sample:
    """A test picture; ``words`` is what stands in it, where it is to be read."""

    name: str
    picture: Image.Image
    words: str = ""


def _font(size: int) -> Any:
    return ImageFont.load_default(size)


def _page(colour: Colour, width: int = WIDTH, height: int = HEIGHT) -> tuple[Image.Image, Any]:
    picture = Image.new("RGB", (width, height), colour)
    return picture, ImageDraw.Draw(picture)


def _lines(text: str, per_line: int) -> list[str]:
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        if len(line) + len(word) > per_line:
            lines, line = [*lines, line], ""
        line += word + " "
    return [*lines, line]


def _article(v: int) -> Sample:
    """Running text of 11, 12 and 13 pixels, dark on light and light on dark."""
    size, ground, ink = (
        11 + v,
        ((255, 255, 255), (24, 26, 30), (250, 244, 230))[v],
        ((20, 20, 20), (222, 222, 222), (60, 40, 20))[v],
    )
    picture, draw = _page(ground)
    draw.text((12, 8), ("Harbour news", "Night service", "Notice")[v], ink, font=_font(20))
    lines = _lines(PROSE[v * 60 :], 60 - 4 * v)[: (HEIGHT - 44) // (size + 5)]
    for i, line in enumerate(lines):
        draw.text((12, 38 + i * (size + 5)), line, ink, font=_font(size))
    return Sample(f"article {v}", picture, " ".join(line.strip() for line in lines))


def _editor(v: int) -> Sample:
    ground, ink = ((39, 40, 34), (255, 255, 255), (0, 43, 54))[v], ((248, 248, 242), (0, 0, 0), (147, 161, 161))[v]
    colours = (ink, ((249, 38, 114), (0, 0, 255), (181, 137, 0))[v], ((166, 226, 46), (163, 21, 21), (42, 161, 152))[v])
    picture, draw = _page(ground)
    for i, line in enumerate(SOURCE.split("\n")[: HEIGHT // 15]):
        draw.text((6, 3 + 15 * i), f"{i + 1:>2}", (120, 120, 120), font=_font(11))
        draw.text(
            (30 + 6 * (len(line) - len(line.lstrip())), 3 + 15 * i),
            line.strip(),
            colours[(i * 7 + v) % 3],
            font=_font(12),
        )
    return Sample(f"editor {v}", picture)


def _settings(v: int) -> Sample:
    picture, draw = _page(((245, 246, 250), (32, 33, 36), (236, 233, 216))[v])
    ink, accent = ((30, 30, 40), (232, 234, 237), (0, 0, 0))[v], ((26, 115, 232), (138, 180, 248), (10, 36, 106))[v]
    draw.rectangle((0, 0, WIDTH, 28), fill=accent)
    draw.text((10, 6), "Preferences", (255, 255, 255) if v != 1 else (20, 20, 20), font=_font(14))
    for i, label in enumerate(
        ("Start with the system", "Show hidden files", "Check spelling", "Use large icons", "Play sounds")
    ):
        y = 42 + 34 * i
        draw.text((40, y), label, ink, font=_font(13))
        draw.rounded_rectangle((14, y, 30, y + 16), 3, outline=ink, fill=accent if (i + v) % 2 else None)
        draw.line((220, y + 8, 350, y + 8), fill=(150, 150, 150), width=3)
        draw.ellipse((220 + 20 * i, y + 1, 234 + 20 * i, y + 15), fill=accent)
    for i, label in enumerate(("Cancel", "Apply", "OK")):
        x = 120 + 86 * i
        draw.rounded_rectangle((x, 244, x + 76, 270), 5, fill=accent if i == 2 else None, outline=accent)
        draw.text((x + 18, 249), label, (255, 255, 255) if i == 2 and v != 1 else ink, font=_font(13))
    return Sample(f"settings {v}", picture)


def _sheet(v: int) -> Sample:
    picture, draw = _page((255, 255, 255))
    for row in range(17):
        for column in range(6):
            x, y = 64 * column, 17 * row
            head = row == 0 or column == 0
            draw.rectangle(
                (x, y, x + 64, y + 17),
                fill=((221, 232, 203) if v == 1 else (230, 230, 230)) if head else None,
                outline=(200, 200, 200),
            )
            value = 7919 * (row + 3) * (column + 5 + v) % 99991
            cell = ("Item", "Qty", "Price", "Tax", "Total", "Code")[column] if row == 0 else f"{value / 100:,.2f}"
            draw.text((x + 4, y + 3), cell, (190, 0, 0) if value % 11 == 0 and not head else (0, 0, 0), font=_font(11))
    return Sample(f"sheet {v}", picture)


def _chart(v: int) -> Sample:
    picture, draw = _page((255, 255, 255) if v != 1 else (16, 18, 24))
    ink = (0, 0, 0) if v != 1 else (200, 200, 200)
    draw.rectangle((36, 12, 370, 256), outline=ink)
    for i in range(1, 6):
        draw.line((36, 12 + 41 * i, 370, 12 + 41 * i), fill=(215, 215, 215) if v != 1 else (60, 60, 60))
        draw.text((6, 6 + 41 * i), f"{100 - 20 * i}", ink, font=_font(11))
        draw.text((36 + 55 * i, 262), f"{2016 + i}", ink, font=_font(11))
    for k, colour in enumerate(LINES):
        points = [(36 + 334 * i / 60, 134 + 90 * math.sin(i / (5 + k) + 1.7 * k + v) - 4 * k) for i in range(61)]
        if v < 2:
            draw.line(points, fill=colour, width=2, joint="curve")
        else:
            for i in range(5):
                x = 50 + 64 * i + 8 * k
                draw.rectangle((x, points[12 * i][1], x + 7, 255), fill=colour)
    return Sample(f"chart {v}", picture)


def _drawing(v: int) -> Sample:
    """Ink on white, four times as large and scaled down; the second hatched, the third with areas of plain colours."""
    large, draw = _page((255, 255, 255), 4 * WIDTH, 4 * HEIGHT)
    for i in range(9):
        x, y, r = (211 * i + 97 * v) % (4 * WIDTH), (157 * i + 61) % (4 * HEIGHT), 90 + 41 * ((i + v) % 5)
        fill = FLATS[2 + (i * 5) % 14] if v == 2 else None
        if i % 3 == 0:
            draw.ellipse((x - r, y - r, x + r, y + r), outline=(0, 0, 0), width=6, fill=fill)
        elif i % 3 == 1:
            corners = [(x + r * math.cos(k * 2.5 + i), y + r * math.sin(k * 2.5 + i)) for k in range(5)]
            draw.polygon(corners, outline=(0, 0, 0), width=6, fill=fill)
        else:
            curve = [(x + 3 * t, y + r * math.sin(t / 23 + i)) for t in range(0, 220, 4)]
            draw.line(curve, fill=(0, 0, 0), width=5, joint="curve")
        if v == 1:
            for k in range(0, 2 * r, 22):
                draw.line((x - r + k, y - r, x - r + k - 60, y + r), fill=(0, 0, 0), width=3)
    return Sample(f"drawing {v}", large.resize((WIDTH, HEIGHT), Image.Resampling.BOX))


def _comic(v: int) -> Sample:
    """Halftone dots of 4, 5 and 6 pixels whose size follows a gradient, a panel and a bubble."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float64)
    period = 4 + v
    a = (x + y) / math.sqrt(2), (x - y) / math.sqrt(2)
    dots = (np.cos(2 * math.pi * a[0] / period) + np.cos(2 * math.pi * a[1] / period)) / 2
    ink = np.clip((dots - 1 + 1.7 * x / WIDTH) * period / 2 + 0.5, 0, 1)[..., None]
    colour = np.array(((0, 0, 0), (0, 0, 0), (200, 30, 60))[v], np.float64)
    picture = Image.fromarray((255 * (1 - ink) + colour * ink).round().astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((8, 8, WIDTH - 9, HEIGHT - 9), outline=(0, 0, 0), width=3)
    draw.ellipse((60, 30, 300, 110), fill=(255, 255, 255), outline=(0, 0, 0), width=2)
    draw.text((96, 58), ("WAIT FOR ME!", "It is too late...", "Look out there!")[v], (0, 0, 0), font=_font(22))
    return Sample(f"comic {v}", picture)


def _scan(v: int) -> Sample:
    """A letter on paper: turned, yellowed, shaded from one side, blurred, noisy."""
    page, draw = _page((255, 255, 255))
    for i, line in enumerate(_lines(PROSE[90 + 80 * v :], 48)[:14]):
        draw.text((24, 20 + 18 * i), line, (30, 30, 50), font=_font(14))
    turned = page.rotate((1.3, -2.1, 0.6)[v], Image.Resampling.BICUBIC, fillcolor=(255, 255, 255))
    pixels = np.asarray(turned.filter(ImageFilter.GaussianBlur(0.5)), np.float64) / 255
    shade = 1 - 0.15 * np.mgrid[0:HEIGHT, 0:WIDTH][1][..., None] / WIDTH
    noise = np.random.default_rng(77 + v).normal(0, 0.012, (HEIGHT, WIDTH, 1))
    tint = np.array([(1, 0.97, 0.9), (1, 1, 1), (0.95, 0.93, 0.9)][v])
    seen = (0.08 + 0.92 * pixels) * shade * tint + noise
    return Sample(f"scan {v}", Image.fromarray((seen.clip(0, 1) * 255).round().astype(np.uint8)))


KINDS: tuple[Callable[[int], Sample], ...] = (_article, _editor, _settings, _sheet, _chart, _drawing, _comic, _scan)


@cache
def screens() -> tuple[Sample, ...]:
    """24 pictures: three of each kind."""
    return tuple(kind(v) for v in range(VARIANTS) for kind in KINDS)


def flats() -> list[Image.Image]:
    """24 pictures of one colour each."""
    return [Image.new("RGB", (FLAT_SIDE, FLAT_SIDE), c) for c in FLATS]


def greys() -> list[Sample]:
    """Pictures whose red, green and blue are alike: pages, drawings, scans, a fine checker, a gradient."""
    chosen = [s for s in screens() if s.name.split()[0] in ("article", "drawing", "comic", "scan")][:8]
    y, x = np.mgrid[0:128, 0:128]
    made = {"checker": 255 * ((x + y) % 2), "gradient": 2 * x, "stripes": 255 * (x // 3 % 2)}
    pictures = [Sample(name, Image.fromarray(a.astype(np.uint8))) for name, a in made.items()]
    return [Sample(s.name, s.picture.convert("L").convert("RGB")) for s in (*chosen, *pictures)]


def pure_lines() -> list[tuple[Image.Image, np.ndarray, Colour]]:
    """Charts with a line of 2 pixels in a pure colour on white: picture, which pixels are of the line alone, colour."""
    found = []
    for k, colour in enumerate(LINES):
        picture, draw = _page((255, 255, 255), 192, 128)
        points = [(i, 64 + 45 * math.sin(i / (14 + 3 * k) + k)) for i in range(0, 193, 3)]
        draw.line(points, fill=colour, width=2)
        found.append((picture, (np.asarray(picture) == colour).all(-1), colour))
    return found
