"""Samplers as pure generators over steps, on any noise process.

Each takes ``denoise(x, t) -> x0``, the start noise and the times, and yields a `State` after every step. None keeps
state outside its own frame, so a sampler can be stopped, abandoned or run twice. Shapes are whatever ``x`` has.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from .schedule import Process

Denoiser = Callable[[Tensor, float], Tensor]
Noise = torch.Generator | Sequence[torch.Generator] | None  # for fresh noise: one for all, or one a sample
Sampler = Callable[..., Iterator["State"]]


@dataclass(frozen=True)
class State:
    """After step ``index`` (1..steps): time reached, the noisy x there, and the x0 predicted on the way."""

    index: int
    t: float
    x: Tensor
    x0: Tensor


def fresh_noise(x: Tensor, generator: Noise) -> Tensor:
    """Standard noise like ``x`` (n, ...), made on the CPU so that a seed means the same on every device.

    With one generator a sample, sample i is the same however many there are.
    """
    if generator is None or isinstance(generator, torch.Generator):
        return torch.randn(x.shape, generator=generator).to(x)
    return torch.stack([torch.randn(x.shape[1:], generator=g) for g in generator]).to(x)


def euler(denoise: Denoiser, x: Tensor, ts: list[float], process: Process, generator: Noise = None) -> Iterator[State]:
    """Euler steps of the probability-flow ODE; one network evaluation a step."""
    for i, (t, s) in enumerate(pairwise(ts), 1):
        x0 = denoise(x, t)
        x = x0 if s == 0 else x + _span(process, t, s) * process.velocity(x, x0, t)
        yield State(i, s, x, x0)


def _span(process: Process, t: float, s: float) -> float:
    return float(process.clock(s) - process.clock(t))


def heun(denoise: Denoiser, x: Tensor, ts: list[float], process: Process, generator: Noise = None) -> Iterator[State]:
    """Heun's second-order steps (Karras et al. 2022, algorithm 1); two evaluations a step, one in the last."""
    for i, (t, s) in enumerate(pairwise(ts), 1):
        x0 = denoise(x, t)
        if s == 0:
            x = x0
        else:
            slope, span = process.velocity(x, x0, t), _span(process, t, s)
            guess = x + span * slope
            x0 = denoise(guess, s)
            x = x + span * 0.5 * (slope + process.velocity(guess, x0, s))
        yield State(i, s, x, x0)


def ddim(
    denoise: Denoiser,
    x: Tensor,
    ts: list[float],
    process: Process,
    generator: Noise = None,
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
            x = x + fresh * fresh_noise(x, generator)
        yield State(i, s, x, x0)


def ancestral(
    denoise: Denoiser, x: Tensor, ts: list[float], process: Process, generator: Noise = None
) -> Iterator[State]:
    """Ancestral sampling (DDPM; Ho et al. 2020): the full reverse noise at every step."""
    yield from ddim(denoise, x, ts, process, generator, eta=1.0)


def dpmpp_2m(
    denoise: Denoiser, x: Tensor, ts: list[float], process: Process, generator: Noise = None
) -> Iterator[State]:
    """DPM-Solver++(2M) (Lu et al. 2022): second order from the previous step's x0; one evaluation a step."""

    def log_snr(t: float) -> float:
        # At pure noise the flow and cosine processes have alpha = 0 (a rounding error off, in fp32).
        alpha = float(process.alpha(t))
        return math.log(alpha) - math.log(float(process.sigma(t))) if alpha > 1e-6 else -math.inf

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


def resampled(sampler: Sampler, again: int) -> Sampler:
    """RePaint (Lugmayr et al. 2022): take every step ``again`` times more, from its start made noisy anew.

    What is being made gets that many chances more to agree with what is kept. A sampler that remembers the step
    before (DPM-Solver++) starts anew with every step, so it is of first order here.
    """

    def run(
        denoise: Denoiser, x: Tensor, ts: list[float], process: Process, generator: Noise = None
    ) -> Iterator[State]:
        for i, (t, s) in enumerate(pairwise(ts), 1):
            for left in reversed(range(again + 1 if s > 0 else 1)):
                state = next(iter(sampler(denoise, x, [t, s], process, generator)))
                x = process.renoise(state.x, fresh_noise(x, generator), s, t) if left else state.x
            yield State(i, s, x, state.x0)

    return run


def evaluations(sampler: str, steps: int) -> int:
    """Network evaluations a run takes (each twice as wide under classifier-free guidance)."""
    return 2 * steps - 1 if sampler == "heun" else steps
