"""A row of small named buttons, such as the examples of a tab; the chosen one is marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from mmdemo.ui.shared.component import script

CSS = """
.pills { display: flex; flex-wrap: wrap; gap: 8px; }
.pills .mm-button { border-radius: 999px; padding: 6px 14px; max-width: 100%; overflow: hidden;
  text-overflow: ellipsis; white-space: nowrap; }
.pills .mm-on { border-color: var(--mm-accent); color: var(--mm-accent); }
@media (max-width: 720px) { .pills { flex-wrap: nowrap; overflow-x: auto; padding-bottom: 4px;
  max-width: calc(100vw - 24px); }
  .pills .mm-button { flex: none; } }
"""


class Pills(gr.HTML):
    """Named buttons. `names`: a list of texts for each language. Event `pick` carries {"index": int}."""

    def __init__(self, names: Mapping[str, Sequence[str]], chosen: int = -1, **kwargs: Any) -> None:
        super().__init__(
            html_template='<div class="pills"></div>',
            css_template=CSS,
            js_on_load=script("shared/pills"),
            apply_default_css=False,
            names={lang: list(texts) for lang, texts in names.items()},
            chosen=chosen,
            **kwargs,
        )

    def api_info(self) -> dict[str, Any]:
        """The component holds no value."""
        return {"type": "string"}
