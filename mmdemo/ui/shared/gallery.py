"""The example files that ship with the page."""

from __future__ import annotations

import re
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"
CREDITS = "ATTRIBUTION.md"  # no example itself


def files(*suffixes: str) -> list[Path]:
    """Example files with one of these suffixes, by name."""
    return sorted(path for path in EXAMPLES.glob("*") if path.suffix.lower() in suffixes and path.name != CREDITS)


def pictures() -> list[Path]:
    """Example pictures."""
    return files(".png", ".jpg", ".jpeg", ".webp")


def sounds() -> list[Path]:
    """Example recordings, speech first."""
    return sorted(EXAMPLES.glob("*.flac"), key=lambda file: (not file.stem.startswith("speech"), file.stem))


def texts() -> list[Path]:
    """Example texts, English prose first."""
    return sorted(files(".txt"), key=lambda f: (f.stem != "prose_english", not f.stem.startswith("prose"), f.stem))


def of(modality: str) -> list[Path]:
    """Examples of a modality as its tab has them; the first one is what it opens with."""
    return {"image": pictures, "audio": sounds, "text": texts}[modality]()


def credits() -> dict[str, str]:
    """For each example file, what it is, by whom, under which licence; read from ATTRIBUTION.md's tables."""
    path = EXAMPLES / CREDITS
    found: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        cells = [_plain(cell) for cell in line.strip().strip("|").split("|")]
        if len(cells) == 5 and "." in cells[0]:  # a photograph: file, what, author, licence, source
            found |= dict.fromkeys(cells[0].split(", "), f"{cells[1]} · {cells[2]} · {cells[3]}")
        elif len(cells) == 3 and "." in cells[0]:  # our own: file, what, how it was made
            found |= dict.fromkeys(cells[0].split(", "), cells[1])
    return found


def _plain(cell: str) -> str:
    """A Markdown table cell without links and code marks."""
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", cell).replace("`", "").strip()
