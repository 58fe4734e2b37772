"""Decoding again only what a change of codes can have changed, exactly as if the whole were decoded again.

The decoder's convolutions see a few positions to each side, so a changed code changes a little more after each of them.
The results in between are kept, and each step is computed again only where its input is another one: a brush stroke on
a picture takes a tenth of the time of the picture. Tokenizers that do not show their steps (`tokenizers.stages`) decode
a window with a margin; those of unknown receptive field, everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..isolation import isolated
from ..tokenizers.base import Staged, Tokenizer
from ..tokenizers.stages import Stage, joined
from ..tokens import Tokens

if TYPE_CHECKING:
    from .codec import Codec

Span = tuple[int, int]


class LocalDecoder:
    """The reconstruction of tokens on so many levels, which follows their changes.

    Attributes:
        output: canonical tensor, as ``codec.decode_tensor(tokens, levels)``.
        levels: how many of the tokens' levels are decoded.
    """

    def __init__(self, codec: Codec, tokens: Tokens, levels: int) -> None:
        """Decodes the whole. Raises InputError as ``codec.decode_tensor``."""
        codec.check(tokens)
        self.codec, self.levels, self.meta = codec, levels, dict(tokens.meta)
        self._stages = joined(_stages(codec.tokenizer, levels))
        codes = tokens.truncate(levels).codes[None].to(codec.device)  # (1, levels, *pos)
        self._kept = [codes]  # what goes into each step, and the result
        with isolated(codec.device), torch.no_grad():
            for stage in self._stages:
                self._kept.append(stage.run(self._kept[-1]).clone())  # as it lies in memory

    @property
    def output(self) -> Tensor:
        """See the class."""
        whole = self._kept[-1]
        return self.codec.processor.finish(whole, self.meta)[0].cpu().clone()

    @property
    def nbytes(self) -> int:
        """Memory of what is kept."""
        return sum(x.numel() * x.element_size() for x in self._kept)

    def update(self, tokens: Tokens) -> list[Span] | None:
        """Follow a change of codes; the positions, the size and the number of levels stay.

        Returns:
            (from, to) along each axis of the output within which it may have changed; None where it did not.

        Raises:
            ValueError: these tokens are of another size. InputError: other weights made them.
        """
        self.codec.check(tokens)
        codes = tokens.truncate(self.levels).codes[None].to(self.codec.device)
        if codes.shape != self._kept[0].shape:
            raise ValueError("A local decoder follows changes of codes, not of size.")
        box = changed_box((codes != self._kept[0])[0].any(0))
        if box is None:
            return None
        self._kept[0] = codes
        with isolated(self.codec.device), torch.no_grad():
            for i, stage in enumerate(self._stages):
                box = self._again(i, stage, box)
        sizes = self.output.shape[-len(box) :]
        return [(a, min(b, size)) for (a, b), size in zip(box, sizes, strict=True)]

    def _again(self, i: int, stage: Stage, box: list[Span]) -> list[Span]:
        """Compute step ``i`` again where its input changed; returns where its output did."""
        given, out = self._kept[i], self._kept[i + 1]
        sizes = given.shape[-len(box) :]
        new = [_wider(span, stage.reach, size) for span, size in zip(box, sizes, strict=True)]
        seen = [_wider(span, stage.reach, size) for span, size in zip(new, sizes, strict=True)]
        y = stage.run(given[_index(seen)])
        inner = [((a - s) * stage.factor, (b - s) * stage.factor) for (a, b), (s, _) in zip(new, seen, strict=True)]
        made = [(a * stage.factor, b * stage.factor) for a, b in new]
        out[_index(made)] = y[_index(inner)]
        return made


def changed_box(changed: Tensor) -> list[Span] | None:
    """(*pos) bool -> (from, to) along each axis around all that is True; None where nothing is."""
    places = changed.nonzero()  # (N, axes)
    if not len(places):
        return None
    return [(int(a), int(b) + 1) for a, b in zip(places.amin(0), places.amax(0), strict=True)]


def _stages(tokenizer: Tokenizer, levels: int) -> list[Stage]:
    stages = tokenizer.stages(levels) if isinstance(tokenizer, Staged) else None
    if stages is not None:
        return list(stages)
    return [
        Stage(
            lambda c: tokenizer.to_canonical(tokenizer.decode(c)), tokenizer.receptive_field.decoder, tokenizer.stride
        )
    ]


def _wider(span: Span, reach: int | None, size: int) -> Span:
    return (0, size) if reach is None else (max(0, span[0] - reach), min(size, span[1] + reach))


def _index(box: list[Span]) -> Any:
    return (..., *(slice(a, b) for a, b in box))
