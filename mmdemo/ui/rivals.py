"""The same picture through classical codecs, in the form that the rate plot and the viewer take."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from typing import Any

from PIL import Image

from mmdemo.evaluation import classical
from mmdemo.ui.i18n import tr
from mmdemo.ui.picture import Picture, data_uri, finite


def rate_stages(picture: Picture, lang: str) -> Iterator[dict[str, Any]]:
    """The rate plot's value, growing: our own levels at once, then one codec after another.

    Rivals are measured on the original; without one (a .mmt file) there is nothing to compare.
    """
    if picture.original is None:
        return
    original = Image.fromarray(picture.original.permute(1, 2, 0).contiguous().numpy())
    ours = [{"level": n, **picture.figures[n]} for n in sorted(picture.figures)]
    value: dict[str, Any] = {
        "id": picture.ident,
        "ours": ours,
        "curves": dict(picture.curves),
        "jpeg": {},
        "done": False,
    }
    yield dict(value)
    jpeg = {
        str(n): _same_bytes(original, int(picture.figures[n]["bytes"] or 0), lang)
        for n in sorted(picture.figures)
    }
    value["jpeg"] = {n: entry for n, entry in jpeg.items() if entry}
    yield dict(value)
    for codec in classical.image_codecs():
        if codec in picture.curves:
            continue
        ladder = {codec: classical.IMAGE_LADDER[codec]}
        points = [_point(p) for p in classical.image_points(original, ladder)]
        picture.curves[codec] = sorted(points, key=lambda p: p["bpp"])
        value["curves"] = dict(picture.curves)
        yield dict(value)
    yield {**value, "done": True}


def _point(point: classical.Point) -> dict[str, Any]:
    figures = {name: finite(value) for name, value in point.figures.items()}
    return {"bytes": point.bytes, "bpp": point.rate, "quality": point.setting, **figures}


def _same_bytes(original: Image.Image, size: int, lang: str) -> dict[str, str] | None:
    point = classical.nearest_bytes(original, "JPEG", size)
    if point is None:
        return None
    # A JPEG has a smallest file; where ours is far below it, the label says so.
    key = "image.rival_larger" if point.bytes > 1.1 * size else "image.rival"
    label = tr(
        key,
        lang,
        setting=point.label,
        bytes=f"{point.bytes:,}",
        times=f"{point.bytes / size:.1f}",
        psnr=f"{point.figures['psnr']:.1f}",
    )
    return {"src": data_uri(point.output), "label": label}


def thumbnail(path: Any, side: int = 128) -> str:
    """A small square JPEG of a picture file as a data URI, for the example strip."""
    with Image.open(path) as image:
        small = image.convert("RGB")
    edge = min(small.size)
    left, top = (small.width - edge) // 2, (small.height - edge) // 2
    small = small.crop((left, top, left + edge, top + edge))
    small.thumbnail((side, side))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
