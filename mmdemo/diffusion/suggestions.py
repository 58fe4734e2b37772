"""What a person may ask a joint model for: lists of names to offer, each found by the checkpoint's interface."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..registry import Registry

# Each is called without arguments and gives (sign, (names in English, in Chinese)) of everything that it knows.
SUGGESTIONS: Registry[Callable[[], Iterable[tuple[str, tuple[str, ...]]]]] = Registry(
    "list of suggestions", {"emoji": "mmdemo.emoji.labels:labels"}
)
