"""Fréchet distance between two sets of features."""

from __future__ import annotations

from typing import Any

import torch


def gaussian(features: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean (D,) and unbiased covariance (D, D), float64, of features (N, D), N >= 2."""
    f = torch.as_tensor(features).detach().cpu().double()
    if f.ndim != 2 or len(f) < 2:
        raise ValueError(f"Features must have the shape (N >= 2, D), not {tuple(f.shape)}.")
    centred = f - f.mean(0)
    return f.mean(0), centred.mT @ centred / (len(f) - 1)


def frechet_distance(mu1: Any, cov1: Any, mu2: Any, cov2: Any) -> float:
    """Squared Frechet (2-Wasserstein) distance of Gaussians with means (D,), covariances (D, D); 0 is best.

    |mu1 - mu2|^2 + tr(C1 + C2 - 2 (C1 C2)^1/2), as in FID (Heusel et al. 2017). The last trace is taken from
    the symmetric C1^1/2 C2 C1^1/2, whose eigenvalues are real even where the covariances are singular.
    """
    mu1, cov1, mu2, cov2 = (torch.as_tensor(z).detach().cpu().double() for z in (mu1, cov1, mu2, cov2))
    values, vectors = torch.linalg.eigh((cov1 + cov1.mT) / 2)
    root = vectors * values.clamp_min(0).sqrt() @ vectors.mT
    inner = root @ cov2 @ root
    cross = torch.linalg.eigvalsh((inner + inner.mT) / 2).clamp_min(0).sqrt().sum()
    return max(0.0, ((mu1 - mu2).square().sum() + cov1.trace() + cov2.trace() - 2 * cross).item())


def frechet_from_features(features1: Any, features2: Any) -> float:
    """`frechet_distance` of Gaussians fitted to features (N1, D) and (N2, D)."""
    return frechet_distance(*gaussian(features1), *gaussian(features2))
