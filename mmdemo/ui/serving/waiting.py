"""Says in the page, while a request waits, which place it has and about how long it takes."""

from __future__ import annotations

import json
from pathlib import Path

from mmdemo.ui.shared.i18n import browser_texts
from mmdemo.ui.shared.modules import bundle

STYLE = """<style>
.mm-waiting { position: fixed; inset: auto 0 16px; z-index: 40; width: fit-content; max-width: 90vw; margin: 0 auto;
  padding: 8px 16px; border: 1px solid var(--mm-line); border-radius: 999px; background: var(--mm-surface);
  color: var(--mm-ink); font-size: 14px; box-shadow: 0 2px 12px rgb(0 0 0 / 0.15); pointer-events: none; }
.mm-waiting[hidden] { display: none; }
</style>"""


def head() -> str:
    """For the head of the page: it has to be there before Gradio asks for anything."""
    props = json.dumps({"text": browser_texts("common.waiting")}, ensure_ascii=False).replace("</", "<\\/")
    script = bundle(Path(__file__).with_name("waiting.js"))
    called = f"(function (props, element, trigger, server, upload, watch) {{\n{script}\n}})({props});"  # as by Gradio
    return f"{STYLE}<script>{called}</script>"
