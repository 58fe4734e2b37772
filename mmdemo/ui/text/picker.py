"""The code picker under the chips: the codes of one position, and what other codes would say instead."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from mmdemo.ui.text.spans import Span

HERE = Path(__file__).parent
LABELS = (
    *("position", "of", "says", "level", "code", "unused"),
    *("nearest", "any", "close", "undo", "previous", "next"),
)


class CodePicker(gr.HTML):
    """Codes of one position. Value: JSON made by `picker_value`, or "" for nothing.

    Event `swap` carries `{"position", "level", "code"}`; `pick` carries `{"position"}`; `undo` nothing.
    """

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("html_template", '<div class="picker" hidden></div>')
        kwargs.setdefault("css_template", (HERE / "picker.css").read_text(encoding="utf-8"))
        kwargs.setdefault("js_on_load", (HERE / "picker.js").read_text(encoding="utf-8"))
        kwargs.setdefault("apply_default_css", False)
        super().__init__(**kwargs)

    def api_info(self) -> dict[str, Any]:
        """The value is a JSON string."""
        return {"type": "string", "description": "JSON: the codes of one position and their neighbours"}


def picker_value(
    position: int,
    total: int,
    span: Span,
    codes: Sequence[int],
    active: int,
    options: Sequence[Sequence[tuple[int, str]]],
    codebook_size: int,
    labels: Mapping[str, str],
    edited: bool,
) -> str:
    """The value of `CodePicker`.

    Args:
        position: which position, from 0, of `total`.
        span: what it says now.
        codes: its code on each level; `active` of them are in use.
        options: for each level the nearest other codes, each with what the position would say.
        codebook_size: codes on a level, K; a code is 0…K-1.
        edited: whether anything was changed by hand, so that it can be undone.
    """
    levels = [
        {"code": code, "options": [list(option) for option in options[level]] if level < len(options) else []}
        for level, code in enumerate(codes)
    ]
    return json.dumps(
        {
            "position": position,
            "total": total,
            "says": span.label,
            "raw": span.raw,
            "levels": levels,
            "active": active,
            "size": codebook_size,
            "edited": edited,
            "labels": {name: labels[name] for name in LABELS},
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )
