"""Interchangeable parts by name: what is registered here can be named in a recipe or a checkpoint's config.json."""

from __future__ import annotations

import importlib
import inspect
import json
import operator
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from .checks import nearest
from .errors import InputError

P = TypeVar("P")


class Registry(Mapping[str, P]):
    """Name -> part. A part is registered as itself, or as "package.module:attribute", imported when first asked for.

    Addresses instead of imports, so that a general package (diffusion) can list what a special one (digits) adds
    without importing it, and so that naming one part never loads the libraries of another.
    """

    def __init__(self, what: str, parts: Mapping[str, P | str]) -> None:
        self.what = what
        self._parts: dict[str, Any] = dict(parts)

    def __getitem__(self, name: str) -> P:
        """The part of that name. Raises InputError, with the nearest name, where there is none."""
        if not isinstance(name, str) or name not in self._parts:
            raise InputError(f"There is no {self.what} {name!r}; {nearest(str(name), self._parts, 'choose one of')}")
        part = self._parts[name]
        if isinstance(part, str):
            module, _, attribute = part.partition(":")
            part = self._parts[name] = operator.attrgetter(attribute)(importlib.import_module(module))
        return typing.cast(P, part)

    def make(self, name: str, *arguments: Any, **options: Any) -> Any:
        """Call the part of that name. Raises InputError for an option that it does not have, or of another type."""
        part: Any = self[name]
        known = inspect.signature(part).parameters.values()
        named = [p.name for p in known if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)][len(arguments) :]
        others = next((p.name for p in known if p.kind is p.VAR_KEYWORD), "")
        made = {}
        for option, value in options.items():
            if option not in named and not others:
                hint = nearest(option, named, "it has")
                raise InputError(f"The {self.what} {name!r} has no option {option!r}; {hint}")
            made[option] = self._typed(name, option, value, _hint(part, option if option in named else others))
        return part(*arguments, **made)

    def _typed(self, name: str, option: str, value: Any, hint: Any) -> Any:
        """An option, which comes from JSON or TOML, as the part's annotation has it."""
        try:
            return TypeAdapter(hint).validate_json(json.dumps(value), strict=True)
        except (ValidationError, TypeError) as error:
            why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else "it is no value of JSON"
            raise InputError(f"The option {option!r} of the {self.what} {name!r} is wrong: {why}.") from None

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self._parts

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)

    def register(self, name: str, part: P | str) -> None:
        """Add a part, or its address, from outside this package."""
        self._parts[name] = part


def _hint(part: Any, parameter: str) -> Any:
    """The annotation of one parameter; those beside it may be of types that are imported for checking alone."""
    called = inspect.unwrap(part.__init__ if isinstance(part, type) else part)  # type: ignore[misc]
    written = getattr(called, "__annotations__", {}).get(parameter, Any)
    holder = types.SimpleNamespace(__annotations__={parameter: written})
    return typing.get_type_hints(holder, getattr(called, "__globals__", {}))[parameter]
