"""Corrections: what turns a lossy text reconstruction into the exact text again.

Stored as a CRC-32 of the text, then the places (distances between them) and the right bytes, deflated. If the decoder
on another machine ever gave other bytes than the encoder's, the checksum says so: never a wrong text.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np

from ..errors import InputError


def make(original: bytes, decoded: bytes) -> bytes:
    """Corrections from ``decoded`` to ``original`` (same length)."""
    if len(original) != len(decoded):
        raise ValueError(f"lengths differ: {len(original)} and {len(decoded)}")
    a, b = (np.frombuffer(x, np.uint8) for x in (original, decoded))
    places = np.flatnonzero(a != b)
    gaps = np.diff(places, prepend=-1) - 1
    body = b"".join(_gap(int(g)) for g in gaps) + a[places].tobytes()
    return struct.pack(">I", zlib.crc32(original)) + zlib.compress(struct.pack(">I", len(places)) + body, 9, -15)


def apply(decoded: bytes, corrections: bytes) -> bytes:
    """The exact text. Raises InputError if the checksum does not match."""
    try:
        (checksum,) = struct.unpack(">I", corrections[:4])
        body = zlib.decompress(corrections[4:], -15)
        (count,) = struct.unpack(">I", body[:4])
        at, place = 4, -1
        text = bytearray(decoded)
        places = []
        for _ in range(count):
            gap, at = _read_gap(body, at)
            place += gap + 1
            places.append(place)
        for place, byte in zip(places, body[at:], strict=True):
            text[place] = byte
    except (struct.error, zlib.error, IndexError, ValueError) as error:
        raise InputError(
            "The corrections in this .mmt file are damaged; decode it with --levels for the lossy text."
        ) from error
    if zlib.crc32(text) != checksum:
        raise InputError(
            "This .mmt file cannot be decoded exactly here: the model gives other bytes than where it was written "
            "(its checksum says so); decode it with --levels for the lossy text."
        )
    return bytes(text)


def _gap(value: int) -> bytes:
    """One byte for gaps below 255, else 255 and four more."""
    return bytes([value]) if value < 255 else b"\xff" + struct.pack(">I", value)


def _read_gap(body: bytes, at: int) -> tuple[int, int]:
    if body[at] < 255:
        return body[at], at + 1
    return struct.unpack(">I", body[at + 1 : at + 5])[0], at + 5
