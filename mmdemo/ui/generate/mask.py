"""What of something given is made anew, as text: "image:00ff,text:".

One part a modality: its name and a bit mask over the positions of its latent, in hex, first position first; no
digits mean the whole.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

import numpy as np

from mmdemo.errors import InputError

PART = re.compile(r"([a-z]+):([0-9a-f]*)")
MAX_LENGTH = 200  # characters of the whole text

Masks = dict[str, np.ndarray]  # modality -> bool (*shape), true where it is made anew


def parse(text: str, shapes: Mapping[str, Sequence[int]]) -> Masks:
    """The masks in a text. Raises InputError for anything that is none.

    Args:
        shapes: positions of each modality's latent, per axis.
    """
    if len(text) > MAX_LENGTH:
        raise InputError(f"What to make anew is said in up to {MAX_LENGTH} characters.")
    masks: Masks = {}
    for part in filter(None, text.split(",")):
        found = PART.fullmatch(part)
        if found is None or found[1] not in shapes or found[1] in masks:
            raise InputError(f"What to make anew looks like image:00ff,text: with {', '.join(shapes)} as names.")
        masks[found[1]] = _mask(found[2], shapes[found[1]])
    return masks


def written(masks: Mapping[str, np.ndarray]) -> str:
    """The reverse of `parse`."""
    return ",".join(f"{name}:{'' if mask.all() else _hex(mask)}" for name, mask in masks.items())


def _mask(digits: str, shape: Sequence[int]) -> np.ndarray:
    if not digits:
        return np.ones(shape, bool)
    size = math.prod(shape)
    bits = np.array([int(digit, 16) >> (3 - i) & 1 for digit in digits for i in range(4)], bool)
    if len(digits) != -(-size // 4) or bits[size:].any() or not bits.any():
        raise InputError(f"A mask names at least one of {size} positions, one bit for each, in hex.")
    return bits[:size].reshape(shape)


def _hex(mask: np.ndarray) -> str:
    flat = mask.astype(np.uint8).flatten()
    digits = np.pad(flat, (0, -len(flat) % 4)).reshape(-1, 4) @ np.array([8, 4, 2, 1])
    return "".join(f"{digit:x}" for digit in digits)
