"""Linear probes: what can be told from a text's codes by a classifier that only draws straight lines?

A multinomial logistic regression on mean-pooled latents, beside the same regression on raw byte histograms: only
what it gains over them is knowledge that the tokenizer has put into its codes.
"""

from __future__ import annotations

import csv
import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ..codec import Codec
from ..datasets.place import need
from ..digits.words import WORDS
from ..metrics import Figure

PENALTY = 1e-3  # weight of the squared length of the classifier's weights: no split is perfectly separable with it
STEPS = 200  # iterations of L-BFGS, far more than are needed to converge

# Ways to write a digit's word. The test never repeats a string that was trained on.
WRITTEN_TRAIN = ("{}", " {}", "{}.", "{}!", "the {}", "({})", "{}, {}", "{} and {}")
WRITTEN_TEST = ("{} ", "{}?", "a {}", "“{}”", "{}; {}")

Sample = tuple[str, int]  # a text and its class


def emoji_probe(codec: Codec, data_dir: Path, limit: int | None = None) -> list[Figure]:
    """Test accuracies of both probes on the emoji. ``limit`` caps the strings per split (for a quick look)."""
    return _probes(codec, "emoji group (of 8) from its English label", emoji_groups(data_dir / "emoji"), limit)


def word_probe(codec: Codec, limit: int | None = None) -> list[Figure]:
    """The same on the words of digits."""
    return _probes(codec, "digit (of 10) from its word, written in new ways", digit_words(), limit)


def _probes(codec: Codec, name: str, splits: tuple[list[Sample], list[Sample]], limit: int | None) -> list[Figure]:
    for split in splits:
        random.Random(0).shuffle(split)  # the first few are then of every class
    train, test = (split[:limit] for split in splits)
    common = max(train, key=lambda sample: sum(label == sample[1] for _, label in train))[1]
    share = sum(label == common for _, label in test) / max(1, len(test))
    figures = [Figure(f"{name}: always the class most common in training", share, "", len(test))]
    targets = [torch.tensor([label for _, label in split]) for split in (train, test)]
    for what, features in (("latents", mean_latents), ("byte histograms", _histograms)):
        x = [features(codec, [text for text, _ in split]) for split in (train, test)]
        right = accuracy(x[0], targets[0], x[1], targets[1])
        figures.append(Figure(f"{name}: linear probe on {what}", right, "", len(test)))
    return figures


def emoji_groups(root: Path) -> tuple[list[Sample], list[Sample]]:
    """(train, test): English labels of emoji and the group each belongs to."""
    path = need(root / "annotations.tsv", "emoji")
    rows = list(csv.DictReader(path.open(encoding="utf-8"), delimiter="\t", quoting=csv.QUOTE_NONE))
    groups = sorted({row["group"] for row in rows})
    train, test = (
        [(row["label_en"], groups.index(row["group"])) for row in rows if row["split"] == split]
        for split in ("train", "test")
    )
    return train, test


def digit_words() -> tuple[list[Sample], list[Sample]]:
    """(train, test): the words and numerals of the ten digits in different ways of writing them."""
    train, test = (
        [(way.format(word, word), digit) for digit, words in enumerate(WORDS) for word in words for way in ways]
        for ways in (WRITTEN_TRAIN, WRITTEN_TEST)
    )
    return train, test


@torch.no_grad()
def mean_latents(codec: Codec, texts: Sequence[str]) -> Tensor:
    """Texts -> (N, D): the sum of the chosen codewords, averaged over each text's positions."""
    rows = [text.encode() for text in texts]
    lengths: dict[int, list[int]] = defaultdict(list)
    for i, row in enumerate(rows):
        lengths[len(row)].append(i)
    out = torch.zeros(len(rows), codec.tokenizer.dim)
    for where in lengths.values():  # equal lengths together: padding would be seen by the encoder
        x = torch.tensor([list(rows[i]) for i in where], device=codec.device)  # (B, T)
        z = codec.tokenizer.latent(codec.tokenizer.encode(x))  # (B, D, T/4)
        out[where] = z.mean(-1).float().cpu()
    return out


def byte_histograms(texts: Sequence[str]) -> Tensor:
    """Texts -> (N, 256): the share of each byte."""
    counts = [torch.bincount(torch.tensor(list(text.encode())), minlength=256) for text in texts]
    table = torch.stack(counts).float()
    return table / table.sum(1, keepdim=True)


def _histograms(codec: Codec, texts: Sequence[str]) -> Tensor:
    return byte_histograms(texts)


def accuracy(x: Tensor, y: Tensor, x_test: Tensor, y_test: Tensor) -> float:
    """Test accuracy of a logistic regression on features (N, D) for classes (N,); the same on every run."""
    # Each feature on the scale it has in training; one that never varies there says nothing.
    mean, spread = x.mean(0), x.std(0)
    spread = torch.where(spread > 1e-6, spread, torch.full_like(spread, torch.inf))
    x, x_test = (((part - mean) / spread).double() for part in (x, x_test))
    classes = int(max(y.max(), y_test.max())) + 1
    weight = torch.zeros(x.shape[1], classes, dtype=torch.double, requires_grad=True)
    bias = torch.zeros(classes, dtype=torch.double, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = F.cross_entropy(x @ weight + bias, y) + PENALTY * weight.square().sum()
        value.backward()
        return value

    with torch.enable_grad():
        optimizer.step(loss)  # convex, from zero: no seed is involved
    return float(((x_test @ weight + bias).argmax(1) == y_test).double().mean())
