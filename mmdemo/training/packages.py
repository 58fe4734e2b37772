"""Text to train on that comes with packages of a Linux system: books, dictionaries, quotations, help in many languages.

None is needed; what a machine has is read in a fixed order. On Debian: anarchism, debian-handbook, dict-gcide,
dict-wn, dict-foldoc, dict-jargon, fortunes, gnome-user-docs, manpages-ja and libreoffice-help-*.
"""

from __future__ import annotations

import gzip
import html
import random
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

SHARE = Path("/usr/share")
PER_LANGUAGE = 1_200_000  # characters of help in one language: where there is more, one language must not be all
PER_LATIN = 150_000  # … in one written in Latin letters: there are many of these

_DROPPED = re.compile(r"<(script|style|head)\b.*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)


def plain(markup: str) -> str:
    """The text of HTML or DocBook: no tags, no scripts, no runs of blanks."""
    text = html.unescape(_DROPPED.sub(" ", markup))
    return re.sub(r"\s*\n\s*", "\n", re.sub(r"[ \t]+", " ", text)).strip()


def untypeset(page: str) -> str:
    """A manual page without its typesetting commands, which are of no language."""
    return re.sub(r"^\.[^\n]*\n", "", page, flags=re.MULTILINE)


def books(share: Path = SHARE) -> str:
    """English prose, dictionaries and quotations; a half of it spaced as WikiText is."""
    pieces: list[str] = []
    for folder in ("doc/anarchism/html", "doc/debian-handbook/html/en-US", "help/C"):
        pieces += [plain(t) for t in _read(share / folder, ".html", ".page", ".docbook")]
    for text in _read(share / "dictd", ".dz"):
        entries = re.sub(r"[ \t]+", " ", text)
        pieces += re.sub(r"\n (?=\S)", " ", entries).split("\n\n")  # lines of one entry run on
    for text in _read(share / "games" / "fortunes", ""):
        pieces += text.split("\n%\n")
    pieces = [part for piece in pieces for part in _parts(piece)]
    rng = random.Random(0)
    rng.shuffle(pieces)
    return "\n".join(spaced(p) if rng.random() < 0.5 else p for p in pieces)


def help_pages(share: Path = SHARE) -> str:
    """Help and manuals in other languages, each with at most `PER_LANGUAGE` characters."""
    found: dict[str, list[str]] = {}
    for base in ("libreoffice/help", "help", "doc/debian-handbook/html"):
        for folder in sorted(p for p in (share / base).glob("*") if p.is_dir()):
            language = re.split(r"[-_@]", folder.name)[0]
            if language not in ("C", "en", "media"):
                found.setdefault(language, []).extend(_read(folder, ".html", ".page", ".docbook"))
    found.setdefault("ja", []).extend(map(untypeset, _read(share / "man" / "ja", ".gz")))
    parts = []
    for pages in found.values():
        random.Random(0).shuffle(pages)
        pages = [plain(page) for page in pages]
        left = PER_LATIN if _latin("".join(page[:2000] for page in pages)) else PER_LANGUAGE
        for page in pages:
            page = "\n".join(line for line in page.split("\n") if not line.isascii())[:left]
            parts += _parts(page)
            left -= len(page)
            if left <= 0:
                break
    random.Random(1).shuffle(parts)
    return "\n".join(parts)


def _latin(text: str) -> bool:
    """Whether hardly a letter is of another script; names of menus and code are in Latin letters in any language."""
    letters = [c for c in text if c.isalpha()]
    return sum(c > "\u024f" for c in letters) < 0.3 * len(letters)


def spaced(text: str) -> str:
    """Text as in WikiText: marks between blanks, hyphens in words as @-@."""
    text = re.sub(r"(?<=\w)-(?=\w)", " @-@ ", text)
    text = re.sub(r"(?<=\d)([,.])(?=\d)", r" @\1@ ", text)
    text = re.sub(r"(?<!@)([,.;:?!()\"])(?!@)", r" \1 ", text)
    return re.sub(r" {2,}", " ", re.sub(r"(?<=\w)'(?=(s|t|re|ll|ve|d|m)\b)", " '", text))


def _parts(text: str, size: int = 2000) -> list[str]:
    """Pieces of about ``size`` characters, whole lines: so that shuffling mixes sources."""
    pieces, lines, length = [], [], 0
    for line in text.split("\n"):
        lines.append(line)
        length += len(line)
        if length >= size:
            pieces.append("\n".join(lines))
            lines, length = [], 0
    return [p for p in (*pieces, "\n".join(lines)) if p.strip()]


def _read(folder: Path, *endings: str) -> Iterator[str]:
    """Texts of a folder's files with one of the endings ("": no ending), in order; unreadable ones are left out."""
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not file.is_symlink() and file.suffix in endings:
            try:
                data = file.read_bytes()
                data = gzip.decompress(data) if file.suffix in (".gz", ".dz") else data
            except (OSError, EOFError, zlib.error):
                continue  # a damaged file is no reason to stop
            yield data.decode("utf-8", "ignore")
