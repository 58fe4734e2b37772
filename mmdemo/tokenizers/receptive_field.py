"""How far a network sees, worked out from its modules: what windows with exact seams need for their margins."""

from __future__ import annotations

from torch import nn

from .layers import ChannelNorm, ConvNeXtBlock

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
# One position in, the same position out (or its share of finer ones). Not nn.Linear: it may run along positions.
POINTWISE = (
    ChannelNorm,
    nn.Identity,
    nn.Dropout,
    nn.ReLU,
    nn.LeakyReLU,
    nn.ELU,
    nn.GELU,
    nn.SiLU,
    nn.Tanh,
    nn.Sigmoid,
    nn.PixelShuffle,
    nn.PixelUnshuffle,
)


def receptive_field(*parts: nn.Module) -> int | None:
    """Latent positions to each side that an output of ``parts``, one after the other, depends on; a safe upper bound.

    Positions of finer layers are smaller than latent ones, so that counting them whole is safe.

    Returns:
        None where a module is not known here (recurrence, attention, norms over positions, anything new).
    """
    total = 0
    for part in parts:
        radius = _radius(part)
        if radius is None:
            return None
        total += radius
    return total


def _radius(part: nn.Module) -> int | None:
    if isinstance(part, ConvNeXtBlock):
        return part.radius
    if isinstance(part, CONVOLUTIONS) and part.padding_mode != "circular":  # that one sees the other end
        spans = [d * (k - 1) for k, d in zip(part.kernel_size, part.dilation, strict=True)]
        same = not isinstance(part.padding, str) and all(2 * p == n for p, n in zip(part.padding, spans, strict=True))
        return max(spans) // 2 if same else max(spans)
    if isinstance(part, POINTWISE):
        return 0
    return receptive_field(*part) if isinstance(part, nn.Sequential) else None
