"""The order in which symbols are coded, and the neighbours each may look at.

Symbols lie on a grid and are coded in *waves*: all symbols of one wave depend only on earlier waves, so they are
decoded at once (wavefront parallelism). In a picture wave x + 2y runs diagonally, which leaves the neighbours to the
left, above, and above to the right known: nearly all that row-by-row coding has, in W + 2H steps instead of W * H.
A sequence is cut into segments, and wave i holds the i-th symbol of each of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass
class Layout:
    """Neighbours of N positions.

    Attributes:
        waves: position indices of each wave, in coding order.
        before: (N, B) indices of neighbours coded earlier in the same level; N where there is none.
        around: (N, A) indices of neighbours on every side, for what lower levels say; N where there is none.
    """

    waves: list[Tensor]
    before: Tensor
    around: Tensor

    @property
    def order(self) -> Tensor:
        """(N,) all positions in coding order."""
        return torch.cat(self.waves)


def layout(
    positions: tuple[int, ...],
    before: list[tuple[int, ...]],
    around: list[tuple[int, ...]],
    segment: int = 0,
) -> Layout:
    """The layout of a grid.

    Args:
        positions: (H, W) or (T,). before, around: offsets of neighbours, as (dy, dx) or (dt,).
        segment: symbols per segment of a sequence; 0 for one segment.
    """
    count = math.prod(positions)
    place = np.stack(np.unravel_index(np.arange(count), positions), axis=1)  # (N, axes)
    along = place[:, 0] % segment if segment else place[:, 0]
    wave = place[:, 1] + 2 * place[:, 0] if len(positions) == 2 else along
    order = np.argsort(wave, kind="stable")
    cuts = np.flatnonzero(np.diff(wave[order])) + 1
    waves = [torch.from_numpy(w) for w in np.split(order, cuts)]
    early = _neighbours(place, positions, before)
    known = np.append(wave, -1)[early] < wave[:, None]  # never look at what is not decoded yet
    return Layout(
        waves,
        torch.from_numpy(np.where(known, early, count)),
        torch.from_numpy(_neighbours(place, positions, around)),
    )


def _neighbours(place: np.ndarray, positions: tuple[int, ...], offsets: list[tuple[int, ...]]) -> np.ndarray:
    """(N, len(offsets)) indices; N for a neighbour outside the grid."""
    count = len(place)
    if not offsets:
        return np.zeros((count, 0), np.int64)
    there = place[:, None] + np.array(offsets)[None]  # (N, M, axes)
    inside = ((there >= 0) & (there < np.array(positions))).all(-1)
    flat = np.ravel_multi_index(tuple(np.moveaxis(np.where(inside[..., None], there, 0), -1, 0)), positions)
    return np.where(inside, flat, count)
