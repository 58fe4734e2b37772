"""TIFF: which kinds Pillow reads right, and the others through tifffile."""

from __future__ import annotations

import logging
import math
import os
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from mmdemo.errors import InputError
from mmdemo.modalities.note import Note
from mmdemo.modalities.pixels import value_range
from mmdemo.modalities.sniff import how_to_convert

MAX_SAMPLE_BYTES = 2**30
"""Most bytes of samples of a TIFF that Pillow does not read."""

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR, _LAB = 0, 1, 2, 3, 5, 6, 8
_COLOURS = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _PALETTE: 1, _CMYK: 4, _YCBCR: 3, _LAB: 3}
_NAMES = {0: "grey", 1: "grey", 2: "RGB", 3: "palette", 5: "CMYK", 6: "YCbCr", 8: "Lab"}
_RAW = {32803, 34892}  # mosaic of a sensor, and the same in linear colours
_NUMBERS = {1: "unsigned", 2: "signed", 3: "float"}
_COMPRESSIONS = {1: "not compressed", 5: "LZW", 7: "JPEG", 8: "Deflate", 32773: "PackBits", 32946: "Deflate"}
_COMPRESSIONS |= {34925: "LZMA", 50000: "Zstandard"}
_JPEG = {6, 7}
_EXPANSION = {1: 1, 5: 2000, 8: 2000, 32946: 2000, 32773: 128}  # at most so many bytes from one
_ROWS = 256  # converted at once, for the memory
_PLAIN = {1, 5, 8, 32773, 32946, 34925, 50000}  # these keep every bit, so that any kind of sample may lie in them
_HOW = "save it as PNG or as TIFF with 8 or 16 bits per channel"


@dataclass(frozen=True)
class Layout:
    """How the first picture of a TIFF file lies in it, by its tags."""

    width: int
    height: int
    samples: int
    bits: int  # -1 where they differ
    kind: int  # 1 unsigned, 2 signed, 3 float
    colours: int  # photometric interpretation
    extra: tuple[int, ...]  # 0 of no meaning, 1 premultiplied alpha, 2 alpha
    compression: int
    bytes: int  # of the whole file
    planar: bool
    big_endian: bool
    big: bool  # BigTIFF: offsets of 64 bits
    raw: bool
    preview: bool

    @classmethod
    def read(cls, file: BinaryIO) -> Layout:
        """The tags of the first picture; any exception for a damaged file."""
        whole = file.seek(0, os.SEEK_END)
        file.seek(0)
        header = file.read(8)
        big = 43 in header[2:4]  # BigTIFF
        if big:
            header += file.read(8)
        order = header[:2]
        if big and order == b"MM":  # Pillow looks for the 43 where the other order has it
            header = b"II\x2b\0" + header[4:]
        tags = ImageFileDirectory_v2(header, prefix=order)
        file.seek(tags.next)
        tags.load(file)

        def many(tag: int, default: int) -> tuple[int, ...]:
            value = tags.get(tag, default)
            return tuple(int(v) for v in (value if isinstance(value, tuple) else (value,)))

        bits, kinds = many(258, 1), many(339, 1)
        colours = many(262, _WHITE_IS_ZERO)[0]
        preview = bool(many(254, 0)[0] & 1 and (330 in tags or tags.next))  # of a picture that is somewhere else
        return cls(
            width=many(256, 0)[0],
            height=many(257, 0)[0],
            samples=many(277, 1)[0],
            bits=bits[0] if len(set(bits)) == 1 else -1,
            kind=kinds[0] if len(set(kinds)) == 1 else -1,
            colours=colours,
            extra=many(338, 0) if 338 in tags else (),
            compression=many(259, 1)[0],
            bytes=whole,
            planar=many(284, 1)[0] == 2,
            big_endian=order == b"MM",
            big=big,
            # DNGVersion, a sensor's mosaic, or a camera's preview with the real picture in a directory below it
            raw=50706 in tags or colours in _RAW or (preview and 271 in tags and 330 in tags),
            preview=preview,
        )

    def __str__(self) -> str:
        samples = f"{self.samples} × {self.bits}" if self.bits > 0 else f"{self.samples}"
        number = _NUMBERS.get(self.kind, "other")
        packed = _COMPRESSIONS.get(self.compression, f"compression {self.compression}")
        colours = _NAMES.get(self.colours, f"colours {self.colours}")
        return f"{colours}, {samples} bits {number}{', planar' if self.planar else ''}, {packed}"

    @property
    def size(self) -> str:
        """Width and height in words."""
        return f"{self.width:,} × {self.height:,} pixels"

    @property
    def expansion(self) -> float:
        """How many bytes of samples a byte of the file can hold at most."""
        return _EXPANSION.get(self.compression, math.inf)

    @property
    def for_pillow(self) -> bool:
        """Whether Pillow reads these pixels right (tests/unit/test_modalities_tiff.py compares every kind)."""
        if self.big and self.big_endian:
            return False
        grey = self.colours == _BLACK_IS_ZERO and self.samples == 1
        if self.colours == _YCBCR:
            return self.bits == 8 and self.compression in _JPEG  # elsewhere it takes no notice of the subsampling
        if self.bits == 8 and self.kind == 1:
            return self.samples != 2 or self.extra != (0,)
        if self.planar and self.samples > 1:
            return False
        if self.bits == 16 and self.kind == 1:
            return grey or (self.colours == _RGB and self.samples in (3, 4) and 1 not in self.extra)
        if self.bits in (1, 2, 4):
            return self.samples == 1
        # It unpacks these as if libtiff had not brought them to this machine's byte order.
        return self.bits == 32 and self.kind in (2, 3) and grey and not (self.big_endian and self.compression != 1)


def not_read(layout: Layout, name: str) -> InputError:
    """The refusal of a kind by name."""
    return InputError(f"{name} is a TIFF of a kind that is not read ({layout}); {_HOW}.")


def check(layout: Layout, name: str) -> None:
    """InputError for camera RAW, previews, and what neither Pillow nor tifffile makes a picture of."""
    if layout.raw:
        raw = "a camera RAW picture"
        raise InputError(f"{name} is {raw}, which is not read; {how_to_convert(raw)}.")
    if layout.preview:
        raise InputError(f"{name} is a TIFF that begins with a small preview, which is not read; {_HOW}.")
    if layout.width * layout.height * layout.samples * layout.bits / 8 > layout.bytes * layout.expansion:
        raise InputError(f"{name} is damaged or cut short, as it is too small for the {layout.size} that it announces.")
    if layout.for_pillow:
        return
    colours = _COLOURS.get(layout.colours)
    if (
        colours is None
        or layout.colours in (_YCBCR, _LAB)
        or not colours <= layout.samples <= colours + 1
        or layout.bits < (8 if layout.samples > 1 else 1)
        or layout.kind not in _NUMBERS
        or (layout.colours == _PALETTE and (layout.kind != 1 or layout.bits > 16))
        or layout.compression not in _PLAIN
    ):
        raise not_read(layout, name)
    size = layout.width * layout.height * layout.samples * -(-layout.bits // 8)
    if size > MAX_SAMPLE_BYTES:
        limit = MAX_SAMPLE_BYTES >> 20
        raise InputError(f"{name} is a TIFF ({layout}) with over {limit} MB of samples, the most accepted; {_HOW}.")


def read(file: BinaryIO, layout: Layout, name: str, notes: list[str]) -> Image.Image:
    """A TIFF of a kind that Pillow does not read right, as a PIL image of 8 bits per channel.

    Raises:
        InputError: tifffile or a codec for it is not installed, or the values are not finite.
    """
    try:
        import tifffile
    except ImportError:
        extra = f"is a TIFF of a kind ({layout}) that is read with the extra alone: pip install 'mmdemo[media]'"
        raise InputError(f"{name} {extra}; or {_HOW}.") from None
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # what is wrong with a file is said below
    file.seek(0)
    with tifffile.TiffFile(file) as tiff:
        page = tiff.pages.first
        parts = page.databytecounts
        if len(parts) != math.prod(page.chunked) or not all(parts):
            raise ValueError("strips or tiles are missing")  # tifffile would take them as black
        values = page.asarray(maxworkers=1)
        if layout.planar and layout.samples > 1:
            values = np.moveaxis(values, 0, -1)
        values = values.reshape(layout.height, layout.width, layout.samples)
        palette = np.asarray(page.colormap)
        tags, count = page.tags, len(tiff.pages)
        profile, turn = tags.valueof(34675), tags.valueof(274, default=1)
    if layout.bits > 8:
        notes.append(Note("bits", "{bits} bits per channel read as 8.", bits=layout.bits))
    if count > 1:
        notes.append(Note("page_first", "First of {all} pages.", all=count))
    if layout.colours == _PALETTE:
        image = Image.fromarray(_looked_up(values, palette))
    else:
        image = _assembled(_levels(values, layout, notes), layout.colours, layout.extra)
    image.info["orientation"] = turn
    if profile:
        image.info["icc_profile"] = bytes(profile)
    return image


def _looked_up(values: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """(H, W, 1) indices and a palette (3, N) of 16 bits to (H, W, 3) uint8."""
    table = (palette.T / 257).round().astype(np.uint8)
    return table[np.minimum(values[..., 0], len(table) - 1)]


def _levels(values: np.ndarray, layout: Layout, notes: list[str]) -> np.ndarray:
    """Samples of any type to uint8."""
    low, high = 0.0, float(2**layout.bits - 1)
    if layout.kind != 1 or layout.bits > 16:  # hardly anything fills the range of such numbers
        usual = {1: high, 3: 1.0}.get(layout.kind)
        low, high = value_range(float(values.min()), float(values.max()), usual, notes)
    levels = np.empty(values.shape, np.uint8)
    number: Any = np.float64 if layout.bits > 24 else np.float32
    for top in range(0, len(values), _ROWS):
        part = (values[top : top + _ROWS].astype(number) - number(low)) * number(255 / (high - low))
        levels[top : top + _ROWS] = np.clip(part + number(0.5), 0, 255)
    return levels


def _assembled(levels: np.ndarray, colours: int, extra: tuple[int, ...]) -> Image.Image:
    """(H, W, C) uint8 to a PIL image, white for zero turned round, alpha straight, and other channels left out."""
    base = _COLOURS[colours]
    alpha = levels[..., base] if levels.shape[2] > base and extra[:1] in ((1,), (2,)) else None
    levels = levels[..., :base]
    if colours == _WHITE_IS_ZERO:
        levels = 255 - levels
    if alpha is not None and extra[0] == 1:
        whole = np.maximum(alpha, 1)[..., None].astype(np.uint16)
        levels = np.minimum((levels.astype(np.uint16) * 255 + whole // 2) // whole, 255).astype(np.uint8)
    modes: dict[int, Any] = {1: "L", 3: "RGB", 4: "CMYK"}
    image = Image.fromarray(np.ascontiguousarray(levels[..., 0] if base == 1 else levels), modes[base])
    if alpha is not None and base != 4:
        image.putalpha(Image.fromarray(np.ascontiguousarray(alpha)))
    return image
