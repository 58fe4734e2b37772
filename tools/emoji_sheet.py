"""Draw the README's sheet of prompts that no emoji has, by an emoji model: docs/emoji.webp.

    python tools/emoji_sheet.py [MODEL]

The first sample of each prompt, none picked, all with one seed; the styles take turns.
"""

from __future__ import annotations

import sys
from collections import deque
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

import mmdemo

OUT = Path(__file__).resolve().parents[1] / "docs" / "emoji.webp"
PROMPTS = (
    *("blue heart with crown", "pizza with sunglasses", "green cat", "purple apple", "happy sun", "yellow flower"),
    *("blue strawberry", "cat with heart eyes", "red moon", "crying orange", "pink car", "angry frog"),
    *("orange heart with fire", "house in the snow", "black rabbit", "cow with hat", "rainbow star", "robot dog"),
    *("green bottle", "sleeping bear", "red fish", "monkey drinking coffee", "flying car", "blue rose"),
    *("laughing pumpkin", "tiger with crown", "white butterfly", "birthday cake with rocket", "yellow umbrella"),
    *("sad ice cream", "pink elephant", "night city with moon", "panda astronaut", "purple tree", "blue bird"),
    *("brown book", "ghost with flower", "red and blue balloon", "kissing fox", "green guitar"),
)
COLUMNS, SIDE, LINE, GAP = 8, 96, 30, 8
WAY = {"steps": 32, "guidance": 4.0, "seed": 0}


def main(name: str = "emoji") -> None:
    """Write `OUT`."""
    model = mmdemo.load(name)
    rows = -(-len(PROMPTS) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * (SIDE + GAP) + GAP, rows * (SIDE + LINE + GAP) + GAP), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for i, prompt in enumerate(PROMPTS):
        style = model.styles[i % len(model.styles)]
        steps = model.sample({"text": prompt}, want=("image",), n=1, style=style, **WAY)
        picture = deque(steps, maxlen=1)[0].preview("image")[0].convert("RGB")
        x, y = GAP + i % COLUMNS * (SIDE + GAP), GAP + i // COLUMNS * (SIDE + LINE + GAP)
        sheet.paste(picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS), (x, y))
        for line, words in enumerate(_wrapped(prompt, pen, font)):
            pen.text((x + SIDE / 2, y + SIDE + 2 + 13 * line), words, "#333333", font, anchor="ma")
    sheet.save(OUT, quality=88, method=6)


def _wrapped(text: str, pen: ImageDraw.ImageDraw, font: ImageFont.ImageFont | ImageFont.FreeTypeFont) -> list[str]:
    """Lines no wider than a picture."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and pen.textlength(longer, font) > SIDE:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


if __name__ == "__main__":
    main(*sys.argv[1:2])
