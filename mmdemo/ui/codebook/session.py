"""Which input's use of a codebook is shown: the visitor's newest one, or an example."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from mmdemo.modalities import MODALITIES
from mmdemo.ui.shared import gallery
from mmdemo.ui.shared.i18n import tr
from mmdemo.ui.shared.state import Context


@dataclass(frozen=True)
class Input:
    """Tokens, or None where there is not even an example, and what they are of, in the visitor's language."""

    tokens: Any = None
    source: str = ""


class Inputs:
    """The newest input of each visitor; an example is encoded once."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self._examples: dict[str, tuple[Any, str]] = {}

    def of(self, codec: Any, request: gr.Request, lang: str) -> Input:
        """What to count on for a codec."""
        tokens = self.ctx.recall(request, codec.modality)
        if tokens is not None and tokens.fingerprint == codec.fingerprint:
            return Input(tokens, tr("codebook.source_yours", lang))
        if codec.name not in self._examples:
            paths = gallery.files(*MODALITIES[codec.modality].suffixes)
            if not paths:
                return Input()
            self._examples[codec.name] = codec.encode(paths[0]), paths[0].name
        tokens, name = self._examples[codec.name]
        return Input(tokens, tr("codebook.source_example", lang, name=name))
