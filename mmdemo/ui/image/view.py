"""What the Image tab shows for one picture: pure functions from a picture in a session to values of its components."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from mmdemo.codec.local import Span
from mmdemo.modalities.base import Item
from mmdemo.modalities.registry import IMAGE
from mmdemo.ui.image.session import START_LEVELS, ImageSession
from mmdemo.ui.shared.common import said
from mmdemo.ui.shared.editing import editor_value
from mmdemo.ui.shared.i18n import LANGUAGES
from mmdemo.ui.shared.ids import new_id
from mmdemo.ui.shared.payload import data_uri, pack_codes

THUMB = 128  # pixels a side of a small picture
KEPT_AS_IT_IS = 2 * 2**20  # bytes of an upload that is kept for its link as it came


def viewer_value(picture: ImageSession, start: int, png: str | None = None) -> dict[str, Any]:
    """The viewer's value. `png` is an exact picture to save at once."""
    height, width = picture.size
    return {
        "id": picture.ident,
        "version": picture.version,
        "name": picture.name,
        "width": width,
        "height": height,
        "stride": picture.codec.tokenizer.stride,
        "original": picture.before,
        "has_original": picture.original is not None,
        "background": picture.background,
        "levels": picture.tokens.levels,
        "start": start,
        "usual": min(START_LEVELS, picture.tokens.levels),
        "codebook": picture.tokens.codebook_size,
        "grid": list(picture.tokens.positions),
        "codes": pack_codes(picture.tokens.codes, picture.tokens.codebook_size),
        "recon": {str(n): uri for n, uri in picture.shown.items()},
        "figures": {str(n): values for n, values in picture.figures.items()},
        "notes": [{lang: said(note, "image.note_", lang) for lang in LANGUAGES} for note in picture.notes],
        "example": picture.example,
        "edit": editor_value(picture.history, picture.place),
        "place": picture.place,
        "look": picture.look,
        "opening": picture.opening,
        "png": {"id": new_id(), "src": png} if png else None,
    }


def edit_value(picture: ImageSession, levels: int, box: list[Span] | None, remake: str = "") -> dict[str, Any]:
    """What the viewer needs at once after an edit; `box`: where the picture changed, [[y0, y1], [x0, x1]]; `remake`:
    the address at which a diffusion model makes that anew."""
    return {
        "id": picture.ident,
        "version": picture.version,
        "edited": True,
        "start": levels,
        "codes": pack_codes(picture.tokens.codes, picture.tokens.codebook_size),
        "recon": {str(n): uri for n, uri in picture.shown.items()},
        "edit": {**editor_value(picture.history, picture.place), "remake": remake},
        "box": box,
    }


def waiting_value(item: Item, name: str, taken: bool = False) -> dict[str, Any]:
    """The viewer's value while the original stands alone and is encoded.

    With ``taken`` the field that it was given in is free for another.
    """
    source = data_uri(IMAGE.restore(item.tensor))
    return {
        "id": f"waiting-{new_id()}",
        "waiting": True,
        "taken": taken,
        "name": name,
        "original": source,
        "figures": {},
        **item.meta,
    }


def counted_value(waiting: dict[str, Any], picture: ImageSession) -> dict[str, Any]:
    """The same while it is decoded: how many bytes it takes is known."""
    return {**waiting, "taken": False, "figures": {str(n): values for n, values in picture.figures.items()}}


def source_bytes(item: Item, source: Any) -> tuple[bytes, str]:
    """What is kept of an upload for its link: the file itself where it is small, else its pixels as PNG."""
    path = Path(source) if isinstance(source, (str, Path)) else None
    if path and path.stat().st_size <= KEPT_AS_IT_IS:
        return path.read_bytes(), path.suffix
    buffer = io.BytesIO()
    IMAGE.restore(item.tensor).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue(), ".png"
