"""Text to train on: from the data folder, and from what is installed on a machine.

What any machine has that can run this package: Python's own source and documentation, the descriptions of installed
packages, Gradio's interface in two dozen languages, and the letters of every script (Unicode's table). What many have
besides: translated messages of programs, Chinese manual pages. All are read in a fixed order, so the same machine
gives the same text; another machine may give other text.
"""

from __future__ import annotations

import csv
import gettext
import gzip
import importlib.metadata
import importlib.util
import json
import random
import re
import sysconfig
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from . import debian_texts, strings
from .place import need

LIMIT = 3_000_000  # bytes kept of each corpus
# … where there is more worth keeping:
LIMITS = {
    "books": 40_000_000,
    "help": 24_000_000,
    "shuffled": 6_000_000,
    "vocabulary": 8_000_000,
    "european": 8_000_000,
}
LOCALES = Path("/usr/share/locale")
LATIN_PART, OTHER_PART = 4, 12  # a script gets at most 1/12 of the translations, Latin with its many languages 1/4
LETTER_WORDS = 2000  # words of each alphabet in "letters", and five times as many where letters are thousands
ALPHABETS = (
    *("LATIN", "GREEK", "CYRILLIC", "ARMENIAN", "GEORGIAN", "HEBREW", "ARABIC", "ETHIOPIC"),
    *("DEVANAGARI", "BENGALI", "GURMUKHI", "GUJARATI", "TAMIL", "TELUGU", "KANNADA", "MALAYALAM", "SINHALA"),
    *("THAI", "LAO", "TIBETAN", "MYANMAR", "KHMER", "MONGOLIAN", "HANGUL", "HIRAGANA", "KATAKANA", "CJK"),
)
# Rows of the national tables that hold each script's common characters: codec, first and last row.
COMMON = {"CJK": ("gb2312", 16, 55), "KANJI": ("euc_jp", 16, 47), "HANGUL": ("euc_kr", 16, 40)}
# Where Unicode has its pictographs: symbols, arrows, dingbats, and the blocks beyond U+1F000.
PICTOGRAPHS = (range(0x1F300, 0x1F650), range(0x1F680, 0x1F700), range(0x1F900, 0x1FB00), range(0x2600, 0x27C0))


def gather(data_dir: Path, names: list[str]) -> dict[str, Tensor]:
    """Corpora by name as uint8 tensors (T,). Optional ones that this machine lacks are left out.

    Raises:
        InputError: "prose" (the only required one) is not in ``data_dir``.
    """
    chinese, help_pages = cache(_chinese), cache(debian_texts.help_pages)  # slow to read, and "shuffled" needs them too
    sources: dict[str, Callable[[], str]] = {
        "prose": lambda: need(data_dir / "text" / "wikitext2-valid.txt", "wikitext2-valid").read_text("utf-8"),
        "code": _stdlib,
        "documentation": _documentation,
        "translations": lambda: translations(LOCALES),
        "chinese": chinese,
        "letters": letters,
        "books": debian_texts.books,
        "help": help_pages,
        "vocabulary": debian_texts.vocabulary,
        "shuffled": lambda: shuffled(chinese() + help_pages()),
        "european": strings.european,
        "codes": strings.codes,
        "names": strings.names,
        "emoji": strings.emoji_runs,
    }
    texts = {name: sources[name]().encode("utf-8", "ignore")[: LIMITS.get(name, LIMIT)] for name in names}
    return {k: torch.from_numpy(np.frombuffer(t, np.uint8).copy()) for k, t in texts.items() if len(t) > 10_000}


def labels(data_dir: Path) -> list[Tensor]:
    """Short strings: emoji with their English and Chinese names (train split only)."""
    path = need(data_dir / "emoji" / "annotations.tsv", "emoji")
    rows = csv.DictReader(path.open(encoding="utf-8"), delimiter="\t", quoting=csv.QUOTE_NONE)
    strings = []
    for row in rows:
        if row["split"] == "train":
            strings += [row["label_en"], row["label_zh"], row["emoji"], row["tags_en"], row["tags_zh"]]
            strings.append(f"{row['emoji']} {row['label_en']} {row['label_zh']}")
    return _byte_strings(strings)


def label_like(words: list[str], phrases: list[str], count: int = 40_000) -> list[Tensor]:
    """Strings as people label things: one to four English words, a few Chinese characters, a pictograph; or all three.
    And English words with a pictograph among them, as people write.

    Args:
        words: English words. phrases: runs of Chinese characters. Both as frequent as they are to be.
    """
    rng = random.Random(0)
    joints = ["", "", "", "\ufe0f", "\u200d\u2642\ufe0f", "\U0001f3fd"]
    strings = []
    for _ in range(count):
        english = rng.choice((" ", " ", ",", ", ")).join(rng.choices(words, k=rng.randint(1, 4)))
        chinese = rng.choice(("", ",")).join(rng.choice(phrases)[: rng.randint(1, 4)] for _ in range(rng.randint(1, 3)))
        pictograph = chr(rng.choice(rng.choice(PICTOGRAPHS))) + rng.choice(joints)
        written = f"{english} {pictograph} {' '.join(rng.choices(words, k=3))}"
        strings.append(
            rng.choice((english, chinese, chinese, pictograph, f"{pictograph} {english} {chinese}", written))
        )
    return _byte_strings(strings)


def _byte_strings(strings: list[str]) -> list[Tensor]:
    return [torch.tensor(list(s.encode()), dtype=torch.uint8) for s in strings if s]


def _stdlib() -> str:
    """Source and documentation strings of Python's standard library (PSF licence)."""
    files = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))
    random.Random(0).shuffle(files)
    return "\n".join(f.read_text("utf-8", "ignore") for f in files)


def _documentation() -> str:
    """English documentation: Python's language reference and the descriptions of installed packages."""
    from pydoc_data.topics import topics

    packages = sorted(importlib.metadata.distributions(), key=lambda d: str(d.metadata["Name"]).lower())
    parts = [*topics.values(), *(str(d.metadata.json.get("description", "")) for d in packages)]
    random.Random(0).shuffle(parts)
    return "\n".join(parts)


def translations(locales: Path) -> str:
    """Translated messages, every script with its share (each under its program's licence).

    From Gradio's interface, then from the message catalogues under ``locales``, e.g. /usr/share/locale.
    """
    parts: list[str] = []
    size: Counter[str] = Counter()
    script_of: dict[str, str] = {}

    def full(script: str) -> bool:
        return size[script] >= LIMIT // (LATIN_PART if script == "LATIN" else OTHER_PART)

    for language, messages in _messages(locales, lambda language: full(script_of.get(language, ""))):
        script = script_of.setdefault(language, _script("".join(messages)))
        if script and not full(script):
            text = "\n".join(messages)
            parts.append(text)
            size[script] += len(text.encode("utf-8", "ignore"))

    random.Random(2).shuffle(parts)  # what a limit cuts off must not be one language
    return "\n".join(parts)


def _messages(locales: Path, skip: Callable[[str], bool]) -> Iterator[tuple[str, list[str]]]:
    """(language, up to 60 messages) of one catalogue after another."""
    spec = importlib.util.find_spec("gradio")  # found, not imported
    if spec and spec.origin:
        assets = Path(spec.origin).parent / "templates" / "frontend" / "assets"
        for file in sorted(assets.glob("*.js")):
            if re.fullmatch(r"[a-z]{2}(-[A-Z]{2})?-[\w-]{8}", file.stem):
                yield file.stem[:-9], _quoted(file.read_text("utf-8", "ignore"))
    files = sorted(locales.glob("*/LC_MESSAGES/*.mo"))
    random.Random(0).shuffle(files)
    for file in files:
        language = file.parts[-3]
        if skip(language):
            continue
        try:
            with file.open("rb") as opened:
                catalogue = gettext.GNUTranslations(opened)._catalog  # type: ignore[attr-defined]
        except (OSError, UnicodeDecodeError, ValueError, LookupError):
            continue  # a damaged catalogue is no reason to stop
        lines = [v for v in catalogue.values() if isinstance(v, str)]
        random.Random(1).shuffle(lines)
        yield language, lines[:60]


def _quoted(source: str) -> list[str]:
    """String literals of a script file that hold something other than ASCII."""
    found = re.findall(r'"(?:[^"\\\n]|\\.)*"', source)
    strings = []
    for literal in found:
        try:
            strings.append(str(json.loads(literal)))
        except ValueError:
            continue  # JavaScript has escapes that JSON has not
    return [s for s in strings if not s.isascii()]


def _script(text: str) -> str:
    """The script of most letters of a text by Unicode's names: "LATIN", "CYRILLIC", "CJK", "HANGUL"…; "" if none."""
    seen = Counter(unicodedata.name(c, "").split(" ")[0] for c in text[:2000] if c.isalpha())
    for kana in ("HIRAGANA", "KATAKANA"):
        if seen[kana]:
            return kana  # Japanese, although most of its letters may be Chinese
    return seen.most_common(1)[0][0] if seen else ""


def letters() -> str:
    """Words of random letters in 27 scripts: their bytes, not their sense.

    From Unicode 3.2, which every Python knows. So no script is strange to the tokenizer, whatever text a machine has.
    """
    table = unicodedata.ucd_3_2_0
    scripts: dict[str, list[str]] = defaultdict(list)
    for point in (*range(0x80, 0x3100), *range(0x4E00, 0xD7A4)):
        character = chr(point)
        if table.category(character)[0] in "LM":
            scripts[table.name(character).split(" ")[0]].append(character)
    rng = random.Random(0)
    words = []
    for name in ALPHABETS:
        for _ in range(LETTER_WORDS * (5 if len(scripts[name]) > 5000 else 1)):
            words.append("".join(rng.choices(scripts[name], k=rng.randint(1, 9))))
    for name in COMMON:  # of thousands of characters, those that are used are the first to get right
        words += common_words(name, 10 * LETTER_WORDS)
    lines = [" ".join(words[i : i + 10]) for i in range(0, len(words), 10)]  # each line in one script
    rng.shuffle(lines)
    return "\n".join(lines)


def common_words(name: str, count: int) -> list[str]:
    """Strings of one to six random common characters of Chinese ("CJK"), Japanese ("KANJI") or Korean ("HANGUL").

    From the tables of GB 2312, JIS X 0208 and KS X 1001, whose first part has the characters in daily use (3,755, 2,965
    and 2,350).
    """
    codec, first, last = COMMON[name]
    rows = (bytes((0xA0 + row, 0xA0 + cell)) for row in range(first, last + 1) for cell in range(1, 95))
    characters = [c for c in (pair.decode(codec, "ignore") for pair in rows) if c]
    rng = random.Random(0)
    return ["".join(rng.choices(characters, k=rng.randint(1, 6))) for _ in range(count)]


def shuffled(text: str) -> str:
    """The lines of a text that need more than two bytes a character, the characters of each in another order.

    Four bytes of such a script hold parts of two characters. A text shows each character often, but few of all pairs:
    here are others, of characters as common as they are.
    """
    rng = random.Random(0)
    lines = [list(line) for line in text.splitlines() if len(line.encode()) > 2 * len(line)]
    rng.shuffle(lines)
    for line in lines:
        rng.shuffle(line)
    return "\n".join("".join(line) for line in lines)


def _chinese() -> str:
    """Chinese manual pages and the Debian reference, where they are installed."""
    files = sorted(Path("/usr/share/man/zh_CN").rglob("*.gz")) + sorted(
        Path("/usr/share/debian-reference").glob("*.zh-cn.txt.gz")
    )
    random.Random(0).shuffle(files)
    text = "\n".join(gzip.decompress(f.read_bytes()).decode("utf-8", "ignore") for f in files)
    return debian_texts.untypeset(text)
