"""The tokenizer of what is said, as it is shipped: every symbol of the alphabet."""

from __future__ import annotations

from pathlib import Path

from .. import checkpoints
from ..config import to_dict
from ..tokenizers.symbols import SymbolsTokenizer, SymbolsTokenizerConfig
from .alphabet import SYMBOLS


def save_symbols(folder: Path) -> None:
    """Write the tokenizer's checkpoint; there is nothing to train."""
    config = SymbolsTokenizerConfig(SYMBOLS)
    tokenizer, kind = SymbolsTokenizer(config), {"kind": "tokenizer", "modality": "text", "network": "symbols"}
    about = {**kind, "name": folder.name, "model": to_dict(config)}
    checkpoints.save(folder, tokenizer, about)
