"""Remarks about an input, which the page can say in another language."""

from __future__ import annotations

from typing import Any


class Note(str):
    """An English sentence that remembers what it says: a key and the values in it.

    It is a `str` like any other note; a translation is looked up by `key` and filled with `values`.
    """

    key: str
    values: dict[str, Any]

    def __new__(cls, key: str, template: str, /, **values: Any) -> Note:
        """`template` with `{name}` for each of `values`."""
        note = super().__new__(cls, template.format(**values) if values else template)
        note.key, note.values = key, values
        return note

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override]
        """For copies: the sentence as it is; key and values come back with the attributes."""
        return self.key, str(self)
