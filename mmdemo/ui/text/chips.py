"""Token chips: each position of a text as a coloured chip; hover shows its codes, a click picks it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from mmdemo.ui.text.spans import Span, direction, visible

HERE = Path(__file__).parent
LABELS = ("position", "bytes", "level", "was", "edited", "unused", "earlier", "later", "shown")

TEMPLATE = """
<div class="chips-box" role="group"></div>
<div class="chips-pager" hidden><button type="button" class="chips-prev">‹</button><span></span>
<button type="button" class="chips-next">›</button></div>
<div class="chips-tip" hidden></div>
"""


class TokenChips(gr.HTML):
    """Chips over a text. Value: JSON made by `chips_value`. Event `pick` carries `{"position": int}`.

    `ready` fires once, when the component first appears in a browser.
    """

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("html_template", TEMPLATE)
        kwargs.setdefault("css_template", (HERE / "chips.css").read_text(encoding="utf-8"))
        kwargs.setdefault("js_on_load", (HERE / "chips.js").read_text(encoding="utf-8"))
        kwargs.setdefault("apply_default_css", False)
        super().__init__(**kwargs)

    def api_info(self) -> dict[str, Any]:
        """The value is a JSON string."""
        return {"type": "string", "description": "JSON: spans, codes and state of every token chip"}


def chips_value(
    decoded: Sequence[Span],
    codes: Sequence[Sequence[int]],
    active: int,
    labels: Mapping[str, str],
    original: Sequence[Span] | None = None,
    edited: Collection[int] = (),
    says: Sequence[Mapping[str, str]] = (),
) -> str:
    """The value of `TokenChips`.

    Args:
        decoded: what each position decodes to with `active` levels.
        codes: one row of codes for each level, as long as `decoded`.
        active: levels in use; the others are shown faint.
        labels: words for LABELS in the language of the page.
        original: what each position stood for; chips that differ are marked. It also gives the direction, so
            that chips stay in their place when the text is decoded wrongly.
        edited: positions whose codes were changed by hand.
        says: for each level, what its codes say alone, shown beside the code. Where that depends on the levels before,
            the key is all codes so far, as "12.7".
    """
    chips: list[list[Any]] = []
    for i, span in enumerate(decoded):
        before = None if original is None or i >= len(original) else original[i]
        wrong = original is not None and (before is None or before.raw != span.raw)
        flags = span.joins_left + 2 * span.joins_right + 4 * span.breaks + 8 * wrong + 16 * (i in edited)
        was = [before.label] if wrong and before is not None else []
        chips.append([span.label, span.raw, flags, *was])
    return json.dumps(
        {
            "chips": chips,
            "codes": [list(row) for row in codes],
            "active": active,
            "says": [{code: visible(text) for code, text in level.items()} for level in says],
            "dir": direction("".join(span.label for span in (original or decoded)[:200])),
            "labels": {name: labels[name] for name in LABELS},
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )
