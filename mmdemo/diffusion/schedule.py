"""Noise processes: x_t = alpha(t) * x0 + sigma(t) * eps, with t from 0 (data) to 1 (noise).

Three are offered, each with what the network predicts and how a prediction gives back x0:

- flow (linear; Lipman et al. 2023, Liu et al. 2023): alpha = 1 - t, sigma = t, v = eps - x0
- vp (variance preserving, cosine; Nichol & Dhariwal 2021, Salimans & Ho 2022): v = alpha * eps - sigma * x0
- ve (variance exploding; Song et al. 2021): x = x0 + sqrt(tau) * eps. The network sees the input scaled to unit
  variance (Karras et al. 2022), which turns it into the v-prediction of vp.

Why tau has a range and a clock of its own. Sampling starts from noise alone, so the last tau must drown the data:
its root has to reach the largest distance between two data points (Song & Ermon 2020). Latents of unit variance with
640 values, as a spoken digit has, lie up to sqrt(2 * 640) = 36 apart, hence tau from 0 to 40^2. In equal steps of
tau nearly all of them would be spent where nothing can be seen, so t runs the clock tau = 1600 * t^14, which is
equal steps of sigma^(1/7) (Karras et al. 2022, rho = 7): signal and noise are equal at t = 0.59.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

SIGMA_MAX, RHO = 40.0, 7  # of "ve", for latents of unit variance
NAMES = ("flow", "vp", "ve")


@dataclass(frozen=True)
class Process:
    """One noise process. Times may be floats or tensors that broadcast against x."""

    name: str = "flow"

    def __post_init__(self) -> None:
        if self.name not in NAMES:
            raise ValueError(f"Unknown noise process {self.name!r}; choose one of {', '.join(NAMES)}.")

    def alpha(self, t: float | Tensor) -> Tensor:
        """Share of signal at time t."""
        t = torch.as_tensor(t)
        if self.name == "flow":
            return 1 - t
        return torch.cos(t * math.pi / 2) if self.name == "vp" else torch.ones_like(t)

    def sigma(self, t: float | Tensor) -> Tensor:
        """Amount of noise at time t; 0 at t = 0 for every process."""
        t = torch.as_tensor(t)
        if self.name == "flow":
            return t
        if self.name == "vp":
            return torch.sin(t * math.pi / 2)
        return SIGMA_MAX * t**RHO

    def tau(self, t: float | Tensor) -> Tensor:
        """The time of the literature: x0 + sqrt(tau) * eps for "ve"; t itself for the others."""
        return self.sigma(t).square() if self.name == "ve" else torch.as_tensor(t)

    def clock(self, t: float | Tensor) -> Tensor:
        """The variable in which ODE solvers take their steps: t, and sigma for "ve" (as Karras et al. 2022 do).

        In sigma the ODE of "ve" is nearly straight; in t its slope grows with t^6 and long steps would overshoot.
        """
        return self.sigma(t) if self.name == "ve" else torch.as_tensor(t)

    def rates(self, t: float | Tensor) -> tuple[Tensor, Tensor]:
        """Derivatives of alpha and sigma by `clock`."""
        t = torch.as_tensor(t)
        if self.name == "flow":
            return -torch.ones_like(t), torch.ones_like(t)
        if self.name == "vp":
            half = math.pi / 2
            return -half * torch.sin(t * half), half * torch.cos(t * half)
        return torch.zeros_like(t), torch.ones_like(t)

    def noise(self, x0: Tensor, eps: Tensor, t: float | Tensor) -> Tensor:
        """x_t from clean data and noise."""
        return self.alpha(t) * x0 + self.sigma(t) * eps

    def _unit(self, t: float | Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """alpha, sigma of the input as the network sees it, and the factor it is scaled by."""
        alpha, sigma = self.alpha(t), self.sigma(t)
        scale = 1 / (1 + sigma.square()).sqrt() if self.name == "ve" else torch.ones_like(sigma)
        return alpha * scale, sigma * scale, scale

    def network_input(self, x: Tensor, t: float | Tensor) -> Tensor:
        """What the network is given for x_t."""
        return x * self._unit(t)[2]

    def target(self, x0: Tensor, eps: Tensor, t: float | Tensor) -> Tensor:
        """What the network should predict."""
        if self.name == "flow":
            return eps - x0
        alpha, sigma, _ = self._unit(t)
        return alpha * eps - sigma * x0

    def to_x0(self, x: Tensor, v: Tensor, t: float | Tensor) -> Tensor:
        """Predicted clean data from x_t and the network's output."""
        if self.name == "flow":
            return x - torch.as_tensor(t) * v
        alpha, sigma, scale = self._unit(t)
        return alpha * scale * x - sigma * v

    def velocity(self, x: Tensor, x0: Tensor, t: float | Tensor) -> Tensor:
        """dx/d(clock) of the probability-flow ODE, given the predicted x0 (t > 0)."""
        d_alpha, d_sigma = self.rates(t)
        eps = (x - self.alpha(t) * x0) / self.sigma(t)
        return d_alpha * x0 + d_sigma * eps

    def renoise(self, x: Tensor, fresh: Tensor, s: float, t: float) -> Tensor:
        """Forward in time, from x_s to x_t (s < t), with fresh standard noise."""
        shrink = self.alpha(t) / self.alpha(s)
        variance = self.sigma(t).square() - (shrink * self.sigma(s)).square()
        return shrink * x + variance.clamp(min=0).sqrt() * fresh


def times(steps: int, start: float = 1.0) -> list[float]:
    """Uniform times from ``start`` (1: noise) to 0 (data), steps + 1 of them."""
    return [start * (1 - i / steps) for i in range(steps)] + [0.0]
