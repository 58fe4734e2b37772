"""What a run of the page shows, for tests of its handlers without a browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr


def stages(run: Iterator[Any]) -> list[Any]:
    """What a run of the page shows, one after another. Its last value changes nothing: Gradio sends that one twice."""
    *shown, end = run
    assert end == gr.skip()
    return shown
