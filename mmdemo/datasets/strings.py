"""Text that no book has: languages of Europe word by word, names, addresses, numbers, codes, sequences of emoji.

Words come from the package ``wordfreq`` (extra "distil"; its lists are CC BY-SA 4.0), as often as people use them, and
where it is absent from Debian's dictionaries (``hunspell-*``, ``wngerman`` and so on, each under its own licence).
"""

from __future__ import annotations

import base64
import json
import random
import re
import string
import uuid
from collections.abc import Callable
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any

LANGUAGES = (
    *("de", "fr", "pl", "tr", "vi", "es", "it", "pt", "nl", "sv", "cs", "hu", "ro", "da", "fi", "nb", "sh", "sk"),
    *("sl", "lt", "lv", "is", "ca", "id", "ms", "fil"),
)
OFTEN = {"de": 3, "fr": 3, "pl": 3, "tr": 3, "vi": 4, "es": 2}  # as many lines as others have one
DICTIONARIES = ("/usr/share/hunspell", "/usr/share/dict")
WORDS = 30_000  # of a language
NAMES = (
    *("Anna", "Müller", "José", "García", "Łukasz", "Wójcik", "Nguyễn", "Trần", "Yılmaz", "Şahin", "Čapek", "Ağaoğlu"),
    *("François", "Lefèvre", "Björn", "Åsa", "Søren", "Zoë", "O'Brien", "McDonald", "Smith", "Żółty", "Đặng", "İpek"),
    *(
        "Kovács",
        "Răzvan",
        "Niño",
        "João",
        "Conceição",
        "Guðrún",
        "Nowak",
        "Schröder",
        "Weiß",
        "Dvořák",
        "Phạm",
        "Çelik",
    ),
)
PLACES = ("Straße", "rue", "ulica", "sokak", "đường", "Street", "Avenue", "Platz", "place", "caddesi", "Lane", "Weg")
SITES = (
    "example",
    "github",
    "wikipedia",
    "python",
    "debian",
    "openstreetmap",
    "archive",
    "gitlab",
    "mozilla",
    "kernel",
)
FACES = (range(0x1F600, 0x1F650), range(0x1F300, 0x1F600), range(0x1F900, 0x1FA00))
COMMON = (8, 2, 3, 4, 12, 2, 2, 6, 7, 1, 1, 4, 2, 7, 8, 2, 1, 6, 6, 9, 3, 1, 2, 1, 2, 1)  # a to z in English
MARKS = (*[""] * 9, ",", ".", ";", "?", "!", ":", " –", "…")


@cache
def words_of(language: str) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """A language's most frequent words and how often each is used; empty where none are installed."""
    try:
        from wordfreq import get_frequency_list
    except ImportError:
        return _dictionary(language)
    words: list[str] = []
    often: list[float] = []
    for hundredths, equals in enumerate(get_frequency_list(language, "best")):  # of a power of ten below all words
        words += equals
        often += [10 ** (-hundredths / 100)] * len(equals)
        if len(words) > WORDS:
            break
    return tuple(words), tuple(often)


@cache
def _summed(language: str) -> tuple[float, ...]:
    return tuple(accumulate(words_of(language)[1]))


def _dictionary(language: str) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """All words of a Debian dictionary, alike."""
    names = {"de": "ngerman", "fr": "french", "pl": "polish", "es": "spanish", "it": "italian", "pt": "portuguese"}
    files = [p for f in DICTIONARIES for p in sorted(Path(f).glob(f"{language}_*.dic"))]
    files += [p for p in (Path("/usr/share/dict") / names.get(language, "-"),) if p.is_file()]
    for file in files:
        for encoding in ("utf-8", "iso8859-2" if language in ("pl", "cs", "hu", "hr", "sk", "sl") else "iso8859-1"):
            try:
                lines = file.read_text(encoding).splitlines()
            except (OSError, UnicodeDecodeError):
                continue
            words = [w for line in lines if (w := line.split("/")[0].strip()) and not w.isdigit()]
            random.Random(0).shuffle(words)
            return tuple(words[:WORDS]), (1.0,) * min(WORDS, len(words))
    return (), ()


def european(lines: int = 60_000) -> str:
    """Lines of random words, each in one language of Latin letters: half by how often they are used, half all alike.

    No sense, but letters stand beside those they stand beside.
    """
    rng = random.Random(0)
    there = [language for language in LANGUAGES if words_of(language)[0]]
    if not there:
        return ""
    weights = [OFTEN.get(language, 1) for language in there]
    found = []
    for language in rng.choices(there, weights, k=lines):
        words = words_of(language)[0]
        drawn = rng.choices(words, cum_weights=_summed(language) if rng.random() < 0.5 else None, k=14)
        line = " ".join(w + rng.choice(MARKS) for w in drawn)
        kind = rng.random()
        found.append(line.upper() if kind < 0.04 else line.title() if kind < 0.12 else line[:1].upper() + line[1:])
    return "\n".join(found)


def codes(lines: int = 60_000) -> str:
    """Hexadecimal, base64, identifiers, addresses of the web and of mail, paths, numbers, tables, JSON, passwords."""
    rng = random.Random(1)
    programs: tuple[Callable[[random.Random], str], ...] = (
        *(_hex, _hex, _hex, _base64, _base64, _base64, _base64, _address, _address, _address),
        *(_mail, _path, _numbers, _numbers, _table, _json, _password, _identifier),
    )
    return "\n".join(rng.choice(programs)(rng) for _ in range(lines))


def names(lines: int = 8_000) -> str:
    """Names of people of many countries with their streets, mail and telephone numbers."""
    rng = random.Random(2)
    found = []
    for _ in range(lines):
        who = f"{rng.choice(NAMES)} {rng.choice(NAMES)}"
        forms = (
            who,
            f"{who}, {rng.choice(PLACES)} {rng.randint(1, 300)}, {rng.randint(1000, 99999)} {rng.choice(NAMES)}",
            f"{who} <{_mail(rng)}>",
            f"{who}\t+{rng.randint(1, 99)} {rng.randint(100, 999)} {rng.randint(1000000, 9999999)}",
            f"{rng.choice(('Dr.', 'Mme', 'Herr', 'Pani', 'Bay', 'Ms.', 'Ông', 'Sr.'))} {who}",
        )
        found.append(rng.choice(forms))
    return "\n".join(found)


def emoji_runs(lines: int = 8_000) -> str:
    """Emoji one after the other: faces, flags, families, skin tones, keycaps; alone and after words."""
    rng = random.Random(3)
    joined = ("👨‍👩‍👧‍👦", "👩‍💻", "🏳️‍🌈", "❤️‍🔥", "👁️‍🗨️", "🧑🏽‍🚀", "1️⃣", "#️⃣", "☺️", "✌🏿")
    found = []
    for _ in range(lines):
        run = ""
        for _ in range(rng.randint(1, 12)):
            kind = rng.random()
            if kind < 0.6:
                run += chr(rng.choice(rng.choice(FACES)))
            elif kind < 0.75:
                run += "".join(chr(0x1F1E6 + rng.randrange(26)) for _ in range(2))
            elif kind < 0.85:
                run += rng.choice(("👍", "🙏", "👋", "💪", "👩", "🧑")) + chr(0x1F3FB + rng.randrange(5))
            else:
                run += rng.choice(joined)
        found.append(run if rng.random() < 0.6 else f"{rng.choice(NAMES)} {run} {rng.choice(NAMES).lower()}")
    return "\n".join(found)


def _hex(rng: random.Random) -> str:
    text = rng.randbytes(rng.choice((2, 4, 8, 16, 20, 32, 32, 64))).hex()
    kind = rng.randrange(6)
    if kind == 0:
        return text.upper()
    if kind == 1:
        return " ".join(re.findall("..", text))
    if kind == 2:
        return "0x" + text[:16]
    return ("#" + text[:6]) if kind == 3 and rng.random() < 0.3 else text


def _base64(rng: random.Random) -> str:
    data = rng.randbytes(rng.randint(12, 120))
    return (base64.urlsafe_b64encode(data) if rng.random() < 0.25 else base64.b64encode(data)).decode()


def _word(rng: random.Random) -> str:
    return "".join(rng.choices(string.ascii_lowercase, COMMON, k=rng.randint(2, 9)))


def _address(rng: random.Random) -> str:
    site = f"{rng.choice(('www.', '', '', 'api.', 'docs.'))}{rng.choice((*SITES, _word(rng)))}"
    ending = rng.choice(("com", "org", "net", "de", "fr", "io", "co.uk", "pl", "com.tr", "vn", "eu"))
    steps = (rng.choice((_word(rng), str(rng.randrange(10000)), _word(rng) + ".html")) for _ in range(4))
    path = "/".join(list(steps)[: rng.randint(0, 4)])
    values = (rng.choice((_word(rng), str(rng.randrange(10**6)), "%20", _base64(rng)[:11])) for _ in range(3))
    query = "&".join([f"{_word(rng)}={v}" for v in values][: rng.randint(0, 3)])
    return f"http{'s' * (rng.random() < 0.9)}://{site}.{ending}/{path}{'?' * bool(query)}{query}"


def _mail(rng: random.Random) -> str:
    name = _word(rng) + rng.choice((".", "_", "-", "")) + _word(rng) + rng.choice(("", str(rng.randrange(100))))
    return f"{name}@{rng.choice(SITES)}.{rng.choice(('com', 'org', 'de'))}"


def _path(rng: random.Random) -> str:
    count = rng.randint(2, 5)
    parts = [rng.choice((_word(rng), _word(rng).title(), f"{_word(rng)}_{rng.randrange(100)}")) for _ in range(count)]
    if rng.random() < 0.3:
        return "C:\\" + "\\".join(parts) + ".docx"
    return rng.choice(("/", "~/", "./", "../")) + "/".join(parts) + rng.choice((".py", ".tar.gz", ".png", "/", ".json"))


def _numbers(rng: random.Random) -> str:
    n = rng.randrange(10 ** rng.randint(2, 12))
    forms = (
        f"{n:,}",
        f"{n / 100:.2f} €",
        f"{rng.random():.{rng.randint(2, 16)}f}",
        f"{rng.uniform(-90, 90):.5f}, {rng.uniform(-180, 180):.5f}",
        f"{1970 + n % 90}-{1 + n % 12:02}-{1 + n % 28:02}T{n % 24:02}:{n % 60:02}:{n % 59:02}Z",
        f"+{1 + n % 99} {n % 1000:03} {n % 10**7:07}",
        f"{n % 256}.{n % 251}.{n % 241}.{n % 239}:{n % 65536}",
        f"{rng.uniform(0, 1):.3e}",
        " ".join(str(rng.randrange(1000)) for _ in range(8)),
    )
    return rng.choice(forms)


def _table(rng: random.Random) -> str:
    mark = rng.choice((",", ";", "\t", " | "))
    cells = (rng.choice((_word(rng), str(rng.randrange(10**5)), f"{rng.random():.3f}", "")) for _ in range(9))
    return mark.join(list(cells)[: rng.randint(3, 9)])


def _json(rng: random.Random) -> str:
    found: list[Any] = [rng.choice((rng.randrange(10**4), True, None, _word(rng), [], rng.random())) for _ in range(5)]
    table = {_word(rng): value for value in found[: rng.randint(1, 5)]}
    return json.dumps(table, indent=rng.choice((None, None, 2)))


def _password(rng: random.Random) -> str:
    return "".join(rng.choices(string.ascii_letters + string.digits + string.punctuation, k=rng.randint(8, 24)))


def _identifier(rng: random.Random) -> str:
    made, a, b = uuid.UUID(bytes=rng.randbytes(16)), _word(rng), _word(rng)
    return rng.choice((str(made), f"{a}_{b}", a + b.title(), a.upper() + str(rng.randrange(100))))
