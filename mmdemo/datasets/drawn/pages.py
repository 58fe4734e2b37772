"""Text in many fonts and sizes, source code, tables, and user interfaces."""

from __future__ import annotations

import random
from typing import Any

from PIL import Image

from .canvas import Colour, apart, canvas, colour, of_hue, subpixels, theme
from .fonts import Font, code_line, find_fonts, number, words

SMALL = (9, 10, 11, 11, 12, 12, 13, 13, 14, 15, 16)  # pixels of the text that screens are full of


def _font(rng: random.Random) -> Font:
    """Any font, those with Chinese characters in one of three."""
    fonts = find_fonts()
    chinese = [f for f in fonts if f.chinese]
    return rng.choice(chinese) if chinese and rng.random() < 0.33 else rng.choice(fonts)


def text_page(rng: random.Random, size: int) -> Image.Image:
    """Lines of text in one font, the first perhaps larger; black on white or in colours, smoothed as screens do it."""
    ground, ink, accent = theme(rng)
    wide = 3 if rng.random() < 0.15 else 1  # then drawn three times as large, for subpixels
    picture, draw = canvas(size * wide, ground)
    font, pixels = _font(rng), rng.choice((*SMALL, *SMALL, 18, 20, 24, 32, 48))
    draw.fontmode = "1" if rng.random() < 0.1 else "L"  # without smoothing, as old screens
    left, y, step = rng.randint(-40, 16), rng.randint(-8, 12), round(pixels * rng.uniform(1.15, 1.8))
    while y < size:
        large = 2 if rng.random() < 0.06 else 1
        line = words(rng, 2 + size // (2 * pixels * large), font)
        fill = accent if rng.random() < 0.08 else ink
        at = (left + rng.choice((0, 0, 0, 24))) * wide, y * wide
        draw.text(at, line, fill, font=font.at(pixels * wide * large))
        y += step * (2 if large > 1 or rng.random() < 0.1 else 1)
    return subpixels(picture.resize((size * 3, size), Image.Resampling.BOX)) if wide == 3 else picture


def snippets(rng: random.Random, size: int) -> Image.Image:
    """Words of any font, size, colour and direction on grounds of any colour."""
    picture, draw = canvas(size, colour(rng))
    for _ in range(rng.randint(4, 12)):
        x, y = rng.randint(-20, size), rng.randint(-10, size)
        across, down = rng.randint(20, size), rng.randint(12, 70)
        ground = colour(rng)
        draw.rectangle((x, y, x + across, y + down), fill=ground)
        font = _font(rng)
        face = font.at(rng.choice((*SMALL, 18, 22, 28, 36, 56)))
        draw.text((x + 3, y + 2), words(rng, rng.randint(1, 5), font), apart(rng, ground), font=face)
    if rng.random() < 0.25:
        picture = picture.rotate(rng.choice((90, 180, 270, rng.uniform(-20, 20))), Image.Resampling.BICUBIC)
    return picture


def source_code(rng: random.Random, size: int) -> Image.Image:
    """An editor or a terminal: numbered lines, words in the colours of their kinds."""
    ground, ink, _ = theme(rng)
    picture, draw = canvas(size, ground)
    mono = [f for f in find_fonts() if "mono" in f.path.lower() or "code" in f.path.lower()]
    pixels = rng.choice(SMALL)
    face = rng.choice(mono or list(find_fonts())).at(pixels)
    colours = [ink, *(apart(rng, ground, 60) for _ in range(4))]
    y, line = rng.randint(-6, 6), rng.randint(1, 900)
    numbered = rng.random() < 0.6
    while y < size:
        x: float = rng.choice((2, 4, 8)) if not numbered else 2
        if numbered:
            draw.text((x, y), f"{line:>4}", colours[1], font=face)
            x += 5.5 * draw.textlength("0", face)
        for part in code_line(rng).split(" "):
            draw.text((x, y), part, rng.choice(colours), font=face)
            x += draw.textlength(part + " ", face)
        y, line = y + round(pixels * 1.35), line + 1
    return picture


def table(rng: random.Random, size: int) -> Image.Image:
    """Rows and columns of numbers and words, ruled or striped."""
    ground, ink, accent = theme(rng)
    picture, draw = canvas(size, ground)
    pixels, font = rng.choice(SMALL), _font(rng)
    face, high, wide = font.at(pixels), round(pixels * rng.uniform(1.4, 2.2)), rng.randint(36, 110)
    striped, ruled, line = rng.random() < 0.5, rng.random() < 0.6, apart(rng, ground, 20)
    stripe: Colour = tuple(min(255, max(0, c + (-14 if c > 127 else 14))) for c in ground)  # type: ignore[assignment]
    for row in range(size // high + 1):
        y = row * high
        if row == 0 or (striped and row % 2):
            draw.rectangle((0, y, size, y + high - 1), fill=accent if row == 0 else stripe)
        for column in range(size // wide + 1):
            x = column * wide
            cell = words(rng, 1, font) if row == 0 or column == 0 else number(rng)
            draw.text((x + 4, y + (high - pixels) // 2 - 1), cell, apart(rng, accent) if row == 0 else ink, font=face)
            if ruled:
                draw.line((x, 0, x, size), fill=line)
        if ruled:
            draw.line((0, y, size, y), fill=line)
    return picture


def interface(rng: random.Random, size: int) -> Image.Image:
    """Windows with bars, buttons, fields, check boxes, sliders, tabs, lists and icons; some drawn at twice the size."""
    twice = rng.random() < 0.2
    side = 2 * size if twice else size
    ground, ink, accent = theme(rng)
    picture, draw = canvas(side, ground)
    font, pixels = _font(rng), rng.choice(SMALL) * (2 if twice else 1)
    face = font.at(pixels)
    line = apart(rng, ground, 25)
    radius = rng.choice((0, 3, 6, 12))

    def label(x: float, y: float, count: int, fill: Colour = ink) -> None:
        draw.text((x, y), words(rng, count, font), fill, font=face)

    bar = pixels * 2
    draw.rectangle((0, 0, side, bar), fill=accent)
    label(8, bar // 4, 3, apart(rng, accent))
    for i in range(3):
        draw.ellipse((side - 20 * (i + 1), bar // 2 - 5, side - 20 * i - 10, bar // 2 + 5), fill=colour(rng))
    x, y = rng.randint(4, 20), bar + rng.randint(4, 16)
    while y < side:
        kind, across = rng.randrange(8), rng.randint(60, 160)
        box = (x, y, x + across, y + bar)
        if kind == 0:  # a button
            fill = rng.choice((accent, colour(rng)))
            draw.rounded_rectangle(box, radius, fill=fill, outline=line if rng.random() < 0.5 else None)
            label(x + 8, y + pixels // 2, 1, apart(rng, fill))
        elif kind == 1:  # a field
            draw.rounded_rectangle(box, radius, outline=line)
            label(x + 6, y + pixels // 2, 2)
        elif kind == 2:  # a check box or a radio button
            shape = rng.choice((draw.rectangle, draw.ellipse))
            shape((x, y + 4, x + pixels, y + 4 + pixels), outline=ink, fill=accent if rng.random() < 0.5 else None)
            label(x + pixels + 6, y + 2, 3)
        elif kind == 3:  # a slider, or how far something is
            part = rng.uniform(0, across)
            draw.line((x, y + bar // 2, x + across, y + bar // 2), fill=line, width=rng.choice((2, 4, 8)))
            draw.line((x, y + bar // 2, x + part, y + bar // 2), fill=accent, width=rng.choice((2, 4, 8)))
            draw.ellipse((x + part - 6, y + bar // 2 - 6, x + part + 6, y + bar // 2 + 6), fill=accent)
        elif kind == 4:  # a list, one of it chosen
            for _ in range(rng.randint(2, 5)):
                if rng.random() < 0.3:
                    draw.rectangle((x, y, x + across, y + pixels + 4), fill=accent)
                icon(draw, rng, x + 2, y + 2, pixels)
                label(x + pixels + 8, y + 1, 2)
                y += pixels + 6
        elif kind == 5:  # icons in a row
            for i in range(rng.randint(3, 8)):
                icon(draw, rng, x + i * (bar + 4), y, bar - 4)
        elif kind == 6:  # a card with a shadow
            shade: Colour = tuple(int(c * 0.85) for c in ground)  # type: ignore[assignment]
            draw.rounded_rectangle((x + 3, y + 3, x + across + 43, y + 3 * bar + 3), radius, fill=shade)
            draw.rounded_rectangle((x, y, x + across + 40, y + 3 * bar), radius, fill=ground, outline=line)
            label(x + 8, y + 6, 2)
            label(x + 8, y + bar + 4, 4)
            y += 2 * bar
        else:
            label(x, y, 4)
        y += bar + rng.randint(2, 14)
        if y > side - bar and x < side // 2:
            x, y = x + side // 2, bar + rng.randint(4, 16)
    return picture.resize((size, size), Image.Resampling.LANCZOS) if twice else picture


def icon(draw: Any, rng: random.Random, x: float, y: float, side: float) -> None:
    """A small sign of one to three shapes."""
    for _ in range(rng.randint(1, 3)):
        fill = of_hue(rng.random(), 0.8, 0.9) if rng.random() < 0.6 else colour(rng)
        a, b, c, d = (rng.uniform(0, side) for _ in range(4))
        kind = rng.randrange(4)
        if kind == 0:
            draw.ellipse((x + min(a, b), y + min(c, d), x + max(a, b), y + max(c, d)), fill=fill)
        elif kind == 1:
            draw.rectangle((x + min(a, b), y + min(c, d), x + max(a, b), y + max(c, d)), fill=fill)
        elif kind == 2:
            draw.polygon([(x + a, y), (x, y + b), (x + side, y + c)], fill=fill)
        else:
            draw.line((x + a, y + b, x + c, y + d), fill=fill, width=rng.choice((1, 2, 3)))
