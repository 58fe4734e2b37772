"""Colours to sRGB: ICC profiles, coded colour spaces (CICP), gamma and primaries of PNG, and HDR."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from mmdemo.modalities.note import Note

_IDENTITY = 2  # levels of 255 by which a profile may differ from sRGB and count as sRGB
_FAILURES = (ImageCms.PyCMSError, OSError, ValueError, TypeError)

_D65, _D50 = (0.3127, 0.3290), (0.3457, 0.3585)
# ITU-T H.273, table 2: x, y of red, green, blue and white.
_PRIMARIES = {
    1: ("BT.709", (0.640, 0.330, 0.300, 0.600, 0.150, 0.060, *_D65)),
    4: ("BT.470 M", (0.670, 0.330, 0.210, 0.710, 0.140, 0.080, 0.310, 0.316)),
    5: ("BT.470 BG", (0.640, 0.330, 0.290, 0.600, 0.150, 0.060, *_D65)),
    6: ("BT.601", (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *_D65)),
    7: ("SMPTE 240M", (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *_D65)),
    8: ("film", (0.681, 0.319, 0.243, 0.692, 0.145, 0.049, 0.310, 0.316)),
    9: ("BT.2020", (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *_D65)),
    11: ("DCI-P3", (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.314, 0.351)),
    12: ("Display P3", (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, *_D65)),
    22: ("EBU 3213", (0.630, 0.340, 0.295, 0.605, 0.155, 0.077, *_D65)),
}
_SRGB_PRIMARIES = _PRIMARIES[1][1]
_WHITE_NITS = 203  # of diffuse white in HDR (ITU-R BT.2408)


@dataclass(frozen=True)
class Space:
    """A colour space to convert from.

    Attributes:
        profile: ICC profile.
        name: in words, to be shown.
        hdr: whether values beyond white were mapped into the range.
        built: whether the profile was made here, for RGB, from what a file says in other ways.
    """

    profile: bytes
    name: str = ""
    hdr: bool = False
    built: bool = False


def space_of(info: Mapping[Any, Any]) -> Space | None:
    """The colour space that a picture says it has (`PIL.Image.info`); None for sRGB or nothing said.

    Of several statements the one counts that browsers take: for PNG cICP, the profile, sRGB, gAMA with cHRM (PNG
    specification, third edition, 4.3); elsewhere the profile before the code.
    """
    icc, cicp = info.get("icc_profile"), info.get("cicp")
    if cicp and (info.get("cicp_first") or not icc):
        return _coded(*cicp)
    if icc:
        return Space(icc)
    gamma = info.get("gamma")
    if "srgb" in info or not gamma or not 0.05 < gamma < 20:
        return None
    xy = tuple(info.get("chromaticity") or _SRGB_PRIMARIES)
    if len(xy) == 8 and "chromaticity" in info:
        xy = (*xy[2:], *xy[:2])  # PNG has white first
    like_srgb = abs(gamma - 1 / 2.2) < 0.005
    if like_srgb and np.allclose(xy, _SRGB_PRIMARIES, atol=0.002):
        return None  # what files in sRGB say for readers that know gamma alone
    curve = _srgb_to_linear if like_srgb else (lambda x: x ** (1 / gamma))
    profile = _matrix_profile(xy, curve)
    return Space(profile, f"gamma {gamma:.4g}", built=True) if profile else None


def to_srgb(image: Image.Image, space: Space | None, notes: list[str]) -> Image.Image:
    """An L, RGB, CMYK or LAB image to L or RGB in sRGB; as it is where its colours are sRGB already."""
    try:
        if image.mode == "LAB":
            return _transform(ImageCms.createProfile("LAB"), "LAB").apply(image)
        if space is not None and image.mode in ("L", "RGB", "CMYK"):
            return _converted(image, space, notes)
    except _FAILURES:
        notes.append(Note("profile_damaged", "Its colour profile is damaged or does not fit, and was ignored."))
    if image.mode == "CMYK":
        notes.append(Note("cmyk", "Converted from CMYK without a colour profile, so colours are approximate."))
    return image


def _converted(image: Image.Image, space: Space, notes: list[str]) -> Image.Image:
    source = ImageCms.ImageCmsProfile(io.BytesIO(space.profile))
    if space.built and image.mode == "L":
        image = image.convert("RGB")
    elif space.profile[16:20] == b"GRAY" and image.mode == "RGB" and _is_grey(image):
        image = image.convert("L")  # Pillow reads 16-bit grey with alpha as RGBA
    transform = _transform(source, image.mode)
    # By what it does, not by its name: there are profiles named sRGB that are linear, and nameless ones that are sRGB.
    if image.mode != "CMYK":
        probe = _probe(image.mode)
        levels = np.asarray(probe.convert("RGB")).astype(int)
        if np.abs(np.asarray(transform.apply(probe)) - levels).max() <= _IDENTITY:
            return image  # converting would only add rounding
    converted = transform.apply(image)
    name = space.name or (ImageCms.getProfileDescription(source) or "").strip() or "unnamed"
    if space.hdr:
        notes.append(Note("hdr", "HDR ({name}) mapped to the range of an ordinary screen.", name=name))
    else:
        notes.append(Note("profile", "Colours converted to sRGB from the profile “{name}”.", name=name[:60]))
    return converted


def _is_grey(image: Image.Image) -> bool:
    red, green, blue = image.split()
    return red == green == blue


def _transform(source: Any, mode: str) -> Any:
    # Relative colorimetric keeps colours that both spaces have; black point compensation keeps shadows.
    intent, flags = ImageCms.Intent.RELATIVE_COLORIMETRIC, ImageCms.Flags.BLACKPOINTCOMPENSATION
    if mode == "L":
        flags |= ImageCms.Flags.NOOPTIMIZE  # LittleCMS's short cut is 10 levels off in the shadows of linear grey
    return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB", intent, flags)


@lru_cache(maxsize=2)
def _probe(mode: str) -> Image.Image:
    """Every grey, or colours spread over the cube and every grey."""
    greys = np.arange(256, dtype=np.uint8)
    if mode == "L":
        return Image.fromarray(greys[None])
    steps = np.arange(0, 256, 17, dtype=np.uint8)
    cube = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
    return Image.fromarray(np.concatenate([cube, greys[:, None].repeat(3, 1)])[None])


def grey_curve(space: Space | None, notes: list[str]) -> np.ndarray | None:
    """For greys of more than 8 bits: sRGB values in [0, 1] of 256 evenly spaced greys, (256,); None for no change."""
    if space is None:
        return None
    before = _probe("L")
    after = to_srgb(before, space, notes)
    return None if after is before else np.asarray(after.convert("RGB"))[0, :, 1] / 255


def _srgb_to_linear(x: np.ndarray) -> np.ndarray:
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)


def _pq_to_linear(x: np.ndarray) -> np.ndarray:
    """SMPTE ST 2084, relative to diffuse white."""
    power = x ** (1 / 78.84375)
    return (
        10_000
        / _WHITE_NITS
        * (np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)) ** (1 / 0.1593017578125)
    )


def _hlg_to_linear(x: np.ndarray) -> np.ndarray:
    """ITU-R BT.2100 for a display of 1,000 cd/m², relative to diffuse white."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(x <= 0.5, x**2 / 3, (np.exp((x - c) / a) + b) / 12)
    return 1000 / _WHITE_NITS * scene**1.2


def _shouldered(linear: np.ndarray, knee: float = 0.9) -> np.ndarray:
    """As it is up to the knee; above, what has no end runs into white, so that highlights keep their shading."""
    over = np.maximum(linear - knee, 0) / (1 - knee)
    return np.minimum(linear, knee) + (1 - knee) * (1 - np.exp(-over))


# ITU-T H.273, table 3. Those of television (1, 6, 14, 15) are shown as sRGB, as browsers do.
_TRANSFERS: dict[int, tuple[str, Callable[[np.ndarray], np.ndarray]]] = {
    **dict.fromkeys((1, 2, 6, 13, 14, 15), ("", _srgb_to_linear)),
    4: ("gamma 2.2", lambda x: x**2.2),
    5: ("gamma 2.8", lambda x: x**2.8),
    8: ("linear", lambda x: x),
    16: ("PQ", lambda x: _shouldered(_pq_to_linear(x))),
    17: ("SMPTE 428", lambda x: x**2.6 * 52.37 / 48),
    18: ("HLG", lambda x: _shouldered(_hlg_to_linear(x))),
}


@lru_cache(maxsize=16)
def _coded(primaries: int, transfer: int) -> Space | None:
    """The colour space of two codes of ITU-T H.273; None for sRGB or codes without a meaning here."""
    place, xy = _PRIMARIES.get(primaries, ("", _SRGB_PRIMARIES))
    name, curve = _TRANSFERS.get(transfer, _TRANSFERS[13])
    if xy == _SRGB_PRIMARIES and curve is _srgb_to_linear:
        return None
    profile = _matrix_profile(xy, curve)
    return Space(profile, f"{place} {name}".strip(), transfer in (16, 18), built=True) if profile else None


def _matrix_profile(xy: tuple[float, ...], curve: Callable[[np.ndarray], np.ndarray]) -> bytes | None:
    """An ICC profile (version 2) of primaries and one curve for all three; None where they make no colour space.

    Args:
        xy: x, y of red, green, blue and white.
        curve: coded values in [0, 1] to linear ones in [0, 1].
    """
    try:
        red, green, blue, white = (_xyz(x, y) for x, y in zip(xy[::2], xy[1::2]))
        columns = np.stack([red, green, blue], axis=1)
        columns = columns * np.linalg.solve(columns, white)
        bradford = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
        ratio = (bradford @ _xyz(*_D50)) / (bradford @ white)
        columns = np.linalg.inv(bradford) @ np.diag(ratio) @ bradford @ columns
    except (ZeroDivisionError, ValueError, np.linalg.LinAlgError):
        return None
    if not np.isfinite(columns).all() or np.abs(columns).max() > 4:
        return None

    def fixed(values: np.ndarray) -> bytes:
        return struct.pack(">3i", *(round(float(value) * 65_536) for value in values))

    table = np.clip(curve(np.linspace(0, 1, 4096)), 0, 1)
    steps = b"curv" + bytes(4) + struct.pack(">I", 4096) + np.round(table * 65_535).astype(">u2").tobytes()
    tags = [(b"wtpt", b"XYZ " + bytes(4) + fixed(_xyz(*_D50)))]
    tags += [(name, b"XYZ " + bytes(4) + fixed(columns[:, i])) for i, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))]
    tags += [(name, steps) for name in (b"rTRC", b"gTRC", b"bTRC")]
    at, entries, bodies = 132 + 12 * len(tags), b"", b""
    for name, body in tags:
        entries += name + struct.pack(">II", at + len(bodies), len(body))
        bodies += body
    header = struct.pack(">I4sI4s4s4s", at + len(bodies), bytes(4), 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    header = (header + bytes(12) + b"acsp").ljust(68, b"\0") + fixed(_xyz(*_D50))
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + entries + bodies


def _xyz(x: float, y: float) -> np.ndarray:
    """XYZ of a chromaticity, with Y = 1."""
    return np.array([x / y, 1.0, (1 - x - y) / y])
