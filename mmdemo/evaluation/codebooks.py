"""What the page shows of a shipped tokenizer's codebooks, worked out once and kept beside its weights.

    python -m mmdemo.evaluation.codebooks image audio text

draws every code, lays the codes out by UMAP (McInnes et al. 2018) where the extra `maps` is there, and finds where in
the page's examples each fits best. Run it again for new weights: the page tells by their fingerprint whether the file
is of others, and then works out by itself all but the last two.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from mmdemo.codec import places
from mmdemo.codec.atlas import FILE, Atlas, save
from mmdemo.codec.code_sheet import draw
from mmdemo.codec.codebook import framed
from mmdemo.errors import InputError
from mmdemo.loading import load_tokenizer
from mmdemo.modalities import MODALITIES

from ..codec import Codec

EXAMPLES = Path(__file__).parents[1] / "ui" / "examples"
NOT_EXAMPLES = ("ATTRIBUTION.md",)
NEIGHBOURS, SEED = 12, 0


def umap(vectors: Tensor) -> Tensor | None:
    """Vectors (K, D) -> (K, 2) in [-1, 1], near what is near; None without umap-learn: the page then has PCA only."""
    try:
        from umap import UMAP
    except ImportError:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a seed means one thread
        layout = UMAP(n_neighbors=min(NEIGHBOURS, len(vectors) - 1), min_dist=0.35, random_state=SEED)
        return framed(torch.from_numpy(layout.fit_transform(vectors.numpy())).float())


def examples(modality: str, folder: Path = EXAMPLES) -> list[Path]:
    """The page's examples of a modality, by name."""
    suffixes = MODALITIES[modality].suffixes
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in suffixes and p.name not in NOT_EXAMPLES)


def atlases(codec: Codec, files: Sequence[Path]) -> list[Atlas]:
    """All levels of a tokenizer."""
    inputs = [codec.load(file).tensor for file in files]
    best = places.best_places(codec, inputs) if places.is_residual(codec) and inputs else [None] * codec.levels
    names = tuple(file.name for file in files)
    return [
        Atlas(draw(codec, level), umap(codec.codebook(level).float()), best[level], names)
        for level in range(codec.levels)
    ]


def main(argv: Sequence[str] | None = None) -> None:
    """Write the files of the tokenizers named."""
    parser = argparse.ArgumentParser(prog="python -m mmdemo.evaluation.codebooks", description=__doc__)
    parser.add_argument("models", nargs="+", help="shipped names, or folders of checkpoints")
    args = parser.parse_args(argv)
    for name in args.models:
        codec = load_tokenizer(name, "cpu", hub=False)
        if codec.folder is None:
            raise InputError(f"{name!r} is no folder that a file could lie in.")
        made = atlases(codec, examples(codec.modality))
        path = save(codec.folder / FILE, codec, made)
        print(f"{path}: {path.stat().st_size:,} bytes" + ("" if made[0].umap is not None else ", without UMAP"))


if __name__ == "__main__":
    main()
