"""Settings: typed dataclasses <-> plain dictionaries, so that every configuration is a JSON file beside its weights.

A dataclass marked with `settings` refuses, in its constructor and in `from_dict` alike, a setting that it does not
have, a value of another type (also "16" for 16, or true for 1) and one out of bounds. Bounds stand beside each field:
a recipe with a slip and a checkpoint that somebody altered are refused here, before anything is allocated.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
import types
import typing
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import pydantic
import pydantic.dataclasses

from .errors import InputError

T = TypeVar("T")


def _odd(number: int) -> int:
    if number % 2 == 0:
        raise ValueError("must be odd")
    return number


# Bounds: several times what anybody trained on a few cores or one GPU needs, and far from what fills a machine.
Width = Annotated[int, pydantic.Field(ge=1, le=8192)]  # channels
Depth = Annotated[int, pydantic.Field(ge=0, le=64)]  # blocks
Kernel = Annotated[int, pydantic.Field(ge=1, le=63), pydantic.AfterValidator(_odd)]
Expansion = Annotated[int, pydantic.Field(ge=1, le=16)]
WidthOr0 = Annotated[int, pydantic.Field(ge=0, le=8192)]
ExpansionOr0 = Annotated[int, pydantic.Field(ge=0, le=16)]
Levels = Annotated[int, pydantic.Field(ge=0, le=64)]  # of residual quantisation
CodebookSize = Annotated[int, pydantic.Field(ge=1, le=65_536)]
Beam = Annotated[int, pydantic.Field(ge=1, le=64)]
Axes = Annotated[int, pydantic.Field(ge=1, le=2)]
Natural = Annotated[int, pydantic.Field(ge=0, le=1_000_000_000)]
Positive = Annotated[int, pydantic.Field(ge=1, le=1_000_000_000)]
Weight = Annotated[float, pydantic.Field(ge=0, le=1e6)]  # of a part of a loss
Share = Annotated[float, pydantic.Field(ge=0, le=1)]
Name = Annotated[str, pydantic.Field(max_length=255)]


MAX_WEIGHTS = 300_000_000  # of one model, 1.2 GB; the largest that ships has 6 million
STRICT = pydantic.ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

if TYPE_CHECKING:
    from pydantic.dataclasses import dataclass as settings
else:

    def settings(cls: type[T]) -> type[T]:
        """A dataclass whose fields are checked; its constructor raises `pydantic.ValidationError`, a ValueError."""
        return pydantic.dataclasses.dataclass(config=STRICT)(cls)


def from_dict(cls: type[T], values: dict[str, Any], where: str = "") -> T:
    """Build a dataclass from a dictionary as JSON or TOML give it, nested ones included.

    Args:
        where: what the dictionary is called in messages, such as "[model]".

    Raises:
        InputError: a setting is unknown (the nearest right name is said), missing, of another type or out of bounds.
    """
    try:
        text = json.dumps(values)  # as JSON: there a list is a tuple, too
    except (TypeError, RecursionError):
        raise InputError(f"{where or 'The settings'} can hold numbers, texts, lists and tables only.") from None
    try:
        return _adapter(typing.cast(Any, cls)).validate_json(text)
    except pydantic.ValidationError as error:
        raise InputError(_sentence(cls, error, where)) from None


def check_weights(count: int) -> None:
    """For the ``__post_init__`` of a model's settings: each may be within its bounds, and all together not.

    Args:
        count: weights of the model, roughly.

    Raises:
        ValueError: more than `MAX_WEIGHTS`.
    """
    if count > MAX_WEIGHTS:
        raise ValueError(f"A model of these sizes has about {count:,} weights; at most {MAX_WEIGHTS:,} are taken.")


def to_dict(config: Any) -> dict[str, Any]:
    """The reverse: nested dataclasses -> nested dictionaries of plain values."""
    return dataclasses.asdict(config)


@cache
def _adapter(cls: Any) -> pydantic.TypeAdapter[Any]:
    _make_strict(cls)
    return pydantic.TypeAdapter(cls)


def _make_strict(hint: Any) -> None:
    """Plain dataclasses, too, refuse what they do not have."""
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        if "__pydantic_config__" not in vars(hint):
            hint.__pydantic_config__ = STRICT  # type: ignore[attr-defined]
        for inner in typing.get_type_hints(hint).values():
            _make_strict(inner)
    for inner in typing.get_args(hint):
        _make_strict(inner)


# ------------------------------------------------------------------------------------------- messages


# Of pydantic's messages.
WORDS = {
    "a valid integer": "a whole number",
    "valid ": "",
    "greater than or equal to": "at least",
    "less than or equal to": "at most",
    "an object": "a table",
    "a dictionary": "a table",
    "a string": "a text",
    "an array": "a list",
    "a boolean": "true or false",
}


def _sentence(cls: type, error: pydantic.ValidationError, where: str) -> str:
    """The first mistake as a sentence; a misspelt name before what is missing because of it."""
    mistakes = error.errors(include_url=False)
    first = min(mistakes, key=lambda m: m["type"] not in ("unexpected_keyword_argument", "extra_forbidden"))
    *parents, last = (str(part) for part in first["loc"]) if first["loc"] else ("",)
    place = ".".join([where, *parents] if where else parents)
    name, kind = ".".join([place, last] if place else [last]), first["type"]
    if kind in ("unexpected_keyword_argument", "extra_forbidden"):
        return f"{place or 'There'} {'has' if place else 'is'} no setting {_short(last)}{_nearest(cls, parents, last)}"
    if kind in ("missing", "missing_argument"):
        return f"{name} is missing."
    if kind == "value_error":  # of a check of ours: of one field, or of several together
        said = str(first["ctx"]["error"])
        return f"{name} {said}, not {_short(first['input'])}." if said.startswith("must ") else said
    wanted = re.sub(r"^\w+ should ", "", first["msg"])
    for theirs, ours in WORDS.items():
        wanted = wanted.replace(theirs, ours)
    return f"{name} must {wanted}, not {_short(first['input'])}."


def _nearest(cls: type, parents: list[str], name: str) -> str:
    """What to write instead of a name that there is not."""
    owner = _owner(cls, parents)
    if owner is None:
        return "."
    kinds = [owner, *owner.__subclasses__()]  # of a quantizer's settings, that a kind of it may have
    names = list(dict.fromkeys(field.name for kind in kinds for field in dataclasses.fields(kind)))
    close = difflib.get_close_matches(name, names, 1, 0.5)
    return f"; did you mean {_short(close[0])}?" if close else f"; it has {', '.join(names)}."


def _owner(cls: type, parents: list[str]) -> type | None:
    """The dataclass that a path of fields leads to."""
    found: Any = cls
    for part in parents:
        if not part.isdigit() and dataclasses.is_dataclass(found):
            found = typing.get_type_hints(found).get(part)
            while typing.get_origin(found) in (typing.Union, types.UnionType, list, tuple):
                found = next((a for a in typing.get_args(found) if a is not type(None)), None)
    return found if isinstance(found, type) and dataclasses.is_dataclass(found) else None


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= 60 else text[:57] + "…"
