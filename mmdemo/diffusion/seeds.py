"""Random numbers from a seed a person can type: the same on every device, one generator a sample."""

from __future__ import annotations

import hashlib

import torch


def sample_generator(seed: int, sample: int = 0, block: int = 0, purpose: str = "start") -> torch.Generator:
    """A CPU generator of its own for each sample, block of a longer output and purpose.

    PyTorch's CPU generator looks at the lowest 32 bits of its seed only, so the parts are hashed into those: put
    side by side, large seeds would repeat small ones.
    """
    digest = hashlib.sha256(f"{seed}/{sample}/{block}/{purpose}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:4], "little"))
