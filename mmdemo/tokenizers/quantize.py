"""Bottlenecks: residual VQ with EMA codebooks, plain VQ, and a Gaussian (classical VAE).

All three share one call, ``bottleneck(z, active) -> Quantized``, so that a recipe can swap them by name.

Sources: van den Oord et al. 2017 (VQ-VAE, EMA codebooks in appendix A.1), Zeghidour et al. 2021
(SoundStream: residual VQ, k-means start, dead-code restart, quantizer dropout), Kingma & Welling 2014 (VAE).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..config import Beam, CodebookSize, Levels, Share, Weight, Width, check_weights, settings
from .beam import beam_search
from .kmeans import kmeans, nearest, refined

KINDS = ("rvq", "vq", "gaussian")
FAR = 1e4  # where a code that may not be chosen is put


@settings
class BottleneckConfig:
    """``kind`` is "rvq" (residual VQ), "vq" (one codebook) or "gaussian" (mu + sigma * eps with a KL term)."""

    kind: str = "rvq"
    dim: Width = 16  # D: channels of the latent
    levels: Levels = 8  # residual levels; "vq" has 1, "gaussian" none
    codebook_size: CodebookSize = 256  # K: codes a level
    decay: Share = 0.99  # EMA of codebook statistics
    restart_below: Share = 0.1  # restart a code used less than this share of its fair part of the batch
    restart_first: Share = 0.0  # the same for level 1 where it is higher: codes of level 1 that are used more evenly
    commitment: Weight = 0.25  # weight of the commitment loss
    kl: Weight = 1e-3  # weight of the KL term, "gaussian" only
    beam: Beam = 1  # beginnings kept when codes are searched level by level; 1: the nearest codeword each (greedy)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"Unknown bottleneck {self.kind!r}; choose one of {', '.join(KINDS)}.")
        if self.kind == "vq":
            self.levels = 1
        if self.kind == "gaussian":
            self.levels = 0
        elif self.levels < 1:
            raise ValueError("A quantizer has one level at least.")
        check_weights(self.levels * self.codebook_size * self.dim)


@dataclass
class Quantized:
    """What a bottleneck returns: latent for the decoder, codes, auxiliary loss, active levels."""

    z: Tensor  # (B, D, *pos), gradients reach the encoder
    codes: Tensor | None  # (B, L, *pos) int64; None for "gaussian"
    loss: Tensor  # scalar: commitment or KL
    active: Tensor  # (B,) how many levels each sample used


def make_bottleneck(config: BottleneckConfig) -> ResidualVQ | GaussianBottleneck:
    """The bottleneck that ``config.kind`` names."""
    return GaussianBottleneck(config) if config.kind == "gaussian" else ResidualVQ(config)


class ResidualVQ(nn.Module):
    """Residual vector quantisation: level l quantises what levels < l left over.

    The latent is projected to D channels once, before this module; the decoder sees the *sum* of the chosen
    codewords. Codebooks are not trained by gradient: they follow an exponential moving average (EMA) of the
    vectors assigned to them. Everything here runs in fp32, whatever autocast is on: half precision rounds
    small residuals to the same code.
    """

    codebooks: Tensor
    ema_sum: Tensor
    ema_count: Tensor
    ready: Tensor

    def __init__(self, config: BottleneckConfig) -> None:
        super().__init__()
        self.config = config
        levels, size, dim = config.levels, config.codebook_size, config.dim
        self.in_dim = dim  # channels that the encoder must deliver
        self.register_buffer("codebooks", torch.zeros(levels, size, dim))  # (L, K, D)
        self.register_buffer("ema_sum", torch.zeros(levels, size, dim))  # (L, K, D)
        self.register_buffer("ema_count", torch.zeros(levels, size))  # (L, K)
        self.register_buffer("ready", torch.tensor(False))  # False until the k-means start: z passes through

    @property
    def levels(self) -> int:
        return self.config.levels

    # ------------------------------------------------------------------------------ training

    def initialise(self, vectors: Tensor) -> None:
        """Start every codebook by k-means on buffered encoder outputs, level after level.

        Args:
            vectors: (N, D) latents gathered after the unquantised warm-up; N should be >= 20k and >= K.
        """
        for level in range(self.levels):
            self.start_level(level, self.left_over(vectors, level))

    @torch.no_grad()
    def left_over(self, vectors: Tensor, level: int) -> Tensor:
        """Latents (N, D) less the codewords of the levels before ``level``: what that one has to quantise, (N, D)."""
        if not level:
            return vectors.float()
        codes = beam_search(vectors, self.codebooks[:level], self.config.beam)  # (N, level)
        return vectors.float() - self._words(codes).sum(0)

    @torch.no_grad()
    def start_level(self, level: int, vectors: Tensor, words: Tensor | None = None) -> None:
        """Codebook of one level by k-means on (N, D) vectors; with the last level, codes are in force.

        Args:
            words: (K, D) to refine; None begins at random vectors.
        """
        if words is None:
            centres, assigned = kmeans(vectors, self.config.codebook_size)
        else:
            centres, assigned = refined(vectors, words)
        count = torch.bincount(assigned, minlength=self.config.codebook_size).float()
        self.set_codes(level, torch.arange(len(centres)), centres, count.clamp(min=1))
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
        total = torch.zeros_like(self.codebooks[level]).index_add_(0, code, residual)  # (K, D)
        self.ema_count[level].lerp_(count, 1 - decay)
        self.ema_sum[level].lerp_(total, 1 - decay)
        self.codebooks[level] = self.ema_sum[level] / self.ema_count[level].clamp(min=1e-6)[:, None]
        share = len(code) / size  # uses a code would get if all were equally likely
        below = max(self.config.restart_below, 0.0 if level else self.config.restart_first)
        dead = (self.ema_count[level] < below * share).nonzero()[:, 0]
        if len(dead):
            picks = torch.randint(len(residual), (len(dead),), device=residual.device)
            self.set_codes(level, dead, residual[picks], residual.new_full((len(dead),), share))

    def forward(self, z: Tensor, active: Tensor | None = None, mask: Tensor | None = None) -> Quantized:
        """Quantise with a straight-through estimator over the sum of codewords.

        Args:
            z: (B, D, *pos) latents. active: (B,) levels to use per sample, 1..L (None: all).
            mask: (B, *pos) bool, True where the position is real (None: everywhere).
        """
        batch, dim = z.shape[:2]
        if active is None:
            active = torch.full((batch,), self.levels, device=z.device)
        if not self.ready:  # unquantised warm-up
            return Quantized(z, None, z.new_zeros(()), active)
        with torch.autocast(z.device.type, enabled=False):
            flat = z.float().movedim(1, -1).reshape(-1, dim)  # (N, D), N = B * positions
            per_sample = flat.shape[0] // batch
            use = active.repeat_interleave(per_sample)  # (N,) levels in force at each position
            real = torch.ones_like(use, dtype=torch.bool) if mask is None else mask.reshape(-1)
            total = torch.zeros_like(flat)  # sum of codewords over the active levels
            residual = flat.detach()
            loss, codes = flat.new_zeros(()), []
            for level in range(self.levels):
                code = nearest(residual, self.codebooks[level])  # (N,)
                word = self.codebooks[level][code]  # (N, D)
                on = ((use > level) & real).to(flat.dtype)[:, None]  # (N, 1)
                # The residual keeps its gradient to the encoder only through `flat`; the words before it are
                # constants. Without that, commitment dies past level 1.
                before = flat - (flat.detach() - residual)
                loss = loss + (on * (before - word.detach()).square()).sum() / (on.sum() * dim).clamp(min=1)
                if self.training:
                    self._update(level, residual[real], code[real])
                total = total + on * word
                residual = residual - word
                codes.append(code)
            quantised = flat + (total - flat).detach()
        shape = (batch, *z.shape[2:])
        out = quantised.reshape(*shape, dim).movedim(-1, 1).to(z.dtype)
        stacked = torch.stack([c.reshape(shape) for c in codes], dim=1)  # (B, L, *pos)
        return Quantized(out, stacked, self.config.commitment * loss / self.levels, active)

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
        if barred is not None:
            books = torch.cat([books[:1].masked_fill(barred[:, None], FAR), books[1:]])
        codes = beam_search(z.float().movedim(1, -1).reshape(-1, dim), books, self.config.beam)  # (N, L)
        return codes.reshape(batch, *z.shape[2:], len(books)).movedim(-1, 1)[:, :levels]

    def decode(self, codes: Tensor, active: Tensor | None = None) -> Tensor:
        """Codes (B, l, *pos), l <= L -> sum of codewords (B, D, *pos), of the first ``active`` (B,) levels each."""
        words = self._words(codes)  # (l, B, *pos, D)
        if active is not None:
            on = torch.arange(len(words), device=codes.device)[:, None] < active  # (l, B)
            words = words * on.reshape(*on.shape, *[1] * (words.ndim - 2))
        return words.sum(0).movedim(-1, 1)

    def _words(self, codes: Tensor) -> Tensor:
        """The codewords of codes (B, l, *pos), level by level: (l, B, *pos, D)."""
        return torch.stack([self.codebooks[level][codes[:, level]] for level in range(codes.shape[1])])

    def usage(self) -> tuple[list[float], list[float]]:
        """Share of codes in use and perplexity per level, from the EMA counts."""
        share = self.ema_count / self.ema_count.sum(1, keepdim=True).clamp(min=1e-9)  # (L, K)
        used = (share * self.config.codebook_size > self.config.restart_below).float().mean(1)
        perplexity = torch.exp(-(share * share.clamp(min=1e-12).log()).sum(1))
        return used.tolist(), perplexity.tolist()


class GaussianBottleneck(nn.Module):
    """The classical VAE: z = mu + sigma * eps, with KL(q || N(0, I)) per latent value as the loss."""

    def __init__(self, config: BottleneckConfig) -> None:
        super().__init__()
        self.config = config
        self.in_dim = 2 * config.dim  # mu and log sigma^2
        self.levels = 0

    def forward(self, z: Tensor, active: Tensor | None = None, mask: Tensor | None = None) -> Quantized:
        """``z``: (B, 2D, *pos), mu and log sigma^2 stacked -> latent (B, D, *pos). In eval, z = mu."""
        mu, logvar = z.float().chunk(2, dim=1)
        logvar = logvar.clamp(-20, 10)
        kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar)  # (B, D, *pos)
        weight = torch.ones_like(kl) if mask is None else mask.unsqueeze(1).to(kl.dtype).expand_as(kl)
        loss = self.config.kl * (kl * weight).sum() / weight.sum().clamp(min=1)
        if self.training:
            mu = mu + (0.5 * logvar).exp() * torch.randn_like(mu)
        return Quantized(mu, None, loss, torch.zeros(len(z), dtype=torch.long, device=z.device))


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


def masked_mse(a: Tensor, b: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean squared error over the positions that are real."""
    if mask is None:
        return F.mse_loss(a, b)
    weight = mask.to(a.dtype).expand_as(a)
    return ((a - b).square() * weight).sum() / weight.sum().clamp(min=1)
