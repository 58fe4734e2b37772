"""The base of our own parts of the page: Python says what there is to show, a script beside it shows it."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import gradio as gr

from mmdemo.ui.shared.i18n import browser_texts
from mmdemo.ui.shared.modules import bundle


class Component(gr.HTML):
    """A part of the page with a script of its own.

    Its files lie beside the module of its class and have the name `files`: an ES module `NAME.js`, whose default export
    is called with {element, props, trigger, watch, server}, and where there are any, `NAME.css` and `NAME.html`. Each
    event is a name that the script gives to `trigger`, and a method here: `viewer.swap(handler, …)`.

    A value is anything JSON-able. It travels as one JSON string, because Gradio's page copies and compares nested
    values several times over; the script reads it with `readValue(props)` of `shared/base.js`. None stands for nothing.

    Attributes:
        files: name of the files, where it is not that of the module.
        markup: the HTML that the script fills, where there is no `NAME.html`.
        words: keys in the table of strings of what the script says; it finds them with `translator(props)`.
        holds: what a value is, told to API clients.
    """

    files: ClassVar[str] = ""
    markup: ClassVar[str] = ""
    words: ClassVar[Sequence[str]] = ()
    holds: ClassVar[str] = "JSON for the page's own script"

    def __init__(self, value: Any = None, functions: Sequence[Callable[..., Any]] = (), **kwargs: Any) -> None:
        """`functions`: plain functions that the script calls as `server.NAME(…)`. Other arguments: of `gr.HTML`, or
        further props of the script.
        """
        here = Path(inspect.getfile(type(self)))
        stem = here.with_name(self.files or here.stem)
        super().__init__(
            value,
            html_template=_read(stem.with_suffix(".html")) or self.markup,
            css_template=_read(stem.with_suffix(".css")),
            js_on_load=bundle(stem.with_suffix(".js")),
            server_functions=list(functions) or None,
            apply_default_css=False,
            **{"text": browser_texts(*self.words), **kwargs},
        )

    def postprocess(self, value: Any) -> str | None:
        """As one JSON string; None and strings stay as they are."""
        if value is None or isinstance(value, str):
            return value
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)

    def get_config(self) -> dict[str, Any]:
        """What the page is told. Gradio copies it for each visitor, with all that it leads to, and `gr.HTML` gives a
        function, which leads to the whole page, for some names of a constructor's arguments: left out.
        """
        return {name: value for name, value in super().get_config().items() if not callable(value)}

    def api_info(self) -> dict[str, Any]:
        """For clients: a string."""
        return {"type": "string", "description": self.holds}

    def example_payload(self) -> Any:
        """An empty string."""
        return ""

    def example_value(self) -> Any:
        """Nothing."""
        return None


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""
