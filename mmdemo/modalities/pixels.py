"""Pixel formats: any PIL mode or array layout to RGB."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image, ImageChops, ImageCms

from mmdemo.errors import InputError
from mmdemo.modalities.note import Note

_CHECKER_SQUARE = 8  # pixels
_CHECKER_GREYS = (255, 204)
_ARRAYS = "an array needs the shape (H, W) or (H, W, 1 to 4) and uint8, uint16, or floats in [0, 1]"


def to_tensor(array: np.ndarray) -> torch.Tensor:
    """(H, W, 3) uint8, or float32 in [0, 1], to (3, H, W) float32 in [0, 1]."""
    planes = torch.from_numpy(np.array(array.transpose(2, 0, 1), order="C"))  # own memory
    return planes.float().div_(255) if planes.dtype == torch.uint8 else planes


def to_rgb(image: Image.Image, background: str, notes: list[str]) -> np.ndarray:
    """A decoded PIL image of any mode to RGB.

    Transparent parts are put on `background`, colours with a profile converted to sRGB; `notes` is added to.

    Returns:
        (H, W, 3) array, uint8 or (from 16-bit and float modes) float32 in [0, 1].

    Raises:
        InputError: a mode that cannot be converted, or values that are not finite.
    """
    if image.mode.startswith("I") or image.mode == "F":
        return _from_deep_grey(image, notes)
    profile = image.info.get("icc_profile")
    if image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or (
        image.mode in ("1", "L", "P", "RGB") and image.info.get("transparency") is not None
    ):
        straight = image.convert("LA") if image.mode == "La" else image  # premultiplied grey
        image = _flattened(straight.convert("RGBA"), background, notes)
    elif image.mode in ("1", "P"):
        image = image.convert("RGB" if image.mode == "P" else "L")
    return np.asarray(_to_srgb(image, profile, notes))


def _flattened(image: Image.Image, background: str, notes: list[str]) -> Image.Image:
    """An RGBA image put on the background; RGB."""
    if image.getchannel("A").getextrema()[0] == 255:
        return image.convert("RGB")
    place = "white" if background == "white" else "a checkerboard"
    notes.append(Note(f"on_{background}", f"Transparent parts put on {place}."))
    width, height = image.size
    base = Image.new("L", image.size, 255)
    if background == "checker":
        rows, columns = np.arange(height) // _CHECKER_SQUARE, np.arange(width) // _CHECKER_SQUARE
        odd = (rows[:, None] + columns[None]) % 2 == 1
        base = Image.fromarray(np.where(odd, *reversed(_CHECKER_GREYS)).astype(np.uint8))
    base = base.convert("RGB")
    base.paste(image, mask=image.getchannel("A"))
    return base


def _to_srgb(image: Image.Image, profile: bytes | None, notes: list[str]) -> Image.Image:
    """An L, RGB, CMYK, YCbCr, LAB or HSV image to RGB in sRGB, by its ICC profile where there is one."""
    try:
        if image.mode == "LAB":
            lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
            return ImageCms.buildTransform(lab, srgb, "LAB", "RGB").apply(image)
        if profile and image.mode in ("RGB", "CMYK", "L"):
            return _by_profile(image, profile, notes)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        notes.append(Note("profile_damaged", "Its colour profile is damaged or does not fit, and was ignored."))
    if image.mode == "CMYK":
        notes.append(Note("cmyk", "Converted from CMYK without a colour profile, so colours are approximate."))
    try:
        return image.convert("RGB")
    except ValueError:
        sentence = f"Pictures of the mode {image.mode} are not read; save it as 8-bit RGB first."
        raise InputError(sentence) from None


def _by_profile(image: Image.Image, profile: bytes, notes: list[str]) -> Image.Image:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    name = (ImageCms.getProfileDescription(source) or "").strip() or "unnamed"
    if image.mode == "RGB" and name.lower().startswith("srgb"):
        return image  # already there; converting would only add rounding
    # Relative colorimetric keeps colours that both spaces have; black point compensation keeps shadows.
    intent, flags = ImageCms.Intent.RELATIVE_COLORIMETRIC, ImageCms.Flags.BLACKPOINTCOMPENSATION
    srgb = ImageCms.createProfile("sRGB")
    converted = ImageCms.buildTransform(source, srgb, image.mode, "RGB", intent, flags).apply(image)
    if image.mode == "CMYK" or ImageChops.difference(converted, image.convert("RGB")).getbbox():
        notes.append(Note("profile", "Colours converted to sRGB from the profile “{name}”.", name=name[:60]))
    return converted


def _from_deep_grey(image: Image.Image, notes: list[str]) -> np.ndarray:
    """Grey of 16 or 32 bits or floats to (H, W, 3) float32."""
    values = np.asarray(image)
    if image.mode == "F":
        grey = _unit_floats(values, notes)
    else:
        values = values.astype(np.float64)
        low, high = float(values.min()), float(values.max())
        if low >= 0 and high <= 65_535:
            grey = values / 65_535  # 16-bit PNG and TIFF
        else:
            grey = (values - low) / (high - low or 1)
            values_from = "32-bit grey values from {low:.0f} to {high:.0f} scaled to black to white."
            notes.append(Note("grey32", values_from, low=low, high=high))
    return np.repeat(grey.astype(np.float32)[..., None], 3, axis=2)


def from_array(
    array: np.ndarray, background: str, notes: list[str], check_size: Callable[[int, int, str], None]
) -> np.ndarray:
    """An array as people and libraries give it to (H, W, 3), uint8 or float32 in [0, 1].

    Args:
        array: (H, W), (H, W, 1..4) or, when that cannot be meant, (1..4, H, W).
        background: "white" or "checker", for arrays with alpha.
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
    channels = values.shape[2]
    if channels in (2, 4):
        values = _composite(values, background, notes)
    return np.repeat(values, 3, axis=2) if values.shape[2] == 1 else values


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
        notes.append("Values up to 255 scaled to the range 0 to 1.")
        values = values / 255
    elif low < 0 or high > 1:
        notes.append("Values slightly outside 0 to 1 were clipped.")
    return np.clip(values, 0, 1).astype(np.float32)


def _composite(values: np.ndarray, background: str, notes: list[str]) -> np.ndarray:
    """(H, W, 2 or 4) with alpha last, put on the background; (H, W, 3)."""
    if values.dtype == np.uint8:
        image = Image.fromarray(np.ascontiguousarray(values))  # LA or RGBA
        return np.asarray(_flattened(image.convert("RGBA"), background, notes))
    alpha = values[..., -1:]
    colour = values[..., :-1]
    if (alpha < 1).any():
        # Through the 8-bit path for the background alone, so that both paths draw the same one.
        blank = Image.new("RGBA", (values.shape[1], values.shape[0]), (0, 0, 0, 0))
        base = np.asarray(_flattened(blank, background, notes)).astype(np.float32) / 255
        return colour * alpha + base * (1 - alpha)
    return np.repeat(colour, 3, axis=2) if colour.shape[2] == 1 else colour
