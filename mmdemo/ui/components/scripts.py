"""Joining the page's JavaScript files into what `gr.HTML(js_on_load=...)` runs."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent


def script(*names: str) -> str:
    """The text of `base.js` and the named files of this folder, in order, as one function body."""
    return "\n".join((FOLDER / f"{name}.js").read_text(encoding="utf-8") for name in ("base", *names))
