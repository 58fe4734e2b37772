"""Editing by diffusion: which positions of an input stay, and noise between two seeds.

- Keep a region, make the rest anew (inpainting): `Frame.mask` turns a picture mask, time spans or character spans
  into a mask over latent positions; the denoiser then holds those positions to their source, and the network sees
  them clean. It was trained with one time per modality, not per token, and takes this well: of digits of which half
  is kept and nothing else given, more stay the same digit than when kept and new parts are equally noisy.
- Variation (SDEdit; Meng et al. 2022): sampling starts from the input noised to t = strength, not from pure noise.
- Interpolation: `slerp` between the start noises of two seeds.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class EditSource:
    """The source of a wanted stream, and what of it stays.

    Attributes:
        latent: (1 or n, D, *shape), unit variance. codes: (L, *shape), or (n, L, *shape), it is the sum of.
        mask: (*shape) bool, True where the source stays; None: nowhere (a variation).
    """

    latent: Tensor
    codes: Tensor
    mask: Tensor | None = None


def slerp(a: Tensor, b: Tensor, weight: Tensor) -> Tensor:
    """Spherical interpolation of noise: a, b (D, ...), weight (n,) in [0, 1] -> (n, D, ...).

    A straight line would pass through noise that is too small: halfway, its variance is 1/2.
    """
    p, q = a.flatten(), b.flatten()
    angle = torch.arccos((p @ q / (p.norm() * q.norm())).clamp(-1, 1))
    weight = weight.reshape(-1, 1)
    if angle < 1e-3:  # the same noise twice
        return a.expand(len(weight), *a.shape).clone()
    mixed = (torch.sin((1 - weight) * angle) * p + torch.sin(weight * angle) * q) / torch.sin(angle)  # (n, features)
    return mixed.reshape(len(weight), *a.shape)
