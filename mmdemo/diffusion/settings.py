"""The settings of a sampling run: their only defaults, limits and checks, for the API, command line, page and links."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, fields
from typing import Any

from ..checks import check_int, number
from ..errors import InputError

MAX_SAMPLES, MAX_STEPS, MAX_REPAINT_STEPS, MAX_GUIDANCE = 64, 250, 10, 30.0
MAX_SEED = 2**31 - 1
# What a page offers, and a model may begin it with: a shared machine has others to serve.
PAGE_N, PAGE_STEPS, PAGE_GUIDANCE, PAGE_STRENGTH = (1, 8), (2, 100), (0.0, 10.0), (0.05, 1.0)


@dataclass(frozen=True)
class SamplingSettings:
    """How a joint model is sampled, whatever it is given.

    Attributes:
        n: samples. steps: of the sampler. sampler: its name, of `samplers.SAMPLERS`.
        guidance: classifier-free guidance weight (Ho & Salimans 2022); 1 is none.
        seed: of the start noise. style: one of the model's styles (None: any), or several, which samples take in turn.
        strength: 1 makes everything but what is kept from pure noise; below, sampling starts at t = strength from the
            noised sources (SDEdit): the lower, the closer to them.
        repaint_steps: how many times more each step is taken from a noised start (RePaint), so that new parts agree
            better with kept ones; each costs as much as the run itself.
        to_seed: the n samples then lead from the noise of ``seed`` to that of ``to_seed`` (interpolation).

    Raises:
        InputError: a value cannot be used.
    """

    n: int = 4
    steps: int = 24
    guidance: float = 3.0
    sampler: str = "heun"
    seed: int = 0
    style: str | tuple[str | None, ...] | None = None
    strength: float = 1.0
    repaint_steps: int = 0
    to_seed: int | None = None

    def __post_init__(self) -> None:
        from .samplers import SAMPLERS  # here, so that the command line knows its defaults without loading torch

        limits = {
            "n": ("number of samples", 1, MAX_SAMPLES),
            "steps": ("number of steps", 1, MAX_STEPS),
            "seed": ("seed", 0, MAX_SEED),
            "repaint_steps": ("number of RePaint steps", 0, MAX_REPAINT_STEPS),
            "to_seed": ("second seed", 0, MAX_SEED),
        }
        for name, (what, low, high) in limits.items():
            value = getattr(self, name)
            if name != "to_seed" or value is not None:
                object.__setattr__(self, name, check_int(what, value, low, high))
        guidance, strength = number(self.guidance), number(self.strength)
        if guidance is None or not 0 <= guidance <= MAX_GUIDANCE:
            raise InputError(f"The guidance weight must be 0 to {MAX_GUIDANCE:g}, not {self.guidance}.")
        object.__setattr__(self, "guidance", guidance)
        if isinstance(self.style, list | tuple):
            object.__setattr__(self, "style", tuple(self.style) or None)
        if self.sampler not in SAMPLERS:
            raise InputError(f"There is no sampler {self.sampler!r}; choose one of {', '.join(SAMPLERS)}.")
        if strength is None or not 0 < strength <= 1:
            raise InputError(f"The strength of a variation is more than 0 and at most 1, not {self.strength}.")
        object.__setattr__(self, "strength", strength)
        if self.to_seed is not None and self.n < 2:
            raise InputError("Interpolation between two seeds needs at least 2 samples: its two ends.")

    @property
    def styles(self) -> tuple[str | None, ...]:
        """The styles that the samples take in turn."""
        return self.style if isinstance(self.style, tuple) else (self.style,)

    @classmethod
    def of(cls, style_name: str = "style", settings: SamplingSettings | None = None, **values: Any) -> SamplingSettings:
        """From keyword arguments; the style may stand under the model's own name for it ("speaker").

        Args:
            settings: these, instead of keyword arguments.

        Raises:
            InputError: as the class, for a name that is no setting, and for settings in both ways at once.
        """
        if settings is not None:
            if values:
                raise InputError(
                    f"Settings are given whole or by name, not both: {next(iter(values))!r} is beside them."
                )
            return settings
        if style_name in values:
            values["style"] = values.pop(style_name)
        known = [f.name for f in fields(cls)]
        for name in values:
            if name not in known:
                near = difflib.get_close_matches(name, [*known, style_name], 1)
                hint = f"did you mean {near[0]!r}?" if near else f"they are {', '.join(known)}."
                raise InputError(f"Sampling has no setting {name!r}; {hint}")
        return cls(**values)

    def as_dict(self, style_name: str = "style") -> dict[str, Any]:
        """JSON-able: the usual settings, the style under the model's name for it, and those of editing where set."""
        usual = {name: getattr(self, name) for name in ("n", "steps", "guidance", "sampler", "seed")}
        editing = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in (*usual, "style")}
        changed = {k: v for k, v in editing.items() if v != getattr(SamplingSettings, k)}
        return {**usual, style_name: list(self.style) if isinstance(self.style, tuple) else self.style, **changed}
