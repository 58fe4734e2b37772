"""A row of small named buttons, such as the examples of a tab; the chosen one is marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmdemo.ui.shared.component import Component


class Pills(Component):
    """Named buttons. `names`: a list of texts for each language. Event `pick` carries {"index": int}."""

    markup = '<div class="pills"></div>'
    holds = "nothing"

    def __init__(self, names: Mapping[str, Sequence[str]], chosen: int = -1, **kwargs: Any) -> None:
        super().__init__(names={lang: list(texts) for lang, texts in names.items()}, chosen=chosen, **kwargs)
