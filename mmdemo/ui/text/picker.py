"""The code picker under the chips: the codes of one position, and what other codes would say instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmdemo.ui.shared.component import Component
from mmdemo.ui.text.spans import Span

LABELS = (
    *("position", "of", "says", "level", "code", "unused"),
    *("nearest", "any", "close", "previous", "next"),
)


class CodePicker(Component):
    """Codes of one position. Value: made by `picker_value`, or None for nothing.

    A code that is chosen goes to the token editor of the chips, as the document's event `mm-text-swap`
    {position, level, code}; `pick` carries `{"position"}`.
    """

    markup = '<div class="picker" hidden></div>'
    holds = "JSON: the codes of one position and their neighbours"


def picker_value(
    position: int,
    total: int,
    span: Span,
    codes: Sequence[int],
    num_levels: int,
    options: Sequence[Sequence[tuple[int, str]]],
    codebook_size: int,
    labels: Mapping[str, str],
) -> dict[str, Any]:
    """The value of `CodePicker`.

    Args:
        position: which position, from 0, of `total`.
        span: what it says now.
        codes: its code on each level; `num_levels` of them are in use.
        options: for each level the nearest other codes, each with what the position would say.
        codebook_size: codes on a level, K; a code is 0…K-1.
    """
    levels = [
        {"code": code, "options": [list(option) for option in options[level]] if level < len(options) else []}
        for level, code in enumerate(codes)
    ]
    return {
        "position": position,
        "total": total,
        "says": span.label,
        "raw": span.raw,
        "levels": levels,
        "num_levels": num_levels,
        "size": codebook_size,
        "labels": {name: labels[name] for name in LABELS},
    }
