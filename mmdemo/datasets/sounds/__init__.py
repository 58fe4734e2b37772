"""Sounds that programs make, to train on beside recordings: music, tones, bells, whistles, noises, silence.

Nothing is downloaded. Pieces are made up here and played by a synthesiser of our own, or by a SoundFont and scores
that are installed (`music.py` names them with their licences). Each sound depends on its seed alone, and where there is
a SoundFont on that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ..parallel import for_each
from .music import piece
from .tones import RATE, Rng, beeps, bells, glides, noises, silence, telephone

Program = Callable[[Rng, float], np.ndarray]

PROGRAMS: dict[str, Program] = {
    "music": piece,
    "beeps": beeps,
    "telephone": telephone,
    "bells": bells,
    "glides": glides,
    "noises": noises,
    "silence": silence,
}
# How often each is made.
SHARES = {"music": 0.58, "beeps": 0.1, "telephone": 0.06, "bells": 0.06, "glides": 0.08, "noises": 0.1, "silence": 0.02}
SECONDS = 4.0


def make(seed: int, seconds: float = SECONDS, shares: Mapping[str, float] = SHARES) -> np.ndarray:
    """The sound of a seed, (T,) float32 at 16 kHz with its peak at 0.9; silence stays as it is."""
    rng = np.random.default_rng(seed)
    chances = np.array(list(shares.values()))
    name = list(shares)[rng.choice(len(chances), p=chances / chances.sum())]
    wave = PROGRAMS[name](rng, seconds)[: round(seconds * RATE)]
    peak = float(np.abs(wave).max())
    return (wave * (0.9 / peak if peak > 0.01 else 1)).astype(np.float32)


def make_many(
    count: int,
    seed: int = 0,
    seconds: float = SECONDS,
    shares: Mapping[str, float] = SHARES,
    workers: int | None = None,
) -> list[Tensor]:
    """The sounds of ``count`` seeds in a row, (T,) each.

    Args:
        workers: processes that make them; None: one for each processor, 0: this one alone.
    """
    one = partial(make, seconds=seconds, shares=dict(shares))
    made = for_each(one, range(seed, seed + count), workers)
    return [torch.from_numpy(w) for w in made]
