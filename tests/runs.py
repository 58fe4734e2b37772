"""What a run of the page shows, for tests of its handlers without a browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import gradio as gr

from mmdemo.ui.generate.handlers import GenerateHandlers
from mmdemo.ui.generate.settings import Settings, from_query
from mmdemo.ui.shared.store import whole


def stages(run: Iterator[Any]) -> list[Any]:
    """What a run of the page shows, one after another. Its last value changes nothing: Gradio sends that one twice."""
    *shown, end = run
    assert end == gr.skip()
    return shown


def linked(address: str, making: GenerateHandlers) -> Settings:
    """The settings of a run of the digits that an address of the page leads to."""
    asked = {name: whole(value) for name, value in parse_qsl(address.removeprefix("?"))}
    return from_query(asked, making.models["digits"])
