"""The example files that ship with the page."""

from __future__ import annotations

from pathlib import Path

EXAMPLES = Path(__file__).with_name("examples")


def files(*suffixes: str) -> list[Path]:
    """Example files with one of these suffixes, by name."""
    return sorted(path for path in EXAMPLES.glob("*") if path.suffix.lower() in suffixes)


def pictures() -> list[Path]:
    """Example pictures."""
    return files(".png", ".jpg", ".jpeg", ".webp")
