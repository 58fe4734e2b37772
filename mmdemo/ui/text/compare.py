"""A reconstructed text with its wrong characters marked, and a bar chart of sizes, as small HTML."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mmdemo.ui.text.spans import visible

Op = tuple[str, int, int, int, int]
_PICTURES = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n"}  # a page cannot hold a NUL


def marked(original: str, output: str, ops: Iterable[Op], was: str, nothing: str) -> str:
    """`output` as HTML, stretches that differ from `original` in <mark> with what stood there as the tooltip.

    Args:
        ops: operations from `mmdemo.metrics.character_diff`.
        was: word before the original characters in the tooltip.
        nothing: word for "no character" in the tooltip.
    """
    pieces = []
    for op, a0, a1, b0, b1 in ops:
        text = html.escape(output[b0:b1].translate(_PICTURES))
        if op == "equal":
            pieces.append(text)
            continue
        title = html.escape(f"{was} {visible(original[a0:a1][:60]) or nothing}", quote=True)
        kind = ' class="gone"' if b0 == b1 else ""
        # A changed line end or space would be invisible by itself.
        ends = "\n" * output[b0:b1].count("\n")
        shown = text if output[b0:b1].strip() else html.escape(visible(output[b0:b1])) + ends
        pieces.append(f'<mark{kind} title="{title}">{shown}</mark>')
    return "".join(pieces)


def pane(body: str, name: str, verdict: str = "", good: bool = True) -> str:
    """A named text pane; `body` is HTML, `name` and `verdict` are plain text."""
    tone = "" if good else ' class="bad"'
    side = f"<b{tone}>{html.escape(verdict)}</b>" if verdict else ""
    return (
        f'<div class="compare-name"><span>{html.escape(name)}</span>{side}</div>'
        f'<div class="compare" dir="auto" lang="" tabindex="0">{body}</div>'
    )


@dataclass(frozen=True)
class Bar:
    """One bar: a name, its length in bytes (None: not available), a note after the number, ours or not."""

    name: str
    size: int | None
    note: str = ""
    ours: bool = False


def bar_chart(bars: Sequence[Bar], title: str, unit: str, note: str = "") -> str:
    """Horizontal bars on one scale as HTML with an inline SVG for each bar."""
    longest = max([bar.size for bar in bars if bar.size is not None], default=1) or 1
    rows = []
    for bar in bars:
        share = 0.0 if bar.size is None else 100 * bar.size / longest
        number = "–" if bar.size is None else f"{bar.size:,} {unit}"
        kind = ' class="ours"' if bar.ours else ""
        rows.append(
            f"<span>{html.escape(bar.name)}</span>"
            f'<svg role="img" aria-label="{html.escape(f"{bar.name}: {number}", quote=True)}">'
            f'<rect{kind} width="{share:.2f}%" height="14" rx="3"></rect></svg>'
            f'<span class="size">{html.escape(number)}</span><small>{html.escape(bar.note)}</small>'
        )
    after = f'<div class="bars-note">{html.escape(note)}</div>' if note else ""
    return f'<div class="bars-title">{html.escape(title)}</div><div class="bars">{"".join(rows)}</div>{after}'
