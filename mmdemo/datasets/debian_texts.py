"""Text to train on that comes with packages of a Linux system: books, dictionaries, quotations, help in many languages.

None is needed; what a machine has is read in a fixed order. On Debian: anarchism, debian-handbook, dict-gcide,
dict-wn, dict-foldoc, dict-jargon, fortunes, gnome-user-docs, manpages-ja, libreoffice-help-*, gimp-help-* and
debian-faq-*; for words alone, python3-jieba and libhangul-data.
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

CHINESE_MARKS = ("", "", "", "", "", "", "", "，", "。", "、")
KOREAN_PARTICLES = (
    *("", "은", "는", "이", "가", "을", "를", "의", "에", "에서", "으로", "로", "와", "과", "도", "만"),
    *("하다", "하는", "한", "했다", "하고", "합니다", "된", "되는", "적인", "이다."),
)

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
    for base in ("libreoffice/help", "help", "doc/debian-handbook/html", "gimp/2.0/help", "doc/debian/FAQ"):
        for folder in sorted(p for p in (share / base).glob("*") if p.is_dir()):
            language = re.split(r"[-_@]", folder.name)[0]
            if language not in ("C", "en", "media"):
                found.setdefault(language, []).extend(_read(folder, ".html", ".page", ".docbook"))
    found.setdefault("ja", []).extend(map(untypeset, _read(share / "man" / "ja", ".gz")))
    parts = []
    for pages in found.values():
        random.Random(0).shuffle(pages)
        pages = ["\n".join(line for line in plain(page).split("\n") if not line.isascii()) for page in pages]
        left = PER_LATIN if _latin("".join(page[:2000] for page in pages)) else PER_LANGUAGE
        for page in pages:
            parts += _parts(page[:left])
            left -= len(page)
            if left <= 0:
                break
    random.Random(1).shuffle(parts)
    return "\n".join(parts)


def vocabulary(share: Path = SHARE, lines: int = 40_000) -> str:
    """Lines of random Chinese words, as often as they are used, and lines of random Korean ones with their particles.

    No sense, but characters stand beside those they stand beside. From jieba's dictionary (MIT) and libhangul's (BSD).
    """
    rng = random.Random(0)
    found: list[str] = []
    chinese = share.parent / "lib" / "python3" / "dist-packages" / "jieba" / "dict.txt"
    if chinese.is_file():
        rows = [line.split(" ") for line in chinese.read_text("utf-8").splitlines()]
        words, weights = [row[0] for row in rows], [int(row[1]) for row in rows]
        drawn = rng.choices(words, weights, k=16 * lines)
        found += ["".join(w + rng.choice(CHINESE_MARKS) for w in drawn[i::lines]) for i in range(lines)]
    korean = share / "libhangul" / "hanja" / "hanja.txt"
    if korean.is_file():
        heads = {line.split(":")[0] for line in korean.read_text("utf-8").splitlines() if not line.startswith("#")}
        words = sorted(w for w in heads if re.fullmatch("[\uac00-\ud7a3]{2,5}", w))
        drawn = rng.choices(words, k=8 * lines) if words else []
        found += [" ".join(w + rng.choice(KOREAN_PARTICLES) for w in drawn[i::lines]) for i in range(lines)]
    rng.shuffle(found)
    return "\n".join(found)


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
