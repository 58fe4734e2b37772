"""Pictures: PSNR, SSIM and MS-SSIM of 8-bit samples, because those are what a person gets.

Pictures may be PIL images, torch tensors (C, H, W) or numpy arrays (H, W, C) or (H, W); floats are in [0, 1].
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # Wang et al. 2003, finest scale first
SSIM_WINDOW, SSIM_SIGMA = 11, 1.5


def _samples(picture: Any) -> torch.Tensor:
    """A picture as (C, H, W) float32 holding whole numbers in 0..255."""
    if hasattr(picture, "convert"):  # PIL
        picture = np.array(picture.convert("RGB"))
    if isinstance(picture, np.ndarray):
        picture = torch.from_numpy(np.ascontiguousarray(picture[..., None] if picture.ndim == 2 else picture))
        picture = picture.movedim(-1, 0) if picture.ndim == 3 else picture
    if picture.ndim != 3:
        raise ValueError(f"A picture has 3 dimensions, this one has the shape {tuple(picture.shape)}.")
    picture = picture.detach().cpu()
    if picture.is_floating_point():
        picture = (picture.float() * 255).round().clamp(0, 255)
    return picture.float()


def _pictures(reference: Any, output: Any) -> tuple[torch.Tensor, torch.Tensor]:
    x, y = _samples(reference), _samples(output)
    if x.shape != y.shape:
        raise ValueError(f"Pictures must have the same shape, not {tuple(x.shape)} and {tuple(y.shape)}.")
    return x, y


def psnr(reference: Any, output: Any) -> float:
    """Peak signal-to-noise ratio in dB, from one MSE over all 8-bit samples; inf if identical."""
    x, y = _pictures(reference, output)
    mse = (x - y).double().square().mean().item()
    return math.inf if mse == 0 else 10 * math.log10(255**2 / mse)


def _ssim_terms(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """SSIM and its contrast-structure part, means over valid window positions: (C, H, W) x 2 -> (C,) x 2."""
    size = min(SSIM_WINDOW, (min(x.shape[1:]) - 1) // 2 * 2 + 1)  # odd, and no larger than the picture
    taps = torch.arange(size, dtype=torch.float32) - size // 2
    taps = torch.exp(-taps.square() / (2 * SSIM_SIGMA**2))
    taps = (taps / taps.sum()).view(1, 1, 1, size)
    # Variances do not change with the origin; around mid-grey, float32 keeps more of their digits.
    x, y = x - 128, y - 128
    maps = torch.cat([x, y, x * x + y * y, x * y])  # (4 C, H, W)
    n = len(maps)  # a group per plane is fastest
    maps = F.conv2d(maps[None], taps.expand(n, 1, 1, size), groups=n)
    maps = F.conv2d(maps, taps.mT.expand(n, 1, size, 1), groups=n)
    mx, my, squares, xy = maps.view(4, len(x), -1)  # each (C, positions)
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    cs = (2 * (xy - mx * my) + c2) / (squares - mx * mx - my * my + c2)
    mx, my = mx + 128, my + 128
    luminance = (2 * mx * my + c1) / (mx * mx + my * my + c1)
    return (luminance * cs).mean(1), cs.mean(1)


def ssim(reference: Any, output: Any) -> float:
    """Structural similarity (Wang et al. 2004), 11-tap Gaussian of sigma 1.5, mean of channels; 1 is best."""
    x, y = _pictures(reference, output)
    return _ssim_terms(x, y)[0].mean().item()


def ms_ssim(reference: Any, output: Any) -> float:
    """Multi-scale SSIM (Wang et al. 2003): 5 dyadic scales per channel, mean over channels; 1 is best.

    The coarsest scale must hold one 11x11 window, which takes 176 pixels on the shorter side. A smaller
    picture is judged on as many scales as fit (at least one), their weights normalised to sum to one.
    """
    x, y = _pictures(reference, output)
    side = min(x.shape[1:])
    scales = max(1, sum(side >> s >= SSIM_WINDOW for s in range(len(MS_SSIM_WEIGHTS))))
    weights = [w / sum(MS_SSIM_WEIGHTS[:scales]) for w in MS_SSIM_WEIGHTS[:scales]]
    product = torch.ones(x.shape[0])
    for s, weight in enumerate(weights):
        full, cs = _ssim_terms(x, y)
        # A negative mean (inverted structure) has no real power: it counts as 0, as is usual.
        product = product * (full if s == scales - 1 else cs).clamp_min(0) ** weight
        if s < scales - 1:
            x, y = (F.avg_pool2d(z[None], 2)[0] for z in (x, y))
    return product.mean().item()


def bits_per_pixel(size: int, width: int, height: int) -> float:
    """8 x bytes / pixels."""
    return 8 * size / (width * height)
