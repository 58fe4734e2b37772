"""What the Image tab keeps of one picture, and how it becomes what the viewer shows."""

from __future__ import annotations

import base64
import io
import itertools
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from mmdemo.errors import InputError
from mmdemo.evaluation.metrics import bits_per_pixel, ms_ssim, psnr
from mmdemo.modalities.base import Item
from mmdemo.tokenizers.tokens import Tokens
from mmdemo.ui.i18n import tr
from mmdemo.ui.state import MAX_PICTURE_SIDE

MAX_TOKEN_SIDE = 2048  # a .mmt file opened in the page may decode to this many pixels a side
PIXEL_ART = 160  # up to this many pixels a side a picture is shown exactly; above, as WebP of high quality
_ids = itertools.count(int(time.time() * 1000))


@dataclass
class Picture:
    """One picture (or one .mmt file) in one visitor's session.

    `original` is (3, H, W) uint8, or None when only tokens were handed in. `tokens` holds all levels and
    `first` the same before any code was swapped. Pictures and figures by number of levels fill up while
    `stages` runs.
    """

    name: str
    codec: Any
    tokens: Any
    original: torch.Tensor | None
    notes: tuple[str, ...] = ()
    first: Any = None
    ident: str = field(default_factory=lambda: str(next(_ids)))
    shown: dict[int, str] = field(default_factory=dict)
    figures: dict[int, dict[str, float | None]] = field(default_factory=dict)
    files: dict[int, str] = field(default_factory=dict)
    before: str | None = None
    curves: dict[str, Any] = field(default_factory=dict)  # what other codecs make of it, once measured

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.tokens.meta["height"], self.tokens.meta["width"]

    def stages(self, start: int) -> Iterator[dict[str, Any]]:
        """Decode `start` levels first, then all others from fine to coarse; a view after each.

        What an earlier run has decoded is kept and shown at once.
        """
        order = [start, *(n for n in range(self.tokens.levels, 0, -1) if n != start)]
        if self.before is None:
            self.before = self._original_uri()
        if self.shown:
            yield self.view(start)
        for n in order:
            if n in self.shown:
                continue
            output, self.figures[n], data = self.reconstruct(n)
            self.shown[n], self.files[n] = data_uri(output), base64.b64encode(data).decode()
            yield self.view(start)

    def view(self, start: int, png: str | None = None) -> dict[str, Any]:
        """The viewer's value. `png` is an exact picture to save at once."""
        height, width = self.size
        return {
            "id": self.ident,
            "name": self.name,
            "width": width,
            "height": height,
            "stride": stride_of(self.codec),
            "original": self.before,
            "has_original": self.original is not None,
            "levels": self.tokens.levels,
            "start": start,
            "codebook": self.tokens.codebook_size,
            "grid": list(self.tokens.positions),
            "codes": pack_codes(self.tokens.codes, self.tokens.codebook_size),
            "recon": {str(n): uri for n, uri in self.shown.items()},
            "figures": {str(n): dict(values) for n, values in self.figures.items()},
            "files": {str(n): data for n, data in self.files.items()},
            "notes": list(self.notes),
            "changed": self.tokens is not self.first,
            "png": {"id": str(next(_ids)), "src": png} if png else None,
        }

    def changed_to(self, tokens: Any) -> Picture:
        """The same picture with other codes; nothing decoded yet."""
        return Picture(
            self.name,
            self.codec,
            tokens,
            self.original,
            self.notes,
            self.first,
            before=self.before,
            ident=self.ident,
            curves=self.curves,
        )

    def _original_uri(self) -> str:
        if self.original is None:  # a .mmt file holds no original: its own decoding stands there
            return data_uri(self.codec.decode(self.tokens))
        return data_uri(Image.fromarray(self.original.permute(1, 2, 0).contiguous().numpy()))

    def reconstruct(self, levels: int) -> tuple[Image.Image, dict[str, float | None], bytes]:
        """The picture decoded from `levels` levels, its figures, and its .mmt file."""
        output = self.codec.decode(self.tokens, levels)
        part = self.tokens.truncate(levels)
        data = part.to_bytes()
        height, width = self.size
        figures: dict[str, float | None] = {
            "bytes": len(data),
            "bpp": bits_per_pixel(len(data), width, height),
            "psnr": None,
            "ms_ssim": None,
            "tokens": part.count,
            "perplexity": float(part.perplexity()[levels - 1]),
        }
        if self.original is not None:
            array = np.array(output)
            figures |= {"psnr": finite(psnr(self.original, array)), "ms_ssim": ms_ssim(self.original, array)}
        return output, figures, data


def load_picture(codec: Any, source: Any, lang: str) -> Item:
    """Load, and shrink to the page's working size if needed. Raises InputError as the modality does."""
    item = codec.load(source)
    tensor, notes = item.tensor, list(item.notes)
    height, width = tensor.shape[1:]
    if max(height, width) > MAX_PICTURE_SIDE:
        scale = MAX_PICTURE_SIDE / max(height, width)
        size = (max(1, round(height * scale)), max(1, round(width * scale)))
        tensor = F.interpolate(tensor[None], size, mode="bicubic", antialias=True)[0].clamp(0, 1)
        notes.append(tr("image.shrunk", lang, before=f"{width} × {height}", after=f"{size[1]} × {size[0]}"))
    # The pixels that are shown and measured are the ones that are encoded.
    tensor = (tensor * 255).round() / 255
    return Item(tensor, {"height": tensor.shape[1], "width": tensor.shape[2]}, tuple(notes))


def encode_picture(codec: Any, item: Item, name: str) -> Picture:
    """Encode on all levels."""
    tokens = codec.encode(item)
    return Picture(name, codec, tokens, (item.tensor * 255).round().to(torch.uint8), item.notes, tokens)


def waiting(item: Item, name: str) -> dict[str, Any]:
    """The viewer's value while the picture is being encoded: the original alone."""
    source = data_uri(
        Image.fromarray((item.tensor * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy())
    )
    return {"id": f"waiting-{next(_ids)}", "waiting": True, "name": name, "original": source, **item.meta}


def open_tokens(codec: Any, path: str, name: str, lang: str) -> Picture:
    """Read a .mmt file of this codec. Raises InputError for a damaged, foreign or too large one."""
    tokens = Tokens.load(path)
    codec.check(tokens)
    if max(tokens.meta["height"], tokens.meta["width"]) > MAX_TOKEN_SIDE:
        raise InputError(tr("image.mmt_large", lang, limit=MAX_TOKEN_SIDE))
    return Picture(name, codec, tokens, None, (tr("image.mmt_note", lang),), tokens)


def finite(value: float | None) -> float | None:
    """JSON has no infinity: identical pictures have no PSNR."""
    return value if value is not None and math.isfinite(value) else None


def stride_of(codec: Any) -> int:
    """Pixels a side of one token."""
    return int(codec.tokenizer.stride)


def pack_codes(codes: torch.Tensor, codebook_size: int) -> dict[str, Any]:
    """(L, rows, columns) codes as base64 of uint8, or of little-endian uint16 where 256 are not enough."""
    wide = codebook_size > 256
    array = codes.cpu().numpy().astype("<u2" if wide else "u1")
    return {"wide": wide, "data": base64.b64encode(array.tobytes()).decode()}


def data_uri(image: Image.Image) -> str:
    """A picture for the page: exact PNG when small, WebP of high quality when large."""
    buffer = io.BytesIO()
    if max(image.size) <= PIXEL_ART:
        image.save(buffer, "PNG")
        kind = "png"
    else:
        image.save(buffer, "WEBP", quality=92, method=1)
        kind = "webp"
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def png_uri(image: Image.Image) -> str:
    """A picture as an exact PNG."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=6)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
