"""What a picture's file says about itself that Pillow does not tell, and what Pillow must not see."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

_TEXT = {b"tEXt", b"zTXt", b"iTXt"}
_MAX_PROFILE_BYTES = 16 * 2**20
_MAX_META_BYTES = 4 * 2**20  # of the boxes before the pixels of an AVIF file


@dataclass(frozen=True)
class Png:
    """A PNG file without its texts.

    Attributes:
        file: the file for Pillow, which refuses large texts (picture generators keep workflows there), refuses
            large colour profiles, and takes the orientation from texts too.
        depth: bits per sample.
        profile: the ICC profile; None without one.
        cicp: (colour primaries, transfer function) as coded in ITU-T H.273; None where it does not say.
    """

    file: BinaryIO
    depth: int
    profile: bytes | None
    cicp: tuple[int, int] | None


def read_png(file: BinaryIO) -> Png:
    """Sort the chunks of a PNG file; a damaged one is handed on as it is, for Pillow to refuse."""
    depth, profile, cicp = 8, None, None
    file.seek(8)
    cuts = []  # (start, end) of what Pillow is not given
    while len(head := file.read(8)) == 8:
        start, length, kind = file.tell() - 8, int.from_bytes(head[:4], "big"), head[4:]
        if kind == b"IHDR":
            depth = (file.read(length) + bytes(9))[8]
        elif kind == b"cICP" and length == 4 and len(said := file.read(2)) == 2:
            cicp = said[0], said[1]
        elif kind == b"iCCP":
            profile = _inflated(file.read(length).partition(b"\0")[2][1:])
        if kind in _TEXT or (kind == b"iCCP" and profile):
            cuts.append((start, start + 12 + length))
        file.seek(start + 12 + length)
    file.seek(0)
    if cuts:
        data = file.read()
        ends = [0, *(end for _, end in cuts)]
        starts = [*(start for start, _ in cuts), len(data)]
        file = io.BytesIO(b"".join(data[a:b] for a, b in zip(ends, starts)))
    return Png(file, depth, profile, cicp)


def _inflated(data: bytes) -> bytes | None:
    try:
        return zlib.decompressobj().decompress(data, _MAX_PROFILE_BYTES) or None
    except zlib.error:
        return None


def read_cicp(file: BinaryIO) -> tuple[int, int] | None:
    """(colour primaries, transfer function) of the main picture of an AVIF file, or None.

    A file has many items (alpha, thumbnails, gain maps) with a list of properties for all: those of the primary item
    count (ISO/IEC 23008-12, 6.2 and 9.3).
    """
    file.seek(0)
    head = file.read(_MAX_META_BYTES)
    file.seek(0)
    try:
        meta = _box(head, b"meta", 4)
        at = 6 if _box(meta, b"pitm")[0] else 4
        primary = int.from_bytes(_box(meta, b"pitm")[4 : at + 2], "big")
        properties = list(_boxes(_box(_box(meta, b"iprp"), b"ipco")))
        for kind, body in (properties[i - 1] for i in _associated(_box(_box(meta, b"iprp"), b"ipma"), primary)):
            if kind == b"colr" and body[:4] == b"nclx":
                return int.from_bytes(body[4:6], "big"), int.from_bytes(body[6:8], "big")
    except (LookupError, ValueError):
        pass  # damaged, or built otherwise: nothing is said
    return None


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(type, body) of each box of an ISO base media file."""
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        start = at + 8
        if size == 1:
            size, start = int.from_bytes(data[at + 8 : at + 16], "big"), at + 16
        end = at + size if size else len(data)
        if end < start:
            raise ValueError("a box smaller than its header")
        yield data[at + 4 : at + 8], data[start:end]
        at = end


def _box(data: bytes, kind: bytes, skipped: int = 0) -> bytes:
    for found, body in _boxes(data):
        if found == kind:
            return body[skipped:]
    raise LookupError(kind)


def _associated(ipma: bytes, item: int) -> list[int]:
    """The numbers (from 1) of the properties of an item."""
    wide_ids, wide_numbers = ipma[0] > 0, ipma[3] & 1
    count, at = int.from_bytes(ipma[4:8], "big"), 8
    for _ in range(count):
        length = 4 if wide_ids else 2
        found, at = int.from_bytes(ipma[at : at + length], "big"), at + length
        entries, at = ipma[at], at + 1
        step = 2 if wide_numbers else 1
        mask = 0x7FFF if wide_numbers else 0x7F
        numbers = [int.from_bytes(ipma[i : i + step], "big") & mask for i in range(at, at + entries * step, step)]
        if found == item:
            return [number for number in numbers if number]
        at += entries * step
    return []
