"""The tokenizer of what is said, as it is shipped: every symbol of the alphabet.

    python -m mmdemo.speech.symbols checkpoints/symbols

writes it; there is nothing to train.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from .. import checkpoints
from ..config import to_dict
from ..tokenizers.symbols import SymbolsTokenizer, SymbolsTokenizerConfig
from .alphabet import SYMBOLS


def save_symbols(folder: Path) -> None:
    """Write the tokenizer's checkpoint."""
    config = SymbolsTokenizerConfig(SYMBOLS)
    tokenizer, kind = SymbolsTokenizer(config), {"kind": "tokenizer", "modality": "text", "network": "symbols"}
    about = {**kind, "name": folder.name, "model": to_dict(config)}
    checkpoints.save(folder, tokenizer, about)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m mmdemo.speech.symbols", description=__doc__)
    parser.add_argument("folder", type=Path, help="of the checkpoint")
    save_symbols(parser.parse_args().folder)
