"""What the Image tab keeps of one picture, and how it becomes what the viewer shows."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from mmdemo.codec.edit import History
from mmdemo.codec.local import Span
from mmdemo.errors import InputError
from mmdemo.metrics import bits_per_pixel, ms_ssim, psnr
from mmdemo.modalities.base import Item
from mmdemo.modalities.note import Note
from mmdemo.ui.shared.common import said
from mmdemo.ui.shared.editing import can_be_remade, editor_value
from mmdemo.ui.shared.i18n import LANGUAGES, tr
from mmdemo.ui.shared.payload import data_uri, finite, pack_codes
from mmdemo.ui.shared.state import MAX_PICTURE_SIDE
from mmdemo.ui.shared.tokens_file import read_tokens

MAX_TOKEN_SIDE = 2048  # a .mmt file opened in the page may decode to this many pixels a side
MAX_RATIO = 16  # a longer strip than this cannot be looked at in the page
BACKGROUNDS = {f"on_{name}": name for name in ("white", "black", "checker")}  # by the key of the note that says so
_ids = itertools.count(int(time.time() * 1000))


def fresh() -> str:
    """A number that no picture and no version of one has had."""
    return str(next(_ids))


@dataclass
class ImageSession:
    """One picture (or one .mmt file) in one visitor's session.

    `original` is (3, H, W) uint8, or None when only tokens were handed in. `tokens` holds all levels and
    `history` the edits that led to them. Pictures and figures by number of levels fill up while
    `stages` runs, and files by calls of `file`: decoding is quick, entropy coding takes longer.
    """

    name: str
    codec: Any
    tokens: Any
    original: torch.Tensor | None
    notes: tuple[str, ...] = ()
    history: History = None  # type: ignore[assignment]  # begins with the tokens
    source: Any = None  # what it was loaded from, to put its transparent parts on another background
    background: str | None = None  # "white", "black" or "checker" where it has transparent parts
    ident: str = field(default_factory=fresh)
    version: str = field(default_factory=fresh)  # another one after each change of codes
    wanted: int = 0  # the number of levels that is looked at: decoded next, and its file made next
    before: str | None = None
    shown: dict[int, str] = field(default_factory=dict)
    quality: dict[int, dict[str, float | None]] = field(default_factory=dict)
    files: dict[int, bytes] = field(default_factory=dict)
    curves: dict[str, Any] = field(default_factory=dict)  # what other codecs make of it, once measured
    baselines: dict[str, Any] = field(default_factory=dict)  # by codec and levels: its picture of as many bytes
    fresh: tuple[int, Image.Image] | None = None  # levels, and what an edit has decoded of them
    example: int | None = None  # which of the page's own pictures it is
    run: int = 0  # the number of the request that made it

    def __post_init__(self) -> None:
        if self.history is None:
            self.history = History.of(self.tokens)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.tokens.meta["height"], self.tokens.meta["width"]

    def stages(self, start: int) -> Iterator[dict[str, Any]]:
        """Decode `start` levels first, then the ones next to what is looked at; a view after each.

        What an earlier run has decoded is kept and shown at once.
        """
        self.wanted = start
        if self.before is None:
            self.before = self._original_uri()
        if self.shown and not self.fresh:
            yield self.view(start)
        while (n := self._nearest(self.quality)) is not None:
            output, quality = self.reconstruct(n)
            self.shown.setdefault(n, data_uri(output))
            self.quality[n] = quality
            yield self.view(start)

    def file(self, levels: int) -> bytes:
        """The .mmt file of `levels` levels, made once."""
        if levels not in self.files:
            self.files[levels] = self.tokens.truncate(levels).to_bytes()
        return self.files[levels]

    def next_file(self) -> int | None:
        """For how many levels a file should be made next: what is looked at, then its neighbours."""
        return self._nearest(self.files)

    @property
    def figures(self) -> dict[int, dict[str, float | None]]:
        """By number of levels, all that is known: bytes and bpp are None where no file has been made."""
        height, width = self.size
        found: dict[int, dict[str, float | None]] = {}
        for n, quality in list(self.quality.items()):
            size = len(self.files[n]) if n in self.files else None
            bpp = None if size is None else bits_per_pixel(size, width, height)
            found[n] = {"bytes": size, "bpp": bpp, **quality}
        return found

    @property
    def measured(self) -> bool:
        """Whether every number of levels has been decoded and its file made."""
        return len(self.shown) == len(self.files) == self.tokens.levels

    def _nearest(self, done: dict[int, Any]) -> int | None:
        left = [n for n in range(self.tokens.levels, 0, -1) if n not in done]
        return min(left, key=lambda n: abs(n - self.wanted)) if left else None

    def view(self, start: int, png: str | None = None) -> dict[str, Any]:
        """The viewer's value. `png` is an exact picture to save at once."""
        height, width = self.size
        return {
            "id": self.ident,
            "version": self.version,
            "name": self.name,
            "width": width,
            "height": height,
            "stride": stride_of(self.codec),
            "original": self.before,
            "has_original": self.original is not None,
            "background": self.background,
            "levels": self.tokens.levels,
            "start": start,
            "codebook": self.tokens.codebook_size,
            "grid": list(self.tokens.positions),
            "codes": pack_codes(self.tokens.codes, self.tokens.codebook_size),
            "recon": {str(n): uri for n, uri in self.shown.items()},
            "figures": {str(n): values for n, values in self.figures.items()},
            "notes": [{lang: said(note, "image.note_", lang) for lang in LANGUAGES} for note in self.notes],
            "example": self.example,
            "remake": can_be_remade(self.tokens),
            "edit": editor_value(self.history, self.example is not None),
            "png": {"id": fresh(), "src": png} if png else None,
        }

    def edited(self, history: History, levels: int, output: torch.Tensor, run: int) -> ImageSession:
        """The same picture after an edit, of which so many levels have been decoded: (3, H, W) in [0, 1]."""
        image = self.codec.restore(output, self.tokens.meta)
        others: dict[str, Any] = {"shown": {levels: data_uri(image)}, "fresh": (levels, image), "run": run}
        others |= {"quality": {}, "files": {}, "baselines": {}, "before": self.before or self._original_uri()}
        return replace(self, tokens=history.tokens, history=history, version=fresh(), wanted=levels, **others)

    def edit_view(self, levels: int, box: list[Span] | None) -> dict[str, Any]:
        """What the viewer needs at once after an edit; `box`: where the picture changed, [[y0, y1], [x0, x1]]."""
        return {
            "id": self.ident,
            "version": self.version,
            "edited": True,
            "start": levels,
            "codes": pack_codes(self.tokens.codes, self.tokens.codebook_size),
            "recon": {str(n): uri for n, uri in self.shown.items()},
            "edit": editor_value(self.history, self.example is not None),
            "box": box,
        }

    def _original_uri(self) -> str:
        if self.original is None:  # a .mmt file holds no original: its own decoding stands there
            return data_uri(self.codec.decode(self.tokens))
        return data_uri(as_image(self.original))

    def reconstruct(self, levels: int) -> tuple[Image.Image, dict[str, float | None]]:
        """The picture decoded from `levels` levels, and all figures but its file's."""
        known = dict([self.fresh] if self.fresh else [])
        output = known[levels] if levels in known else self.codec.decode(self.tokens, levels)
        part = self.tokens.truncate(levels)
        figures: dict[str, float | None] = {
            "psnr": None,
            "ms_ssim": None,
            "tokens": part.count,
            "perplexity": float(part.perplexity()[levels - 1]),
        }
        if self.original is not None:
            array = np.array(output)
            figures |= {"psnr": finite(psnr(self.original, array)), "ms_ssim": ms_ssim(self.original, array)}
        return output, figures


def load_picture(codec: Any, source: Any, lang: str, background: str = "auto") -> Item:
    """Load, and shrink to the page's working size if needed.

    Raises:
        InputError: as the modality does, or a strip too long to be looked at.
    """
    item = codec.files.load(source, background=background)
    tensor, notes = item.tensor, list(item.notes)
    height, width = tensor.shape[1:]
    if max(height, width) > MAX_RATIO * min(height, width):
        raise InputError(tr("image.strip", lang, size=f"{width:,} × {height:,}", limit=MAX_RATIO))
    if max(height, width) > MAX_PICTURE_SIDE:
        scale = MAX_PICTURE_SIDE / max(height, width)
        size = (max(1, round(height * scale)), max(1, round(width * scale)))
        tensor = F.interpolate(tensor[None], size, mode="bicubic", antialias=True)[0].clamp(0, 1)
        before, after = f"{width} × {height}", f"{size[1]} × {size[0]}"
        notes.append(Note("shrunk", tr("image.note_shrunk"), before=before, after=after, limit=MAX_PICTURE_SIDE))
    # The pixels that are shown and measured are the ones that are encoded.
    tensor = (tensor * 255).round() / 255
    return Item(tensor, {"height": tensor.shape[1], "width": tensor.shape[2]}, tuple(notes))


def encode_picture(codec: Any, item: Item, name: str, source: Any = None) -> ImageSession:
    """Encode on all levels."""
    tokens = codec.encode(item)
    keys = [note.key for note in item.notes if isinstance(note, Note)]
    return ImageSession(
        name,
        codec,
        tokens,
        (item.tensor * 255).round().to(torch.uint8),
        item.notes,
        source=source,
        background=next((BACKGROUNDS[key] for key in keys if key in BACKGROUNDS), None),
    )


def waiting(item: Item, name: str) -> dict[str, Any]:
    """The viewer's value while the picture is being encoded: the original alone."""
    source = data_uri(as_image((item.tensor * 255).round().to(torch.uint8)))
    return {"id": f"waiting-{fresh()}", "waiting": True, "name": name, "original": source, **item.meta}


def open_tokens(codec: Any, path: str, name: str, lang: str) -> ImageSession:
    """Read a .mmt file of this codec. Raises InputError for a damaged, foreign or too large one."""
    positions = math.ceil(MAX_TOKEN_SIDE / stride_of(codec)) ** 2
    too_large = InputError(tr("image.mmt_large", lang, limit=MAX_TOKEN_SIDE))
    tokens = read_tokens(codec, Path(path).read_bytes(), positions, too_large)
    height, width = tokens.meta["height"], tokens.meta["width"]
    if max(height, width) > MAX_TOKEN_SIDE:
        raise too_large
    if max(height, width) > MAX_RATIO * min(height, width):
        raise InputError(tr("image.strip", lang, size=f"{width:,} × {height:,}", limit=MAX_RATIO))
    return ImageSession(name, codec, tokens, None, (Note("mmt", tr("image.note_mmt")),))


def as_image(pixels: torch.Tensor) -> Image.Image:
    """(3, H, W) uint8 -> PIL image."""
    return Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy())


def stride_of(codec: Any) -> int:
    """Pixels a side of one token."""
    return int(codec.tokenizer.stride)
