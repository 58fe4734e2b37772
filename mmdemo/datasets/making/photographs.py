"""Openly licensed photographs from packages of Debian 12: `mmdemo data photographs`.

Which pictures of the packages are photographs, whose they are and under what licence, the table photographs.tsv says.
They are copied as they are; training scales them down (`mmdemo.datasets.photographs`).
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ...errors import InputError
from ...files import check_folder, write_bytes
from .packages import Package, found, members

TABLE = Path(__file__).with_suffix(".tsv")


@dataclass(frozen=True)
class Photograph:
    """A line of the table: a file of a package, and what is to be said of it."""

    package: Package
    file: str
    picture: str
    author: str
    licence: str

    @property
    def name(self) -> str:
        """Of the copy."""
        return f"{self.package.name}-{self.picture.replace(' ', '-')}{PurePosixPath(self.file).suffix}"


def read_table(path: Path = TABLE) -> list[Photograph]:
    """The photographs that there are."""
    rows = csv.DictReader(path.read_text("utf-8").splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    return [
        Photograph(Package("debian", r["package"], r["version"]), r["file"], r["picture"], r["author"], r["licence"])
        for r in rows
    ]


def make_photographs(
    out: Path,
    packages: Path | None = None,
    photographs: Sequence[Photograph] | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> list[Path]:
    """Copy the photographs to ``out``, with ATTRIBUTION.md beside them.

    Args:
        packages: folder in which the packages are looked for, or kept when fetched; None: the user's cache.
        photographs: those of the table (None) or others. say: told what is being done.

    Raises:
        InputError: a package can be neither found nor fetched, or lacks a picture; ``out`` cannot be written to.
    """
    check_folder(out)
    wanted = read_table() if photographs is None else list(photographs)
    files = found(list(dict.fromkeys(p.package for p in wanted)), packages)
    written: dict[Photograph, Path] = {}
    for package, path in files.items():
        say(f"Unpacking {package.name} …")
        here = {p.file: p for p in wanted if p.package == package}
        for name, data in members(path, here.__contains__):
            written[here[name]] = write_bytes(out / here[name].name, data)
    if missing := [p for p in wanted if p not in written]:
        raise InputError(
            f"The package {missing[0].package.file} has no {missing[0].file}: it is another than expected."
        )
    write_bytes(out / "ATTRIBUTION.md", _attribution(wanted).encode())
    return [written[p] for p in wanted]


def _attribution(photographs: Sequence[Photograph]) -> str:
    lines = [
        "# Photographs",
        "",
        "Made by `mmdemo data photographs` from packages of Debian 12, unchanged.",
        "",
        "| file | package | picture | author | licence |",
        "|---|---|---|---|---|",
    ]
    for p in photographs:
        lines.append(f"| {p.name} | {p.package.name} {p.package.version} | {p.picture} | {p.author} | {p.licence} |")
    return "\n".join([*lines, ""])
