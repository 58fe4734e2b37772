"""Small tokenizers with random weights, saved as checkpoints, and the command line to try them with."""

from __future__ import annotations

from pathlib import Path

import torch
from typer.testing import CliRunner

from mmdemo import checkpoints
from mmdemo.cli import app
from mmdemo.tokenizers import build_tokenizer

BOTTLENECK = {"dim": 4, "levels": 2, "codebook_size": 16}
SMALL = {
    "image": {"width4": 8, "width8": 16, "depth4": 1, "depth8": 1, "bottleneck": BOTTLENECK},
    "audio": {
        "width": 16,
        "subframes": 16,
        "phase_bins": 8,
        "encoder_depth": 1,
        "decoder_depth": 1,
        "bottleneck": BOTTLENECK,
    },
    "text": {"byte_width": 8, "width": 16, "encoder_depth": 1, "decoder_depth": 1, "bottleneck": BOTTLENECK},
}


def saved(folder: Path, modality: str, seed: int = 0) -> str:
    """A small tokenizer of a modality in ``folder``; its name is its path, which ``--model`` takes."""
    torch.manual_seed(seed)
    tokenizer = build_tokenizer(modality, SMALL[modality])
    tokenizer.bottleneck.init_codebooks(torch.randn(500, 4))
    config = {"kind": "tokenizer", "name": str(folder), "modality": modality, "model": SMALL[modality]}
    checkpoints.save(folder, tokenizer, config)
    return str(folder)


def run(*arguments, code=0):
    """One call of the command line, which must exit with ``code``."""
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == code, (result.output, result.exception)
    return result
