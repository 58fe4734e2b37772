"""Digits as paired data: MNIST pictures, FSDD recordings and words, one row for each of the ten digits.

The three sets need not be paired: a row offers all that shows, says or spells its digit, and they combine freely.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ..digits.words import WORDS
from .encoders import Encoders
from .mnist import read_mnist, slant
from .paired import Choices, Column, PairedColumns
from .speech import fsdd_files, fsdd_labels, read_clips

SHIFTS = (0, 80, 160, 240)  # samples of silence before a word, so that frames fall differently on it
VALIDATION = 5_000  # pictures of MNIST's training set, its last, that are kept for validation
FSDD_VALIDATION = (5, 6)  # indices of FSDD's training recordings kept for validation


def paired_digits(
    encoders: Encoders, data_dir: Path, split: str, *, pictures: int = 60_000, slanted: int = 0
) -> PairedColumns:
    """Rows 0 to 9 with columns image, audio and text; the style is a recording's speaker, the label "digit" the row.

    Args:
        split: "train" (all training data, as the shipped model saw it), "validation" (a part of the same, seen in
            training: it tells how far a run is, not how well it generalises) or "test".
        pictures: at most so many. slanted: copies of each picture, turned, slanted and bent a little; only ever
            given, never made.
    """
    digits, labels = read_mnist(data_dir, train=split != "test")
    files = fsdd_files(data_dir, train=split != "test")
    if split == "validation":
        digits, labels = digits[-VALIDATION:], labels[-VALIDATION:]
        files = [f for f in files if int(f.stem.split("_")[2]) in FSDD_VALIDATION]
        slanted = 0
    digits, labels = digits[:pictures], labels[:pictures]
    return PairedColumns(
        {
            "image": _drawn(encoders, digits, labels, slanted),
            "audio": _spoken(encoders, files, SHIFTS if split == "train" else SHIFTS[:1]),
            "text": _written(encoders),
        },
        labels={"digit": torch.arange(10)},
        classes={"digit": 10},
    )


def _drawn(encoders: Encoders, digits: Tensor, labels: Tensor, slanted: int) -> Column:
    def latents(pictures: Tensor) -> Tensor:  # (N, 32, 32) uint8
        return encoders.latents("image", pictures[:, None].expand(-1, 3, -1, -1))

    generator = torch.Generator().manual_seed(encoders.seed)
    copies = [latents(slant(digits, generator)) for _ in range(slanted)]
    return Column(Choices.by_label(labels, 10), latents(digits), given=copies)


def _spoken(encoders: Encoders, files: list[Path], shifts: tuple[int, ...]) -> Column:
    spoken, speakers = fsdd_labels(files)
    clips = torch.stack([encoders.frames["audio"].fit(c) for c in read_clips(files)])  # (N, T)
    shifted = torch.cat([F.pad(clips, (s, 0))[:, : clips.shape[1]] for s in shifts])
    names = list(encoders.styles)
    return Column(
        Choices.by_label(torch.tensor(spoken * len(shifts)), 10),
        encoders.latents("audio", shifted),
        style=torch.tensor([names.index(s) for s in speakers] * len(shifts)),
    )


def _written(encoders: Encoders) -> Column:
    words = [word for forms in WORDS for word in forms]
    frame = encoders.frames["text"]
    texts = torch.stack([frame.fit(torch.tensor(list(w.encode()), dtype=torch.uint8)) for w in words])
    return Column(
        Choices.of([[i for i, w in enumerate(words) if w in forms] for forms in WORDS]), encoders.latents("text", texts)
    )
