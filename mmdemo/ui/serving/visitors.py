"""Who is here, and what is kept for them: files and content go soon after they have gone.

A visitor is a session (an open page, a `gradio_client.Client`), or one request of a program that has no session. Files
are named by their content, so that two visitors may have the same one: it stays while one of them is here. An upload
does not say whose it is: until a request names it, it stays while anybody from its address is here.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any

from mmdemo.ui.serving.limits import Limits

UNDER_WAY = 300.0  # seconds that an upload may pause
MOST_FILES, MOST_VALUES = 100, 100_000  # in one message; no message of the page has as many


class Visitors:
    """Counts connections, notes files, and says who has gone.

    Args:
        folder: where Gradio keeps uploads and results, if that is this server's alone: what is old there and no
            visitor's is deleted. None deletes nothing.
    """

    def __init__(self, limits: Limits, folder: Path | None = None) -> None:
        self.limits, self.folder = limits, folder
        self._lasting: set[Path] = set()
        self._connections: Counter[str] = Counter()
        self._seen: dict[str, float] = {}  # session -> when it was last heard of
        self._files: dict[str, set[Path]] = {}

    def open(self) -> None:
        """Before the first visitor comes: files that are there already are the page's, and stay."""
        if self.folder is not None:
            self._lasting.update(self.folder.rglob("*"))

    @contextmanager
    def here(self, session: str) -> Iterator[None]:
        """While a connection of this visitor is open."""
        self._connections[session] += 1
        try:
            yield
        finally:
            self.seen(session)
            self._connections[session] -= 1
            if self._connections[session] <= 0:
                del self._connections[session]

    def seen(self, session: str) -> None:
        """Note that this visitor has just asked for something."""
        self._seen[session] = time.monotonic()

    def notes(self, session: str, value: Any) -> None:
        """Keep the files that stand anywhere in what a visitor sent or is sent."""
        if self.folder is None:
            return
        paths = (Path(path) for path in islice(paths_in(value), MOST_FILES))
        if found := {path for path in paths if path.is_relative_to(self.folder)}:
            self._files.setdefault(session, set()).update(found)

    def uploaded(self, address: str, paths: Any) -> None:
        """Note what Gradio answers to an upload: a list of paths."""
        self.seen(address)
        self.notes(address, [{"path": path} for path in paths] if isinstance(paths, list) else [])

    def gone(self, busy: Iterable[str], has_content: Callable[[str], bool]) -> list[str]:
        """Visitors whose things can go. Pages that were closed a while ago are kept if they are among the last few:
        a phone cuts the connections of what is in the background.

        Args:
            busy: sessions for which something waits or runs.
            has_content: whether a page of this session shows something that it would lose.
        """
        now, stay = time.monotonic(), set(busy) | set(self._connections)
        away = {s: now - seen for s, seen in self._seen.items() if s not in stay and now - seen > self.limits.kept}
        last = [s for s in sorted(away, key=lambda s: away[s]) if has_content(s)][: self.limits.pages_away]
        return [s for s, seconds in away.items() if s not in last or seconds > self.limits.page_kept]

    @staticmethod
    def at(address: str) -> str:
        """All visitors from one address, as if they were one."""
        return f"@{address}"

    def forget(self, session: str) -> None:
        """This visitor's files are nobody's from now on."""
        self._seen.pop(session, None)
        self._files.pop(session, None)

    def kept_files(self) -> set[Path]:
        """Those that are somebody's, or the page's."""
        return self._lasting.union(*self._files.values())

    def sweep(self, kept: set[Path], running: float = 0.0) -> set[str]:
        """Delete other files that are not of just now, and empty folders; returns the paths of the files.

        Args:
            running: seconds for which something has run that may still need what it has written.
        """
        deleted: set[str] = set()
        if self.folder is None:
            return deleted
        now = time.time()
        for parent, _, names in os.walk(self.folder, topdown=False):
            # What comes in is written to the folder itself, and goes to one of its own when it is whole.
            latest = now - max(running, UNDER_WAY if Path(parent) == self.folder else self.limits.kept)
            for path in (Path(parent, name) for name in names):
                with suppress(OSError):  # others delete too
                    if path not in kept and path.lstat().st_ctime < latest:
                        path.unlink()
                        deleted.add(str(path))
            with suppress(OSError):
                if Path(parent) != self.folder and os.stat(parent).st_ctime < latest:
                    os.rmdir(parent)  # refused unless empty
        return deleted


def paths_in(value: Any) -> Iterator[str]:
    """The paths of Gradio's files in JSON: {"path": …} at any depth."""
    todo = [value]
    for _ in range(MOST_VALUES):
        if not todo:
            return
        item = todo.pop()
        if isinstance(item, dict):
            path = item.get("path")
            if isinstance(path, str):
                yield path
            todo.extend(item.values())
        elif isinstance(item, (list, tuple)):
            todo.extend(item)


def give_memory_back() -> None:
    """Hand memory that is free inside this process back to the machine, where the C library can (glibc)."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
