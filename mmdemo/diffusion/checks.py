"""What a person may ask of a joint model: every setting is checked before the first step, with one clear sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .samplers import SAMPLERS

if TYPE_CHECKING:
    from .joint import JointDiffusion

MAX_SAMPLES, MAX_STEPS, MAX_RESAMPLE, MAX_GUIDANCE = 64, 250, 10, 30.0
MAX_SEED = 2**31 - 1


def check_settings(
    model: JointDiffusion,
    given: Mapping[str, Any],
    want: Sequence[str],
    n: int,
    steps: int,
    guidance: float,
    sampler: str,
    seed: int,
    speaker: str | None,
) -> None:
    """Raise InputError, with the reason, for settings of `JointDiffusion.sample` that cannot be used."""
    known = list(model.modalities)
    for name in [*given, *want]:
        if name not in known:
            raise InputError(f"The model {model.name!r} has no {name!r}; it knows {', '.join(known)}.")
    if not want:
        raise InputError(f"Say what to make: one or more of {', '.join(known)}.")
    if set(given) & set(want):
        raise InputError(f"{sorted(set(given) & set(want))[0]!r} is both given and wanted: choose one.")
    whole("number of samples", n, 1, MAX_SAMPLES)
    whole("number of steps", steps, 1, MAX_STEPS)
    whole("seed", seed, 0, MAX_SEED)
    if not math.isfinite(guidance) or not 0 <= guidance <= MAX_GUIDANCE:
        raise InputError(f"The guidance weight must be 0 to {MAX_GUIDANCE:g}, not {guidance:g}.")
    if sampler not in SAMPLERS:
        raise InputError(f"There is no sampler {sampler!r}; choose one of {', '.join(SAMPLERS)}.")
    if speaker is not None and speaker not in model.styles:
        raise InputError(f"There is no speaker {speaker!r}; choose one of {', '.join(model.styles)}.")


def check_edit(
    given: Mapping[str, Any],
    want: Sequence[str],
    edit: Mapping[str, Any],
    keep: Mapping[str, Any],
    strength: float,
    resample: int,
) -> None:
    """The same for what is edited and kept."""
    for name in edit:
        if name in given:
            raise InputError(f"{name!r} is both given and edited: choose one.")
        if name not in want:
            raise InputError(f"{name!r} is edited but not wanted: add it to what is made.")
    for name in keep:
        if name not in edit:
            raise InputError(f"A part of {name!r} is to be kept, but there is no {name} to edit.")
    if not math.isfinite(strength) or not 0 < strength <= 1:
        raise InputError(f"The strength of a variation is more than 0 and at most 1, not {strength:g}.")
    without = [name for name in want if name not in edit]
    if strength < 1 and without:
        raise InputError(f"A variation starts from an input of each thing made, and there is no {without[0]}.")
    whole("number of resamplings", resample, 0, MAX_RESAMPLE)


def check_interpolation(n: int, to_seed: int) -> None:
    """The same for interpolation between two seeds."""
    if n < 2:
        raise InputError("Interpolation between two seeds needs at least 2 samples: its two ends.")
    whole("second seed", to_seed, 0, MAX_SEED)


def whole(what: str, value: Any, low: int, high: int) -> None:
    """Raise InputError unless ``value`` is a whole number in low..high."""
    right = isinstance(value, int | float) and not isinstance(value, bool)
    if not right or not low <= value <= high or value != int(value):
        raise InputError(f"The {what} must be {low} to {high}, not {value}.")
