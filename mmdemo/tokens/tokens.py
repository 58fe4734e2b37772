"""`Tokens`: the only thing that passes between tokenizers, editor, diffusion and disk; `mmt` writes their file."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..checks import check_int
from ..entropy.priors import SHIPPED, Priors
from ..errors import InputError
from ..files import write_bytes
from ..metrics.codes import perplexity, usage
from . import mmt
from .header import code_bits


@dataclass(frozen=True, eq=False)
class Tokens:
    """Codes of one picture, recording or text.

    Attributes:
        codes: (levels, *positions) int64; positions are (H/8, W/8) for images, (frames,) or (T/4,) otherwise.
        model: name of the checkpoint that made them; fingerprint: 8 hex digits of its weights.
        meta: what is needed to give the input back (height and width, samples and rates, bytes).
        lossless: the UTF-8 bytes of a text kept without loss; empty for lossy tokens. The file of such tokens holds
            these bytes and no codes, which the tokenizer can make again (so they have 0 levels when read back).
        raw: beside ``lossless``, the bytes of the text's file where they are not the same: another encoding
            (``meta["encoding"]``), a byte order mark, invalid parts. Then these are what the file holds.
        priors: under which the file is written: those of the tokenizer that made the codes.
    """

    codes: Tensor
    model: str
    modality: str
    codebook_size: int
    fingerprint: str
    meta: dict[str, Any] = field(default_factory=dict)
    lossless: bytes = field(default=b"", repr=False)
    raw: bytes = field(default=b"", repr=False)
    priors: Priors = field(default=SHIPPED, repr=False)
    _whole = None  # no field, so that `replace` forgets it: the tokens that these are the coarse levels of

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Tokens):
            return NotImplemented
        return self._identity == other._identity and torch.equal(self.codes.cpu(), other.codes.cpu())

    def __hash__(self) -> int:
        return hash(self._identity[:-1])

    @property
    def _identity(self) -> tuple[Any, ...]:
        """Everything but the codes."""
        names = (self.model, self.modality, self.codebook_size, self.fingerprint)
        return (*names, tuple(self.codes.shape), self.lossless, self.raw, self.meta)

    @property
    def levels(self) -> int:
        return self.codes.shape[0]

    @property
    def positions(self) -> tuple[int, ...]:
        return tuple(self.codes.shape[1:])

    @property
    def count(self) -> int:
        """Codes in all: levels x positions."""
        return self.codes.numel()

    @property
    def code_bits(self) -> int:
        """Bits of one code before entropy coding."""
        return code_bits(self.codebook_size)

    @property
    def bits(self) -> int:
        """Bits of the codes at fixed width, before entropy coding."""
        return self.count * self.code_bits

    @cached_property
    def encoded_file(self) -> mmt.EncodedFile:
        """The contents of the file, entropy coded once: its bytes, and how many of them are payload."""
        if self.lossless:
            return mmt.write_exact(self)
        whole: Tokens = self._whole or self
        return whole._files[self.levels - 1]

    @cached_property
    def _files(self) -> list[mmt.EncodedFile]:
        """The files of 1, 2, … all levels: one pass over the codes makes them all, for whoever truncates."""
        return mmt.write(self)

    @property
    def payload_bits(self) -> int:
        """Bits of the codes (or of the exact text) as they are written to a file, without header and checksums.

        The first time it writes the file, as `to_bytes` does.
        """
        return 8 * self.encoded_file.payload

    def truncate(self, levels: int) -> Tokens:
        """The coarsest ``levels`` of these tokens. Raises InputError outside 1..levels."""
        levels = check_int("number of levels of these tokens", levels, 1, self.levels)
        if levels == self.levels:
            return self
        part = replace(self, codes=self.codes[:levels], lossless=b"", raw=b"")
        object.__setattr__(part, "_whole", self._whole or self)
        return part

    def with_code(self, level: int, index: tuple[int, ...], code: int) -> Tokens:
        """A copy with one code changed. Raises InputError if the place or the code does not exist."""
        place = (level, *index)
        inside = len(place) == self.codes.ndim and all(0 <= p < n for p, n in zip(place, self.codes.shape, strict=True))
        if not inside or not 0 <= code < self.codebook_size:
            shape = " x ".join(map(str, self.codes.shape))
            raise InputError(
                f"There is no code {code} at {place}: tokens are {shape}, codes 0 to {self.codebook_size - 1}."
            )
        codes = self.codes.clone()
        codes[place] = code
        return replace(self, codes=codes, lossless=b"", raw=b"")

    def histogram(self) -> Tensor:
        """(levels, K) how often each code is used."""
        return torch.stack([torch.bincount(c.reshape(-1), minlength=self.codebook_size) for c in self.codes])

    def usage(self) -> list[float]:
        """Share of the codebook in use, per level."""
        return [usage(counts) for counts in self.histogram()]

    def perplexity(self) -> list[float]:
        """exp(entropy) of the code distribution, per level: how many codes are effectively in use."""
        return [perplexity(counts) for counts in self.histogram()]

    # ------------------------------------------------------------------------------ bytes

    def to_bytes(self) -> bytes:
        """The contents of an ``.mmt`` file (see `mmt`). Takes about a second for a large picture, once."""
        return self.encoded_file.data

    @staticmethod
    def from_bytes(data: bytes, priors: Priors = SHIPPED) -> Tokens:
        """Read an ``.mmt`` file.

        Args:
            priors: ``codec.priors`` for the tokens of a tokenizer that is not shipped.

        Raises:
            InputError: it is foreign, damaged, cut short, newer than this program, or of a prior that is not here.
        """
        return Tokens(**mmt.read(data, priors))

    def save(self, path: str | Path) -> Path:
        """Write an ``.mmt`` file. Raises InputError if the disk does not take it; what was there before then stays."""
        return write_bytes(path, self.to_bytes())

    @staticmethod
    def load(path: str | Path, priors: Priors = SHIPPED) -> Tokens:
        """Read an ``.mmt`` file. Raises InputError as `from_bytes`, or if it cannot be opened."""
        return Tokens.from_bytes(mmt.contents(path), priors)
