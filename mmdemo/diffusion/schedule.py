"""Noise processes: x_t = alpha(t) * x0 + sigma(t) * eps, with t from 0 (data) to 1 (noise).

Three are offered, each with what the network predicts and how a prediction gives back x0:

- flow (linear; Lipman et al. 2023, Liu et al. 2023): alpha = 1 - t, sigma = t, v = eps - x0
- vp (variance preserving, cosine; Nichol & Dhariwal 2021, Salimans & Ho 2022): v = alpha * eps - sigma * x0
- ve (variance exploding; Song et al. 2021): alpha = 1, sigma grows geometrically to SIGMA_MAX. The network sees the
  input scaled to unit variance (Karras et al. 2022), which turns it into the v-prediction of vp.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

SIGMA_MIN, SIGMA_MAX = 0.02, 20.0  # of "ve", for latents of unit variance
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
        # Geometric growth, shifted so that it starts at exactly 0.
        return SIGMA_MIN * ((SIGMA_MAX / SIGMA_MIN) ** t - 1) * SIGMA_MAX / (SIGMA_MAX - SIGMA_MIN)

    def rates(self, t: float | Tensor) -> tuple[Tensor, Tensor]:
        """d alpha / dt and d sigma / dt."""
        t = torch.as_tensor(t)
        if self.name == "flow":
            return -torch.ones_like(t), torch.ones_like(t)
        if self.name == "vp":
            half = math.pi / 2
            return -half * torch.sin(t * half), half * torch.cos(t * half)
        growth = math.log(SIGMA_MAX / SIGMA_MIN)
        return torch.zeros_like(t), growth * (self.sigma(t) + SIGMA_MIN * SIGMA_MAX / (SIGMA_MAX - SIGMA_MIN))

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
        """dx/dt of the probability-flow ODE, given the predicted x0 (t > 0)."""
        d_alpha, d_sigma = self.rates(t)
        eps = (x - self.alpha(t) * x0) / self.sigma(t)
        return d_alpha * x0 + d_sigma * eps


def times(steps: int) -> list[float]:
    """Uniform times from 1 (noise) to 0 (data), steps + 1 of them."""
    return [1 - i / steps for i in range(steps)] + [0.0]
