"""Texts: how many bytes stand where they should. Edits between two texts are in `text_diff`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch


def bits_per_character(size: int, characters: int) -> float:
    """8 x bytes / characters."""
    return 8 * size / characters


def _bytes(text: Any) -> bytes:
    if isinstance(text, str):
        return text.encode("utf-8", "surrogatepass")
    return bytes(text.tolist()) if torch.is_tensor(text) else bytes(text)


def byte_accuracy(reference: Any, output: Any) -> float:
    """Share of bytes that are right where they stand, 0..1; bytes missing or left over count as wrong.

    Takes str (as UTF-8), bytes or uint8 tensors (T,).
    """
    x, y = _bytes(reference), _bytes(output)
    if x == y:
        return 1.0
    n = min(len(x), len(y))
    same = np.frombuffer(x, np.uint8)[:n] == np.frombuffer(y, np.uint8)[:n]
    return float(same.sum()) / max(len(x), len(y))
