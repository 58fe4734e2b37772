"""Modalities: what a person may hand in, as one canonical tensor, and back."""

from __future__ import annotations

import os
from pathlib import Path

from mmdemo.errors import InputError
from mmdemo.modalities import audio, image, text
from mmdemo.modalities.base import Item, Modality, label, opened
from mmdemo.modalities.registry import MODALITIES
from mmdemo.modalities.sniff import HEAD_BYTES, how_to_convert, sniff

__all__ = ["MODALITIES", "Item", "Modality", "audio", "guess", "image", "text"]

*_FIRST, _LAST = (f"{m.noun} ({m.kinds})" for m in MODALITIES.values())
_ACCEPTED = f"{', '.join(_FIRST)} or {_LAST} is needed"


def guess(path: str | os.PathLike) -> str:
    """Tell the modality of a file: from its first bytes, or where they say nothing, from its suffix.

    Returns:
        "image", "audio" or "text".

    Raises:
        InputError: missing, empty, unreadable, or no known kind of file.
    """
    with opened(path, _ACCEPTED) as file:
        found, kind = sniff(file.read(HEAD_BYTES))
    if found:
        return found
    if kind:
        raise InputError(f"{label(path)} is {kind}, which is not read; {how_to_convert(kind) or _ACCEPTED}.")
    suffix = Path(path).suffix.lower()
    for name, modality in MODALITIES.items():
        if suffix in modality.suffixes:
            return name
    raise InputError(f"{label(path)} is of no known kind; {_ACCEPTED}.")
