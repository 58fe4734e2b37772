"""What is sent is checked before Gradio makes anything of it, by whatever door it comes.

Endpoints take files that were uploaded here, and nothing else: the server fetches nothing for a visitor. And they take
values of the types that they name: Gradio would make a text of a list, and 2 of 1.5.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder
from gradio_client.utils import is_file_obj, is_http_url_like

from mmdemo.ui.shared.splash import Splash

REFUSED = "A file has to be uploaded: the server fetches nothing from an address."
FOREIGN = "A file has to be uploaded: the server opens no other."
FULL = (gr.Slider, gr.CheckboxGroup)  # places that are never empty


class CheckedInputs(gr.Blocks):
    """`gr.Blocks` would download what the address in place of a file leads to, wherever on the internet that is, and
    opens any path on the machine for who leaves out the mark by which it knows a file.

    Both the queue and the requests beside it come through here.

    Attributes:
        splashes: what moves in a tab's place until the page has started, by the name of the tab.
    """

    splashes: Mapping[str, Splash] = MappingProxyType({})

    async def preprocess_data(self, block_fn: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Raises gr.Error where an input is the address of a file, a file that was not uploaded, or of a wrong type."""
        check_files(inputs)
        check_types(block_fn.fn, block_fn.inputs, inputs)
        return await super().preprocess_data(block_fn, filled(block_fn.inputs, inputs), *args, **kwargs)


def filled(places: Sequence[Any], values: Sequence[Any]) -> list[Any]:
    """The values, with its own where a place got null that cannot be empty: Gradio would compare null with the ends of
    a slider, or count the ticks in it."""
    own = [place.value if isinstance(place, FULL) else None for place in places]
    return [mine if value is None else value for value, mine in zip(values, own, strict=False)]


def check_files(inputs: Any) -> None:
    """Raises gr.Error for any file, at any depth, that was not uploaded here."""
    left = [inputs]
    while left:
        item = left.pop()
        if is_file_obj(item):
            _refuse_foreign(item["path"])
        if isinstance(item, dict | list | tuple):
            left += item.values() if isinstance(item, dict) else item


def _refuse_foreign(path: str) -> None:
    if is_http_url_like(path):
        raise gr.Error(REFUSED, print_exception=False)
    try:
        uploaded = Path(path).resolve().is_relative_to(Path(get_upload_folder()).resolve())
    except (OSError, ValueError, RuntimeError):  # no path at all
        uploaded = False
    if not uploaded:
        raise gr.Error(FOREIGN, print_exception=False)


def check_types(function: Callable[..., Any] | None, places: Sequence[Any], values: Sequence[Any]) -> None:
    """Raises gr.Error for the first value that its place does not take; null stands for what is left out.

    Args:
        function: whose parameters have the names by which the places are known. places: its input components.
    """
    parameters = _parameters(function)
    for i, (place, value) in enumerate(zip(places, values, strict=False)):
        name, hint = parameters[i] if i < len(parameters) else (getattr(place, "label", ""), "")
        wanted = _wanted(place, value, hint)
        if wanted and value is not None:
            raise gr.Error(f"“{name}” takes {wanted}, not {_shown(value)}.", print_exception=False)


def _wanted(place: Any, value: Any, hint: str) -> str:
    """What the place takes, if the value is none of that; else ""."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if isinstance(place, gr.Textbox):
        return "" if isinstance(value, str) or (number and "int" in hint) else "a text"
    if isinstance(place, (gr.Number, gr.Slider)):
        step = place.precision == 0 if isinstance(place, gr.Number) else float(place.step).is_integer()
        return "" if number and not (step and value % 1) else "a whole number" if step else "a number"
    if isinstance(place, gr.Checkbox):
        return "" if isinstance(value, bool) else "true or false"
    if isinstance(place, gr.CheckboxGroup):
        return "" if isinstance(value, list) and all(isinstance(one, str) for one in value) else "a list of texts"
    if isinstance(place, (gr.Radio, gr.Dropdown)):
        return "" if isinstance(value, str) else "a text"
    return ""


def _shown(value: Any) -> str:
    """A value in words, short."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)[:30]
    kinds: dict[type, str] = {str: "a text", list: "a list", dict: "an object"}
    return kinds.get(type(value), "this")


def _parameters(function: Callable[..., Any] | None) -> list[tuple[str, str]]:
    """Names and annotations of the parameters that values are sent for: not of what Gradio hands in."""
    if function is None:
        return []
    found = inspect.signature(function).parameters.values()
    return [(p.name, str(p.annotation)) for p in found if not str(p.annotation).startswith("gr.")]
