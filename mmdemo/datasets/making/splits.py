"""Which split of a set something belongs to, by a hash: the same on every machine, whatever else is in the set."""

from __future__ import annotations

import hashlib


def share_of(key: str) -> float:
    """A number in [0, 1) that belongs to ``key``; of many keys the numbers are spread evenly."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:6], "big") / 2**48
