"""What text is drawn with: the fonts of a machine, and words, numbers and code that any Python has."""

from __future__ import annotations

import importlib.util
import os
import random
import re
import string
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from PIL import ImageFont

from ...errors import MissingError
from ..corpora import common_words

FOLDERS = ("/usr/share/fonts", "~/.fonts", "~/.local/share/fonts", "/Library/Fonts", "C:/Windows/Fonts")
# Drawn in colours or of signs alone; and Aileron, in which Pillow brings along the font of the test pictures.
LEFT_OUT = re.compile(r"emoji|symbol|icon|dingbat|braille|aileron|barcode|opensymbol|lastresort", re.IGNORECASE)
ACCENTED = "àâäåæçéèêëíîïñóôöøœßúûüýÿāčďđēěğıłńňőřśşšťůűźżžƠơƯưạảấầẩậắằẳặẹẻẽếềểệọỏốồổộớờởợụủứừửựỳỵ"


@dataclass(frozen=True)
class Font:
    """A file with one font, or one of several."""

    path: str
    chinese: bool  # whether it has Chinese characters

    def at(self, size: int) -> Any:
        """The font at so many pixels."""
        return _loaded(self.path, size)


@lru_cache(maxsize=512)
def _loaded(path: str, size: int) -> Any:
    return ImageFont.truetype(path, size)


@cache
def find_fonts() -> tuple[Font, ...]:
    """The fonts of this machine, of the package matplotlib, where it is there, and of the folder ``MMDEMO_FONTS``.

    Raises:
        MissingError: there are none.
    """
    folders = [Path(f).expanduser() for f in (*FOLDERS, os.environ.get("MMDEMO_FONTS") or FOLDERS[0])]
    spec = importlib.util.find_spec("matplotlib")  # found, not imported
    if spec and spec.origin:
        folders.append(Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf")
    files = {p.name: p for f in folders for p in sorted(f.rglob("*")) if p.suffix.lower() in (".ttf", ".otf", ".ttc")}
    found = [_looked_at(files[name]) for name in sorted(files) if not LEFT_OUT.search(name)]
    fonts = tuple(f for f in found if f)
    if not fonts:
        raise MissingError("There are no fonts to draw text with: install some, such as Debian's fonts-dejavu.")
    return fonts


def _looked_at(path: Path) -> Font | None:
    """The font, if it has the letters that words are written in."""
    try:
        font: Any = ImageFont.truetype(str(path), 16)
        masks = [bytes(font.getmask(c)) for c in ("\uffff", "a", "g", "7", "中")]
    except (OSError, ValueError):
        return None
    missing, letters, chinese = masks[0], masks[1:4], masks[4]
    if any(m == missing or not any(m) for m in letters) or letters[0] == letters[1]:
        return None
    return Font(str(path), chinese != missing and any(chinese))


@cache
def english() -> tuple[str, ...]:
    """Words of Python's own documentation, as often as they occur there."""
    from pydoc_data.topics import topics

    return tuple(re.findall(r"[A-Za-z][a-z'-]{1,14}", " ".join(topics.values())))


@cache
def chinese() -> tuple[str, ...]:
    """Strings of common Chinese characters."""
    return tuple(common_words("CJK", 4000))


def words(rng: random.Random, count: int, font: Font | None = None) -> str:
    """A run of words that ``font`` has: English, now and then numbers, accents and marks; or Chinese."""
    if font and font.chinese and rng.random() < 0.6:
        return rng.choice(("", "，", "、", " ")).join(rng.choice(chinese()) for _ in range(max(1, count // 2)))
    found = []
    accents = rng.random() < 0.15
    for _ in range(count):
        word, kind = rng.choice(english()), rng.random()
        if kind < 0.08:
            word = number(rng)
        elif kind < 0.12:
            word = word.upper()
        elif kind < 0.15:
            word = "".join(rng.choices(string.ascii_letters + string.digits, k=rng.randint(3, 9)))
        elif accents and kind < 0.5:
            at = rng.randrange(len(word))
            word = word[:at] + rng.choice(ACCENTED) + word[at + 1 :]
        found.append(word + rng.choice((*[""] * 8, ",", ".", ":", "!", "?", ")", "…")))
    return " ".join(found)


def number(rng: random.Random) -> str:
    """A number as pages have them: sums, shares, dates, times, sizes."""
    n = rng.randrange(10 ** rng.randint(1, 6))
    forms = (
        f"{n}",
        f"{n:,}",
        f"{n / 100:.2f}",
        f"{n % 101}%",
        f"${n / 100:,.2f}",
        f"{n % 24:02}:{n % 60:02}",
        f"20{n % 30:02}-{1 + n % 12:02}-{1 + n % 28:02}",
        f"{n % 1000} KB",
        f"v{n % 9}.{n % 30}",
    )
    return rng.choice(forms)


def code_line(rng: random.Random) -> str:
    """A line that looks like source code."""
    a, b, c = (rng.choice(english()).lower().replace("'", "").replace("-", "_") for _ in range(3))
    forms = (
        f"def {a}({b}, {c}=None):",
        f"    return {a}[{b}] + {rng.randrange(100)}",
        f"    if {a} != {b}.{c}:",
        f'        {a} = "{words(rng, 2)}"',
        f"from {a}.{b} import {c}",
        f"const {a} = ({b}) => {{ {c}(); }};",
        f"# {words(rng, 5)}",
        f"    for ({a} = 0; {a} < {b}; {a}++)",
        f"<{a} class='{b}'>{c}</{a}>",
        f"$ {a} --{b} {c} | grep {number(rng)}",
        "",
    )
    return rng.choice(forms)
