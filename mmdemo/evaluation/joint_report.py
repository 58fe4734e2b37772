"""Test figures of the joint digit model: every direction, judged by classifiers of real digits."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from ..diffusion.joint import JointDiffusion
from ..diffusion.step import Step
from ..digits import ENGLISH, WORDS, read_digit
from ..training.judge_task import real_digits
from . import metrics
from .judges import Judge, load_judge
from .metrics import Figure

TARGETS = {
    "image -> text": 0.985,
    "audio -> text": 0.97,
    "text -> image": 0.98,
    "text -> audio": 0.95,
    "image -> audio": 0.95,
    "audio -> image": 0.95,
    "nothing -> all three agree": 0.90,
}
Real = dict[str, tuple[Tensor, Tensor]]  # modality -> real test digits and their labels
DEFAULTS: dict[str, Any] = {"steps": 16, "guidance": 2.0, "sampler": "euler"}


class Panel:
    """Reads the digit off a step's samples: the judges for pictures and sound, the words themselves for text."""

    def __init__(self) -> None:
        self.judges: dict[str, Judge] = {m: load_judge(f"judges/{m}") for m in ("image", "audio")}

    def read(self, step: Step, modality: str) -> Tensor:
        """(n,) digits; -1 where the text is no digit's word."""
        if modality == "text":
            words = [read_digit(t) for t in step.preview("text")]
            return torch.tensor([-1 if w is None else w for w in words])
        return self.judges[modality].verdict(step.decoded(modality))[0]

    def features(self, step: Step, modality: str) -> Tensor:
        return self.judges[modality].verdict(step.decoded(modality))[1]


def evaluate_joint(model: JointDiffusion, data_dir: Path, limit: int | None = None) -> list[Figure]:
    """All directions. ``limit`` caps the test items per direction (None: the whole of each test set)."""
    panel, figures = Panel(), []
    real = {m: real_digits(m, data_dir, train=False) for m in ("image", "audio")}
    for m, (x, y) in real.items():
        right = float((panel.judges[m].verdict(x)[0] == y).float().mean())
        figures.append(Figure(f"judge of {m} on real test data", right, "accuracy", len(y), None, None))
    for source, target in itertools.permutations(("image", "audio", "text"), 2):
        right, n = _direction(model, panel, real, source, target, limit)
        name = f"{source} -> {target}"
        figures.append(Figure.against(name, right, TARGETS[name], "accuracy", n))
    figures.append(_agreement(model, panel, limit or 1000))
    return figures + _diversity(model, panel, data_dir, real, limit or 1000)


def _last(steps: Iterator[Step]) -> Step:
    return deque(steps, maxlen=1)[0]


def _direction(
    model: JointDiffusion, panel: Panel, real: Real, source: str, target: str, limit: int | None
) -> tuple[float, int]:
    """Accuracy of one direction, and over how many inputs."""
    if source == "text":
        words = [w for forms in WORDS for w in forms]
        each = max(1, (limit or 600) // len(words))
        right = 0
        for i, word in enumerate(tqdm(words, desc=f"text -> {target}", leave=False)):
            step = _last(model.sample({"text": word}, want=(target,), n=min(each, 64), seed=i, **DEFAULTS))
            right += panel.read(step, target).tolist().count(read_digit(word))
        return right / (len(words) * min(each, 64)), len(words) * min(each, 64)
    x, labels = real[source]
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))[:limit]
    x, labels = x[order], labels[order]
    verdicts = []
    for start in tqdm(range(0, len(x), 256), desc=f"{source} -> {target}", leave=False):
        batch = x[start : start + 256]
        step = _last(model.sample_batch({source: batch}, (target,), seed=start, **DEFAULTS))
        verdicts.append(panel.read(step, target))
    return float((torch.cat(verdicts) == labels).float().mean()), len(x)


def _agreement(model: JointDiffusion, panel: Panel, n: int) -> Figure:
    """All three from nothing: do picture, sound and word name the same digit?"""
    agree = 0
    for start in range(0, n, 50):
        step = _last(model.sample({}, n=50, seed=1000 + start, **{**DEFAULTS, "steps": 32}))
        digits = [panel.read(step, m) for m in ("image", "audio", "text")]
        agree += int(((digits[0] == digits[1]) & (digits[1] == digits[2])).sum())
    name = "nothing -> all three agree"
    return Figure.against(name, agree / n, TARGETS[name], "share", n)


def _diversity(model: JointDiffusion, panel: Panel, data_dir: Path, real: Real, n: int) -> list[Figure]:
    """Fréchet distance in the judge's features: generated against real test, beside real train against real test."""
    figures = []
    for m in ("image", "audio"):
        made = []
        for d in range(10):
            step = _last(model.sample({"text": ENGLISH[d]}, want=(m,), n=min(64, n // 10), seed=500 + d, **DEFAULTS))
            made.append(panel.features(step, m))
        test = panel.judges[m].verdict(real[m][0])[1]
        train = panel.judges[m].verdict(_training_sample(m, data_dir))[1]
        count = sum(map(len, made))
        figures.append(
            Figure(
                f"{m}: Fréchet distance, generated to real test",
                metrics.frechet_from_features(torch.cat(made), test),
                "",
                count,
                None,
                None,
            )
        )
        figures.append(
            Figure(
                f"{m}: Fréchet distance, real train to real test",
                metrics.frechet_from_features(train[:count], test),
                "",
                count,
                None,
                None,
            )
        )
    return figures


def _training_sample(modality: str, data_dir: Path) -> Tensor:
    x = real_digits(modality, data_dir, train=True)[0]
    return x[torch.randperm(len(x), generator=torch.Generator().manual_seed(1))[:2000]]
