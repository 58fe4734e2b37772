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
