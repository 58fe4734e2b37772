"""Symbols as tokens: a text over a small alphabet, a fixed codeword for each symbol, nothing learned.

What a diffusion transformer needs to work on letters as on any other latent: numbers that noise can be added to, one
position a symbol (analog bits, Chen et al. 2022, with orthogonal codewords instead of binary ones).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .. import checkpoints
from ..config import Width, settings
from .base import ReceptiveField, StoredTokenizer


@settings
class SymbolsTokenizerConfig:
    """The alphabet, and the size of its codewords."""

    symbols: str  # ASCII, the first stands for every byte that is not among them
    dim: Width = 16

    def __post_init__(self) -> None:
        if not self.symbols or not self.symbols.isascii() or len(set(self.symbols)) < len(self.symbols):
            raise ValueError("An alphabet is ASCII symbols, each of them once.")


class SymbolsTokenizer(StoredTokenizer):
    """Bytes (B, T) <-> codes (B, 1, T), one a byte."""

    Config = SymbolsTokenizerConfig
    modality = "text"
    stride = 1
    axes = 1
    levels = 1
    codewords: Tensor
    code_of: Tensor
    byte_of: Tensor

    def __init__(self, config: SymbolsTokenizerConfig) -> None:
        super().__init__()
        self.config = config
        symbols = torch.tensor(list(config.symbols.encode()))  # (K,)
        code_of = torch.zeros(256, dtype=torch.long)
        code_of[symbols] = torch.arange(len(symbols))
        self.register_buffer("byte_of", symbols, persistent=False)
        self.register_buffer("code_of", code_of, persistent=False)
        self.register_buffer("codewords", spread_vectors(len(symbols), config.dim))

    @property
    def dim(self) -> int:
        return self.config.dim

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        return (len(self.config.symbols),)

    @property
    def receptive_field(self) -> ReceptiveField:
        return ReceptiveField(0, 0)

    def fingerprint(self) -> str:
        return checkpoints.fingerprint(self, ("codewords",))

    def pad(self, x: Tensor) -> Tensor:
        return x

    @torch.no_grad()
    def encode(self, x: Tensor, levels: int | None = None) -> Tensor:
        """Bytes (B, T) -> codes (B, 1, T)"""
        return self.code_of[x.long()][:, None]

    @torch.no_grad()
    def codes(self, z: Tensor, levels: int | None = None) -> Tensor:
        """Latents (B, D, T) -> the nearest codewords' codes (B, 1, T)"""
        return (self.codewords @ z.float()).argmax(1, keepdim=True)  # all codewords are of one length

    def latent(self, codes: Tensor, num_levels: Tensor | None = None) -> Tensor:
        """Codes (B, 1, T) -> (B, D, T)"""
        return F.embedding(codes[:, 0], self.codewords).transpose(1, 2)

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        """Codes (B, 1, T) -> bytes (B, T)"""
        return self.byte_of[codes[:, 0]]

    def decode_latent(self, z: Tensor, levels: int | None = None, codes: Tensor | None = None) -> Tensor:
        return self.decode(self.codes(z) if codes is None else codes)

    def to_canonical(self, y: Tensor) -> Tensor:
        return y

    def describe(self, level: int, codes: Tensor) -> list[str | None]:
        return [self.config.symbols[int(c)] for c in codes]

    def codebook(self, level: int) -> Tensor | None:
        return self.codewords


def spread_vectors(count: int, dim: int, steps: int = 300) -> Tensor:
    """``count`` vectors (count, dim) of length sqrt(dim), as far from one another as they were found to go.

    Repulsion from the nearest, from a fixed start: the same on every machine to rounding, and stored with the weights.
    """
    generator = torch.Generator().manual_seed(0)
    v = F.normalize(torch.randn(count, dim, generator=generator, dtype=torch.float64), dim=1)
    for step in range(steps):
        near = torch.exp(20 * (v @ v.T - 1)).fill_diagonal_(0)  # (count, count)
        push = near.sum(1, keepdim=True) * v - near @ v
        v = F.normalize(v + 0.5 * (1 - step / steps) * push, dim=1)
    return (v * dim**0.5).float()
