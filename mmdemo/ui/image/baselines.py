"""File sizes, and the same picture through classical codecs, in the form that the rate plot and the viewer take."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from PIL import Image

from mmdemo.evaluation import classical
from mmdemo.ui.image.session import ImageSession
from mmdemo.ui.shared.payload import as_image, data_uri, finite


def size_stages(picture: ImageSession) -> Iterator[dict[str, Any]]:
    """The rate plot's value while our own files are made, one number of levels after another."""
    yield _value(picture)
    while (n := picture.next_file()) is not None:
        picture.file(n)
        yield _value(picture)


def rate_stages(picture: ImageSession) -> Iterator[dict[str, Any]]:
    """The rate plot's value, growing, nearest to what is looked at first.

    First JPEGs as large as our files, then the curve of one codec after another. Baselines are measured on the
    original; without one (a .mmt file) there is nothing to compare. What has been measured is kept with the picture.
    """
    if picture.original is None:
        return
    original = as_image(picture.original)
    for _ in _same_sizes(picture, original, classical.image_codecs()[0]):
        yield _value(picture)
    for codec in classical.image_codecs():
        if codec in picture.curves:
            continue
        points: list[dict[str, Any]] = []
        for quality in classical.IMAGE_LADDER[codec]:
            points += [_point(p) for p in classical.image_points(original, {codec: (quality,)})]
            points.sort(key=lambda p: p["bpp"])
            yield {**_value(picture), "curves": {**picture.curves, codec: list(points)}}
        picture.curves[codec] = points
    yield _value(picture)


def other_stages(picture: ImageSession) -> Iterator[dict[str, Any]]:
    """The value while the slower codecs' files of our sizes are made; only for those who want to see them."""
    if picture.original is None:
        return
    original = as_image(picture.original)
    for codec in classical.image_codecs()[1:]:
        for _ in _same_sizes(picture, original, codec):
            yield _value(picture)


def _same_sizes(picture: ImageSession, original: Image.Image, codec: str) -> Iterator[int]:
    """Add pictures of `codec` that take as many bytes as ours to `picture.baselines`; the levels after each."""
    encoded: dict[int, bytes] = {}
    entries = picture.baselines.setdefault(codec, {})
    for n in sorted(picture.files, key=lambda n: abs(n - picture.wanted)):
        if str(n) in entries:
            continue
        point = classical.nearest_bytes(original, codec, len(picture.files[n]), encoded)
        if point is None:
            return
        entries[str(n)] = {"src": data_uri(point.output), "setting": point.label, **_point(point)}
        yield n


def _value(picture: ImageSession) -> dict[str, Any]:
    """What is known of our own files; `files` are base64, for the browser to save."""
    return {
        "id": picture.ident,
        "version": picture.version,
        "has_original": picture.original is not None,
        "ours": [
            {"level": n, **values} for n, values in sorted(picture.figures.items()) if values["bytes"] is not None
        ],
        "files": {str(n): base64.b64encode(data).decode() for n, data in sorted(picture.files.items())},
        "curves": dict(picture.curves),
        "baselines": {codec: dict(entries) for codec, entries in picture.baselines.items() if entries},
        "done": set(picture.curves) >= set(classical.image_codecs()),
    }


def _point(point: classical.Point) -> dict[str, Any]:
    figures = {name: finite(value) for name, value in point.figures.items()}
    return {"bytes": point.bytes, "bpp": point.rate, "quality": point.setting, **figures}
