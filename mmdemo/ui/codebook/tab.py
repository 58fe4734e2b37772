"""The Codebook tab: what each code stands for, and which of them an input uses."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.context import Context as Building

from mmdemo.errors import InputError
from mmdemo.ui.codebook.browser import CodeBrowser
from mmdemo.ui.codebook.view import level_view
from mmdemo.ui.shared import code_sheet, gallery
from mmdemo.ui.shared.common import how_it_works, intro
from mmdemo.ui.shared.i18n import lang_of, t, tr
from mmdemo.ui.shared.state import CONCURRENCY_ID, Context, friendly, whole

MODELS = ("image", "audio", "text")
SUFFIXES = {"image": (".jpg", ".png"), "audio": (".flac", ".wav"), "text": (".txt",)}
QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


class Actions:
    """Handlers of the Codebook tab."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self._examples: dict[str, tuple[Any, str]] = {}

    @friendly
    def sound(self, asked: dict[str, Any]) -> str:
        """The sound of one code {"level", "code"} of the audio tokenizer, as a WAV data URI."""
        codec = self.ctx.codec("audio")
        level = whole(asked.get("level"), 0, codec.levels - 1)
        return code_sheet.sound(codec, level, whole(asked.get("code"), 0, codec.codebook_size - 1))

    def ask(self, event: gr.EventData) -> dict[str, Any]:
        """Note what was chosen."""
        return dict(event._data or {})

    @friendly
    def choose(self, asked: dict[str, Any] | None, request: gr.Request) -> tuple[dict[str, Any], str]:
        """Show a level of a model, and how this visitor's newest input, or an example, uses it."""
        asked = asked or {"model": MODELS[0], "level": 0}
        model = asked.get("model")
        if model not in MODELS:
            raise InputError(f"There is no codebook {model!r}; take one of {', '.join(MODELS)}.")
        lang = lang_of(request)
        codec = self.ctx.codec(model)
        level = whole(asked.get("level", 0), 0, codec.levels - 1)
        tokens, source = self._tokens(codec, request, lang)
        return level_view(codec, tokens, level, source), self._explain(codec, level, tokens, lang)

    def _tokens(self, codec: Any, request: gr.Request, lang: str) -> tuple[Any, str]:
        tokens = self.ctx.recall(request, codec.modality)
        if tokens is not None and tokens.fingerprint == codec.fingerprint:
            return tokens, tr("codebook.source_yours", lang)
        if codec.name not in self._examples:
            paths = gallery.files(*SUFFIXES[codec.modality])
            if not paths:
                return None, ""
            self._examples[codec.name] = codec.encode(paths[0]), paths[0].name
        tokens, name = self._examples[codec.name]
        return tokens, tr("codebook.source_example", lang, name=name)

    @staticmethod
    def _explain(codec: Any, level: int, tokens: Any, lang: str) -> str:
        text = tr(
            "codebook.explain",
            lang,
            size=codec.codebook_size,
            dim=codec.codebook(level).shape[1],
            levels=codec.levels,
            level=level + 1,
        )
        if tokens is None or level >= tokens.levels:
            return text
        perplexity = tokens.perplexity()[level]
        return (
            text
            + "\n\n"
            + tr(
                "codebook.explain_use",
                lang,
                n=tokens.codes[level].numel(),
                size=codec.codebook_size,
                perplexity=f"{perplexity:.1f}",
                usage=f"{tokens.usage()[level] * 100:.0f}",
                level=level + 1,
            )
        )


def build(ctx: Context) -> None:
    """Build the tab inside the current `gr.Tab`."""
    actions = Actions(ctx)

    def sound(asked: dict[str, Any]) -> str:  # a server function has to be a plain one, with one argument
        return actions.sound(asked)

    asked = gr.State(None)
    intro("codebook.intro")
    browser = CodeBrowser(list(MODELS), sound, value={}, elem_id="mm-codebook")
    formulas = how_it_works(t("codebook.explain_empty"))

    show: dict[str, Any] = {
        "inputs": asked,
        "outputs": [browser, formulas],
        "concurrency_id": CONCURRENCY_ID,
        "concurrency_limit": 1,
        "trigger_mode": "always_last",
        **QUIET,
    }
    # Opening the tab shows the newest input's codes; nothing is computed for visitors who never come here.
    Building.block.select(actions.choose, **show)
    browser.choose(actions.ask, None, asked, queue=False, trigger_mode="multiple", **QUIET).then(actions.choose, **show)
