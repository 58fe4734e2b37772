"""Samplers as pure generators over steps, on any noise process.

Each takes ``denoise(x, t) -> x0``, the start noise and the times, and yields a `State` after every step. None keeps
state outside its own frame, so a sampler can be stopped, abandoned or run twice. Shapes are whatever ``x`` has.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from .schedule import Process

Denoiser = Callable[[Tensor, float], Tensor]
Sampler = Callable[..., Iterator["State"]]


@dataclass(frozen=True)
class State:
    """After step ``index`` (1..steps): time reached, the noisy x there, and the x0 predicted on the way."""

    index: int
    t: float
    x: Tensor
    x0: Tensor


def euler(
    denoise: Denoiser, x: Tensor, ts: list[float], process: Process, generator: torch.Generator | None = None
) -> Iterator[State]:
    """Euler steps of the probability-flow ODE; one network evaluation a step."""
    for i, (t, s) in enumerate(pairwise(ts), 1):
        x0 = denoise(x, t)
        x = x0 if s == 0 else x + (s - t) * process.velocity(x, x0, t)
        yield State(i, s, x, x0)


def heun(
    denoise: Denoiser, x: Tensor, ts: list[float], process: Process, generator: torch.Generator | None = None
) -> Iterator[State]:
    """Heun's second-order steps (Karras et al. 2022, algorithm 1); two evaluations a step, one in the last."""
    for i, (t, s) in enumerate(pairwise(ts), 1):
        x0 = denoise(x, t)
        if s == 0:
            x = x0
        else:
            slope = process.velocity(x, x0, t)
            guess = x + (s - t) * slope
            x0 = denoise(guess, s)
            x = x + (s - t) * 0.5 * (slope + process.velocity(guess, x0, s))
        yield State(i, s, x, x0)


def ddim(
    denoise: Denoiser,
    x: Tensor,
    ts: list[float],
    process: Process,
    generator: torch.Generator | None = None,
    eta: float = 0.0,
) -> Iterator[State]:
    """DDIM (Song et al. 2021): go to x0, then back to the next noise level along the same eps.

    ``eta`` 0 is deterministic, 1 gives the DDPM posterior (`ancestral`). On the linear flow process, DDIM with eta 0
    and Euler are the same steps.
    """
    for i, (t, s) in enumerate(pairwise(ts), 1):
        x0 = denoise(x, t)
        alpha_t, sigma_t, alpha_s, sigma_s = (
            process.alpha(t),
            process.sigma(t),
            process.alpha(s),
            process.sigma(s),
        )
        eps = (x - alpha_t * x0) / sigma_t
        fresh = torch.zeros(())
        if eta and s > 0:
            # Variance of x_s given x_t and x0: what a true reverse step would add.
            step_variance = sigma_t**2 - (alpha_t / alpha_s) ** 2 * sigma_s**2
            fresh = eta * (step_variance.clamp(min=0) * sigma_s**2 / sigma_t**2).sqrt()
        x = alpha_s * x0 + (sigma_s**2 - fresh**2).clamp(min=0).sqrt() * eps
        if eta and s > 0:
            # Noise is made on the CPU so that a seed means the same on every device.
            x = x + fresh * torch.randn(x.shape, generator=generator).to(x)
        yield State(i, s, x, x0)


def ancestral(
    denoise: Denoiser, x: Tensor, ts: list[float], process: Process, generator: torch.Generator | None = None
) -> Iterator[State]:
    """Ancestral sampling (DDPM; Ho et al. 2020): the full reverse noise at every step."""
    yield from ddim(denoise, x, ts, process, generator, eta=1.0)


def dpmpp_2m(
    denoise: Denoiser, x: Tensor, ts: list[float], process: Process, generator: torch.Generator | None = None
) -> Iterator[State]:
    """DPM-Solver++(2M) (Lu et al. 2022): second order from the previous step's x0; one evaluation a step."""

    def log_snr(t: float) -> float:
        # At pure noise the flow and cosine processes have alpha = 0; a hair before it, so that steps stay finite.
        t = min(t, 1 - 1e-4)
        return math.log(float(process.alpha(t))) - math.log(float(process.sigma(t)))

    before: Tensor | None = None
    h_before = 0.0
    for i, (t, s) in enumerate(pairwise(ts), 1):
        x0 = denoise(x, t)
        if s == 0:
            x = x0
        else:
            h = log_snr(s) - log_snr(t)
            best = x0
            if before is not None:
                ratio = h_before / h
                best = (1 + 1 / (2 * ratio)) * x0 - (1 / (2 * ratio)) * before
            # With alpha, sigma at t themselves this is exact also for the first step, where alpha(t) = 0.
            shrink = process.sigma(s) / process.sigma(t)
            x = shrink * x + (process.alpha(s) - shrink * process.alpha(t)) * best
            h_before = h
        before = x0
        yield State(i, s, x, x0)


SAMPLERS: dict[str, Sampler] = {
    "euler": euler,
    "heun": heun,
    "dpmpp_2m": dpmpp_2m,
    "ddim": ddim,
    "ancestral": ancestral,
}


def evaluations(sampler: str, steps: int) -> int:
    """Network evaluations a run takes (each twice as wide under classifier-free guidance)."""
    return 2 * steps - 1 if sampler == "heun" else steps
