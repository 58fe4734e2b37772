"""Samplers as pure generators over steps, on any noise schedule.

Each takes ``denoise(x, t) -> x0``, the start noise and the times, and yields a `SolverState` after every step. None
keeps state outside its own frame, so a sampler can be stopped, abandoned or run twice. Shapes are whatever ``x`` has.
Names are those of k-diffusion (Crowson 2022), with times t -> s where it has sigmas.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from .schedule import NoiseSchedule

Denoiser = Callable[[Tensor, float], Tensor]
Noise = torch.Generator | Sequence[torch.Generator] | None  # for noise added on the way: one for all, or one a sample
States = Iterator["SolverState"]
Sampler = Callable[..., States]


@dataclass(frozen=True)
class SolverState:
    """After step ``index`` (1..steps): time reached, the noisy x there, and the x0 predicted on the way."""

    index: int
    t: float
    x: Tensor
    denoised: Tensor


def fresh_noise(x: Tensor, generator: Noise) -> Tensor:
    """Standard noise like ``x`` (n, ...), made on the CPU so that a seed means the same on every device.

    With one generator a sample, sample i is the same however many there are.
    """
    if generator is None or isinstance(generator, torch.Generator):
        return torch.randn(x.shape, generator=generator, dtype=torch.float32).to(x)
    return torch.stack([torch.randn(x.shape[1:], generator=g, dtype=torch.float32) for g in generator]).to(x)


def euler(denoise: Denoiser, x: Tensor, ts: list[float], schedule: NoiseSchedule, generator: Noise = None) -> States:
    """Euler steps of the probability-flow ODE; one network evaluation a step."""
    for i, (t, s) in enumerate(pairwise(ts), 1):
        denoised = denoise(x, t)
        x = denoised if s == 0 else x + _dt(schedule, t, s) * schedule.velocity(x, denoised, t)
        yield SolverState(i, s, x, denoised)


def _dt(schedule: NoiseSchedule, t: float, s: float) -> float:
    return float(schedule.ode_time(s) - schedule.ode_time(t))


def heun(denoise: Denoiser, x: Tensor, ts: list[float], schedule: NoiseSchedule, generator: Noise = None) -> States:
    """Heun's second-order steps (Karras et al. 2022, algorithm 1); two evaluations a step, one in the last."""
    for i, (t, s) in enumerate(pairwise(ts), 1):
        denoised = denoise(x, t)
        if s == 0:
            x = denoised
        else:
            d, dt = schedule.velocity(x, denoised, t), _dt(schedule, t, s)
            x_2 = x + dt * d
            denoised = denoise(x_2, s)
            x = x + dt * 0.5 * (d + schedule.velocity(x_2, denoised, s))
        yield SolverState(i, s, x, denoised)


def ddim(
    denoise: Denoiser,
    x: Tensor,
    ts: list[float],
    schedule: NoiseSchedule,
    generator: Noise = None,
    eta: float = 0.0,
) -> States:
    """DDIM (Song et al. 2021): go to x0, then back to the next noise level along the same eps.

    ``eta`` 0 is deterministic, 1 gives the DDPM posterior (`ancestral`). On the linear flow, DDIM with eta 0 and Euler
    are the same steps.
    """
    for i, (t, s) in enumerate(pairwise(ts), 1):
        denoised = denoise(x, t)
        alpha_t, sigma_t, alpha_s, sigma_s = schedule.alpha(t), schedule.sigma(t), schedule.alpha(s), schedule.sigma(s)
        eps = (x - alpha_t * denoised) / sigma_t
        sigma_up = torch.zeros((), dtype=torch.float32)
        if eta and s > 0:
            # Variance of x_s given x_t and x0: what a true reverse step would add.
            step_variance = sigma_t**2 - (alpha_t / alpha_s) ** 2 * sigma_s**2
            sigma_up = eta * (step_variance.clamp(min=0) * sigma_s**2 / sigma_t**2).sqrt()
        x = alpha_s * denoised + (sigma_s**2 - sigma_up**2).clamp(min=0).sqrt() * eps
        if eta and s > 0:
            x = x + sigma_up * fresh_noise(x, generator)
        yield SolverState(i, s, x, denoised)


def ancestral(
    denoise: Denoiser, x: Tensor, ts: list[float], schedule: NoiseSchedule, generator: Noise = None
) -> States:
    """Ancestral sampling (DDPM; Ho et al. 2020): the full reverse noise at every step."""
    yield from ddim(denoise, x, ts, schedule, generator, eta=1.0)


def dpmpp_2m(denoise: Denoiser, x: Tensor, ts: list[float], schedule: NoiseSchedule, generator: Noise = None) -> States:
    """DPM-Solver++(2M) (Lu et al. 2022): second order from the previous step's x0; one evaluation a step."""

    def log_snr(t: float) -> float:
        # At pure noise the flow and cosine schedules have alpha = 0 (a rounding error off, in fp32).
        alpha = float(schedule.alpha(t))
        return math.log(alpha) - math.log(float(schedule.sigma(t))) if alpha > 1e-6 else -math.inf

    old_denoised: Tensor | None = None
    h_last = 0.0
    for i, (t, s) in enumerate(pairwise(ts), 1):
        denoised = denoise(x, t)
        if s == 0:
            x = denoised
        else:
            h = log_snr(s) - log_snr(t)
            denoised_d = denoised
            if old_denoised is not None:
                r = h_last / h
                denoised_d = (1 + 1 / (2 * r)) * denoised - (1 / (2 * r)) * old_denoised
            # With alpha, sigma at t themselves this is exact also for the first step, where alpha(t) = 0.
            shrink = schedule.sigma(s) / schedule.sigma(t)
            x = shrink * x + (schedule.alpha(s) - shrink * schedule.alpha(t)) * denoised_d
            h_last = h
        old_denoised = denoised
        yield SolverState(i, s, x, denoised)


SAMPLERS: dict[str, Sampler] = {
    "euler": euler,
    "heun": heun,
    "dpmpp_2m": dpmpp_2m,
    "ddim": ddim,
    "ancestral": ancestral,
}


def repaint(sampler: Sampler, repaint_steps: int) -> Sampler:
    """RePaint (Lugmayr et al. 2022): take every step ``repaint_steps`` times more, from its start made noisy anew.

    What is being made gets that many chances more to agree with what is kept. A sampler that remembers the step
    before (DPM-Solver++) starts anew with every step, so it is of first order here.
    """

    def run(denoise: Denoiser, x: Tensor, ts: list[float], schedule: NoiseSchedule, generator: Noise = None) -> States:
        for i, (t, s) in enumerate(pairwise(ts), 1):
            for left in reversed(range(repaint_steps + 1 if s > 0 else 1)):
                state = next(iter(sampler(denoise, x, [t, s], schedule, generator)))
                x = schedule.renoise(state.x, fresh_noise(x, generator), s, t) if left else state.x
            yield SolverState(i, s, x, state.denoised)

    return run


def nfe(sampler: str, steps: int) -> int:
    """Network evaluations a run takes (each twice as wide under classifier-free guidance)."""
    return 2 * steps - 1 if sampler == "heun" else steps
