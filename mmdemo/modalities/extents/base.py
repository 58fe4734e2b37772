"""A part of a file that is handed on as a file of its own, and the bytes of a file by their place."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

_WINDOW = 1 << 16  # bytes held of a file that is walked


@dataclass(frozen=True)
class Part:
    """One sound of a file: `head`, then the file's bytes from `start` to `end`.

    Attributes:
        frames: samples of each channel that its header announces, where the library is not told; else None.
        credible: whether the part is large enough for them.
        ratio: bytes that its header announces over those that there are; None where that is not known.
        corrected: a header that announced too little was put right.
        cut: the file ends in the middle of a page or frame.
    """

    start: int
    end: int
    head: bytes = b""
    frames: int | None = None
    credible: bool = False
    ratio: float | None = None
    corrected: bool = False
    cut: bool = False


class View(io.RawIOBase):
    """A `Part` as a file of its own, read-only; several may look at one file, if they take turns."""

    def __init__(self, file: BinaryIO, part: Part) -> None:
        self._file, self._part = file, part
        self._at, self._size = 0, len(part.head) + part.end - part.start

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Bytes from the start."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As files do; to before the start stays at the start, as libsndfile's calls may not raise."""
        self._at = max(0, offset + (0, self._at, self._size)[whence])
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """As files do, but never short before the end."""
        target = memoryview(buffer).cast("B")
        target = target[: max(0, min(len(target), self._size - self._at))]
        head = self._part.head[self._at : self._at + len(target)]
        target[: len(head)] = head
        done = len(head)
        if done < len(target):
            self._file.seek(self._part.start + self._at + done - len(self._part.head))
            while done < len(target):
                piece = self._file.read(len(target) - done)
                if not piece:
                    break
                target[done : done + len(piece)] = piece
                done += len(piece)
        self._at += done
        return done


class Bytes:
    """Random access to a file, a window of it at a time."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = file.seek(0, io.SEEK_END)
        self._start, self._held = 0, b""

    def at(self, offset: int, count: int) -> bytes:
        """The `count` bytes at `offset`; fewer at the end."""
        if offset >= self.size:  # also what no file offset can be
            return b""
        first = offset - self._start
        if first < 0 or first + count > len(self._held):
            self._file.seek(offset)
            self._start, self._held = offset, self._file.read(max(count, _WINDOW))
            first = 0
        return self._held[first : first + count]

    def find(self, pattern: re.Pattern[bytes], offset: int, overlap: int) -> Iterator[int]:
        """Offsets at which `pattern`, of at most `overlap` bytes, occurs from `offset` on."""
        while offset < self.size:
            window = self.at(offset, _WINDOW)
            last = len(window) if offset + len(window) >= self.size else len(window) - overlap
            for match in pattern.finditer(window):
                if match.start() < last:
                    yield offset + match.start()
            offset += max(1, last)


def after_tags(data: Bytes, at: int) -> int:
    """Past ID3v2 tags (and their padding), which joined files have in the middle too."""
    while (tag := data.at(at, 10))[:3] == b"ID3" and len(tag) == 10 and max(tag[6:]) < 128:
        size = tag[6] << 21 | tag[7] << 14 | tag[8] << 7 | tag[9]
        at += 10 + size + (10 if tag[5] & 16 else 0)
    return at


def after_zeros(data: Bytes, at: int) -> int:
    """Past zero bytes, which interrupted downloads and cutting leave before a sound, and players skip."""
    while (window := data.at(at, _WINDOW)) and not window.strip(b"\0"):
        at += len(window)
    return at + len(window) - len(window.lstrip(b"\0"))
