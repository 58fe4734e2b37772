"""The Codebook tab: what each code stands for, and which of them an input uses."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.context import Context as Building

from mmdemo.ui.codebook.api import add_api
from mmdemo.ui.codebook.browser import CodeBrowser
from mmdemo.ui.codebook.handlers import MODELS, CodebookHandlers
from mmdemo.ui.shared.common import how_it_works, intro
from mmdemo.ui.shared.i18n import t
from mmdemo.ui.shared.state import CONCURRENCY_ID, Context

QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


def build(ctx: Context) -> None:
    """Build the tab inside the current `gr.Tab`."""
    handlers = CodebookHandlers(ctx)
    add_api(ctx)

    def code_sheet(asked: dict[str, Any]) -> dict[str, Any]:  # server functions have to be plain ones
        return handlers.code_sheet(asked)

    def sound(asked: dict[str, Any]) -> str:
        return handlers.sound(asked)

    asked = gr.State(None)
    intro("codebook.intro")
    browser = CodeBrowser(MODELS, code_sheet, sound, elem_id="mm-codebook")
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
    Building.block.select(handlers.choose, **show)
    browser.choose(handlers.ask, None, asked, queue=False, trigger_mode="multiple", **QUIET).then(
        handlers.choose, **show
    )
