"""A decoder as steps that each see only a little: what decoding a changed part alone needs (`mmdemo.codec.local`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from torch import Tensor, nn

from .receptive_field import receptive_field


class Stage(NamedTuple):
    """One step: (1, C, *pos) -> (1, C', *(factor * pos)).

    Attributes:
        run: the step; with positions left out at the ends it gives the same, but for `reach` positions next to them.
        reach: positions of its input, to each side, that an output depends on; None: all of them.
        factor: positions that it makes of one, along every axis.
    """

    run: Callable[[Tensor], Tensor]
    reach: int | None
    factor: int = 1


def stages_of(net: nn.Module) -> list[Stage]:
    """The modules of a network, one after the other, those inside it too."""
    found: list[Stage] = []
    for part in net.children():
        if isinstance(part, nn.Sequential):
            found += stages_of(part)
        else:
            factor = part.upscale_factor if isinstance(part, nn.PixelShuffle) else 1
            found.append(Stage(part, receptive_field(part), factor))
    return found


def joined(stages: Sequence[Stage]) -> list[Stage]:
    """The same with steps that take each position by itself joined to the one before: fewer results to keep."""
    out: list[Stage] = []
    for stage in stages:
        if out and stage.reach == 0:
            before = out.pop()
            stage = Stage(_after(before.run, stage.run), before.reach, before.factor * stage.factor)
        out.append(stage)
    return out


def _after(first: Callable[[Tensor], Tensor], second: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    return lambda x: second(first(x))
