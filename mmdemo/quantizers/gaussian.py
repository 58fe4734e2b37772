"""No quantizer at all, for comparison: the latent of a classical VAE (Kingma & Welling 2014)."""

from __future__ import annotations

import torch
from torch import Tensor

from ..config import Weight, settings
from .base import Quantized, Quantizer, QuantizerConfig


@settings
class GaussianConfig(QuantizerConfig):
    """Settings of `Gaussian`; it has no levels."""

    kl: Weight = 1e-3  # weight of the KL term

    def __post_init__(self) -> None:
        self.levels = 0


class Gaussian(Quantizer):
    """z = mu + sigma * eps, with KL(q || N(0, I)) per latent value as the loss."""

    Config = GaussianConfig
    config: GaussianConfig

    def __init__(self, config: GaussianConfig) -> None:
        super().__init__(config)
        self.in_dim = 2 * config.dim  # mu and log sigma^2

    def forward(self, z: Tensor, num_levels: Tensor | None = None, mask: Tensor | None = None) -> Quantized:
        """(B, 2D, *pos), mu and log sigma^2 stacked -> latent (B, D, *pos). In eval, z = mu."""
        mu, logvar = z.float().chunk(2, dim=1)
        logvar = logvar.clamp(-20, 10)
        kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar)  # (B, D, *pos)
        weight = torch.ones_like(kl) if mask is None else mask.unsqueeze(1).to(kl.dtype).expand_as(kl)
        loss = self.config.kl * (kl * weight).sum() / weight.sum().clamp(min=1)
        if self.training:
            mu = mu + (0.5 * logvar).exp() * torch.randn_like(mu)
        return Quantized(mu, None, loss, torch.zeros(len(z), dtype=torch.long, device=z.device))
