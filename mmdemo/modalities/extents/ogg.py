"""Ogg: pages, in which streams may follow one another (RFC 3533)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import BinaryIO

from .base import Bytes, Part

_OGG_PAGE = re.compile(rb"OggS\0")


@dataclass(frozen=True)
class _Page:
    first: bool  # of a logical stream
    body: int
    end: int


def _ogg_page(data: Bytes, at: int) -> _Page | None:
    header = data.at(at, 27)
    if len(header) < 27 or header[:5] != b"OggS\0":
        return None
    body = at + 27 + header[26]
    return _Page(bool(header[5] & 2), body, body + sum(data.at(at + 27, header[26])))


def ogg_parts(data: Bytes, start: int) -> list[Part]:
    """The links of a chain: one begins at each first page that does not follow another first page."""
    found: list[Part] = []
    at = begin = start
    heads = True  # in the pages that begin the streams of a link of the chain
    end = start
    while at < data.size:
        page = _ogg_page(data, at)
        if page is None:
            at = next(data.find(_OGG_PAGE, at + 1, 5), data.size)
            continue
        if page.first and not heads:
            found.append(Part(begin, end))
            begin = at
        heads = page.first
        at = end = page.end
    return [*found, Part(begin, min(end, data.size), cut=end > data.size)]


def ogg_codec(file: BinaryIO, start: int) -> str | None:
    """What an Ogg file is where libsndfile cannot read it, such as "an Ogg FLAC sound"; None where it can."""
    data, at = Bytes(file), start
    names = {
        b"\x7fFLAC": "an Ogg FLAC sound",
        b"Speex   ": "an Ogg Speex sound",
        b"\x80theora": "an Ogg video",
        b"fishead\0": "an Ogg file of several streams",
    }
    found = None
    while (page := _ogg_page(data, at)) and page.first:
        packet = data.at(page.body, 8)
        found = found or next((name for magic, name in names.items() if packet.startswith(magic)), None)
        at = page.end
    return found
