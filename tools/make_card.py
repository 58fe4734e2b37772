"""The picture that is shown where a link to the page is posted: `python tools/make_card.py` writes ui/shell/card.jpg.

All of it is our own material: an example photograph through the image tokenizer on 1, 2, 4 and all levels, the codes of
its first level in the colours that they stand for, and the spectrogram of an example recording.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

import mmdemo
from mmdemo.modalities import audio
from mmdemo.ui.audio import view

UI = Path(__file__).parents[1] / "mmdemo" / "ui"
WIDTH, HEIGHT, EDGE = 1200, 630, 36
GROUND, INK, MUTED, ACCENT = "#131817", "#e8ebe6", "#9aa5a0", "#4fc3b1"
BANDS = (1, 2, 4, None)


def main() -> None:
    """Write the card."""
    card = Image.new("RGB", (WIDTH, HEIGHT), GROUND)
    draw = ImageDraw.Draw(card)
    codec = mmdemo.load("image", device="cpu")
    photo = ImageOps.fit(Image.open(UI / "examples" / "cat.jpg").convert("RGB"), (560, 400))
    tokens = codec.encode(photo)
    shown = [codec.decode(tokens, levels) for levels in BANDS]
    band = photo.width // len(shown)
    for i, (levels, picture) in enumerate(zip(BANDS, shown, strict=True)):
        left = EDGE + i * band
        card.paste(picture.crop((i * band, 0, (i + 1) * band, photo.height)), (left, EDGE))
        name = f"{levels or tokens.levels} level{'' if levels == 1 else 's'}"
        draw.text((left + 8, EDGE + photo.height + 8), name, MUTED, font(20))
        if i:
            draw.line([left, EDGE, left, EDGE + photo.height], fill=INK, width=2)
    patches(card, codec, tokens, (EDGE + photo.width + EDGE, EDGE))
    sound(card, (EDGE, 500, WIDTH - EDGE, 560))
    right = EDGE + photo.width + EDGE
    draw.text((right, 286), "mmdemo", ACCENT, font(64, bold=True))
    lines = ("See inside VQ autoencoders and", "diffusion transformers:", "images, text and audio as tokens.")
    for i, line in enumerate(lines):
        draw.text((right, 372 + 36 * i), line, INK, font(28))
    draw.text((EDGE, 578), "a picture, a voice, a word: the same idea, live in the browser", MUTED, font(22))
    card.save(UI / "shell" / "card.jpg", quality=86, optimize=True)


def patches(card: Image.Image, codec: mmdemo.codec.Codec, tokens: mmdemo.Tokens, corner: tuple[int, int]) -> None:
    """Some codewords of level 1, each decoded alone, the most used ones first."""
    columns, rows, side = 9, 4, 56
    codes = tokens.histogram()[0].argsort(descending=True)[: columns * rows]
    for i, patch in enumerate(codec.show_codes(0, codes)):
        at = corner[0] + i % columns * (side + 3), corner[1] + i // columns * (side + 3)
        card.paste(patch.resize((side, side), Image.Resampling.BICUBIC), at)


def sound(card: Image.Image, box: tuple[int, int, int, int]) -> None:
    """The spectrogram of an example recording."""
    wave = audio.load(UI / "examples" / "speech_english.flac").tensor
    mel = np.ascontiguousarray(view.mel(wave)[::-1])
    picture = ImageOps.colorize(Image.fromarray(mel), GROUND, "#f5eeb4", "#0f7c74")
    card.paste(picture.resize((box[2] - box[0], box[3] - box[1]), Image.Resampling.BICUBIC), box[:2])


def font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """Pillow's own font, or DejaVu where it is installed."""
    name = f"DejaVuSans{'-Bold' if bold else ''}.ttf"
    try:
        return ImageFont.truetype(name, size)
    except OSError:
        return ImageFont.load_default(size)


if __name__ == "__main__":
    main()
