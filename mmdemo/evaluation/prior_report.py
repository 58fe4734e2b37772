"""Test figures of the priors that entropy coding uses: what a code costs, and that files come back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from .. import checkpoints
from ..codec import Codec
from ..datasets.place import need
from ..datasets.speech import speech_files
from ..entropy.prior import CodePrior, PriorConfig
from ..loading import load
from ..metrics import Figure
from ..registry import Registry
from ..tokens import Tokens
from .lossless import lossless_figures
from .sections import Measured, Request


def evaluate_prior(config: PriorConfig, data_dir: Path, limit: int | None = None) -> list[Figure]:
    """Figures of a prior, on the test data of its tokenizer."""
    codec = load(config.tokenizer or "text", "cpu", hub=False)
    assert isinstance(codec, Codec)
    if not config.tokenizer:
        return lossless_figures(codec, data_dir, limit)
    where, items = TEST_TOKENS[codec.modality](codec, data_dir, limit)
    sizes = np.array([_sizes(t) for t in tqdm(items, desc="files", leave=False)], dtype=float)  # (files, levels)
    counts = np.array([t.count / t.levels for t in items])  # codes per level
    each = 8 * np.diff(sizes, axis=1, prepend=0).sum(0) / counts.sum()  # bits a code, per level
    figures = [
        Figure(f"{where}, level {k}: bits a code of {items[0].code_bits}", float(bits), "bits", len(items))
        for k, bits in enumerate(each, 1)
    ]
    saved = 1 - 8 * sizes[:, -1].sum() / sum(t.bits for t in items)
    return [*figures, Figure(f"{where}: saved by the prior, all levels", float(saved), "of the codes", len(items))]


def measure(folder: Path, request: Request) -> Measured:
    """As `report.KINDS` has it."""
    prior = checkpoints.load_model("prior", CodePrior, folder)
    found = Measured(checkpoints.fingerprint(prior))
    return found.add(lambda: evaluate_prior(prior.config, request.data_dir, request.limit))


def _sizes(tokens: Tokens) -> list[int]:
    """Payload bytes with 1, 2, … levels. Raises ValueError if the whole file does not come back."""
    if not torch.equal(Tokens.from_bytes(tokens.to_bytes()).codes, tokens.codes):
        raise ValueError("codes came back changed")
    return [tokens.truncate(k).payload_bits // 8 for k in range(1, tokens.levels + 1)]


def _kodak(codec: Codec, data_dir: Path, limit: int | None) -> tuple[str, list[Tokens]]:
    files = sorted(need(data_dir / "kodak", "kodak").glob("*.png"))[:limit]
    return "Kodak", [codec.encode(f) for f in files]


def _speech(codec: Codec, data_dir: Path, limit: int | None) -> tuple[str, list[Tokens]]:
    speech = speech_files(data_dir, "test")
    return "speech", [codec.encode(speech[i * len(speech) // 100]) for i in range(100)[:limit]]


def _wikitext(codec: Codec, data_dir: Path, limit: int | None) -> tuple[str, list[Tokens]]:
    text = need(data_dir / "text" / "wikitext2-test.txt", "wikitext2-test").read_text("utf-8")
    return "WikiText-2 test, 1024 characters", [codec.encode(text[i * 1024 :][:1024]) for i in range(100)[:limit]]


# Modality -> tokens of test data that no prior was trained on, and what they are of.
TEST_TOKENS = Registry("test of priors of the modality", {"image": _kodak, "audio": _speech, "text": _wikitext})
