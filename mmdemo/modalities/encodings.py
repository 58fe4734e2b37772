"""Text files in any encoding: which one it is, and their bytes as UTF-8."""

from __future__ import annotations

import codecs
import re

from charset_normalizer import from_bytes

from mmdemo.errors import InputError

# UTF-32 first: its little-endian mark begins with the one of UTF-16.
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What files without a mark are looked through for: few, as a short text fits many of the rare ones.
COMMON = {
    "gb18030": "GBK (GB18030)",
    "big5": "Big5",
    "cp932": "Shift-JIS",
    "euc_jp": "EUC-JP",
    "cp949": "EUC-KR",
    "cp1252": "Latin-1 (Windows-1252)",
    "cp1250": "Latin-2 (Windows-1250)",
    "cp1254": "Turkish (Windows-1254)",
    "cp1251": "Cyrillic (Windows-1251)",
    "koi8_r": "KOI8-R",
    "cp1253": "Greek (Windows-1253)",
    "cp1255": "Hebrew (Windows-1255)",
    "cp1256": "Arabic (Windows-1256)",
}
LATIN = ("cp1250", "cp1252", "cp1254", "iso8859_2", "mac_roman")
# Of older systems; looked for where none of the common ones fits.
OLD = {
    "cp866": "Cyrillic (DOS)",
    "iso8859_5": "Cyrillic (ISO 8859-5)",
    "iso8859_2": "Latin-2 (ISO 8859-2)",
    "mac_roman": "Latin-1 (Macintosh)",
}
# Where these letters of Turkish stand in Windows-1254, Windows-1252 has ones of Icelandic, which comes with others.
_TURKISH, _ICELANDIC = re.compile("[ğışĞİŞ]"), re.compile("[áéíóúæÁÉÍÓÚÆ]")
WIDE = {"utf_16_le": "UTF-16 (little endian)", "utf_16_be": "UTF-16 (big endian)"}
# Python's own ways to write strings, and what needs the operating system: no encodings of files.
_NOT_FOR_FILES = {"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "mbcs", "oem"}


def check_encoding(name: str) -> str:
    """Python's name of an encoding of text files. Raises InputError for any other."""
    try:
        found = codecs.lookup(name).name
        "a".encode(name)  # refuses what does not turn text into bytes, such as rot13 and zip
        if found in _NOT_FOR_FILES:
            raise LookupError
    except (LookupError, ValueError, TypeError):
        shown = str(name)[:40]
        raise InputError(
            f"There is no text encoding {shown!r}; take one such as utf-8, gbk, shift-jis or latin-1."
        ) from None
    return found


def to_utf8(data: bytes, encoding: str) -> bytes:
    """Bytes of a text file -> the same text in UTF-8, U+FFFD for what is invalid. Raises InputError as above."""
    text = data.decode(check_encoding(encoding), errors="replace")
    # Surrogates, which some encodings let through, are joined to characters or replaced.
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode("utf-8")


def detect(data: bytes) -> tuple[str, str]:
    """(Python's name of the encoding of a text file, its name in words); ("utf-8", …) where none other is likelier."""
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return encoding, "UTF-8" if encoding == "utf-8-sig" else encoding.upper()
    text = data.decode("utf-8", errors="replace")
    bad = text.count("\ufffd") - data.count("\ufffd".encode())
    if bad == 0 and re.search(rb"\x1b\$[@B]", data):
        return "iso2022_jp", "ISO-2022-JP"
    if _may_be_wide(data, valid=bad == 0) and (found := _likeliest(data, WIDE)):
        return found
    # Letters over ASCII that are right in UTF-8 are no accident: then what is not is damage.
    if bad <= sum(c > "\x7f" for c in text) // 4:
        return "utf-8", "UTF-8"
    if found := _likeliest(data, COMMON):
        return found
    if sum(byte > 127 for byte in data) > 5 and (found := _likeliest(data, OLD)):
        return found
    # A few accents in a short text are not enough to tell; most such files are of western Europe.
    return ("cp1252", COMMON["cp1252"]) if _in_words(data.decode("latin-1")) else ("utf-8", "UTF-8")


def _likeliest(data: bytes, names: dict[str, str]) -> tuple[str, str] | None:
    order = list(names)
    found = list(from_bytes(data, cp_isolation=order, enable_fallback=False))  # the best first
    if not found:
        return None
    first = (found[0].chaos, found[0].coherence)
    best = min((m for m in found if (m.chaos, m.coherence) == first), key=lambda m: order.index(m.encoding))
    if best.encoding in LATIN and not _in_words(str(best)):
        return None
    western = data.decode("cp1252", errors="replace")
    if (
        best.encoding == "cp1252"
        and _TURKISH.search(data.decode("cp1254", "replace"))
        and not _ICELANDIC.search(western)
    ):
        return "cp1254", names["cp1254"]
    if best.encoding in ("cp1250", "cp1254") and str(best) == western:
        return "cp1252", names["cp1252"]  # the letters that both have
    if best.encoding == "cp1250" and _letters(data.decode("iso8859_2")) > _letters(str(best)):
        return "iso8859_2", OLD["iso8859_2"]
    return codecs.lookup(best.encoding).name, names[best.encoding]


def _in_words(text: str) -> bool:
    """Whether most letters with accents stand beside plain ones, as they do in the languages of Europe."""
    high = len(re.findall(r"[^\x00-\x9f]", text))
    return 2 * len(re.findall(r"(?<=[A-Za-z])[^\x00-\x9f]|[^\x00-\x9f](?=[A-Za-z])", text)) >= high > 0


def _letters(text: str) -> int:
    return sum(c.isalpha() for c in text) - 2 * sum("\x80" <= c < "\xa0" for c in text)


def _may_be_wide(data: bytes, valid: bool) -> bool:
    """Whether bytes may be UTF-16: hardly any other text has NULs or control bytes.

    Where they are UTF-8 as well, only if most letters have a NUL, as English ones have, or there are control bytes.
    """
    if len(data) % 2:
        return False
    controls = re.search(rb"[\x01-\x06\x0e-\x1a]", data) is not None
    if b"\0" not in data:
        return controls and not valid
    letters = max(data[0::2].count(0), data[1::2].count(0)) > 0.7 * len(data) / 2
    return not valid or letters or controls
