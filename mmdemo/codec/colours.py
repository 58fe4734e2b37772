"""A colour for each code, from its codeword: like codes have like colours, also to those who are colour-blind.

The codewords' principal components become axes of OKLab, in which equal distances look equally large (Ottosson 2020):
the first is lightness, the second blue to yellow, which nearly everybody can tell apart, the third green to red.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from .codec import Codec

LIGHTNESS, SPREAD = 0.66, (0.25, 0.13, 0.07)  # of lightness, blue to yellow, green to red: so much to each side
FROM_OKLAB = torch.tensor(
    [[1.0, 0.3963377774, 0.2158037573], [1.0, -0.1055613458, -0.0638541728], [1.0, -0.0894841775, -1.2914855480]]
)
TO_RGB = torch.tensor(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)


def code_colours(codec: Codec, level: int) -> Tensor:
    """(K, 3) uint8 sRGB, a colour for each code of a level."""
    parts = components(codec.codebook(level).double())  # (K, 3)
    light, yellow, red = (parts * torch.tensor(SPREAD, dtype=parts.dtype)).unbind(1)
    return srgb(torch.stack([LIGHTNESS + light, red, yellow], 1))


def components(vectors: Tensor, count: int = 3) -> Tensor:
    """Vectors (N, D) -> their first principal components (N, count), each within [-1, 1]; 0 where there are fewer.

    The sign of a component is that of its direction's largest entry, so that it is the same on every machine.
    """
    centred = vectors - vectors.mean(0)
    directions = torch.linalg.svd(centred, full_matrices=False)[2][:count]  # (n, D)
    largest = directions.gather(1, directions.abs().argmax(1, keepdim=True))
    parts = centred @ (directions * largest.sign()).T  # (N, n)
    parts = parts / (2 * parts.std(0)).clamp(min=1e-9)  # two standard deviations fill the scale
    return torch.nn.functional.pad(parts.clamp(-1, 1), (0, count - parts.shape[1]))


def srgb(oklab: Tensor) -> Tensor:
    """OKLab (N, 3) -> sRGB (N, 3) uint8; what the screen cannot show is clipped."""
    cones = (oklab @ FROM_OKLAB.to(oklab).T) ** 3
    linear = (cones @ TO_RGB.to(oklab).T).clamp(0, 1)
    encoded = torch.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear.clamp(min=1e-9) ** (1 / 2.4) - 0.055)
    return (255 * encoded).round().clamp(0, 255).to(torch.uint8)
