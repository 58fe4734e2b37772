"""The tokenizer of what is said, as it is shipped: every symbol of the alphabet."""

from __future__ import annotations

from pathlib import Path

import torch

from .. import checkpoints
from ..tokenizers.symbols import SymbolsTokenizer, SymbolsTokenizerConfig
from .alphabet import SYMBOLS


def save_symbols(folder: Path) -> None:
    """Write the tokenizer's checkpoint; there is nothing to train."""
    model = {"symbols": SYMBOLS, "dim": 16}
    tokenizer = SymbolsTokenizer(SymbolsTokenizerConfig(**model))
    about = {"kind": "tokenizer", "name": folder.name, "modality": "text", "network": "symbols", "model": model}
    checkpoints.save(folder, tokenizer, about)


def rebuilt(tokenizer: SymbolsTokenizer) -> bool:
    """Whether a tokenizer is what `save_symbols` writes, to half precision."""
    own = SymbolsTokenizer(SymbolsTokenizerConfig(SYMBOLS, tokenizer.dim))
    same = tokenizer.config.symbols == SYMBOLS
    return same and torch.allclose(own.codewords, tokenizer.codewords, atol=2e-3)
