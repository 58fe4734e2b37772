"""Files on their way out: written beside and renamed, so that what was there before stays whole until the end."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import InputError


def shown(path: str | os.PathLike) -> str:
    """The name of a file, quoted, as messages have it."""
    name = Path(os.fspath(path)).name or str(path)
    return f"“{name if len(name) <= 80 else name[:77] + '…'}”".encode("utf-8", "replace").decode("utf-8")


@contextmanager
def atomic_write(target: str | os.PathLike) -> Iterator[Path]:
    """A new file beside ``target`` to write to, which takes its place when the block ends.

    Its folder is made if need be. If the block fails, or the process is killed in it, what was at ``target`` stays as
    it was; only a kill leaves the new file behind, as ``.NAME.*.part*``. The new file keeps the suffix and the
    permissions of the old one, and a link goes on pointing to it. A device or a pipe is written to directly.

    Raises:
        InputError: the disk or its permissions do not allow it; the sentence gives the reason.
    """
    try:
        target = Path(os.path.realpath(target))  # a link stays a link
        if _special(target):
            yield target
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = _beside(target)
        try:
            yield beside
            _synced(beside)
            if target.exists():
                shutil.copymode(target, beside)
            os.replace(beside, target)
        except BaseException:
            with suppress(OSError):
                beside.unlink()
            raise
    except OSError as error:
        raise cannot_write(target, error) from None


def write_bytes(target: str | os.PathLike, data: bytes | memoryview) -> Path:
    """Write a whole file with `atomic_write`; returns its path."""
    with atomic_write(target) as path:
        path.write_bytes(data)
    return Path(target)


@contextmanager
def all_or_none(folder: Path) -> Iterator[Path]:
    """A new folder inside ``folder`` to write several files to, which take their places when the block ends.

    If it fails, ``folder`` stays as it was; only a kill leaves the new folder behind, as ``.parts*``.

    Raises:
        InputError: the disk or its permissions do not allow it, or one of them cannot take its place.
    """
    try:
        parts = tempfile.TemporaryDirectory(dir=folder, prefix=".parts", ignore_cleanup_errors=True)
    except OSError as error:
        raise cannot_write(folder, error) from None
    with parts as name:
        yield Path(name)
        for path in sorted(Path(name).iterdir()):
            try:
                os.replace(path, folder / path.name)
            except OSError as error:
                raise cannot_write(folder / path.name, error) from None


def cache_folder(kind: str) -> Path:
    """Where what takes long to work out is kept between runs: in ``MMDEMO_CACHE``, else in the user's cache folder."""
    usual = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mmdemo"
    return Path(os.environ.get("MMDEMO_CACHE") or usual) / kind


def cannot_write(target: str | os.PathLike, error: OSError) -> InputError:
    """The sentence for a file that could not be written."""
    reason = error.strerror or "the format does not allow it"
    return InputError(f"{shown(target)} could not be written ({reason}); choose another place.")


def check_folder(folder: Path) -> None:
    """Make a folder that results shall go to, and try whether a file can be written there.

    Raises:
        InputError: it cannot be made or written to, or there is a file of its name.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (FileExistsError, NotADirectoryError):
        raise InputError(f"{shown(folder)} cannot be a folder: a file is in its place.") from None
    except OSError as error:
        raise InputError(f"The folder {shown(folder)} cannot be written to ({error.strerror or error}).") from None


@contextmanager
def no_empty_folder(target: Path) -> Iterator[None]:
    """Folders on the way to ``target`` that are made in the block, and are empty at its end, go again."""
    missing = [path for path in (target, *target.parents) if not os.path.lexists(path)]
    try:
        yield
    finally:
        for path in missing:
            with suppress(OSError):  # something is in it, or it was never made
                path.rmdir()


def _special(target: Path) -> bool:
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        return False
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(21, "it is a folder", str(target))
    return not stat.S_ISREG(mode)


def _beside(target: Path) -> Path:
    """A new empty file in the same folder, with the permissions that any new file gets."""
    stem = target.stem.encode()[:60].decode(errors="ignore")  # a name may have 255 bytes in all
    while True:
        path = target.with_name(f".{stem}.{secrets.token_hex(4)}.part{target.suffix}")
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
            return path


def _synced(path: Path) -> None:
    """Wait until the disk has it: some file systems say only then that they are full."""
    with open(path, "rb+") as file:
        os.fsync(file.fileno())
