"""What our `gr.HTML` components are made of: their template, style, JavaScript and words, read from this folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mmdemo.ui.shared.i18n import browser_texts

UI = Path(__file__).parents[1]


def script(*names: str) -> str:
    """The text of `base.js` and the named files of `mmdemo/ui`, in order, as one function body."""
    return _joined(f"{name}.js" for name in ("shared/base", *names))


def component(name: str, scripts: Iterable[str], words: Iterable[str]) -> dict[str, Any]:
    """Arguments of a component with a template and a style of its own, ``name``.html and .css.

    Args:
        scripts: its JavaScript files, one scope; the last one starts it. words: keys of the strings it shows.
    """
    return {
        "html_template": _joined([f"{name}.html"]),
        "css_template": _joined([f"{name}.css"]),
        "js_on_load": _joined(scripts),
        "text": browser_texts(*words),
        "apply_default_css": False,
    }


def _joined(files: Iterable[str]) -> str:
    return "\n".join((UI / file).read_text(encoding="utf-8") for file in files)
