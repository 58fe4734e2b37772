"""The command line's standard streams: text in any encoding of the console, one JSON object, inputs from a pipe."""

from __future__ import annotations

import errno
import json
import math
import os
import shutil
import stat
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from .errors import InputError, MmdemoError
from .outputs import STDIO

_lost: list[OSError] = []  # why the standard output did not take something
MAX_STREAM_BYTES = 512 * 2**20  # as `modalities.base` takes from a stream


def prepare() -> None:
    """What the console's encoding lacks is written as an escape, such as ``\\u4e03``, instead of ending the program."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):  # closed, or replaced by something else
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def say(text: str, err: bool = False) -> None:
    """One line on the standard output, or on the standard error.

    One that is full or has no reader any more is no reason to leave out what is still to do: `close` tells of it.
    """
    try:
        print(text, file=sys.stderr if err else sys.stdout, flush=True)
    except OSError as error:
        if not err:
            _lost.append(error)


def say_json(value: Any) -> None:
    """One JSON object on a line, in ASCII where the console has no Unicode; infinities are null."""
    plain = not (getattr(sys.stdout, "encoding", None) or "").lower().startswith("utf")
    say(json.dumps(_finite(value), ensure_ascii=plain))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def sentence(error: Exception) -> str:
    """What to tell of an error: our own sentence, or that of a fault which nobody foresaw."""
    if isinstance(error, MmdemoError):
        return str(error)
    if os.environ.get("MMDEMO_DEBUG"):
        traceback.print_exception(error)
    what = " ".join(str(error).split())[:200]
    return f"{type(error).__name__}{': ' * bool(what)}{what} (unforeseen; MMDEMO_DEBUG=1 shows where)."


@contextmanager
def readable(inputs: Sequence[Path]) -> Iterator[list[tuple[Path, Path, str]]]:
    """Each input with a path to read it, itself, or for ``-`` and pipes a copy of what comes through; and why it cannot
    be read, "" where it can."""
    with tempfile.TemporaryDirectory(prefix="mmdemo-") as folder:
        found = []
        for number, path in enumerate(inputs):
            if not _is_stream(path):
                found.append((path, path, ""))
                continue
            copy, problem = Path(folder) / str(number) / "stdin", ""
            copy.parent.mkdir()
            try:
                _spool(path, copy)
            except InputError as error:
                problem = str(error)
            except OSError as error:
                problem = f"What comes through the pipe could not be kept ({error.strerror or error})."
            found.append((path, copy, problem))
        yield found


def _is_stream(path: Path) -> bool:
    if path == STDIO:
        return True
    try:
        return stat.S_ISFIFO(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def _spool(path: Path, copy: Path) -> None:
    if path == STDIO and sys.stdin is None:
        raise InputError("The standard input is closed.")
    left = MAX_STREAM_BYTES + 1
    with nullcontext(sys.stdin.buffer) if path == STDIO else open(path, "rb") as source, open(copy, "wb") as file:
        while left and (block := source.read(min(left, 1 << 20))):
            file.write(block)
            left -= len(block)
    if not left:
        raise InputError(f"More than {MAX_STREAM_BYTES >> 20} MB come through the pipe, the most taken from one.")


@contextmanager
def written_out(suffix: str) -> Iterator[Path]:
    """A path to write a result to, which then goes to the standard output. Raises InputError if it is not taken."""
    if sys.stdout is None:
        raise InputError("The standard output is closed.")
    with tempfile.TemporaryDirectory(prefix="mmdemo-") as folder:
        path = Path(folder) / f"stdout{suffix}"
        yield path
        try:
            with open(path, "rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()
        except OSError as error:
            raise InputError(f"The standard output did not take the result ({error.strerror or error}).") from None


def close() -> int:
    """Send what is left to the standard output; 1 if it is not taken (a reader that went away is not told of)."""
    if sys.stdout is None:  # closed from the start: nothing was to be told
        return 0
    try:
        sys.stdout.flush()
        if _lost:
            raise _lost[0]
    except OSError as error:
        _lost.clear()
        if error.errno != errno.EPIPE:
            say(f"mmdemo: the output could not be written ({error.strerror}).", err=True)
        with suppress(OSError, AttributeError, ValueError):  # Python would try again, and print a traceback
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0
