"""Edits of tokens by hand: what is painted at which places of which levels, steps back and forward.

An edit gives other codes, and nothing but codes, so that every edited result can be saved, opened and decoded as any
other: "nothing" is the code whose codeword is nearest to zero, not a hole.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..errors import InputError
from ..tokens import Tokens
from ..tokens.header import Reader, varint

if TYPE_CHECKING:
    from .codec import Codec

PAINTS = ("code", "near", "random", "nothing", "other")
NEAR = 8  # so many nearest codewords are drawn from
MAX_CHANGES = 1 << 20  # bytes of a description of changes, before it is compressed


@dataclass(frozen=True)
class Edit:
    """What is put where.

    Attributes:
        places: flat positions, row by row. levels: which of the levels, 0 the coarsest.
        paint: "code" puts the code ``code`` everywhere, "near" one of the `NEAR` nearest to each place's own, "random"
            any, "nothing" the one that adds least, "other" those of ``source`` at the same places.
        seed: of what is drawn. source: tokens of the same tokenizer, of any size; beyond its end nothing changes.
    """

    places: Sequence[int]
    levels: Sequence[int]
    paint: str
    code: int = 0
    seed: int = 0
    source: Tokens | None = None


def apply(codec: Codec, tokens: Tokens, edit: Edit) -> Tokens:
    """``tokens`` after an edit; they are lossy then.

    Raises:
        InputError: a place, level, code or way to paint that does not exist, no source, or one of other weights.
    """
    codec.check(tokens)
    places = _checked("place", edit.places, tokens.codes[0].numel())  # (N,)
    levels = _checked("level", edit.levels, tokens.levels).tolist()
    if edit.paint not in PAINTS:
        raise InputError(f"One can paint with {', '.join(PAINTS)}, and with nothing else.")
    codes = tokens.codes.flatten(1).clone()  # (L, positions)
    draws = torch.Generator().manual_seed(edit.seed)
    for level in levels:
        size = codec.tokenizer.codebook_sizes[level]
        if edit.paint == "code":
            codes[level, places] = int(_checked("code", [edit.code], size))
        elif edit.paint == "random":
            codes[level, places] = torch.randint(size, places.shape, generator=draws)
        elif edit.paint == "nothing":
            codes[level, places] = quietest(codec, level)
        elif edit.paint == "near":
            near = nearest(codec, level, codes[level, places])  # (N, n)
            which = torch.randint(near.shape[1], (len(places), 1), generator=draws)
            codes[level, places] = near.gather(1, which)[:, 0]
        else:
            own, theirs = _same_places(codec, tokens, edit.source, places)
            if edit.source is not None and level < edit.source.levels:
                codes[level, own] = edit.source.codes[level].flatten()[theirs]
    return _with(tokens, codes)


def nearest(codec: Codec, level: int, codes: Tensor, count: int = NEAR) -> Tensor:
    """For each of codes (N,) of a level, the others by distance of codewords, nearest first: (N, count)."""
    book = codec.codebook(level)  # (K, D)
    kinds, which = codes.unique(return_inverse=True)
    distance = torch.cdist(book[kinds], book)  # (U, K)
    distance[torch.arange(len(kinds)), kinds] = torch.inf
    return distance.argsort(dim=1, stable=True)[:, : min(count, len(book) - 1)][which]


def quietest(codec: Codec, level: int) -> int:
    """The code of a level whose codeword is nearest to zero: with it, the level adds as little as it can."""
    return int(codec.codebook(level).norm(dim=1).argmin())


def _same_places(codec: Codec, tokens: Tokens, source: Tokens | None, places: Tensor) -> tuple[Tensor, Tensor]:
    """The places that another input has too, as flat positions of each: (M,), (M,)."""
    if source is None:
        raise InputError("Another input is needed whose codes are to be painted with.")
    codec.check(source)
    ours, theirs = torch.tensor(tokens.positions), torch.tensor(source.positions)
    at = torch.stack(torch.unravel_index(places, tokens.positions), 1)  # (N, axes)
    inside = (at < theirs).all(1)
    strides = torch.tensor([int(theirs[i + 1 :].prod()) for i in range(len(ours))])
    return places[inside], (at[inside] * strides).sum(1)


def _checked(name: str, values: Sequence[int], size: int) -> Tensor:
    found = torch.as_tensor(list(values), dtype=torch.long)
    if not len(found) or not 0 <= int(found.min()) <= int(found.max()) < size:
        raise InputError(f"A {name} from 0 to {size - 1} is needed.")
    return found.unique()


def _with(tokens: Tokens, codes: Tensor) -> Tokens:
    """The same tokens with codes (L, positions); the text that they kept without loss is another one now."""
    return replace(tokens, codes=codes.reshape(tokens.codes.shape), lossless=b"", raw=b"")


# ------------------------------------------------------------------------------ steps


@dataclass(frozen=True)
class Change:
    """The codes that a step changed: flat places in (levels, *positions), what was there, what is there now, (N,)."""

    index: Tensor
    before: Tensor
    after: Tensor

    @staticmethod
    def between(before: Tokens, after: Tokens) -> Change:
        """What differs between tokens of one size."""
        index = (before.codes != after.codes).flatten().nonzero()[:, 0]
        return Change(index, before.codes.flatten()[index], after.codes.flatten()[index])

    def __len__(self) -> int:
        return len(self.index)


@dataclass(frozen=True)
class History:
    """Tokens and the steps that led to them; every method gives another one.

    Attributes:
        first: as the encoder gave them. tokens: as they are now. done, undone: steps, the newest last.
    """

    first: Tokens
    tokens: Tokens
    done: tuple[Change, ...] = ()
    undone: tuple[Change, ...] = field(default=(), repr=False)

    MOST = 200  # steps that are kept

    @staticmethod
    def of(tokens: Tokens) -> History:
        """Nothing done yet."""
        return History(tokens, tokens)

    def do(self, tokens: Tokens) -> History:
        """A step to ``tokens``; the same history where nothing changed."""
        change = Change.between(self.tokens, tokens)
        return History(self.first, tokens, (*self.done, change)[-self.MOST :]) if len(change) else self

    def undo(self) -> History:
        """A step back, if there is one."""
        if not self.done:
            return self
        step = self.done[-1]
        return History(self.first, self._at(step, step.before), self.done[:-1], (*self.undone, step))

    def redo(self) -> History:
        """A step forward again, if one was taken back."""
        if not self.undone:
            return self
        step = self.undone[-1]
        return History(self.first, self._at(step, step.after), (*self.done, step), self.undone[:-1])

    def reset(self) -> History:
        """To what the encoder gave, as one more step: it can be undone too."""
        return self.do(self.first)

    @property
    def changed(self) -> Tensor:
        """(*positions) bool: where any level is not what the encoder gave."""
        return (self.tokens.codes != self.first.codes).any(0)

    def _at(self, step: Change, values: Tensor) -> Tokens:
        codes = self.tokens.codes.flatten().clone()
        codes[step.index] = values
        return _with(self.tokens, codes)


# ------------------------------------------------------------------------------ as bytes


def pack_changes(before: Tokens, after: Tokens) -> bytes:
    """What turns ``before`` into ``after``, small; `with_changes` reads it."""
    change = Change.between(before, after)
    steps = torch.diff(change.index, prepend=torch.tensor([-1])).tolist()
    values = (value for pair in zip(steps, change.after.tolist(), strict=True) for value in pair)
    return zlib.compress(b"".join(map(varint, values)), 9)


def with_changes(tokens: Tokens, packed: bytes) -> Tokens:
    """``tokens`` with the changes that `pack_changes` wrote.

    Raises:
        InputError: they are damaged, or of another input.
    """
    problem = InputError("The edit in this link does not fit its input.")
    try:
        opener = zlib.decompressobj()
        reader = Reader(opener.decompress(packed, MAX_CHANGES), 0)
        steps, values = [], []
        while reader.left:
            steps.append(reader.varint())
            values.append(reader.varint())
    except (zlib.error, IndexError, ValueError):
        raise problem from None
    index = list(itertools.accumulate(steps, initial=-1))[1:]
    forward = all(step > 0 for step in steps)
    if not opener.eof or not forward or max(index, default=0) >= tokens.count:
        raise problem
    if max(values, default=0) >= tokens.codebook_size:
        raise problem
    codes = tokens.codes.flatten().clone()
    codes[torch.tensor(index, dtype=torch.long)] = torch.tensor(values, dtype=torch.long)
    return _with(tokens, codes.reshape(tokens.codes.shape))
