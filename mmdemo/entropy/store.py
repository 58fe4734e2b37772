"""Which prior belongs to which tokenizer: ``checkpoints/priors/NAME``, loaded once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from .. import checkpoints
from ..config import from_dict
from .integer import IntegerPrior
from .prior import CodePrior, PriorConfig

BYTES = "bytes"  # the prior over the bytes of any text
_beside: dict[str, Path] = {}  # priors that came with a tokenizer from elsewhere


@dataclass(frozen=True)
class StoredPrior:
    """A prior ready for coding, and 4 hex digits of its weights that go into the file."""

    network: IntegerPrior
    mark: str


def register(tokenizer: str, folder: Path) -> None:
    """Remember the prior of a tokenizer loaded from ``folder``, if one lies in ``priors/`` beside it."""
    there = folder.parent / "priors" / folder.name
    if (there / "config.json").is_file():
        _beside[tokenizer] = there


def prior_for(tokenizer: str, fingerprint: str) -> StoredPrior | None:
    """The prior over a tokenizer's codes; None if there is none for these very weights."""
    stored = _load(tokenizer)
    return stored if stored and stored.network.config.fingerprint == fingerprint else None


def prior_for_bytes() -> StoredPrior | None:
    """The prior over bytes; None if its checkpoint is missing."""
    return _load(BYTES)


def _load(name: str) -> StoredPrior | None:
    places = [_beside[name]] if name in _beside else []
    if re.fullmatch(r"[\w.-]+", name):  # a checkpoint's name may be a path, which has no prior here
        places += [root / "priors" / name for root in checkpoints.roots()]
    found = next((p for p in places if (p / "config.json").is_file()), None)
    return _read(found) if found else None


@lru_cache(maxsize=8)
def _read(folder: Path) -> StoredPrior:
    config = checkpoints.read_config(folder)
    prior = checkpoints.load_into(CodePrior(from_dict(PriorConfig, config["model"])), folder)
    assert isinstance(prior, CodePrior)
    return StoredPrior(IntegerPrior(prior), checkpoints.fingerprint(prior)[:4])
