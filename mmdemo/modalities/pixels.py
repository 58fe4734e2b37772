"""Pixel formats: any PIL mode or array layout to RGB."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from PIL import Image

from mmdemo.errors import InputError
from mmdemo.modalities.colour import Space, grey_curve, space_of, to_srgb
from mmdemo.modalities.note import Note

BACKGROUNDS = ("auto", "white", "black", "checker")
_CHECKER_SQUARE = 8  # pixels
_CHECKER_GREYS = (255, 204)
_FAINT = 0.08  # mean difference in luma from white below which a picture is not seen on white
_DARKEST = 1 / 64  # of white: a picture without anything lighter is not seen
_OUTSIDE = Note("outside", "Values slightly outside the range of black to white were clipped.")
_ROWS = 256  # worked on at once, for the memory
_ARRAYS = "an array needs the shape (H, W) or (H, W, 1 to 4) and uint8, uint16, or floats in [0, 1]"


def to_tensor(array: np.ndarray) -> torch.Tensor:
    """(H, W, 1 or 3) uint8, or float32 in [0, 1], to (3, H, W) float32 in [0, 1]."""
    height, width, channels = array.shape
    planes = torch.empty(3, height, width, dtype=torch.float32)  # own memory, filled without another copy of it
    for channel in range(3):
        planes[channel] = torch.from_numpy(np.array(array[..., min(channel, channels - 1)]))
    return planes.div_(255) if array.dtype == np.uint8 else planes


def is_grey(array: np.ndarray) -> bool:
    """Whether red, green and blue of (H, W, 1 or 3) are the same at every pixel."""
    red = array[..., 0]
    return all(np.array_equal(red, array[..., channel]) for channel in range(1, array.shape[2]))


def to_rgb(image: Image.Image, background: str, notes: list[str]) -> np.ndarray:
    """A decoded PIL image of any mode to RGB.

    Colours are converted to sRGB, then transparent parts put on `background`; `notes` is added to.

    Returns:
        (H, W, 1 or 3) array, uint8 or (from 16-bit and float modes) float32 in [0, 1].

    Raises:
        InputError: a mode that cannot be converted, or values that are not finite.
    """
    space = space_of(image.info)
    image, alpha = _split(image)
    if image.mode.startswith("I") or image.mode == "F":
        array = _from_deep_grey(image, space, notes)
    else:
        image = to_srgb(image, space, notes)
        try:
            array = np.asarray(image if image.mode in ("L", "RGB") else image.convert("RGB"))
        except ValueError:
            sentence = f"Pictures of the mode {image.mode} are not read; save it as 8-bit RGB first."
            raise InputError(sentence) from None
        array = array[..., None] if array.ndim == 2 else array
    return array if alpha is None else _flattened(array, alpha, background, notes)


def _split(image: Image.Image) -> tuple[Image.Image, np.ndarray | None]:
    """An image without alpha and palette, and its alpha (H, W) uint8."""
    if image.mode in ("La", "RGBa"):  # premultiplied
        image = image.convert("LA" if image.mode == "La" else "RGBA")
    key = image.info.get("transparency")
    if image.mode == "PA" or (image.mode == "P" and key is not None):
        image = image.convert("RGBA")
    if image.mode in ("LA", "RGBA"):
        return image.convert(image.mode[:-1]), np.asarray(image.getchannel("A"))
    alpha = None
    if key is not None and image.mode in ("1", "L", "RGB", "I;16", "I"):
        values = np.asarray(image.convert("L") if image.mode == "1" else image)
        hit = values == np.asarray(key)
        alpha = np.where(hit.all(2) if hit.ndim == 3 else hit, 0, 255).astype(np.uint8)
    if image.mode in ("1", "P"):
        image = image.convert("L" if image.mode == "1" else "RGB")
    return image, alpha


def _flattened(colour: np.ndarray, alpha: np.ndarray, background: str, notes: list[str]) -> np.ndarray:
    """Colours (H, W, 1 or 3) with alpha (H, W), both uint8 or floats in [0, 1], put on the background; (H, W, 3)."""
    opaque = 255 if alpha.dtype == np.uint8 else 1
    if alpha.min() == opaque:
        return colour
    white = 255 if colour.dtype == np.uint8 else 1
    height, width = alpha.shape
    faint = background == "auto" and _is_faint(colour, alpha)
    if background == "auto":
        background = "black" if faint else "white"
    place = "a checkerboard" if background == "checker" else background
    notes.append(Note(f"on_{background}", f"Transparent parts put on {place}."))
    if faint:
        notes.append(Note("faint", "On white, little of it would be seen."))
    flat = np.empty((height, width, 3), colour.dtype)
    for top in range(0, height, _ROWS):
        rows = slice(top, top + _ROWS)
        share = alpha[rows, :, None].astype(np.float32) / opaque
        base = _base(background, range(height)[rows], width) * np.float32(white / 255)
        mixed = colour[rows] * share + base * (1 - share)
        flat[rows] = mixed + 0.5 if white == 255 else mixed
    return flat


def _base(background: str, rows: range, width: int) -> np.ndarray:
    """Rows of the background, (h, 1 or W, 1) in 0..255."""
    if background != "checker":
        return np.full((len(rows), 1, 1), 255 if background == "white" else 0, np.float32)
    odd = (np.arange(rows.start, rows.stop)[:, None] // _CHECKER_SQUARE + np.arange(width) // _CHECKER_SQUARE) % 2 == 1
    return np.where(odd, *reversed(_CHECKER_GREYS)).astype(np.float32)[..., None]


def _is_faint(colour: np.ndarray, alpha: np.ndarray) -> bool:
    """Whether what is to be seen is nearly as light as white, such as a white logo."""
    white = 255 if colour.dtype == np.uint8 else 1
    weights = np.array([1.0] if colour.shape[2] == 1 else [0.299, 0.587, 0.114], np.float32) / white
    seen = dark = 0.0
    for top in range(0, len(alpha), _ROWS):
        share = alpha[top : top + _ROWS].astype(np.float32)
        seen += float(share.sum(dtype=np.float64))
        dark += float((share * (1 - colour[top : top + _ROWS] @ weights)).sum(dtype=np.float64))
    return seen > 0 and dark / seen < _FAINT


def _from_deep_grey(image: Image.Image, space: Space | None, notes: list[str]) -> np.ndarray:
    """Grey of 16 or 32 bits or floats to (H, W, 1) float32."""
    values = np.asarray(image)
    if image.mode.startswith("I;16") or image.format == "PNG":
        black, white = 0.0, 65_535.0
    else:  # elsewhere than in TIFF, 32 bits are what libraries keep 16 in
        usual = 1.0 if image.mode == "F" else None if image.format == "TIFF" else 65_535.0
        black, white = value_range(float(values.min()), float(values.max()), usual, notes)
    grey = np.empty(values.shape, np.float32)
    for top in range(0, len(values), _ROWS):
        rows = slice(top, top + _ROWS)
        grey[rows] = ((values[rows].astype(np.float64) - black) / (white - black)).clip(0, 1)
    curve = grey_curve(space, notes)
    if curve is not None:
        for row in grey:  # one by one, as `interp` works in 64 bits
            row[:] = np.interp(row, np.linspace(0, 1, len(curve)), curve)
    return grey[..., None]


def value_range(low: float, high: float, usual: float | None, notes: list[str]) -> tuple[float, float]:
    """What counts as black and as white of samples of which the type alone does not say it.

    They are taken as their type has them (0 to `usual`) where that shows anything, else as those of 8 bits where they
    look like it, and else scaled from the lowest to the highest, as viewers of measurements do; `notes` is added to.

    Args:
        low, high: the lowest and the highest value there is. usual: what is white by the type; None where nothing is.

    Raises:
        InputError: a value is not finite.
    """
    if not np.isfinite([low, high]).all():
        raise InputError(
            "The picture holds values that are not finite (NaN or infinity); "
            "save it as PNG or as TIFF with 8 or 16 bits per channel."
        )
    if low == high == 0:
        return 0.0, usual or 1.0
    # A ringing filter or a model overshoots by a few per cent; more than that is another range.
    if usual and low >= -0.1 * usual and usual * _DARKEST < high <= 1.1 * usual:
        if low < 0 or high > usual:
            notes.append(_OUTSIDE)
        return 0.0, usual
    if low >= 0 and 64 <= high <= 255:
        low, high = 0.0, 255.0
    notes.append(_scaled(low, high))
    return low, high if high > low else low + 1


def _scaled(low: float, high: float) -> Note:
    return Note("scaled", "Values from {low:.4g} to {high:.4g} scaled to black to white.", low=low, high=high)


def from_array(
    array: np.ndarray, background: str, notes: list[str], check_size: Callable[[int, int, str], None]
) -> np.ndarray:
    """An array as people and libraries give it to (H, W, 1 or 3), uint8 or float32 in [0, 1].

    Args:
        array: (H, W), (H, W, 1..4) or, when that cannot be meant, (1..4, H, W).
        background: one of `BACKGROUNDS`, for arrays with alpha.
        notes: added to.
        check_size: called as (width, height, name) before any pixel is touched.

    Raises:
        InputError: another shape, type or range.
    """
    if array.ndim == 3 and array.shape[2] not in (1, 2, 3, 4) and array.shape[0] in (1, 2, 3, 4):
        array = array.transpose(1, 2, 0)
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 2, 3, 4):
        raise InputError(f"An array of the shape {array.shape} is no picture; {_ARRAYS}.")
    check_size(array.shape[1], array.shape[0], "The array")
    values = _unit_array(array, notes)
    if values.shape[2] in (1, 3):
        return values
    return _flattened(values[..., :-1], values[..., -1], background, notes)


def _unit_array(array: np.ndarray, notes: list[str]) -> np.ndarray:
    """Any number type to uint8 as it is, or float32 in [0, 1]."""
    if array.dtype == np.uint8:
        return array
    if array.dtype == bool:
        return array.astype(np.uint8) * 255
    if array.dtype == np.uint16:
        return (array / np.float32(65_535)).astype(np.float32)
    if np.issubdtype(array.dtype, np.integer):
        low, high = array.min(), array.max()
        if low < 0 or high > 255:
            raise InputError(f"An integer array with values from {low} to {high} is no picture; {_ARRAYS}.")
        return array.astype(np.uint8)
    if np.issubdtype(array.dtype, np.floating):
        return _unit_floats(array, notes)
    raise InputError(f"An array of the type {array.dtype} is no picture; {_ARRAYS}.")


def _unit_floats(values: np.ndarray, notes: list[str]) -> np.ndarray:
    """Floats to float32 in [0, 1]: as they are, slightly outside clipped, or 0..255 scaled."""
    if not np.isfinite(values).all():
        raise InputError(f"The picture holds values that are not finite (NaN or infinity); {_ARRAYS}.")
    low, high = float(values.min()), float(values.max())
    # A ringing filter or a model overshoots by a few per cent; more than that is another range.
    if low < -0.1 or high > 255:
        raise InputError(f"The picture's values go from {low:.4g} to {high:.4g}; {_ARRAYS}.")
    if high > 1.1:
        notes.append(_scaled(0.0, 255.0))
        values = values / 255
    elif low < 0 or high > 1:
        notes.append(_OUTSIDE)
    return np.clip(values, 0, 1).astype(np.float32)
