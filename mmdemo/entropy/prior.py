"""A prior over codes: how likely is each code, given its decoded neighbours and all lower levels?

One small multilayer perceptron per level. It sees codewords, not code numbers: for level k the sum of those of
lower levels at the place and all around it, and the sum through level k at the neighbours coded before it. A prior
over the bytes of a text is the same thing with one level, learned codewords and no lower level.

Where codes repeat, as on flat ground, a prior that ``copies`` adds to the logits of its neighbours' own codes, so that
"the same again" need not be learned for each of them (after the pointers of Vinyals et al. 2015).

Sources: context modelling of quantised latents as in Mentzer et al. 2018 ("Conditional probability models for deep
image compression") and Minnen et al. 2018; a byte model of this shape is Bengio et al. 2003.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import field

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from ..config import Axes, CodebookSize, Levels, Name, Natural, Share, Width, check_weights, settings
from .layout import Layout, layout


@settings
class PriorConfig:
    """What a prior covers and how it looks around."""

    tokenizer: Name  # name of the checkpoint whose codes it codes; "" for the bytes of a text
    fingerprint: Name  # of that tokenizer's weights; "" for bytes
    axes: Axes  # 2 for pictures, 1 for sequences
    levels: Levels
    codebook_size: CodebookSize  # symbols: K codes, or 256 bytes
    dim: Width  # D: the tokenizer's, or fewer
    width: Width = 256  # hidden units
    before: list[list[int]] = field(default_factory=list)  # offsets of neighbours coded earlier
    around: list[list[int]] = field(default_factory=list)  # offsets looked at in lower levels
    segment: Natural = 0  # symbols per independently coded segment of a sequence
    dropout: Share = 0.0  # of hidden units, in training
    copies: bool = False  # whether it can point at neighbours coded earlier: "the same code as that one"

    def __post_init__(self) -> None:
        offsets = [*self.before, *self.around]
        if len(offsets) > 256 or any(len(o) != self.axes or max(map(abs, o)) > 4096 for o in offsets):
            raise ValueError(f"A prior looks at up to 256 offsets along {self.axes} axes, up to 4096 positions away.")
        inputs, outputs = len(offsets) * self.dim, self.codebook_size + self.copies * len(self.before)
        check_weights(self.levels * ((inputs + self.width + outputs) * self.width + self.codebook_size * self.dim))


class CodePrior(nn.Module):
    """Floating-point form, for training. Files are coded with `integer.IntegerPrior` made from it.

    Attributes:
        words: (L, K, D) codewords. So called in stored weights, whose fingerprint, in files, is of their names too.
    """

    words: Tensor

    def __init__(self, config: PriorConfig) -> None:
        super().__init__()
        self.config = config
        levels, size, width = config.levels, config.codebook_size, config.width
        near, far = len(config.before) * config.dim, len(config.around) * config.dim
        codewords = torch.randn(levels, size, config.dim)  # (L, K, D)
        if config.tokenizer:  # the tokenizer's codewords, scaled; they are not trained here
            self.register_buffer("words", codewords)
        else:
            self.words = nn.Parameter(codewords)
        self.near = nn.Parameter(_init(levels, near, width, near + far))
        self.far = nn.Parameter(_init(levels, far, width, near + far))
        self.bias1 = nn.Parameter(torch.zeros(levels, 1, width))
        self.hidden = nn.Parameter(_init(levels, width, width, width))
        self.bias2 = nn.Parameter(torch.zeros(levels, 1, width))
        self.out = nn.Parameter(0.3 * _init(levels, width, size, width))
        self.bias3 = nn.Parameter(torch.zeros(levels, 1, size))
        if config.copies:
            self.copy = nn.Parameter(torch.zeros(levels, width, len(config.before)))
            self.copy_bias = nn.Parameter(torch.zeros(levels, 1, len(config.before)))

    def layout(self, positions: tuple[int, ...]) -> Layout:
        """Coding order and neighbours for a grid of codes."""
        c = self.config
        return layout(positions, [tuple(o) for o in c.before], [tuple(o) for o in c.around], c.segment)

    @torch.no_grad()
    def use_codebooks(self, codebooks: Sequence[Tensor]) -> None:
        """Take the tokenizer's codebooks, of each level (<= K, >= D), scaled so that the first level has unit size.

        Of wider ones their first principal directions: what tells most of a neighbour is not in the small rest. Where
        some codeword is the zero vector, and D is not theirs, the last of D channels says so: where nothing was added
        at one level, and around it, nothing will be at the next, and a sum of codewords does not show that.
        """
        size = codebooks[0].square().mean().sqrt()
        codewords = pad_sequence(list(codebooks), batch_first=True) / size  # (L, K, >= D)
        zero = pad_sequence([(~book.any(1)).to(book.dtype) for book in codebooks], batch_first=True)  # (L, K)
        marked = int(bool(zero.any()) and codewords.shape[-1] != self.config.dim)
        if codewords.shape[-1] > self.config.dim - marked:
            directions = torch.linalg.svd(codewords.flatten(0, 1).double(), full_matrices=False).Vh  # (>= D, >= D)
            codewords = codewords @ directions[: self.config.dim - marked].T.to(codewords)
        if marked:
            codewords = torch.cat(
                [F.pad(codewords, (0, self.config.dim - 1 - codewords.shape[-1])), zero[..., None]], -1
            )
        self.words.copy_(codewords)

    def forward(self, codes: Tensor, where: Layout) -> Tensor:
        """Codes (B, L, N) on the grid of ``where`` -> logits (L, B, N, K), each from its own context only."""
        c = self.config
        codewords = torch.stack([self.words[k][codes[:, k]] for k in range(c.levels)], 1)  # (B, L, N, D)
        total = F.pad(codewords.cumsum(1), (0, 0, 0, 1))  # (B, L, N+1, D): sums through each level; row N is "nothing"
        lower = torch.cat([torch.zeros_like(total[:, :1]), total[:, :-1]], 1)
        near = total[:, :, where.before].movedim(1, 0).reshape(c.levels, -1, self.near.shape[1])  # (L, B*N, near)
        h = torch.baddbmm(self.bias1, near, self.near)
        if c.around:
            far = lower[:, :, where.around].movedim(1, 0).reshape(c.levels, -1, self.far.shape[1])
            h = h + far @ self.far
        h = torch.baddbmm(self.bias2, self._drop(h.relu()), self.hidden)
        h = self._drop(h.relu())
        logits = torch.baddbmm(self.bias3, h, self.out)  # (L, B*N, K)
        if c.copies:
            again = torch.baddbmm(self.copy_bias, h, self.copy)  # (L, B*N, before)
            seen = F.pad(codes, (0, 1), value=c.codebook_size)[:, :, where.before]  # (B, L, N, before), K for none
            seen = seen.movedim(1, 0).flatten(1, 2)  # (L, B*N, before)
            logits = F.pad(logits, (0, 1)).scatter_add(2, seen, again)[..., :-1]
        return logits.unflatten(1, (len(codes), -1))

    def _drop(self, h: Tensor) -> Tensor:
        return F.dropout(h, self.config.dropout, self.training)

    def bits(self, codes: Tensor, where: Layout) -> Tensor:
        """(L,) mean bits a symbol of each level would take."""
        logits = self(codes, where).float()
        target = codes.movedim(1, 0).reshape(-1)
        nats = F.cross_entropy(logits.flatten(0, 2), target, reduction="none")
        return nats.reshape(self.config.levels, -1).mean(1) / math.log(2)


def _init(levels: int, rows: int, columns: int, fan_in: int) -> Tensor:
    return torch.randn(levels, rows, columns) * math.sqrt(2 / max(1, fan_in))
