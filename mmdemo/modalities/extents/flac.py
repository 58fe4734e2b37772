"""FLAC (RFC 9639)."""

from __future__ import annotations

import re

from .base import Bytes, Part

_FLAC_START = re.compile(rb"fLaC[\0\x80]\0\0\x22", re.DOTALL)


def flac_parts(data: Bytes, start: int) -> list[Part]:
    """FLAC streams, each made to say that its length is not known, so that it is read to its end."""
    starts = list(data.find(_FLAC_START, start, 8))
    if not starts or starts[0] != start:
        return []
    found = []
    for begin, end in zip(starts, [*starts[1:], data.size]):
        head = bytearray(data.at(begin, 42))
        if len(head) < 42:
            break
        total = int.from_bytes(head[21:26], "big") & 0xF_FFFF_FFFF
        head[21] &= 0xF0
        head[22:26] = bytes(4)
        bits = 8 * (end - begin)
        raw = total * ((head[20] >> 1 & 7) + 1) * ((head[20] & 1) << 4 | head[21] >> 4)
        found.append(Part(begin + 42, end, bytes(head), total or None, credible=bits > raw // 16))
    return found
