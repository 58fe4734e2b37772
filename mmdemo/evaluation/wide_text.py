"""Byte accuracy of languages of Europe, names, addresses, code, and of strings that are no language."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable

from ..codec import Codec
from ..metrics import Figure
from .scripts_report import byte_accuracy, passages

LANGUAGE, STRING = 0.997, 0.97  # targets at all levels
COUNT = 3000  # bytes of random strings

EMOJI = "😀🎉👍🏽 ❤️‍🔥 👩‍👩‍👧 🇻🇳🇵🇱🇹🇷 1️⃣ 🧑‍🚀🚀🌍 ☕🥐 🏳️‍🌈 🤷🏿‍♂️ ⚽🏀 🐙🦑 👨🏻‍🍳🍝 ✨💤 🙈🙉🙊"
ADDRESSES = (
    "https://www.harbour-office.example/timetable?pier=7&day=sun#notice mailto:lost.property@harbour-office.example "
    "ftp://files.example.org/pub/linux/v6.12/patch-6.12.9.xz http://192.168.7.21:8080/api/v2/users/4711/orders.json "
    "https://vi.example.net/t%C3%A0u-thuy%E1%BB%81n/2031-05-17/ s3://backup-eu-west/db/2029/11/03/dump_0413.sql.gz"
)
NAMES = (
    "Zofia Brzęczyszczykiewicz, ul. Świętokrzyska 18; Gülşah Öztürk, Bağdat Caddesi 233; Ngô Thị Hằng, 45 đường "
    "Lê; Jürgen Großmann, Weißenburger Straße 9; Hélène Lefèbvre-Çelebi, 3 allée des Érables; Šárka Řezníčková, Žižkov"
)
SOURCE = (
    "fn main() -> Result<(), Box<dyn Error>> {\n    let args: Vec<String> = env::args().collect();\n    for (i, a) in "
    'args.iter().enumerate().skip(1) {\n        println!("{i}: {a:?}");\n    }\n    Ok(())\n}\nSELECT u.id, COUNT(*) '
    "AS n FROM users u LEFT JOIN orders o ON o.uid = u.id WHERE u.age >= 18 GROUP BY u.id HAVING n > 3 ORDER BY n;\n"
)


def wide_text_sections(codec: Codec) -> list[Callable[[], list[Figure]]]:
    """What measures them, a section a kind."""
    return [lambda: _languages(codec), lambda: _strings(codec)]


def _languages(codec: Codec) -> list[Figure]:
    return [
        _figure(codec, f"{name} passage", text, LANGUAGE) for name, text in passages("passages_europe.toml").items()
    ]


def _strings(codec: Codec) -> list[Figure]:
    rng = random.Random(20)
    data = rng.randbytes(COUNT)
    return [
        _figure(codec, "hexadecimal", data[: COUNT // 2].hex(), STRING),
        _figure(codec, "base64", base64.b64encode(data[: 3 * COUNT // 4]).decode(), STRING),
        _figure(codec, "addresses of the web", ADDRESSES),
        _figure(codec, "names", NAMES),
        _figure(codec, "source code", SOURCE),
        _figure(codec, "emoji sequences", EMOJI),
    ]


def _figure(codec: Codec, name: str, text: str, target: float | None = None) -> Figure:
    raw = text.encode()
    value, label = byte_accuracy(codec, raw, None), f"{name}, all levels: bytes right"
    return Figure(label, value, "", len(raw)) if target is None else Figure.against(label, value, target, "", len(raw))
