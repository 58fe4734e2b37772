"""Emoji drawings of five styles: from the packages of their makers to square pictures on white."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

from ...errors import InputError
from .packages import Package, members

SIDE = 64  # pixels of a finished picture
DRAWN = 512  # … of an SVG before it is scaled down
MARGIN = 1 / SIDE  # of the side, that stays white around a drawing which would touch the border


@dataclass(frozen=True)
class Style:
    """A style of emoji.

    Attributes:
        window: side of the part of a drawing that is shown, in sides of its native square: the same for all drawings of
            a style, so that they keep their sizes beside each other.
        leave_out: drawings that show another emoji than their name says.
    """

    name: str
    package: Package
    window: float
    licence: str
    attribution: str
    leave_out: tuple[str, ...] = ()


def _npm(name: str, version: str) -> Package:
    return Package("npm", name, version)


STYLES = (
    Style(
        "noto",
        _npm("@iconify-json/noto", "1.2.9"),
        1.0,
        "Apache-2.0",
        "Noto Emoji: Copyright 2013-2017 Google Inc. Pictures were rasterised and resized.",
    ),
    Style(
        "twemoji",
        _npm("@iconify-json/twemoji", "1.2.5"),
        1.08,
        "CC-BY-4.0",
        "Twemoji: Copyright 2014-2021 Twitter; 2022-present Jason Sofonia and Justine De Caires; and other "
        "contributors. Pictures were rasterised, padded and resized.",
    ),
    Style(
        "openmoji",
        _npm("openmoji", "17.0.0"),
        0.92,
        "CC-BY-SA-4.0",
        "All emojis designed by OpenMoji (openmoji.org), the open-source emoji and icon project. Pictures were "
        "rasterised, cropped and resized; the results are under the same licence.",
    ),
    Style(
        "fluent3d",
        _npm("@lobehub/fluent-emoji-3d", "1.1.0"),
        0.95,
        "MIT",
        "Fluent Emoji: Copyright (c) Microsoft Corporation. Packaging: Copyright (c) 2023 LobeHub. Pictures were "
        "cropped and resized.",
        ("1F431",),
    ),
    Style(
        "fluentflat",
        _npm("@iconify-json/fluent-emoji-flat", "1.2.6"),
        0.95,
        "MIT",
        "Fluent Emoji: Copyright (c) Microsoft Corporation. Pictures were rasterised, cropped and resized.",
        ("1F431", "1F533"),
    ),
)


def key(code: str) -> str:
    """A sequence of code points as all packages agree on it: upper case, without the variation selector FE0F."""
    return "-".join(c for c in code.upper().split("-") if c != "FE0F")


@dataclass(frozen=True)
class Drawing:
    """An SVG, or the bytes of a raster picture with alpha; of an SVG its box too: left, top, width, height."""

    data: str | bytes
    box: tuple[float, float, float, float] = (0, 0, 0, 0)

    def native(self) -> Image.Image:
        """RGBA, square: an SVG rendered at `DRAWN` pixels, a raster picture as it is."""
        if isinstance(self.data, str):
            left, top, width, height = self.box
            full = max(width, height)
            return _rendered(self.data, (left + (width - full) / 2, top + (height - full) / 2, full, full), DRAWN)
        picture = Image.open(io.BytesIO(self.data)).convert("RGBA")
        side = max(picture.size)
        return picture if picture.size == (side, side) else ImageOps.pad(picture, (side, side))


def _rendered(body: str, box: tuple[float, ...], pixels: int) -> Image.Image:
    try:
        import resvg_py
    except ImportError:
        raise InputError(
            "Drawings are rendered by resvg, which is not installed here: pip install 'mmdemo[data]'."
        ) from None
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'width="{pixels}" height="{pixels}" viewBox="{" ".join(f"{v:g}" for v in box)}">'
    )
    png = resvg_py.svg_to_bytes(svg_string=f"{head}{body}</svg>", skip_system_fonts=True)
    return Image.open(io.BytesIO(bytes(png))).convert("RGBA")


def framed(drawing: Drawing, window: float) -> Image.Image:
    """A drawing on white, (SIDE, SIDE) RGB, in its style's window, or one as much wider as it needs for a margin."""
    picture = drawing.native()
    size = picture.width
    reach = 0.0  # side of the square around the middle that just holds it
    if box := picture.getchannel("A").getbbox():
        reach = 2 * max(size / 2 - min(box[:2]), max(box[2:]) - size / 2)
    wanted = window * size if reach <= window * size * (1 - 2 * MARGIN) else reach / (1 - 2 * MARGIN)
    side = 2 * round(wanted / 2)  # even, so that the middle stays where it is
    seen = Image.new("RGBA", (side, side), "white")
    shift = (side - size) // 2
    outside, inside = max(0, shift), max(0, -shift)
    seen.alpha_composite(picture, (outside, outside), (inside, inside))
    return seen.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def read_drawings(style: Style, package: Path) -> Iterator[tuple[str, Drawing]]:
    """All drawings in a style's package, (`key` of its code points, drawing). Raises InputError where it is another."""
    if style.package.name.startswith("@iconify-json/"):
        yield from _icons(package)
        return
    folder, suffix = ("color/svg/", ".svg") if style.name == "openmoji" else ("assets/", ".webp")
    for name, data in members(package, lambda name: name.startswith(folder) and name.endswith(suffix)):
        code = key(Path(name).stem)
        if suffix == ".svg":
            yield code, _svg(data.decode())
        else:
            yield code, Drawing(data)


def _svg(text: str) -> Drawing:
    start = text.index(">", text.index("<svg")) + 1
    box = text[:start].split('viewBox="')[1].split('"')[0]
    left, top, width, height = map(float, box.replace(",", " ").split())
    return Drawing(text[start : text.rindex("</svg>")], (left, top, width, height))


def _icons(package: Path) -> Iterator[tuple[str, Drawing]]:
    """Of a package in Iconify's form: icons.json has the drawings by name, and chars.json names by code points."""
    files = {name: json.loads(data) for name, data in members(package, {"icons.json", "chars.json"}.__contains__)}
    if len(files) != 2:
        raise InputError(f"The package {package.name} has no icons.json and chars.json: it is of another form.")
    icons, chars = files["icons.json"], files["chars.json"]
    for code, name in chars.items():
        alias = icons.get("aliases", {}).get(name, {})
        icon = {**icons["icons"].get(alias.get("parent", name), {}), **alias}
        if "body" not in icon:
            continue
        size = [float(icon.get(side, icons.get(side, 16))) for side in ("width", "height")]
        left, top = float(icon.get("left", 0)), float(icon.get("top", 0))
        body = icon["body"]
        if icon.get("hFlip"):
            body = f'<g transform="translate({2 * left + size[0]:g} 0) scale(-1 1)">{body}</g>'
        yield key(code), Drawing(body, (left, top, size[0], size[1]))
