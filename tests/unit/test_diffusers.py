"""DDIM, ancestral, DPM-Solver++(2M) and Euler against the schedulers of diffusers, step by step.

Both sides get the same sequence of model outputs, so they agree only if every update formula does.
"""

import math
from itertools import pairwise

import pytest
import torch

from mmdemo.diffusion.samplers import ancestral, ddim, dpmpp_2m, euler
from mmdemo.diffusion.schedule import SCHEDULES

diffusers = pytest.importorskip("diffusers", reason="needs the bench extra: pip install -e '.[bench]'")
pytestmark = pytest.mark.bench

TRAINED = 1000  # discrete times of their schedules; time i is our t = (i + 1) / (TRAINED + 1)
SHAPE = (2, 16, 4, 4)


def cosine_betas() -> list[float]:
    """Betas whose product is the cosine schedule, alpha^2 = cos^2(pi t / 2)."""
    kept = [math.cos(math.pi / 2 * i / (TRAINED + 1)) ** 2 for i in range(TRAINED + 1)]
    return [1 - b / a for a, b in pairwise(kept)]


def outputs(steps):
    return [torch.randn(SHAPE, generator=torch.Generator().manual_seed(i)) for i in range(steps)]


def ours(sampler, schedule, x, ts, outs):
    """x after every step, with the i-th call of the network answered by outs[i]."""
    answers = iter(outs)

    def denoise(x, t):
        return schedule.to_x0(x, next(answers), t)

    return [state.x for state in sampler(denoise, x, ts, schedule, torch.Generator().manual_seed(99))]


def theirs(scheduler, x, outs, **settings):
    path = []
    for t, out in zip(scheduler.timesteps, outs, strict=True):
        x = scheduler.step(out, t, x, **settings).prev_sample
        path.append(x)
    return path


def cosine_times(scheduler):
    return [(int(i) + 1) / (TRAINED + 1) for i in scheduler.timesteps] + [0.0]


def assert_close(a, b):
    assert len(a) == len(b)
    for i, (x, y) in enumerate(zip(a, b, strict=True)):
        assert (x - y).abs().max() < 1e-4, f"step {i + 1}"


@pytest.mark.parametrize("steps", [10, 50])
@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_ddim_and_ancestral(steps, eta):
    scheduler = diffusers.DDIMScheduler(
        TRAINED, trained_betas=cosine_betas(), clip_sample=False, prediction_type="v_prediction"
    )
    scheduler.set_timesteps(steps)
    x, outs = torch.randn(SHAPE, generator=torch.Generator().manual_seed(5)), outputs(steps)
    mine = ours(ancestral if eta else ddim, SCHEDULES["vp"], x, cosine_times(scheduler), outs)
    path = theirs(scheduler, x, outs, eta=eta, generator=torch.Generator().manual_seed(99))
    # With eta, theirs adds noise even after the last step; ours ends in x0.
    assert_close(mine[:-1] if eta else mine, path[:-1] if eta else path)


@pytest.mark.parametrize("steps", [8, 20, 40])
def test_dpm_solver_on_the_cosine_process(steps):
    scheduler = diffusers.DPMSolverMultistepScheduler(
        TRAINED, trained_betas=cosine_betas(), prediction_type="v_prediction", lower_order_final=False
    )
    scheduler.set_timesteps(steps)
    x, outs = torch.randn(SHAPE, generator=torch.Generator().manual_seed(5)), outputs(steps)
    assert_close(ours(dpmpp_2m, SCHEDULES["vp"], x, cosine_times(scheduler), outs), theirs(scheduler, x, outs))


@pytest.mark.parametrize("steps", [8, 20, 40])
def test_dpm_solver_and_euler_on_the_flow_process(steps):
    x, outs = torch.randn(SHAPE, generator=torch.Generator().manual_seed(5)), outputs(steps)
    scheduler = diffusers.DPMSolverMultistepScheduler(
        TRAINED, prediction_type="flow_prediction", use_flow_sigmas=True, lower_order_final=False
    )
    scheduler.set_timesteps(steps)
    flow = SCHEDULES["flow"]
    assert_close(ours(dpmpp_2m, flow, x, scheduler.sigmas.tolist(), outs), theirs(scheduler, x, outs))
    matching = diffusers.FlowMatchEulerDiscreteScheduler(TRAINED)
    matching.set_timesteps(steps)
    assert_close(ours(euler, flow, x, matching.sigmas.tolist(), outs), theirs(matching, x, outs))
