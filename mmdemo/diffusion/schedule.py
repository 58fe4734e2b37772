"""Noise schedules: x_t = alpha(t) * x0 + sigma(t) * eps, with t from 0 (data) to 1 (noise).

Three are offered, each with what the network predicts and how a prediction gives back x0: see `SCHEDULES`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor

from ..registry import Registry


def _time(t: float | Tensor) -> Tensor:
    return t if isinstance(t, Tensor) else torch.tensor(t, dtype=torch.float32)


class NoiseSchedule(ABC):
    """A path from data to noise. Times may be floats or tensors that broadcast against x.

    What the network predicts is v = alpha * eps - sigma * x0 (Salimans & Ho 2022), of its own, scaled input.
    """

    name: str

    @abstractmethod
    def alpha(self, t: float | Tensor) -> Tensor:
        """Share of signal at time t."""

    @abstractmethod
    def sigma(self, t: float | Tensor) -> Tensor:
        """Amount of noise at time t; 0 at t = 0."""

    @abstractmethod
    def derivatives(self, t: float | Tensor) -> tuple[Tensor, Tensor]:
        """Derivatives of alpha and sigma by `ode_time`."""

    def ode_time(self, t: float | Tensor) -> Tensor:
        """The variable in which ODE solvers take their steps."""
        return _time(t)

    def input_scale(self, t: float | Tensor) -> Tensor:
        """What x_t is multiplied by before the network sees it."""
        return torch.ones_like(self.sigma(t))

    # ------------------------------------------------------------------------------ data and noise

    def add_noise(self, x0: Tensor, eps: Tensor, t: float | Tensor) -> Tensor:
        """x_t from clean data and noise."""
        return self.alpha(t) * x0 + self.sigma(t) * eps

    def renoise(self, x: Tensor, noise: Tensor, s: float, t: float) -> Tensor:
        """Forward in time, from x_s to x_t (s < t), with new standard noise."""
        shrink = self.alpha(t) / self.alpha(s)
        variance = self.sigma(t).square() - (shrink * self.sigma(s)).square()
        return shrink * x + variance.clamp(min=0).sqrt() * noise

    # ------------------------------------------------------------------------------ the network

    def scale_model_input(self, x: Tensor, t: float | Tensor) -> Tensor:
        """What the network is given for x_t."""
        return x * self.input_scale(t)

    def target(self, x0: Tensor, eps: Tensor, t: float | Tensor) -> Tensor:
        """What the network should predict."""
        scale = self.input_scale(t)
        return self.alpha(t) * scale * eps - self.sigma(t) * scale * x0

    def to_x0(self, x: Tensor, v: Tensor, t: float | Tensor) -> Tensor:
        """Predicted clean data from x_t and the network's output."""
        scale = self.input_scale(t)
        return self.alpha(t) * scale * scale * x - self.sigma(t) * scale * v

    def velocity(self, x: Tensor, x0: Tensor, t: float | Tensor) -> Tensor:
        """dx / d(ode_time) of the probability-flow ODE, given the predicted x0 (t > 0)."""
        d_alpha, d_sigma = self.derivatives(t)
        eps = (x - self.alpha(t) * x0) / self.sigma(t)
        return d_alpha * x0 + d_sigma * eps


class Flow(NoiseSchedule):
    """Linear (Lipman et al. 2023, Liu et al. 2023): alpha = 1 - t, sigma = t; the network predicts v = eps - x0."""

    name = "flow"

    def alpha(self, t: float | Tensor) -> Tensor:
        return 1 - _time(t)

    def sigma(self, t: float | Tensor) -> Tensor:
        return _time(t)

    def derivatives(self, t: float | Tensor) -> tuple[Tensor, Tensor]:
        one = torch.ones_like(_time(t))
        return -one, one

    def target(self, x0: Tensor, eps: Tensor, t: float | Tensor) -> Tensor:
        return eps - x0

    def to_x0(self, x: Tensor, v: Tensor, t: float | Tensor) -> Tensor:
        return x - _time(t) * v


class VariancePreserving(NoiseSchedule):
    """Cosine (Nichol & Dhariwal 2021): alpha = cos(pi t / 2), sigma = sin(pi t / 2)."""

    name = "vp"

    def alpha(self, t: float | Tensor) -> Tensor:
        return torch.cos(_time(t) * math.pi / 2)

    def sigma(self, t: float | Tensor) -> Tensor:
        return torch.sin(_time(t) * math.pi / 2)

    def derivatives(self, t: float | Tensor) -> tuple[Tensor, Tensor]:
        t, half = _time(t), math.pi / 2
        return -half * torch.sin(t * half), half * torch.cos(t * half)


class VarianceExploding(NoiseSchedule):
    """x = x0 + sigma * eps (Song et al. 2021), with sigma = 40 t^7.

    The network sees the input scaled to unit variance (Karras et al. 2022), which turns what it predicts into the
    v-prediction of the variance-preserving schedule.

    Why sigma goes so far, and so slowly at first. Sampling starts from noise alone, so its end must drown the data:
    sigma has to reach the largest distance between two data points (Song & Ermon 2020). Latents of unit variance with
    640 values, as a spoken digit has, lie up to sqrt(2 * 640) = 36 apart. In equal steps of sigma^2, the time of the
    literature, nearly all steps would be spent where nothing can be seen; equal steps of t are equal steps of
    sigma^(1/7) (Karras et al. 2022, rho = 7): signal and noise are equal at t = 0.59.
    """

    name = "ve"
    sigma_max, rho = 40.0, 7

    def alpha(self, t: float | Tensor) -> Tensor:
        return torch.ones_like(_time(t))

    def sigma(self, t: float | Tensor) -> Tensor:
        return self.sigma_max * _time(t) ** self.rho

    def ode_time(self, t: float | Tensor) -> Tensor:
        """Sigma, as in Karras et al. 2022: in it the ODE is nearly straight; in t its slope grows with t^6."""
        return self.sigma(t)

    def derivatives(self, t: float | Tensor) -> tuple[Tensor, Tensor]:
        one = torch.ones_like(_time(t))
        return torch.zeros_like(one), one

    def input_scale(self, t: float | Tensor) -> Tensor:
        return 1 / (1 + self.sigma(t).square()).sqrt()


SCHEDULES: Registry[NoiseSchedule] = Registry(
    "noise schedule", {s.name: s for s in (Flow(), VariancePreserving(), VarianceExploding())}
)


def times(steps: int, start: float = 1.0) -> list[float]:
    """Uniform times from ``start`` (1: noise) to 0 (data), steps + 1 of them."""
    return [start * (1 - i / steps) for i in range(steps)] + [0.0]
