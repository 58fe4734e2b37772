"""Make the example inputs that are our own: drawings and sounds in mmdemo/ui/examples.

    python tools/make_examples.py        # needs espeak-ng and the DejaVu fonts (Debian: fonts-dejavu-core)

The photographs there come from elsewhere; ATTRIBUTION.md beside them says where.
"""

from __future__ import annotations

import io
import itertools
import math
import subprocess
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image, ImageDraw, ImageFilter, ImageFont

OUT = Path(__file__).resolve().parents[1] / "mmdemo" / "ui" / "examples"
SCALE = 4  # drawings are made this many times larger, then scaled down, for smooth edges
SPEECH = {
    "speech_english.flac": ("en-gb", 160, "Every sound you hear is now a short list of numbers."),
    # 你好，欢迎来到声音的世界。
    "speech_mandarin.flac": ("cmn-latn-pinyin", 150, "ni3hao3, huan1ying2 lai2dao4 sheng1yin1 de5 shi4jie4"),
    "spoken_seven.flac": ("en-us", 140, "seven"),
}

Point = tuple[float, float]


def canvas(width: int, height: int, colour: str | None) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """An enlarged drawing surface, transparent without a colour; `finish` brings it back to width × height."""
    size = (width * SCALE, height * SCALE)
    image = Image.new("RGB", size, colour) if colour else Image.new("RGBA", size, (255, 255, 255, 0))
    return image, ImageDraw.Draw(image)


def finish(image: Image.Image, name: str) -> None:
    """Scale down and save as PNG."""
    size = (image.width // SCALE, image.height // SCALE)
    image.resize(size, Image.Resampling.LANCZOS).save(OUT / name, optimize=True)


def font(size: float, style: str = "") -> ImageFont.FreeTypeFont:
    """DejaVu Sans at `size` pixels of the finished picture."""
    return ImageFont.truetype(f"DejaVuSans{style}.ttf", round(size * SCALE))


def box(x0: float, y0: float, x1: float, y1: float) -> list[float]:
    """A rectangle in pixels of the finished picture."""
    return [v * SCALE for v in (x0, y0, x1, y1)]


def test_card() -> None:
    """Fine lines, small type, sharp colours and ramps: what a photograph's autoencoder finds hard."""
    image, draw = canvas(640, 448, "#fbfaf5")
    draw.text((24 * SCALE, 14 * SCALE), "Fine print", "#1b1b1f", font(34, "-Bold"))
    for i, size in enumerate((18, 15, 12, 10, 8)):
        y = 62 + sum((18, 15, 12, 10, 8)[:i]) * 1.45
        draw.text((24 * SCALE, y * SCALE), f"{size} px: How small may letters get?", "#1b1b1f", font(size))
    draw.text((24 * SCALE, 166 * SCALE), "Hamburgefonstiv 0123456789", "#0091ff", font(20, "-Oblique"))
    draw.text((24 * SCALE, 196 * SCALE), "αβγδ  Жизнь  ∑∫√≈  ♞♛  ←↑→", "#d6409f", font(18))
    _line_gratings(draw)
    _zone_plate(image)
    _chart(draw)
    colours = ("#e5484d", "#f5a524", "#f7e04b", "#30a46c", "#0091ff", "#6e56cf", "#d6409f", "#1b1b1f")
    for i, colour in enumerate(colours):
        draw.rectangle(box(24 + 74 * i, 398, 24 + 74 * i + 74, 420), colour)
    ramp = Image.linear_gradient("L").rotate(90).resize((592 * SCALE, 12 * SCALE))
    image.paste(ramp.convert("RGB"), (24 * SCALE, 420 * SCALE))
    finish(image, "test_card.png")


def _line_gratings(draw: ImageDraw.ImageDraw) -> None:
    x = 350.0
    for period in (2, 3, 4, 6, 8):
        for k in range(44 // period):
            draw.rectangle(box(x + k * period, 22, x + k * period + period / 2, 62), "#1b1b1f")
        draw.text(((x + 14) * SCALE, 66 * SCALE), f"{period}", "#1b1b1f", font(11))
        x += 54
    for degrees in range(0, 91, 9):
        dx, dy = 70 * math.cos(math.radians(degrees)), 70 * math.sin(math.radians(degrees))
        draw.line(box(360, 90, 360 + dx, 90 + dy), "#1b1b1f", SCALE)


def _zone_plate(image: Image.Image) -> None:
    """Rings that get finer outwards, up to half a cycle a pixel at the edge."""
    side = 128 * SCALE
    axis = np.linspace(-1, 1, side)
    radius2 = axis[:, None] ** 2 + axis[None, :] ** 2
    rings = 0.5 + 0.5 * np.cos(radius2 * np.pi * 128 / 4)
    plate = Image.fromarray((rings * 255).astype(np.uint8)).convert("RGB")
    image.paste(plate, (488 * SCALE, 88 * SCALE), mask=Image.fromarray(radius2 <= 1))


def _chart(draw: ImageDraw.ImageDraw) -> None:
    """Two curves over a grid, with thin lines and labels."""
    left, top, right, bottom = 56, 236, 616, 372
    for i in range(11):
        x = left + (right - left) * i / 10
        draw.line(box(x, top, x, bottom), "#d8d5cc", SCALE)
        draw.text(((x - 4) * SCALE, (bottom + 4) * SCALE), f"{i}", "#5c5a55", font(10))
    for i in range(5):
        y = bottom - (bottom - top) * i / 4
        draw.line(box(left, y, right, y), "#d8d5cc", SCALE)
        draw.text(((left - 28) * SCALE, (y - 6) * SCALE), f"{i * 25}", "#5c5a55", font(10))
    xs = np.linspace(0, 1, 240)
    curves = {
        "#0091ff": 0.5 + 0.42 * np.sin(9 * xs) * np.exp(-1.2 * xs),
        "#e5484d": 0.92 / (1 + np.exp(-9 * (xs - 0.45))),
    }
    for colour, ys in curves.items():
        points = [
            ((left + x * (right - left)) * SCALE, (bottom - y * (bottom - top)) * SCALE)
            for x, y in zip(xs, ys, strict=True)
        ]
        draw.line(points, colour, 2 * SCALE, joint="curve")


def mushroom() -> None:
    """A flat drawing in the manner of an emoji: few colours, clean edges, no background."""
    image, draw = canvas(384, 384, None)
    draw.ellipse(box(72, 318, 312, 356), "#b9d8bd")
    draw.chord(box(40, 40, 344, 350), 180, 360, "#d93a3a")
    draw.ellipse(box(40, 168, 344, 222), "#b62b30")
    draw.ellipse(box(128, 184, 256, 210), "#8f2026")
    draw.rounded_rectangle(box(146, 196, 238, 340), 36 * SCALE, "#f6e7cf", corners=(False, False, True, True))
    draw.ellipse(box(146, 186, 238, 206), "#f6e7cf")
    spots = ((108, 120, 26), (196, 84, 32), (280, 128, 24), (192, 146, 13), (72, 168, 10), (312, 170, 9))
    for x, y, r in spots:
        draw.ellipse(box(x - r, y - r, x + r, y + r), "#fff7ee")
    for x in (172, 212):
        draw.ellipse(box(x - 7, 234, x + 7, 254), "#3b2a24")
        draw.ellipse(box(x - 4, 237, x + 1, 242), "#ffffff")
    draw.arc(box(178, 248, 206, 270), 20, 160, "#3b2a24", 4 * SCALE)
    for x in (154, 214):
        draw.ellipse(box(x, 254, x + 16, 264), "#f2b5a0")
    finish(image, "mushroom.png")


def digit(name: str, strokes: list[list[Point]], ink: str, paper: str) -> None:
    """A digit written with a pen: cubic Bézier strokes on a unit square, thinner where the pen is fast."""
    image, draw = canvas(280, 280, paper)
    for stroke in strokes:
        points = [p for i in range(0, len(stroke) - 1, 3) for p in _bezier(stroke[i : i + 4])]
        for (x0, y0), (x1, y1) in itertools.pairwise(points):
            speed = math.hypot(x1 - x0, y1 - y0) * 80
            r = (10.5 - 2.2 * min(speed, 1.6)) * SCALE
            x, y = x1 * image.width, y1 * image.height
            draw.ellipse((x - r, y - r, x + r, y + r), ink)
    finish(image.filter(ImageFilter.GaussianBlur(SCALE)), name)


def _bezier(control: list[Point], steps: int = 80) -> list[Point]:
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = control
    curve = []
    for t in np.linspace(0, 1, steps):
        a, b, c, d = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3
        curve.append((a * ax + b * bx + c * cx + d * dx, a * ay + b * by + c * cy + d * dy))
    return curve


def melody(rate: int = 22050) -> None:
    """Plucked strings (Karplus and Strong 1983) and a rising chirp at the end."""
    rng = np.random.default_rng(7)
    notes = (261.63, 329.63, 392.00, 523.25, 440.00, 392.00, 329.63, 293.66)
    sound = np.zeros(int(3.4 * rate))
    for i, frequency in enumerate(notes):
        tone = _pluck(frequency, 1.1, rate, rng)
        start = int(0.26 * i * rate)
        sound[start : start + tone.size] += tone[: sound.size - start]
    t = np.arange(int(0.7 * rate)) / rate
    phase = 2 * np.pi * (300 * t + (6000 - 300) / (2 * 0.7) * t**2)
    sound[-t.size :] += 0.25 * np.sin(phase) * np.hanning(t.size)
    soundfile.write(OUT / "melody.flac", 0.8 * sound / np.abs(sound).max(), rate, subtype="PCM_16")


def _pluck(frequency: float, seconds: float, rate: int, rng: np.random.Generator) -> np.ndarray:
    period = round(rate / frequency)
    string = rng.uniform(-1, 1, period)
    out = np.empty(int(seconds * rate))
    for i in range(out.size):
        out[i] = string[i % period]
        string[i % period] = 0.498 * (string[i % period] + string[(i + 1) % period])
    return out


def speech() -> None:
    """Sentences spoken by espeak-ng, at its own 22.05 kHz."""
    for name, (voice, words_per_minute, text) in SPEECH.items():
        command = ["espeak-ng", "-v", voice, "-s", str(words_per_minute), "--stdout", text]
        wav = subprocess.run(command, capture_output=True, check=True).stdout
        sound, rate = soundfile.read(io.BytesIO(wav))
        soundfile.write(OUT / name, 0.8 * sound / np.abs(sound).max(), rate, subtype="PCM_16")


def main() -> None:
    """Write all of them."""
    test_card()
    mushroom()
    three = [
        [(0.30, 0.24), (0.42, 0.10), (0.74, 0.12), (0.66, 0.34), (0.62, 0.44), (0.50, 0.46), (0.44, 0.47)],
        [(0.44, 0.47), (0.64, 0.45), (0.80, 0.58), (0.68, 0.74), (0.58, 0.88), (0.38, 0.88), (0.27, 0.76)],
    ]
    seven = [
        [(0.26, 0.22), (0.42, 0.25), (0.60, 0.24), (0.75, 0.20), (0.64, 0.40), (0.50, 0.62), (0.44, 0.84)],
        [(0.38, 0.53), (0.46, 0.50), (0.58, 0.50), (0.68, 0.49)],
    ]
    digit("digit_three.png", three, "white", "black")
    digit("digit_seven.png", seven, "#26355c", "#f7f5ee")
    melody()
    speech()


if __name__ == "__main__":
    main()
