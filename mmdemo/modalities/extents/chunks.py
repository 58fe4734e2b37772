"""AU, and the formats made of chunks: WAV, RF64, AIFF, CAF, W64."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

from .base import Bytes, Part

_MAX_HEAD = 1 << 26  # a header with pictures in it; a longer one is left as it is
_TRAILERS = (b"TAG", b"ID3", b"APETAGEX", b"LYRICSBEGIN")  # what taggers append without a chunk around it


def au_part(data: Bytes, start: int) -> Part:
    """An AU file, which ends where the file does."""
    head = data.at(start, 24)
    if len(head) < 24:
        return Part(start, data.size)
    offset, stated = struct.unpack(">II", head[4:12])
    there = data.size - start - offset
    head = head[:8] + b"\xff\xff\xff\xff" + head[12:]  # to the end of the file
    known = stated < 0x7F00_0000
    return Part(start + 24, data.size, head, ratio=_ratio(stated, there, known), corrected=known and stated < there)


@dataclass(frozen=True)
class _Chunks:
    """How a format writes its chunks.

    Attributes:
        first: offset of the first chunk.
        data_id: name of the chunk with the samples; names are compared by their first four bytes.
        order: "<" or ">".
        id_bytes, size_bytes: of a chunk's header.
        counts_header: whether a size includes the header.
        align: chunks begin at multiples of it.
        total: (offset, bytes) of the size of the whole, which is written anew too.
    """

    first: int
    data_id: bytes
    order: str
    id_bytes: int = 4
    size_bytes: int = 4
    counts_header: bool = False
    align: int = 2
    total: tuple[int, int] | None = (4, 4)

    @property
    def header(self) -> int:
        """Bytes before a chunk's content."""
        return self.id_bytes + self.size_bytes

    def number(self, raw: bytes) -> int:
        """A size as it stands in the file."""
        return int.from_bytes(raw, "little" if self.order == "<" else "big")

    def raw(self, number: int, count: int) -> bytes:
        """A size in `count` bytes; the largest one where it does not fit."""
        number = min(number, (1 << 8 * count) - 1)
        return number.to_bytes(count, "little" if self.order == "<" else "big")


def chunks_of(magic: bytes) -> _Chunks | None:
    """How a file that begins so writes its chunks; None where it is no format of chunks."""
    if magic[:4] in (b"RIFF", b"RF64", b"BW64") and magic[8:12] == b"WAVE":
        return _Chunks(12, b"data", "<")
    if magic[:4] == b"RIFX":
        return _Chunks(12, b"data", ">")
    if magic[:4] == b"FORM" and magic[8:12] in (b"AIFF", b"AIFC"):
        return _Chunks(12, b"SSND", ">")
    if magic[:4] == b"caff":
        return _Chunks(8, b"data", ">", size_bytes=8, align=1, total=None)
    if magic[:4] == b"riff":
        return _Chunks(40, b"data", "<", 16, 8, counts_header=True, align=8, total=(16, 8))
    return None


def chunked_part(data: Bytes, start: int, kind: _Chunks) -> Part:
    """The file as it is where the size of its samples is right; with a corrected header where it is not."""
    whole = Part(start, data.size)
    wide: int | None = None  # where RF64 has the size
    at = start + kind.first
    while True:
        header = data.at(at, kind.header)
        if len(header) < kind.header:
            return whole
        size = kind.number(header[kind.id_bytes :]) - (kind.header if kind.counts_header else 0)
        if header[:4] == kind.data_id:
            break
        if header[:4] == b"ds64":
            wide = at + kind.header + 8
        if size < 0:
            return whole
        at += kind.header + _aligned(size, kind.align)
    content = at + kind.header
    there = data.size - content
    bound = (1 << 8 * kind.size_bytes) - 1
    stated, known = size, 0 <= size < bound // 2 - (1 << 24)  # programs that write to a pipe put the largest there
    if wide is not None and size == bound:
        stated = kind.number(data.at(wide, 8))
        known = stated < 1 << 62
    little = {b"SSND": 8, b"data": 4 if kind.size_bytes == 8 and kind.id_bytes == 4 else 0}[kind.data_id]
    if there <= little:
        return whole
    if known and stated <= there and (stated == there or _goes_on(data, content, stated, little, kind)):
        return whole
    if content - start > _MAX_HEAD:
        return whole
    head = bytearray(data.at(start, content - start))
    extra = kind.header if kind.counts_header else 0
    if wide is not None and size == bound:
        head[wide - start : wide - start + 8] = kind.raw(there, 8)
        head[wide - start - 8 : wide - start] = kind.raw(data.size - start - 8, 8)
    else:
        head[-kind.size_bytes :] = kind.raw(there + extra, kind.size_bytes)
        if kind.total:
            offset, count = kind.total
            head[offset : offset + count] = kind.raw(data.size - start - (0 if kind.counts_header else 8), count)
    return Part(
        content,
        data.size,
        bytes(head),
        ratio=_ratio(stated, there, known),
        corrected=known and stated < there,
    )


def _goes_on(data: Bytes, content: int, stated: int, little: int, kind: _Chunks) -> bool:
    """Whether after the samples comes what may come there: chunks, tags, filling; not more samples."""
    left = data.size - content - stated
    if stated > little and left < 64:
        return True
    for end in {content + stated, content + _aligned(stated, kind.align)}:
        after = data.at(end, 64)
        if stated > little and (
            after.startswith(_TRAILERS) or not any(after) or all(32 <= b < 127 or b in (9, 10, 13) for b in after)
        ):
            return True
        if _is_chain(data, end, kind):
            return True
    return False


def _is_chain(data: Bytes, at: int, kind: _Chunks) -> bool:
    """Whether there are chunks from `at` to the end of the file."""
    while data.size - at >= kind.header:
        header = data.at(at, kind.header)
        size = kind.number(header[kind.id_bytes :]) - (kind.header if kind.counts_header else 0)
        if not all(32 <= b < 127 for b in header[:4]) or not 0 <= size <= data.size - at:
            return False
        at += kind.header + _aligned(size, kind.align)
    return True


def _ratio(stated: int, there: int, known: bool) -> float | None:
    return stated / there if known and there > 0 and stated > there else None


def _aligned(size: int, align: int) -> int:
    return -(-size // align) * align


def channel_mask(file: BinaryIO, start: int) -> int:
    """Which loudspeakers the channels of a WAV file are for (WAVEFORMATEXTENSIBLE's mask); 0 where it does not say."""
    data = Bytes(file)
    kind = chunks_of(data.at(start, 16))
    if kind is None or data.at(start + 8, 4) != b"WAVE":
        return 0
    at = start + kind.first
    while len(header := data.at(at, 8)) == 8 and header[:4] != kind.data_id:
        if header[:4] == b"fmt ":
            content = data.at(at + 8, 24)
            tags = (b"\xfe\xff", b"\xff\xfe")
            return kind.number(content[20:24]) if len(content) == 24 and content[:2] in tags else 0
        at += 8 + _aligned(kind.number(header[4:]), 2)
    return 0
