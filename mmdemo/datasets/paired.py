"""Paired data: a table whose columns are the streams of a joint model, its style and its vector conditions.

A row says what belongs together: a picture and its label, a recording and its transcript, "all that shows a seven".
A cell may offer several items (captions of one picture, recordings of one digit), of which a batch takes one at random,
or none (unpaired data: a picture without a text). Items are latents of the tokenizers, made once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from ..config import Name, Weight, settings
from ..registry import Registry
from .encoders import Encoders

SPLITS = ("train", "validation", "test")
UNKNOWN = -1  # style of an item that has none

PAIRED: Registry[Callable[..., PairedDataset]] = Registry(
    "paired data set",
    {
        "digits": "mmdemo.datasets.digits:paired_digits",
        "emoji": "mmdemo.datasets.emoji:paired_emoji",
        "speech": "mmdemo.datasets.spoken:paired_speech",
    },
)


@dataclass
class PairedBatch:
    """What `PairedDataset.draw` gives. B is the number of rows drawn.

    Attributes:
        latents: stream -> (B, D, *shape), latents of the stream's tokenizer as they are (not normalised); zeros where
            a row has none.
        given: stream -> the same, otherwise drawn: what a row shows where the stream is given and not made. Only of
            streams that have such copies.
        present: stream -> (B,) bool, False where a row has none.
        masks: stream -> (B, *shape) bool, True on positions that are data; only of streams whose rows differ in length.
        style: (B,) int64, index into the model's styles or `UNKNOWN`.
        vectors: condition -> (B, dim). known: condition -> (B,) bool, False where a row has none.
        labels: what auxiliary losses read -> (B,) int64.
    """

    latents: dict[str, Tensor]
    present: dict[str, Tensor]
    style: Tensor
    given: dict[str, Tensor] = field(default_factory=dict)
    masks: dict[str, Tensor] = field(default_factory=dict)
    vectors: dict[str, Tensor] = field(default_factory=dict)
    known: dict[str, Tensor] = field(default_factory=dict)
    labels: dict[str, Tensor] = field(default_factory=dict)


class PairedDataset(Protocol):
    """One split of one set, in memory."""

    @property
    def classes(self) -> Mapping[str, int]:
        """Labels for auxiliary losses -> how many classes each has."""
        ...

    def draw(self, size: int, generator: torch.Generator) -> PairedBatch:
        """A random batch, drawn with ``generator`` alone."""
        ...

    def latents(self, stream: str) -> Tensor | None:
        """Latents (N, D, *shape) of a stream, to measure its scale on; None where the set has none."""
        ...


@settings
class SetConfig:
    """One paired data set in a recipe."""

    name: Name  # of `PAIRED`
    share: Weight = 1.0  # of the rows of a batch, relative to the other sets
    options: dict[str, Any] = field(default_factory=dict)  # keyword arguments of the set's function


def load_set(config: SetConfig, encoders: Encoders, data_dir: Path, split: str) -> PairedDataset:
    """A split of a registered set. Raises InputError for an unknown set or option, or where its files are missing."""
    return PAIRED.make(config.name, encoders, data_dir, split, **config.options)


# ------------------------------------------------------------------------------------------- columns


@dataclass(frozen=True)
class Choices:
    """Which items each row may take: row r one of ``items[offsets[r] : offsets[r + 1]]``, or none if that is empty.

    An item named twice is taken twice as often.
    """

    items: Tensor  # (K,) int64
    offsets: Tensor  # (rows + 1,) int64

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]]) -> Choices:
        """From the item indices of each row."""
        sizes = torch.tensor([0, *(len(r) for r in rows)])
        return cls(torch.tensor([i for r in rows for i in r], dtype=torch.long), sizes.cumsum(0))

    @classmethod
    def by_label(cls, labels: Tensor, rows: int) -> Choices:
        """Row r may take every item i with ``labels[i] == r``."""
        counts = torch.bincount(labels, minlength=rows)
        return cls(labels.argsort(stable=True), torch.cat([torch.zeros(1, dtype=torch.long), counts.cumsum(0)]))

    def pick(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """One item of each of these rows at random, (B,); -1 where a row has none."""
        first, count = self.offsets[rows], self.offsets[rows + 1] - self.offsets[rows]
        share = torch.rand(len(rows), generator=generator, dtype=torch.float64)
        at = first + (share * count).long().clamp(max=(count - 1).clamp(min=0))
        return torch.where(count > 0, self.items[at.clamp(max=max(0, len(self.items) - 1))], -1)


@dataclass
class Column:
    """The items of one stream, and which of them each row may take.

    Attributes:
        choices: of each row.
        latents: (M, D, *shape), half precision will do; or a list of (D, T) where the length differs; None for a
            column of conditions alone.
        style: (M,) int64, style of each item: who speaks in a recording, or whose drawing it is; None: the style is
            another column's.
        vectors: condition -> (M, dim), of the same items: the vector of the very caption that was picked.
        given: copies of ``latents`` drawn otherwise, shown only where the stream is given: more to read, while what
            is made stays as it is.
    """

    choices: Choices
    latents: Tensor | Sequence[Tensor] | None = None
    style: Tensor | None = None
    vectors: Mapping[str, Tensor] = field(default_factory=dict)
    given: Sequence[Tensor] = ()


class PairedColumns:
    """A `PairedDataset` made of columns in memory; rows are drawn uniformly.

    Args:
        columns: stream (or, without latents, any other name) -> its column; all have the same number of rows.
        labels: name -> (rows,) int64, for auxiliary losses. classes: name -> how many there are.
    """

    def __init__(
        self,
        columns: Mapping[str, Column],
        labels: Mapping[str, Tensor] | None = None,
        classes: Mapping[str, int] | None = None,
    ) -> None:
        self.columns = dict(columns)
        self.labels, self.classes = dict(labels or {}), dict(classes or {})
        sizes = {len(c.choices.offsets) - 1 for c in self.columns.values()}
        if len(sizes) != 1 or 0 in sizes:
            raise ValueError(f"The columns of a paired data set need the same number of rows, not {sorted(sizes)}.")
        (self.rows,) = sizes

    def __len__(self) -> int:
        return self.rows

    def latents(self, stream: str) -> Tensor | None:
        column = self.columns.get(stream)
        if column is None or column.latents is None:
            return None
        if isinstance(column.latents, Tensor):
            return column.latents
        return torch.cat([z.float().T for z in column.latents])[:, :, None]  # (positions, D, 1)

    def draw(self, size: int, generator: torch.Generator) -> PairedBatch:
        return self.take(torch.randint(self.rows, (size,), generator=generator), generator)

    def take(self, rows: Tensor, generator: torch.Generator) -> PairedBatch:
        """As `draw`, for rows that are chosen: (B,) int64."""
        batch = PairedBatch({}, {}, torch.full((len(rows),), UNKNOWN))
        for name, column in self.columns.items():
            picked = column.choices.pick(rows, generator)  # (B,)
            there, at = picked >= 0, picked.clamp(min=0)
            if column.style is not None:
                batch.style = torch.where(there, column.style[at], batch.style)
            for condition, vectors in column.vectors.items():
                batch.vectors[condition], batch.known[condition] = vectors[at].float(), there
            if column.latents is None:
                continue
            batch.present[name] = there
            batch.latents[name], mask = _gather(column.latents, at)
            batch.latents[name][~there] = 0
            if mask is not None:
                batch.masks[name] = mask & there[:, None]
            if column.given:
                copies = torch.randint(len(column.given) + 1, (len(rows),), generator=generator)
                batch.given[name] = batch.latents[name].clone()
                for i in (there & (copies > 0)).nonzero()[:, 0].tolist():
                    batch.given[name][i] = column.given[int(copies[i]) - 1][at[i]].float()
        batch.labels = {name: labels[rows] for name, labels in self.labels.items()}
        return batch


def _gather(latents: Tensor | Sequence[Tensor], at: Tensor) -> tuple[Tensor, Tensor | None]:
    """Items (B, D, *shape), those of differing lengths padded to the longest with zeros, and then their mask (B, T)."""
    if isinstance(latents, Tensor):
        return latents[at].float(), None
    rows = [latents[int(i)].float() for i in at]  # (D, T) each
    lengths = torch.tensor([z.shape[1] for z in rows])
    out = rows[0].new_zeros(len(rows), rows[0].shape[0], int(lengths.max()))
    for row, z in zip(out, rows, strict=True):
        row[:, : z.shape[1]] = z
    return out, torch.arange(out.shape[2]) < lengths[:, None]


# ------------------------------------------------------------------------------------------- mixtures


class Mixture:
    """Several sets as one: each row of a batch comes from one of them, drawn by their shares.

    A set that lacks a stream, or knows no style, leaves it absent in its rows: so unpaired pictures or texts can be
    mixed in.
    """

    def __init__(self, sets: Sequence[PairedDataset], shares: Sequence[float]) -> None:
        self.sets, self.shares = list(sets), torch.tensor(shares, dtype=torch.float64)
        self.classes = {name: n for s in self.sets for name, n in s.classes.items()}

    def latents(self, stream: str) -> Tensor | None:
        return next((z for s in self.sets if (z := s.latents(stream)) is not None), None)

    def draw(self, size: int, generator: torch.Generator) -> PairedBatch:
        owner = torch.multinomial(self.shares, size, replacement=True, generator=generator)  # (B,)
        counts = torch.bincount(owner, minlength=len(self.sets)).tolist()
        parts = [s.draw(n, generator) for s, n in zip(self.sets, counts, strict=True) if n]
        return parts[0] if len(parts) == 1 else _joined(parts)


def _joined(parts: Sequence[PairedBatch]) -> PairedBatch:
    """Batches one after the other; what one of them lacks is absent there."""
    sizes = [len(p.style) for p in parts]

    def column(of: str, name: str, fill: Any = 0) -> Tensor:
        values = [getattr(p, of).get(name) for p in parts]
        like = [v for v in values if v is not None]
        shape = [max(v.shape[d] for v in like) for d in range(1, like[0].ndim)]
        out = torch.full((sum(sizes), *shape), fill, dtype=like[0].dtype)
        for rows, value in zip(out.split(sizes), values, strict=True):
            if value is not None:
                rows[(slice(None), *(slice(n) for n in value.shape[1:]))] = value
        return out

    def names(of: str) -> list[str]:
        return list(dict.fromkeys(name for p in parts for name in getattr(p, of)))

    for part, size in zip(parts, sizes, strict=True):
        for name in names("masks"):  # rows of a set whose items are all of one length are data all along
            if name in part.latents and name not in part.masks:
                shape = part.latents[name].shape
                part.masks[name] = part.present[name][:, None].expand(size, shape[2])
        for name in names("given"):
            if name in part.latents and name not in part.given:
                part.given[name] = part.latents[name]
    return PairedBatch(
        latents={k: column("latents", k) for k in names("latents")},
        present={k: column("present", k, False) for k in names("latents")},
        style=torch.cat([p.style for p in parts]),
        given={k: column("given", k) for k in names("given")},
        masks={k: column("masks", k, False) for k in names("masks")},
        vectors={k: column("vectors", k) for k in names("vectors")},
        known={k: column("known", k, False) for k in names("vectors")},
        labels={k: column("labels", k, UNKNOWN) for k in names("labels")},
    )
