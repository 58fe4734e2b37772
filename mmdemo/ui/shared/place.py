"""Where a visitor is in a tab, as the page's address says it: which input, and how it is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from mmdemo.codec.edit import History
from mmdemo.errors import InputError
from mmdemo.ui.shared.i18n import lang_of, tr
from mmdemo.ui.shared.store import store

Place = dict[str, str]
SOURCES = ("example", "input", "typed")  # what is looked at: the first of them counts
LOOKS = ("mode", "level", "at")  # how a link looks at its input, beside the number of levels: told to the tab's script


def asked(request: gr.Request | None, tab: str) -> Place:
    """What the address with which the page was opened asks of this tab; {} where it names another one."""
    params = getattr(request, "query_params", None) or {}
    return {str(k): str(v) for k, v in params.items()} if params.get("tab") == tab else {}


def wanted(data: Any) -> Place:
    """The place in an event of `Visit`. Raises InputError for what is none."""
    place = dict(data or {}).get("place")
    if not isinstance(place, dict) or len(place) > 20 or not all(isinstance(v, str | int) for v in place.values()):
        raise InputError("This link does not say what to open.")
    return {str(k): str(v) for k, v in place.items()}  # scripts count levels, addresses spell them


def looks(place: Mapping[str, str]) -> dict[str, str]:
    """How a place looks at its input."""
    return {name: place[name] for name in LOOKS if place.get(name)}


def number(place: Mapping[str, str], name: str, low: int, high: int, usual: int) -> int:
    """A whole number of a place, within bounds; what is none, or is not there, is the usual one."""
    text = place.get(name, "")
    return min(high, max(low, int(text))) if text.isascii() and text.isdigit() and len(text) < 7 else usual


def index(place: Mapping[str, str], names: list[str], request: gr.Request | None = None) -> int | None:
    """Which example a place names; None for none. Raises InputError for one that is not there."""
    name = place.get("example", "")
    if name.isascii() and name.isdigit() and int(name[:4]) < len(names):  # as links with an edit have it
        return int(name[:4])
    if name and name not in names:
        raise InputError(tr("common.no_example", lang_of(request)))
    return names.index(name) if name else None


def source(place: Mapping[str, str]) -> Place:
    """What of a place says which input it is, without how that is looked at."""
    return {name: place[name] for name in SOURCES if place.get(name)}


def unchanged(place: Mapping[str, str], history: History) -> Place:
    """What leads back to an input whose tokens are as they came; to tokens changed by hand nothing does."""
    return {} if bool(history.changed.any()) else source(place)


def kept(place: Mapping[str, str], request: gr.Request | None = None) -> Any:
    """The path of the input that a place names; None for none. Raises InputError for one that is gone."""
    name = place.get("input", "")
    return store().path(name, lang_of(request)) if name else None
