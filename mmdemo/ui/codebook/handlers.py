"""What happens when something is chosen in the Codebook tab. No layout here, and no model logic."""

from __future__ import annotations

from typing import Any

import gradio as gr

from mmdemo.errors import InputError
from mmdemo.modalities import MODALITIES
from mmdemo.ui.codebook.maths import explain
from mmdemo.ui.codebook.session import Inputs
from mmdemo.ui.codebook.view import level_view
from mmdemo.ui.shared import code_sheet
from mmdemo.ui.shared.i18n import lang_of
from mmdemo.ui.shared.state import Context, friendly, whole

MODELS = tuple(MODALITIES)


class CodebookHandlers:
    """Handlers of the Codebook tab."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self.inputs = Inputs(ctx)

    @friendly
    def code_sheet(self, asked: Any) -> dict[str, Any]:
        """All codes of a level, {"model", "level"}, decoded."""
        return code_sheet.sheet(*self.level(asked))

    @friendly
    def sound(self, asked: Any) -> str:
        """The sound of one code {"level", "code"} of the audio tokenizer, as a WAV data URI."""
        asked = asked if isinstance(asked, dict) else {}
        codec, level = self.level({**asked, "model": "audio"})
        return code_sheet.sound(codec, level, whole(asked.get("code"), 0, codec.codebook_size - 1))

    def ask(self, event: gr.EventData) -> dict[str, Any]:
        """Note what was chosen."""
        return dict(event._data or {})

    @friendly
    def choose(self, asked: dict[str, Any] | None, request: gr.Request) -> tuple[dict[str, Any], str]:
        """Show a level of a model, and how this visitor's newest input, or an example, uses it."""
        codec, level = self.level(asked or {"model": MODELS[0], "level": 0})
        lang = lang_of(request)
        chosen = self.inputs.of(codec, request, lang)
        return level_view(codec, chosen.tokens, level, chosen.source), explain(codec, level, chosen.tokens, lang)

    def level(self, asked: Any) -> tuple[Any, int]:
        """The codec and the level of a request from the page; anybody can post one."""
        asked = asked if isinstance(asked, dict) else {}
        model = asked.get("model")
        if model not in MODELS:
            raise InputError(f"There is no codebook {model!r}; take one of {', '.join(MODELS)}.")
        codec = self.ctx.codec(str(model))
        return codec, whole(asked.get("level", 0), 0, codec.levels - 1)
