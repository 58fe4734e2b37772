"""Which prior belongs to which tokenizer: the one that names its weights, in a folder ``priors`` of it or beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from .. import checkpoints
from ..errors import InputError
from ..isolation import isolated
from .integer import IntegerPrior
from .prior import CodePrior


@dataclass(frozen=True)
class StoredPrior:
    """A prior ready for coding, and 4 hex digits of its weights that go into the file."""

    network: IntegerPrior
    fingerprint: str


@dataclass(frozen=True)
class Priors:
    """Where the priors of a tokenizer are looked for: in folders of its own, then among the shipped ones, then among
    those of earlier tokenizers that shipped diffusion models keep.

    A prior is known by what its config.json says it was trained on, whatever its folder is called. Nothing is read
    before something is coded, so that this can be made, copied and sent to other processes at no cost.
    """

    folders: tuple[Path, ...] = ()

    @staticmethod
    def of(folder: Path) -> Priors:
        """Those that came with the tokenizer in ``folder``: in ``priors/`` in it, or in one beside it."""
        return Priors((folder / "priors", folder.parent / "priors"))

    def for_codes(self, tokenizer: str, wanted: str = "") -> StoredPrior | None:
        """The prior over the codes of the tokenizer with this fingerprint, its own before shipped ones.

        Args:
            wanted: fingerprint of the prior, where there may be several for the same weights.

        Returns:
            None if there is none; another one where the wanted one is not here.

        Raises:
            InputError: it is damaged.
        """
        return _chosen(self._trained_on(tokenizer), wanted) if tokenizer else None

    def for_bytes(self, wanted: str = "") -> StoredPrior | None:
        """The prior over the bytes of any text, otherwise as `for_codes`."""
        return _chosen(self._trained_on(""), wanted)

    def _trained_on(self, tokenizer: str) -> Iterator[StoredPrior]:
        for folder in self._places():
            for file in sorted([*folder.glob("config.json"), *folder.glob("*/config.json")]):
                with suppress(OSError):
                    changed = file.stat().st_mtime_ns
                    if _tokenizer_of(file.parent, changed) == tokenizer:
                        yield _read(file.parent, changed)

    def _places(self) -> Iterator[Path]:
        """Nearest first; those of earlier tokenizers are looked up only where nothing before has a prior."""
        yield from self.folders
        yield from (root / "priors" for root in checkpoints.roots())
        yield from checkpoints.brought_along("priors")


def _chosen(found: Iterator[StoredPrior], wanted: str) -> StoredPrior | None:
    first = next(found, None)
    if first is None or wanted in ("", first.fingerprint):
        return first
    return next((prior for prior in found if prior.fingerprint == wanted), first)


SHIPPED = Priors()


@lru_cache(maxsize=256)
def _tokenizer_of(folder: Path, changed: int) -> str | None:
    """Fingerprint of the tokenizer a prior was trained on, "" for bytes; None for any other checkpoint."""
    try:
        config = checkpoints.read_config(folder)
    except InputError:  # somebody else's, damaged or of another program
        return None
    return str(config["model"].get("fingerprint", "")) if config.get("kind") == "prior" else None


@lru_cache(maxsize=8)
def _read(folder: Path, changed: int) -> StoredPrior:
    with isolated():
        prior = checkpoints.load_model("prior", CodePrior, folder)
        return StoredPrior(IntegerPrior(prior), checkpoints.fingerprint(prior)[:4])
