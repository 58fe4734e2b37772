"""Pictures: files, PIL images and arrays ⇄ RGB tensors."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError, features
from PIL.PngImagePlugin import PngInfo

from mmdemo.errors import InputError
from mmdemo.files import atomic_write
from mmdemo.modalities import pixels
from mmdemo.modalities.base import Item, label, opened, prepare_target
from mmdemo.modalities.note import Note
from mmdemo.modalities.sniff import HEAD_BYTES, sniff

_AVIF = "avif" in features.modules and features.check("avif")  # Pillow before 11.3 does not know the name
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff") + ((".avif",) if _AVIF else ())
SAVE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
BACKGROUNDS = ("white", "checker")
MAX_PIXELS = 50_000_000
"""Most pixels of a picture."""
MAX_SIDE = 16_384
"""Most pixels of one side of a picture."""

_MOST_PIXELS = f"at most {MAX_PIXELS // 1_000_000} megapixels are accepted"

# What undoes each EXIF orientation.
_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF") + (("AVIF",) if _AVIF else ())
MAX_FILE_BYTES = 256 * 2**20
"""Most bytes of a picture file."""

_ACCEPTED = f"a PNG, JPEG, WebP, GIF{', AVIF' if _AVIF else ''}, BMP or TIFF picture is needed"


def load(
    source: str | os.PathLike | bytes | BinaryIO | Image.Image | np.ndarray | torch.Tensor,
    background: str = "white",
) -> Item:
    """Turn a picture into an RGB tensor.

    The size is checked before any pixel is decoded. The EXIF orientation is applied, an animation gives its
    first frame, transparent parts are put on `background`, and colours with a profile (CMYK too) are
    converted to sRGB. The notes say so.

    Args:
        source: a path, file bytes, a binary file, a PIL image, or an array or tensor: (H, W), (H, W, 1..4) or
            (1..4, H, W); uint8, uint16, or floats in [0, 1].
        background: "white" or "checker", what transparent parts are put on.

    Returns:
        Item with tensor (3, H, W) float32 in [0, 1] and meta {"height": H, "width": W}.

    Raises:
        InputError: no picture, damaged, or larger than `MAX_PIXELS` in all or `MAX_SIDE` on a side.
    """
    if background not in BACKGROUNDS:
        raise InputError(f"The background {background!r} is not known; take one of {', '.join(BACKGROUNDS)}.")
    notes: list[str] = []
    if isinstance(source, torch.Tensor):
        source = source.detach().cpu().float().numpy() if source.is_floating_point() else source.cpu().numpy()
    if isinstance(source, np.ndarray):
        array = pixels.from_array(source, background, notes, _check_size)
    elif isinstance(source, Image.Image):
        array = _from_pil(source, "The picture", background, notes)
    else:
        with opened(source, _ACCEPTED) as file:
            array = _from_file(file, label(source), background, notes)
    height, width = array.shape[:2]
    return Item(pixels.to_tensor(array), {"height": height, "width": width}, tuple(notes))


def restore(tensor: torch.Tensor, meta: dict[str, Any] | None = None) -> Image.Image:
    """Turn a tensor back into a picture of its own size.

    Args:
        tensor: (3, H', W') or (1, 3, H', W'), values in [0, 1] (others are clipped).
        meta: {"height", "width"} as given by `load`, at most H' and W'; None keeps the whole tensor.

    Returns:
        PIL image, mode RGB, cropped to meta's size from the top left corner.
    """
    if tensor.ndim == 4:
        tensor = tensor[0]
    height, width = (meta or {}).get("height", tensor.shape[1]), (meta or {}).get("width", tensor.shape[2])
    tensor = tensor.detach()[:, :height, :width].to("cpu", torch.float32)
    # One copy, then in place: a large picture should not be in memory five times.
    levels = tensor.nan_to_num(0.0).clamp_(0, 1).mul_(255).round_().to(torch.uint8)
    return Image.fromarray(np.ascontiguousarray(levels.permute(1, 2, 0).numpy()))


def save(native: Image.Image, path: str | os.PathLike, comment: str = "") -> Path:
    """Write a picture as PNG, JPEG (quality 95, 4:4:4) or lossless WebP, by the suffix; returns the path.

    Args:
        comment: how it was made, kept inside a PNG.
    """
    target = prepare_target(path, SAVE_SUFFIXES)
    suffix = target.suffix.lower()
    if suffix == ".webp" and max(native.size) > 16_383:
        raise InputError("A WebP picture has at most 16,383 pixels a side; save this one as PNG or JPEG.")
    with atomic_write(target) as beside:
        if suffix == ".png":
            native.save(beside, "PNG", pnginfo=_png_text(comment))
        elif suffix == ".webp":
            native.save(beside, "WEBP", lossless=True)
        else:
            native.convert("RGB").save(beside, "JPEG", quality=95, subsampling=0)
    return target


def _png_text(comment: str) -> PngInfo | None:
    if not comment:
        return None
    text = PngInfo()
    text.add_itxt("Comment", comment)  # a keyword that the PNG specification names
    return text


def _check_size(width: int, height: int, name: str) -> None:
    size = f"{width:,} × {height:,} pixels"
    if width < 1 or height < 1:
        raise InputError(f"{name} has no pixels ({size}); at least 1 × 1 is needed.")
    if max(width, height) > MAX_SIDE:
        raise InputError(f"{name} has {size}; at most {MAX_SIDE:,} a side are accepted.")
    if width * height > MAX_PIXELS:
        megapixels = width * height / 1e6
        raise InputError(f"{name} has {size} ({megapixels:.0f} megapixels); {_MOST_PIXELS}.")


def _from_file(file: BinaryIO, name: str, background: str, notes: list[str]) -> np.ndarray:
    modality, kind = sniff(file.read(HEAD_BYTES))
    if kind and modality != "image":
        raise InputError(f"{name} is {kind}, not a picture that can be read; {_ACCEPTED}.")
    # WebP and AVIF are read whole at opening, and counting the frames of a GIF goes through all of it.
    if file.seek(0, os.SEEK_END) > MAX_FILE_BYTES:
        raise InputError(f"{name} is over {MAX_FILE_BYTES >> 20} MB, the most accepted for a picture.")
    file.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own bomb warning; the limits here are lower
            image = Image.open(file, formats=_FORMATS)
    except Image.DecompressionBombError:
        raise InputError(f"{name} has too many pixels; {_MOST_PIXELS}.") from None
    except UnidentifiedImageError:
        reason = "is damaged, or its kind of file is not known" if kind is None else "is damaged at its start"
        raise InputError(f"{name} {reason}; {_ACCEPTED}.") from None
    except Exception as error:  # Pillow's parsers raise nearly anything on broken headers
        raise InputError(f"{name} is damaged and cannot be opened; {_ACCEPTED}.") from error
    return _from_pil(image, name, background, notes)


def _from_pil(image: Image.Image, name: str, background: str, notes: list[str]) -> np.ndarray:
    _check_size(*image.size, name)
    try:
        # Pillow reads 16-bit colour as 8-bit; only the raw mode in the tile tells.
        deep = image.mode[0] != "I" and any(";16" in str(tile) for tile in getattr(image, "tile", ()))
        _note_frames(image, notes)
        image.load()
    except Exception as error:
        reason = "is damaged or cut short, as not all of it could be decoded"
        raise InputError(f"{name} {reason}; {_ACCEPTED}.") from error
    if deep:
        notes.append(Note("deep", "16 bits per channel read as 8."))
    return pixels.to_rgb(_oriented(image, notes), background, notes)


def _note_frames(image: Image.Image, notes: list[str]) -> None:
    """Say which frame is taken: the first one of a file, the one that a PIL image stands at."""
    if image.format == "MPO":
        return  # a JPEG with more pictures behind it: previews, or the other eye's view
    try:
        frames, at = getattr(image, "n_frames", 1), image.tell()
    except (EOFError, OSError, SyntaxError, ValueError):
        return  # a later frame is damaged, which need not concern the first
    if frames > 1:
        key, what = ("page", "pages") if image.format == "TIFF" else ("frame", "frames")
        if at == 0:
            notes.append(Note(f"{key}_first", "First of {all} " + what + ".", all=frames))
        else:
            notes.append(Note(f"{key}_at", "Number {n} of {all} " + what + ".", n=at + 1, all=frames))


def _oriented(image: Image.Image, notes: list[str]) -> Image.Image:
    """`image` turned as its EXIF orientation says (Pillow itself turns a TIFF as it loads)."""
    try:
        orientation = image.getexif().get(0x0112, 1)
        if orientation in _TRANSPOSE:
            # By hand: `ImageOps.exif_transpose` also rewrites the metadata, which fails when that is damaged.
            turned = image.transpose(_TRANSPOSE[orientation])
            turned.info = dict(image.info)
            notes.append(Note("turned", "Turned upright as its EXIF orientation says."))
            return turned
    except Exception:
        notes.append(Note("exif_damaged", "Its EXIF data is damaged; the orientation was left as it is."))
    return image
