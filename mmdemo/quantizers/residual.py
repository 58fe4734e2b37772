"""Residual vector quantization with EMA codebooks; with one level, plain VQ.

Sources: van den Oord et al. 2017 (VQ-VAE, EMA codebooks in appendix A.1), Zeghidour et al. 2021
(SoundStream: residual VQ, k-means start, dead-code restart, quantizer dropout); Chou, Lookabaugh & Gray 1989
(entropy-constrained VQ: a code is chosen by its error and by what it costs).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field

import torch
from torch import Tensor

from ..config import Beam, Share, Weight, check_weights, settings
from .base import Quantized, Quantizer, QuantizerConfig, all_levels
from .beam import beam_search, weight
from .kmeans import kmeans, kmeans_with_prior, nearest

FAR = 1e4  # where a code that may not be chosen is put


@settings
class ResidualVQConfig(QuantizerConfig):
    """Settings of `ResidualVQ`; of kind "vq" it has one level."""

    decay: Share = 0.99  # EMA of codebook statistics
    restart_below: Share = 0.1  # restart a code used less than this fraction of uniform use
    restart_first: Share = 0.0  # the same for level 1 where it is higher: codes of level 1 that are used more evenly
    commitment: Weight = 0.25  # weight of the commitment loss
    beam: Beam = 1  # hypotheses kept when codes are searched level by level; 1: the nearest codeword each (greedy)
    # By level, how much of the level's mean squared residual a codeword has to take away to be worth its bits. Where
    # this is above 0, code 0 is the zero vector, which is taken otherwise and next to free in a file. Empty: 0 for all.
    skip: list[Weight] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.kind == "vq":
            self.levels = 1
        if self.levels < 1:
            raise ValueError("Vector quantization has one level at least.")
        if self.skip and len(self.skip) != self.levels:
            raise ValueError(f"skip has {len(self.skip)} numbers for {self.levels} levels.")
        if any(self.skip) and self.codebook_size < 2:
            raise ValueError("A level that skips needs two codes at least: nothing, and something.")
        check_weights(self.levels * self.codebook_size * self.dim)


class ResidualVQ(Quantizer):
    """Level l quantises the residual after the levels before it.

    The latent is projected to D channels once, before this module; the decoder sees the *sum* of the chosen
    codewords. Codebooks are not trained by gradient: they follow an exponential moving average (EMA) of the
    vectors assigned to them. Everything here runs in fp32, whatever autocast is on: half precision rounds
    small residuals to the same code.

    With ``skip``, bits go where something is left to say: a smooth place takes the zero vector at the middle levels,
    and every level has its codewords for the rest alone. A reader may still stop after any level.
    """

    Config = ResidualVQConfig
    config: ResidualVQConfig
    codebooks: Tensor
    ema_sum: Tensor
    ema_count: Tensor
    ready: Tensor
    mean_residual: Tensor

    def __init__(self, config: ResidualVQConfig) -> None:
        super().__init__(config)
        levels, size, dim = config.levels, config.codebook_size, config.dim
        self.register_buffer("codebooks", torch.zeros(levels, size, dim))  # (L, K, D)
        self.register_buffer("ema_sum", torch.zeros(levels, size, dim))  # (L, K, D)
        self.register_buffer("ema_count", torch.zeros(levels, size))  # (L, K)
        self.register_buffer("ready", torch.tensor(False))  # False until the k-means start: z passes through
        if any(config.skip):
            self.register_buffer("mean_residual", torch.zeros(levels))  # (L,) mean |r|^2 before each level

    @property
    def prices(self) -> Tensor | None:
        """(L,) by how much a codeword must be nearer than the zero vector to be chosen; None where none is skipped."""
        return self.mean_residual * self.mean_residual.new_tensor(self.config.skip) if any(self.config.skip) else None

    @property
    def reach(self) -> int:
        """As every quantizer: what a code costs depends on the positions beside it."""
        return int(any(self.config.skip))

    def _skips(self, level: int) -> bool:
        """Whether code 0 of a level is the zero vector."""
        return bool(self.config.skip) and self.config.skip[level] > 0

    @property
    def initialized(self) -> bool:
        """As every quantizer."""
        return bool(self.ready)

    # ------------------------------------------------------------------------------ training

    def init_codebooks(self, vectors: Tensor) -> None:
        """Start every codebook by k-means on buffered encoder outputs, level after level.

        Args:
            vectors: (N, D) latents gathered after the unquantised warm-up; N should be >= 20k and >= K.
        """
        for level in range(self.levels):
            self.init_codebook(level, self.residual_after(vectors, level))

    @torch.no_grad()
    def residual_after(self, vectors: Tensor, level: int) -> Tensor:
        """Latents (N, D) less the codewords of the levels before ``level``: what that one has to quantise, (N, D)."""
        if not level:
            return vectors.float()
        codes = beam_search(vectors, self.codebooks[:level], self.config.beam, self.prices)  # (N, level)
        return vectors.float() - self._codewords(codes).sum(0)

    @torch.no_grad()
    def init_codebook(
        self, level: int, vectors: Tensor, codewords: Tensor | None = None, size: int | None = None
    ) -> None:
        """Codebook of one level by k-means on (N, D) vectors; with the last level, codes are in force.

        Args:
            codewords: (K, D) to refine; None begins at random vectors. size: how many codes are wanted, without
                ``codewords``; those after them repeat the last one, for the caller to set.
        """
        first = int(self._skips(level))  # the first code that is free to move
        if first:
            energy = vectors.float().square().sum(1)  # (N,)
            self.mean_residual[level] = energy.mean()
            some = energy > self.config.skip[level] * energy.mean()  # else no codeword can be worth its price
            nothing = torch.zeros(1, vectors.shape[1], device=vectors.device)
            self.set_codes(level, torch.zeros(1).long(), nothing, (~some).float().sum()[None])
            vectors = vectors[some] if some.any() else vectors
        if codewords is None:
            centres, assigned = kmeans(vectors, (size or self.config.codebook_size) - first)
            centres = torch.cat([centres, centres[-1:].expand(self.config.codebook_size - first - len(centres), -1)])
        else:
            centres, assigned = kmeans_with_prior(vectors, codewords[first:])
        count = torch.bincount(assigned, minlength=len(centres)).float()
        self.set_codes(level, torch.arange(len(centres)) + first, centres, count.clamp(min=1))
        if level == self.levels - 1:
            self.ready.fill_(True)

    def set_codes(self, level: int, index: Tensor, vectors: Tensor, count: Tensor) -> None:
        """Codes (N,) of a level become vectors (N, D): all three buffers, or the next EMA update would undo it."""
        index = index.to(self.codebooks.device)
        self.codebooks[level, index] = vectors
        self.ema_count[level, index] = count
        self.ema_sum[level, index] = vectors * count[:, None]

    @torch.no_grad()
    def _update(self, level: int, residual: Tensor, code: Tensor) -> None:
        """EMA step of one codebook, then restart its dead codes.

        Args:
            residual: (N, D) vectors this level quantised; code: (N,) their codes. Masked positions are
                already removed, so padding never touches the statistics.
        """
        size, decay = self.config.codebook_size, self.config.decay
        if len(code) == 0:
            return
        count = torch.bincount(code, minlength=size).to(residual.dtype)  # (K,)
        skips = self._skips(level)
        if any(self.config.skip):
            self.mean_residual[level].lerp_(residual.square().sum(1).mean(), 1 - decay)
        if skips:
            residual, code = residual[code > 0], code[code > 0]  # the zero vector follows nothing
        total = torch.zeros_like(self.codebooks[level]).index_add_(0, code, residual)  # (K, D)
        self.ema_count[level].lerp_(count, 1 - decay)
        self.ema_sum[level].lerp_(total, 1 - decay)
        self.codebooks[level] = self.ema_sum[level] / self.ema_count[level].clamp(min=1e-6)[:, None]
        uniform = len(code) / size  # uses of a code if all were equally likely
        below = max(self.config.restart_below, 0.0 if level else self.config.restart_first)
        dead = (self.ema_count[level] < below * uniform).nonzero()[:, 0]
        dead = dead[dead > 0] if skips else dead
        if len(dead) and len(residual):
            picks = torch.randint(len(residual), (len(dead),), device=residual.device)
            # It counts as uniformly used: with less, it would be dead again before the average has seen its vectors.
            self.set_codes(level, dead, residual[picks], residual.new_full((len(dead),), uniform))

    def forward(self, z: Tensor, num_levels: Tensor | None = None, mask: Tensor | None = None) -> Quantized:
        """Quantise with a straight-through estimator over the sum of codewords, in training also learn.

        Greedy, however wide the beam of `encode` is: an EMA codebook follows the vectors that are nearest to its
        codewords, and the commitment loss pulls them there.
        """
        batch, dim = z.shape[:2]
        num_levels = all_levels(self, z, num_levels)
        if not self.initialized:  # unquantised warm-up
            return Quantized(z, None, z.new_zeros(()), num_levels)
        with torch.autocast(z.device.type, enabled=False):
            flat = z.float().movedim(1, -1).reshape(-1, dim)  # (N, D), N = B * positions
            per_sample = flat.shape[0] // batch
            use = num_levels.repeat_interleave(per_sample)  # (N,) levels in force at each position
            real = torch.ones_like(use, dtype=torch.bool) if mask is None else mask.reshape(-1)
            total = torch.zeros_like(flat)  # sum of codewords over the levels in force
            residual = flat.detach()
            loss, codes = flat.new_zeros(()), []
            prices = self.prices
            apart = flat.new_zeros(()) if prices is None else apart_from_neighbours(z.detach())  # (N,)
            for level in range(self.levels):
                # What the codeword has to be nearer than the zero vector, (N,)
                price = None
                if prices is not None and self._skips(level):
                    price = prices[level] * weight(residual.square().sum(1), apart)
                code = nearest(residual, self.codebooks[level], price)  # (N,)
                codeword = self.codebooks[level][code]  # (N, D)
                on = ((use > level) & real).to(flat.dtype)[:, None]  # (N, 1)
                # The residual keeps its gradient to the encoder only through `flat`; the codewords before it are
                # constants. Without that, commitment dies past level 1.
                before = flat - (flat.detach() - residual)
                loss = loss + (on * (before - codeword.detach()).square()).sum() / (on.sum() * dim).clamp(min=1)
                if self.training:
                    self._update(level, residual[real], code[real])
                total = total + on * codeword
                residual = residual - codeword
                codes.append(code)
            quantised = flat + (total - flat).detach()
        shape = (batch, *z.shape[2:])
        out = quantised.reshape(*shape, dim).movedim(-1, 1).to(z.dtype)
        stacked = torch.stack([c.reshape(shape) for c in codes], dim=1)  # (B, L, *pos)
        return Quantized(out, stacked, self.config.commitment * loss / self.levels, num_levels)

    # ------------------------------------------------------------------------------ codes <-> latents

    @torch.no_grad()
    def encode(self, z: Tensor, levels: int | None = None, barred: Tensor | None = None) -> Tensor:
        """Latents (B, D, *pos) -> codes (B, levels, *pos) int64: the first levels of what all levels would be.

        Args:
            barred: (K,) bool, codes of level 1 that are not to be chosen.
        """
        batch, dim = z.shape[:2]
        greedy = self.config.beam == 1  # then no level depends on those after it
        books = self.codebooks[:levels] if greedy else self.codebooks
        prices = self.prices
        apart = None if prices is None else apart_from_neighbours(z)
        if barred is not None:
            books = torch.cat([books[:1].masked_fill(barred[:, None], FAR), books[1:]])
        codes = beam_search(z.float().movedim(1, -1).reshape(-1, dim), books, self.config.beam, prices, apart)
        return codes.reshape(batch, *z.shape[2:], len(books)).movedim(-1, 1)[:, :levels]

    def decode(self, codes: Tensor, num_levels: Tensor | None = None) -> Tensor:
        """As every quantizer: the sum of the codewords."""
        codewords = self._codewords(codes)  # (l, B, *pos, D)
        if num_levels is not None:
            on = torch.arange(len(codewords), device=codes.device)[:, None] < num_levels  # (l, B)
            codewords = codewords * on.reshape(*on.shape, *[1] * (codewords.ndim - 2))
        return codewords.sum(0).movedim(-1, 1)

    def codebook(self, level: int) -> Tensor:
        """(K, D) codewords of one level."""
        return self.codebooks[level]

    def _codewords(self, codes: Tensor) -> Tensor:
        """The codewords of codes (B, l, *pos), level by level: (l, B, *pos, D)."""
        return torch.stack([self.codebooks[level][codes[:, level]] for level in range(codes.shape[1])])

    def code_counts(self) -> list[Tensor]:
        """As every quantizer: the EMA counts."""
        return list(self.ema_count)

    def usage(self, least: float | None = None) -> tuple[list[float], list[float]]:
        """As every quantizer, of the codes that say something; one in use is one that is not about to be restarted."""
        return super().usage(self.config.restart_below if least is None else least)

    def _counts_compared(self) -> list[Tensor]:
        """As every quantizer: without the zero vector where a level has one."""
        return [counts[int(self._skips(level)) :] for level, counts in enumerate(self.code_counts())]


@torch.no_grad()
def apart_from_neighbours(z: Tensor) -> Tensor:
    """Latents (B, D, *pos) -> (B * positions,) squared distance of each to the nearest of those beside it."""
    z = z.float()
    nearest = torch.full_like(z[:, 0], torch.inf)  # (B, *pos)
    for axis in range(1, nearest.ndim):
        length = nearest.shape[axis] - 1
        step = z.diff(dim=axis + 1).square().sum(1)  # (B, *pos) less one along the axis
        for start in (0, 1):
            part = nearest.narrow(axis, start, length)
            torch.minimum(part, step, out=part)
    return nearest.flatten()


def dropout_levels(
    batch: int,
    levels: int,
    share: float = 0.5,
    generator: torch.Generator | None = None,
    weights: Sequence[float] | None = None,
) -> Tensor:
    """Quantizer dropout: for ``share`` of a batch draw the number of levels from 1..L, else all -> (B,).

    Args:
        weights: L numbers, how likely each number of levels is to be drawn; None: all alike.
    """
    chances = torch.tensor(weights if weights is not None else [1.0] * levels)
    drawn = 1 + torch.multinomial(chances, batch, replacement=True, generator=generator)
    keep = torch.rand(batch, generator=generator) >= share
    return torch.where(keep, torch.full_like(drawn, levels), drawn)
