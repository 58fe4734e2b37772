"""How pictures, sounds, codes and numbers travel to the page, where `base.js` and `sound.js` read them."""

from __future__ import annotations

import base64
import io
import math
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

PIXEL_ART = 160  # up to this many pixels a side a picture is shown exactly; above, as WebP of high quality


def to_base64(data: bytes | np.ndarray) -> str:
    """Bytes, or an array's bytes in row-major order."""
    return base64.b64encode(data if isinstance(data, bytes) else np.ascontiguousarray(data).tobytes()).decode("ascii")


def pack_codes(codes: Tensor, codebook_size: int) -> dict[str, Any]:
    """Codes of any shape as base64 of uint8, or of little-endian uint16 where 256 are not enough."""
    wide = codebook_size > 256
    return {"wide": wide, "data": to_base64(codes.cpu().numpy().astype("<u2" if wide else "u1"))}


def pcm(samples: Any) -> str:
    """Float samples in [-1, 1] as base64 of little-endian 16-bit integers; what is no number becomes silence."""
    clean = np.clip(np.nan_to_num(np.asarray(samples, np.float32)), -1.0, 1.0)
    return to_base64(np.round(clean * 32767).astype("<i2"))


def as_image(pixels: Tensor) -> Image.Image:
    """(3, H, W) uint8 -> PIL image."""
    return Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy())


def data_uri(image: Image.Image, exact_up_to: int = PIXEL_ART, quality: int = 92, method: int = 1) -> str:
    """A picture for the page: exact PNG when small, WebP when large."""
    buffer = io.BytesIO()
    if max(image.size) <= exact_up_to:
        return png_uri(image, compress_level=4)
    image.save(buffer, "WEBP", quality=quality, method=method)
    return f"data:image/webp;base64,{to_base64(buffer.getvalue())}"


def png_uri(image: Image.Image, compress_level: int = 6) -> str:
    """A picture as an exact PNG."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=compress_level)
    return f"data:image/png;base64,{to_base64(buffer.getvalue())}"


def from_uri(uri: str) -> Image.Image:
    """The picture of a data URI of ours."""
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def finite(value: Any, digits: int | None = None) -> float | None:
    """JSON has no infinity: None for what is no finite number, else the number, rounded where `digits` are given."""
    if value is None or not math.isfinite(float(value)):
        return None
    return float(value) if digits is None else round(float(value), digits)
