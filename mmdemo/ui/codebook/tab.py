"""The Codebook tab: what each code stands for, where it lives, and which of them an input uses."""

from __future__ import annotations

from typing import Any

from mmdemo.ui.codebook.api import add_api
from mmdemo.ui.codebook.browser import CodeBrowser
from mmdemo.ui.codebook.handlers import MODELS, CodebookHandlers, warm
from mmdemo.ui.shared.common import how_it_works, intro
from mmdemo.ui.shared.i18n import t
from mmdemo.ui.shared.state import CONCURRENCY_ID, QUIET, Context


def build(ctx: Context) -> None:
    """Build the tab inside the current `gr.Tab`."""
    handlers = CodebookHandlers(ctx)
    add_api(ctx)
    ctx.at_start(lambda: warm(ctx))

    def level(asked: dict[str, Any]) -> dict[str, Any]:  # functions of a component have to be plain ones
        return handlers.level(asked)

    def sheet(asked: dict[str, Any]) -> dict[str, Any]:
        return handlers.sheet(asked)

    def sounds(asked: dict[str, Any]) -> dict[str, str]:
        return handlers.sounds(asked)

    def place(asked: dict[str, Any]) -> dict[str, Any]:
        return handlers.place(asked)

    def examples(asked: dict[str, Any]) -> list[dict[str, Any]]:
        return handlers.examples(asked)

    def near(asked: dict[str, Any]) -> list[int]:
        return handlers.near(asked)

    intro("codebook.intro")
    browser = CodeBrowser(MODELS, [level, sheet, sounds, place, examples, near], elem_id="mm-codebook")
    formulas = how_it_works(t("codebook.explain_empty"))
    # The codes of a level come beside the queue, from what is kept; only what is counted on an input waits in it.
    queue: dict[str, Any] = {"concurrency_id": CONCURRENCY_ID, "concurrency_limit": 1}
    browser.choose(handlers.choose, None, [browser, formulas], **queue, **QUIET)
    browser.formulas(handlers.formulas, None, formulas, queue=False, **QUIET)
