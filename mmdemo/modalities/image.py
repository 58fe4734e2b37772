"""Pictures: files, PIL images and arrays ⇄ RGB tensors."""

from __future__ import annotations

import io
import math
import os
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from PIL import Image, ImageFile, UnidentifiedImageError, features
from PIL.PngImagePlugin import PngInfo

from mmdemo.errors import InputError
from mmdemo.files import write_bytes
from mmdemo.modalities import containers, pixels, tiff
from mmdemo.modalities.base import Item, label, opened, prepare_target
from mmdemo.modalities.note import Note
from mmdemo.modalities.sniff import HEAD_BYTES, HEIC_READ, how_to_convert, sniff

if HEIC_READ:
    from pillow_heif import register_heif_opener

    register_heif_opener(thumbnails=False)
_AVIF = "avif" in features.modules and features.check("avif")  # Pillow before 11.3 does not know the name
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff") + ((".avif",) if _AVIF else ())
SUFFIXES += (".heic", ".heif") if HEIC_READ else ()
SAVE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
BACKGROUNDS = pixels.BACKGROUNDS
MAX_PIXELS = 52_000_000
"""Most pixels of a picture: what cameras and phones of 50 megapixels give (8,160 × 6,144, 8,192 × 6,144 …)."""
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
_FORMATS = (
    ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF") + (("AVIF",) if _AVIF else ()) + (("HEIF",) if HEIC_READ else ())
)
MAX_FILE_BYTES = 256 * 2**20
"""Most bytes of a picture file."""

_CUT = (OSError, SyntaxError, ValueError)  # what Pillow raises at the end of a file that goes on
_DAMAGED = "is damaged or cut short, as not all of it could be decoded"
_ACCEPTED = (
    f"a PNG, JPEG, WebP, GIF{', AVIF' if _AVIF else ''}{', HEIC' if HEIC_READ else ''}, BMP or TIFF picture is needed"
)


def load(
    source: str | os.PathLike | bytes | BinaryIO | Image.Image | np.ndarray | torch.Tensor,
    background: str = "auto",
) -> Item:
    """Turn a picture into an RGB tensor.

    The size is checked before any pixel is decoded. The EXIF orientation is applied, an animation gives its
    first frame, transparent parts are put on `background`, and colours with a profile (CMYK too), or of a space
    that the file names in another way, are converted to sRGB; HDR is mapped into its range. A JPEG, PNG, GIF or BMP
    that is cut short gives what is there. The notes say so.

    Args:
        source: a path, file bytes, a binary file, a PIL image, or an array or tensor: (H, W), (H, W, 1..4) or
            (1..4, H, W); uint8, uint16, or floats in [0, 1].
        background: what transparent parts are put on: "white", "black", "checker", or "auto": white, and black
            for what would not be seen on white.

    Returns:
        Item with tensor (3, H, W) float32 in [0, 1] and meta {"height": H, "width": W}, and "grey": 1 where every
        pixel is grey.

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
        image = _decoded(source, "The picture", notes)
        array = pixels.to_rgb(_oriented(image, notes), background, notes)
    else:
        with opened(source, _ACCEPTED) as file:
            image = _from_file(file, label(source), notes)
        array = pixels.to_rgb(_oriented(image, notes), background, notes)
        del image
    height, width = array.shape[:2]
    meta = {"height": height, "width": width} | ({"grey": 1} if pixels.is_grey(array) else {})
    return Item(pixels.to_tensor(array), meta, tuple(notes))


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
    data = io.BytesIO()  # into a file of its own Pillow's JPEG does not notice that the disk is full
    if suffix == ".png":
        native.save(data, "PNG", pnginfo=_png_text(comment))
    elif suffix == ".webp":
        native.save(data, "WEBP", lossless=True)
    else:
        native.convert("RGB").save(data, "JPEG", quality=95, subsampling=0)
    return write_bytes(target, data.getbuffer())


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
        # Rounded up, as "52 megapixels; at most 52" would say nothing.
        megapixels = f"{math.ceil(width * height / 1e5) / 10:,.1f}".removesuffix(".0")
        raise InputError(f"{name} has {size} ({megapixels} megapixels); {_MOST_PIXELS}.")


def _from_file(file: BinaryIO, name: str, notes: list[str]) -> Image.Image:
    modality, kind = sniff(file.read(HEAD_BYTES))
    if kind and modality != "image":
        what = "which is no picture" if modality else "which is not read"
        raise InputError(f"{name} is {kind}, {what}; {how_to_convert(kind) or _ACCEPTED}.")
    # WebP and AVIF are read whole at opening, and counting the frames of a GIF goes through all of it.
    if file.seek(0, os.SEEK_END) > MAX_FILE_BYTES:
        raise InputError(f"{name} is over {MAX_FILE_BYTES >> 20} MB, the most accepted for a picture.")
    png = None
    if kind == "a TIFF picture":
        image = _open_tiff(file, name, notes)
    elif kind == "a PNG picture":
        png = containers.read_png(file)
        image = _open(png.file, name, kind)
        _use_png(image, png)
    else:
        image = _open(file, name, kind)
        coded = image.info.get("nclx_profile")  # HEIC
        if coded:
            image.info["cicp"] = coded["color_primaries"], coded["transfer_characteristics"]
        elif image.format == "AVIF":
            image.info["cicp"] = containers.read_cicp(file)
    image = _decoded(image, name, notes, file)
    if png and png.depth == 16 and image.mode == "RGB" and isinstance(image.info.get("transparency"), tuple):
        with suppress(*_CUT):
            _apply_deep_key(image, png)
    return image


def _open(file: BinaryIO, name: str, kind: str | None) -> Image.Image:
    file.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own bomb warning; the limits here are lower
            return Image.open(file, formats=_FORMATS)
    except Image.DecompressionBombError:
        raise InputError(f"{name} has too many pixels; {_MOST_PIXELS}.") from None
    except UnidentifiedImageError:
        reason = "is damaged, or its kind of file is not known" if kind is None else "is damaged at its start"
        raise InputError(f"{name} {reason}; {_ACCEPTED}.") from None
    except Exception as error:  # Pillow's parsers raise nearly anything on broken headers
        raise InputError(f"{name} is damaged and cannot be opened; {_ACCEPTED}.") from error


def _open_tiff(file: BinaryIO, name: str, notes: list[str]) -> Image.Image:
    """Through Pillow, or where it would misread the samples through tifffile."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of damaged tags; nobody reads them here
            layout = tiff.Layout.read(file)
    except Exception:  # as with Pillow's other parsers; Pillow says what is to be said
        return _open(file, name, "a TIFF picture")
    _check_size(layout.width, layout.height, name)
    tiff.check(layout, name)
    if layout.for_pillow:
        try:
            image = _open(file, name, "a TIFF picture")
        except InputError:
            raise tiff.not_read(layout, name) from None
        image.info.pop("xmp", None)  # Pillow would take the orientation from there too
        return image
    try:
        return tiff.read(file, layout, name, notes)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{name} {_DAMAGED}; {_ACCEPTED}.") from error


def _use_png(image: Image.Image, png: containers.Png) -> None:
    """Put into `image.info` what Pillow leaves out or has in other units."""
    info = image.info
    if png.profile:
        info["icc_profile"] = png.profile
    info["cicp"], info["cicp_first"] = png.cicp, True
    key = info.get("transparency")
    if image.mode in ("1", "L") and isinstance(key, int):
        most = 2**png.depth - 1
        info["transparency"] = (key & most) * 255 // most  # pixels are spread over 0 to 255
    elif image.mode == "RGB" and isinstance(key, tuple):
        info["transparency"] = key if png.depth == 16 else tuple(value & 255 for value in key)


def _apply_deep_key(image: Image.Image, png: containers.Png) -> None:
    """Give a decoded RGB image of 16 bits, of which Pillow keeps the upper 8, the alpha of its transparent colour."""
    key = image.info.pop("transparency")
    png.file.seek(0)
    low = Image.open(png.file, formats=("PNG",))
    low.tile = [tile._replace(args="RGB;16L") for tile in low.tile]  # in the other byte order: the lower 8 bits
    hit = np.ones(image.size[::-1], bool)
    for part, shift in ((image, 8), (low, 0)):
        hit &= (np.asarray(part) == [value >> shift & 255 for value in key]).all(axis=2)
    image.putalpha(Image.fromarray(np.where(hit, 0, 255).astype(np.uint8)))


def _decoded(image: Image.Image, name: str, notes: list[str], file: BinaryIO | None = None) -> Image.Image:
    _check_size(*image.size, name)
    try:
        # Pillow reads 16-bit colour as 8-bit; only the raw mode in the tile tells.
        deep = image.mode[0] != "I" and any(";16" in str(tile) for tile in getattr(image, "tile", ()))
        _note_frames(image, notes)
        image.load()
    except Exception as error:
        part = _readable_part(file, image, notes) if file else None
        if part is None:
            raise InputError(f"{name} {_DAMAGED}; {_ACCEPTED}.") from error
        image = part
    if deep:
        notes.append(Note("deep", "16 bits per channel read as 8."))
    return image


def _readable_part(file: BinaryIO, image: Image.Image, notes: list[str]) -> Image.Image | None:
    """What there is of a file that is cut short, as browsers show it; None where nothing is, or nothing can be told."""
    if image.format in ("JPEG", "MPO"):
        return _part_of_jpeg(file, image, notes)
    if image.format in ("PNG", "GIF", "BMP") and image._im is not None:
        return _part_in_rows(file, image, notes)
    return None


def _part_of_jpeg(file: BinaryIO, image: Image.Image, notes: list[str]) -> Image.Image | None:
    file.seek(0)
    data = file.read()
    try:
        # The end that is missing: libjpeg then fills what it lacks, instead of waiting for more.
        whole = Image.open(io.BytesIO(data + b"\xff\xd9"), formats=("JPEG",))
        whole.load()
        seen = image.im.getbbox()  # rows that were not reached are black
    except Exception:
        return None
    if image.info.get("progressive"):
        if all(low == high for low, high in (band.getextrema() for band in whole.split())):
            return None
        notes.append(
            Note("cut_coarse", "The file is cut short or damaged: the picture is as fine as the part that is there.")
        )
    elif seen is None:
        return None
    else:
        said = "The file is cut short or damaged: at least {rows} of {all} rows could be read."
        notes.append(Note("cut_rows", said, rows=seen[3], all=whole.height))
    return whole


def _part_in_rows(file: BinaryIO, image: Image.Image, notes: list[str]) -> Image.Image | None:
    """What was decoded of a format that comes row by row; the rest is white, or coarse where rows are interlaced."""
    reached, interlaced = _reached(file, image)
    if reached is None or not reached.any():
        return None
    part = image._new(image.im)  # as it is: `load` would try to read on
    if part.mode == "P":
        part = part.convert("RGBA" if "transparency" in part.info else "RGB")
    values, rows = np.array(part), np.any(reached, axis=1)
    if interlaced:
        for mask, axis in ((reached, 1), (rows[:, None], 0)):  # from the left, then from above
            places = np.arange(mask.shape[axis], dtype=np.int32)
            filled = np.maximum.accumulate(np.where(mask, places if axis else places[:, None], 0), axis=axis)
            values = np.take_along_axis(values, filled if values.ndim == 2 else filled[..., None], axis)
        notes.append(
            Note("cut_coarse", "The file is cut short or damaged: the picture is as fine as the part that is there.")
        )
    else:
        values[~rows] = np.iinfo(values.dtype).max if values.dtype != bool else True
        said = "The file is cut short or damaged: at least {rows} of {all} rows could be read."
        notes.append(Note("cut_rows", said, rows=int(rows.sum()), all=len(rows)))
    whole = Image.fromarray(values)
    whole.info = part.info
    return whole


def _reached(file: BinaryIO, image: Image.Image) -> tuple[np.ndarray | None, bool]:
    """(H, W), true for pixels that were decoded: over another ground they are the same; and whether in passes."""

    def prepare() -> None:
        usual()
        bands = len(again.getbands())
        other = 65_535 if again.mode == "I;16" else 0 if ground == 255 else 255
        again.im.paste(other if bands == 1 else (other,) * bands, (0, 0, *again.size))

    try:
        file.seek(0)
        again = Image.open(file, formats=(str(image.format),))
        ground = again.info.get("transparency")  # of a GIF
        interlaced = bool(again.info.get("interlace") or (again.format == "GIF" and _args(again)[1]))
        usual = again.load_prepare
        setattr(again, "load_prepare", prepare)  # noqa: B010 - a method of this one picture
        with suppress(Exception):
            again.load()
        same = np.asarray(image._new(image.im)) == np.asarray(again._new(again.im))
    except Exception:
        return None, False
    return same if same.ndim == 2 else same.all(axis=2), interlaced


def _args(image: ImageFile.ImageFile) -> Any:
    """What a picture's decoder is given."""
    return image.tile[0].args


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
        orientation = image.info.get("orientation", 1)
        if isinstance(image.info.get("exif"), bytes):
            # Not `image.getexif()`, which asks XMP too: programs that turn the pixels often leave that behind.
            exif = Image.Exif()
            exif.load(image.info["exif"])
            orientation = exif.get(0x0112, 1)
        if orientation in _TRANSPOSE:
            # By hand: `ImageOps.exif_transpose` also rewrites the metadata, which fails when that is damaged.
            turned = image.transpose(_TRANSPOSE[orientation])
            turned.info = dict(image.info)
            notes.append(Note("turned", "Turned upright as its EXIF orientation says."))
            return turned
    except Exception:
        notes.append(Note("exif_damaged", "Its EXIF data is damaged; the orientation was left as it is."))
    return image
