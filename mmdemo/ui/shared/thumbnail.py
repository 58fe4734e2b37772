"""Small squares of pictures, for rows of examples and of what a visitor has opened."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageOps

from mmdemo.ui.shared.payload import data_uri


@lru_cache(maxsize=64)
def of_file(path: Path, side: int) -> str:
    """The middle of a picture file on white, as a data URI."""
    with Image.open(path) as image:
        shape = image.convert("RGBA")
    return of_picture(Image.alpha_composite(Image.new("RGBA", shape.size, "white"), shape), side)


def of_picture(image: Image.Image, side: int) -> str:
    """The same of a picture without transparent parts."""
    return data_uri(ImageOps.fit(image.convert("RGB"), (side, side)), exact_up_to=0, quality=85)
