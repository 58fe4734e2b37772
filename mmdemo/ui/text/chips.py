"""Token chips: each position of a text as a coloured chip; hover shows its codes, a click picks it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from mmdemo.ui.shared import editing
from mmdemo.ui.shared.component import Component
from mmdemo.ui.text.spans import Span, direction, visible

LABELS = ("position", "bytes", "level", "was", "edited", "unused", "earlier", "later", "shown")


class TokenChips(Component):
    """Chips over a text, with the token editor. Value: made by `mmdemo.ui.text.view.chips_value`, or None.

    `code_sheet(level)` gives what all codes say, `code_colours(0)` a colour for each; `others`: names of texts to paint
    with, by language. Event `pick` carries `{"position": int}`; `edit`, `settle` and `warm` are those of the
    editor (`mmdemo.ui.shared.editing`), `edit` with the position that is picked. `ready` fires once, when the component
    first appears in a browser.
    """

    words = (*editing.WORDS, "common.levels", "common.of", "text.original", "text.reconstruction")
    holds = "JSON: spans, codes and state of every token chip"

    def __init__(
        self, code_sheet: Callable[[int], dict[str, Any]], code_colours: Callable[[int], list[str]], **kwargs: Any
    ) -> None:
        super().__init__(functions=[code_sheet, code_colours], **kwargs)


def chips_value(
    decoded: Sequence[Span],
    codes: Sequence[Sequence[int]],
    num_levels: int,
    labels: Mapping[str, str],
    original: Sequence[Span] | None = None,
    edited: Collection[int] = (),
    says: Sequence[Mapping[str, str]] = (),
) -> dict[str, Any]:
    """The value of `TokenChips`.

    Args:
        decoded: what each position decodes to with `num_levels` levels.
        codes: one row of codes for each level, as long as `decoded`.
        num_levels: levels in use; the others are shown faint.
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
    return {
        "chips": chips,
        "codes": [list(row) for row in codes],
        "num_levels": num_levels,
        "says": [{code: visible(text) for code, text in level.items()} for level in says],
        "dir": direction("".join(span.label for span in (original or decoded)[:200])),
        "labels": {name: labels[name] for name in LABELS},
    }
