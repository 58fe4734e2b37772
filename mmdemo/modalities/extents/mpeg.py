"""MPEG audio, MP3 for the most part: streams of frames (ISO 11172-3 and 13818-3)."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from .base import Bytes, Part, after_tags, after_zeros

_NO_ACCIDENT = 5  # frames in a row: each repeats some 17 bits of the first one's header
_MPEG_SYNC = re.compile(rb"\xff[\xe2-\xff]")
_RATES = ((11_025, 12_000, 8_000), None, (22_050, 24_000, 16_000), (44_100, 48_000, 32_000))
_V1 = {
    3: (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    2: (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    1: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
}
_V2_I = (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256)
_V2 = {3: _V2_I, 2: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)}
_V2[1] = _V2[2]


@dataclass(frozen=True)
class _Frame:
    form: tuple[int, int, int, bool]  # version, layer, rate, mono: what stays the same within a stream
    size: int
    samples: int
    side: int  # bytes before a Xing header


def _mpeg_frame(header: bytes) -> _Frame | None:
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3  # layer 1 is III, 3 is I
    bits, pitch = header[2] >> 4, header[2] >> 2 & 3
    rates = _RATES[version]
    if rates is None or layer == 0 or bits in (0, 15) or pitch == 3:
        return None
    kbps, rate, padding = (_V1 if version == 3 else _V2)[layer][bits - 1], rates[pitch], header[2] >> 1 & 1
    mono = header[3] >> 6 == 3
    if layer == 3:
        size, samples = (12_000 * kbps // rate + padding) * 4, 384
    else:
        samples = 576 if layer == 1 and version != 3 else 1152
        size = samples * 125 * kbps // rate + padding
    side = 4 + ((17 if mono else 32) if version == 3 else (9 if mono else 17))
    return _Frame((version, layer, rate, mono), size, samples, side)


def mpeg_parts(data: Bytes, start: int) -> list[Part]:
    """Streams of frames; a new one begins at a tag, a Xing header or a change of form, and after damage."""
    return [part for part, _ in _streams(data, start)]


def mpeg_recording(data: Bytes, start: int) -> list[Part]:
    """The same of a file that does not begin with a frame, such as what was recorded from a broadcast, or a download
    with zeros before it; nothing unless frames are most of what there is, and enough in a row to be no accident."""
    start = after_zeros(data, start)
    found = list(_streams(data, start))
    frames = max((count for _, count in found), default=0)
    inside = sum(part.end - part.start for part, _ in found)
    return [part for part, _ in found] if frames >= _NO_ACCIDENT and inside > (data.size - start) // 2 else []


def _streams(data: Bytes, start: int) -> Iterator[tuple[Part, int]]:
    """Each with the number of its frames."""
    at = _mpeg_sync(data, start)
    while at < data.size:
        first = _mpeg_frame(data.at(at, 4))
        if first is None:
            break
        begin, count, info = at, 0, data.at(at, min(first.size, 4096))
        tag = _xing(info, first)
        at += first.size if tag else 0
        body, cut = at, False
        while frame := _mpeg_frame(data.at(at, 4)):
            if frame.form != first.form or (at != body and _xing(data.at(at, min(frame.size, 4096)), frame)):
                break
            cut = at + frame.size > data.size
            at, count = at + frame.size, count + (not cut)
        end = min(at, data.size)
        if count:
            yield _mpeg_part(info, first, tag, count, body if tag else begin, end, cut), count
        at = _mpeg_sync(data, end) if end < data.size else end


def _mpeg_part(info: bytes, first: _Frame, tag: int, count: int, body: int, end: int, cut: bool) -> Part:
    stated = None
    if tag and info[tag : tag + 4] != b"VBRI" and info[tag + 7] & 1:
        stated = struct.unpack(">I", info[tag + 8 : tag + 12])[0]
    if stated is None:
        return Part(body, end, _xing_frame(info[:4], count), cut=cut)
    head = bytearray(info[: first.size].ljust(first.size, b"\0"))
    if stated != count:
        head[tag + 8 : tag + 12] = struct.pack(">I", count)
        has_size, has_seek_table, has_quality = (info[tag + 7] >> bit & 1 for bit in (1, 2, 3))
        if has_size:
            head[tag + 12 : tag + 16] = struct.pack(">I", min(first.size + end - body, 0xFFFF_FFFF))
        lame = tag + 12 + 4 * has_size + 100 * has_seek_table + 4 * has_quality
        if lame + 24 <= len(head):  # the end that was padded is not there: nothing to take off
            head[lame + 22], head[lame + 23] = head[lame + 22] & 0xF0, 0
    frames = stated * first.samples if stated > count + 1 else None
    return Part(body, end, bytes(head), frames, corrected=stated + 1 < count, cut=cut)


def _xing(info: bytes, frame: _Frame) -> int:
    """Where in its first frame the header of the encoder is that counts the frames; 0 if there is none."""
    if frame.form[1] == 1 and info[frame.side : frame.side + 4] in (b"Xing", b"Info"):
        return frame.side
    return 36 if frame.form[1] == 1 and info[36:40] == b"VBRI" else 0


def _xing_frame(header: bytes, count: int) -> bytes:
    """A frame of silence that says how many follow, for the library to know the length without a guess."""
    frame = _mpeg_frame(header)
    if frame is None or frame.form[1] != 1:
        return b""
    for bits in range(1, 15):  # the smallest that has room for it
        wide = bytes((header[0], header[1] | 1, bits << 4 | header[2] & 0x0C, header[3]))  # no CRC, no padding
        frame = _mpeg_frame(wide)
        if frame and frame.size >= frame.side + 16:
            content = wide + bytes(frame.side - 4) + b"Xing" + struct.pack(">II", 1, count)
            return content.ljust(frame.size, b"\0")
    return b""


def _mpeg_sync(data: Bytes, start: int) -> int:
    """The next frame, over tags and junk: one that another of its form, or the end of the file, follows."""
    start = after_tags(data, start)
    if _is_mpeg_start(data, start):
        return start
    for at in data.find(_MPEG_SYNC, start, 4):
        if _is_mpeg_start(data, at):
            return at
    return data.size


def _is_mpeg_start(data: Bytes, at: int) -> bool:
    frame = _mpeg_frame(data.at(at, 4))
    if frame is None:
        return False
    if at + frame.size >= data.size:
        return True
    following = _mpeg_frame(data.at(at + frame.size, 4))
    return following is not None and following.form[:3] == frame.form[:3]
