"""Small pieces every tab is built from: intro line, fold-out, number tiles, figures."""

from __future__ import annotations

import html
from collections.abc import Iterable

import gradio as gr

from mmdemo.modalities.note import Note
from mmdemo.ui.shared.i18n import t, tr


def intro(key: str) -> gr.Markdown:
    """The one sentence at the top of a tab: which question it answers."""
    return gr.Markdown(t(key), elem_classes=["mm-intro"])


def how_it_works(value: str = "", key: str = "common.how") -> gr.Markdown:
    """A closed fold-out for the mathematics; returns the Markdown inside (LaTeX between $ or $$)."""
    with gr.Accordion(t(key), open=False, elem_classes=["mm-how"]):
        return gr.Markdown(
            value,
            latex_delimiters=[
                {"left": "$$", "right": "$$", "display": True},
                {"left": "$", "right": "$", "display": False},
            ],
            elem_classes=["mm-maths"],
        )


def tiles(figures: Iterable[tuple[str, str] | tuple[str, str, str]]) -> str:
    """Number tiles as HTML for a `gr.HTML`: (name, value) or (name, value, note under it)."""
    cells = []
    for name, value, *note in figures:
        under = f'<span class="mm-tile-note">{html.escape(note[0])}</span>' if note and note[0] else ""
        cells.append(
            f'<div class="mm-tile"><span class="mm-tile-name">{html.escape(name)}</span>'
            f'<span class="mm-tile-value">{html.escape(value)}</span>{under}</div>'
        )
    return f'<div class="mm-tiles">{"".join(cells)}</div>'


def said(note: str, prefix: str, lang: str) -> str:
    """A note of a modality in the visitor's language, by a key with this prefix; as it is where it has none."""
    return tr(f"{prefix}{note.key}", lang, **note.values) if isinstance(note, Note) else note


def notes_html(notes: Iterable[str]) -> str:
    """Sentences about the input, one a line; nothing if there are none."""
    return "".join(f'<p class="mm-hint" style="margin-top:8px">{html.escape(note)}</p>' for note in notes)
