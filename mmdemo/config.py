"""Dataclass <-> plain dictionary, so that every config is a JSON file beside its weights."""

from __future__ import annotations

import dataclasses
import typing
from typing import Any, TypeVar

T = TypeVar("T")


def from_dict(cls: type[T], values: dict[str, Any]) -> T:
    """Build dataclass ``cls`` from a dictionary, nested dataclasses included.

    Raises:
        ValueError: a key the dataclass does not have (a typo in a recipe must not pass silently).
    """
    hints = typing.get_type_hints(cls)
    unknown = set(values) - set(hints)
    if unknown:
        raise ValueError(f"{cls.__name__} has no setting {', '.join(sorted(unknown))}.")
    arguments = {}
    for name, value in values.items():
        nested = dataclasses.is_dataclass(hints[name]) and isinstance(value, dict)
        arguments[name] = from_dict(hints[name], value) if nested else value
    return cls(**arguments)


def to_dict(config: Any) -> dict[str, Any]:
    """The reverse: nested dataclasses -> nested dictionaries of plain values."""
    return dataclasses.asdict(config)
