"""Test figures of the joint digit model: every direction, judged by classifiers of real digits.

`evaluate_joint` measures what the model can do with the settings below; `evaluate_samplers` compares the samplers by
their network evaluations. Directions to text need few steps: there are four positions to fill.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from .. import checkpoints, metrics
from ..diffusion.joint import JointDiffusion
from ..diffusion.samplers import SAMPLERS
from ..diffusion.step import SamplingStep
from ..digits.classifier import Judge, load_judge
from ..digits.number import sample_number
from ..digits.words import ENGLISH, WORDS, read_digit
from ..errors import InputError
from ..metrics import Figure
from ..training.digit_judge_task import real_digits
from . import copying
from .sections import Measured, Request, collect
from .speaker_probe import VoiceProbe, real_voices

TARGETS = {
    "image -> text": 0.985,
    "audio -> text": 0.97,
    "text -> image": 0.98,
    "text -> audio": 0.95,
    "image -> audio": 0.95,
    "audio -> image": 0.95,
    "nothing -> all three agree": 0.90,
}
Real = Callable[[str], tuple[Tensor, Tensor]]  # modality -> real test digits and their labels
SETTINGS: dict[str, Any] = {"steps": 16, "guidance": 4.0, "sampler": "euler"}
TO_TEXT: dict[str, Any] = {"steps": 8, "guidance": 4.0, "sampler": "euler"}
FROM_NOTHING: dict[str, Any] = {"steps": 24, "guidance": 4.0, "sampler": "heun"}
EVALUATIONS = (4, 8, 16, 32, 64)  # of the samplers table
BATCH = 128


class Panel:
    """Reads the digit off a step's samples: the judges for pictures and sound, the words themselves for text."""

    def __init__(self, judges: Mapping[str, Judge]) -> None:
        """
        Args:
            judges: of the pictures and of the sounds, by modality.
        """
        self.judges = judges

    @classmethod
    def shipped(cls) -> Panel:
        """With the judges that ship."""
        return cls({m: load_judge(f"judges/{m}") for m in ("image", "audio")})

    def read(self, step: SamplingStep, modality: str) -> Tensor:
        """(n,) digits; -1 where the text is no digit's word."""
        if modality == "text":
            words = [read_digit(t) for t in step.preview("text")]
            return torch.tensor([-1 if w is None else w for w in words])
        return self.judges[modality].verdict(step.decoded(modality))[0]

    def features(self, modality: str, x: Tensor) -> Tensor:
        """Judge features (N, F) of canonical samples."""
        return self.judges[modality].verdict(x)[1]


def evaluate_joint(
    model: JointDiffusion, data_dir: Path, limit: int | None = None, missing: list[str] | None = None
) -> list[Figure]:
    """All directions, diversity, copying, voices and numbers.

    Args:
        limit: at most this many test items a direction (None: the whole of each test set).
        missing: see `sections.collect`; what starts from words or from nothing needs no data.
    """
    panel, real = Panel.shipped(), _real(data_dir)

    def judge(m: str) -> list[Figure]:
        x, y = real(m)
        right = float((panel.judges[m].verdict(x)[0] == y).float().mean())
        return [Figure(f"judge of {m} on real test data", right, "accuracy", len(y), None, None)]

    def direction(source: str, target: str) -> list[Figure]:
        right, n = _direction(model, panel, real, source, target, limit)
        name = f"{source} -> {target}"
        return [Figure.against(name, right, TARGETS[name], "accuracy", n)]

    sections: list[Callable[[], list[Figure]]] = [
        *(partial(judge, m) for m in panel.judges),
        *(partial(direction, *pair) for pair in itertools.permutations(("image", "audio", "text"), 2)),
        lambda: [_agreement(model, panel, min(limit or 1000, 1000))],
        lambda: _diversity(model, panel, data_dir, real, min(limit or 2000, 2000)),
        lambda: _voices(model, panel, data_dir, min(limit or 240, 240)),
    ]
    return collect(sections, missing)


def _real(data_dir: Path) -> Real:
    return cache(lambda m: real_digits(m, data_dir, train=False))


def _last(steps: Iterator[Any]) -> Any:
    return deque(steps, maxlen=1)[0]


def _direction(
    model: JointDiffusion, panel: Panel, real: Real, source: str, target: str, limit: int | None
) -> tuple[float, int]:
    """Accuracy of one direction, and over how many inputs."""
    settings = TO_TEXT if target == "text" else SETTINGS
    if source == "text":
        words = [w for forms in WORDS for w in forms]
        each = min(64, max(1, (limit or 1200) // len(words)))
        right = 0
        for i, word in enumerate(tqdm(words, desc=f"text -> {target}", leave=False)):
            step = _last(model.sample({"text": word}, want=(target,), n=each, seed=i, **settings))
            right += panel.read(step, target).tolist().count(read_digit(word))
        return right / (len(words) * each), len(words) * each
    x, labels = real(source)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))[:limit]
    x, labels = x[order], labels[order]
    verdicts = []
    for start in tqdm(range(0, len(x), BATCH), desc=f"{source} -> {target}", leave=False):
        batch = x[start : start + BATCH]
        step = _last(model.sample_batch({source: batch}, (target,), seed=start, **settings))
        verdicts.append(panel.read(step, target))
    return float((torch.cat(verdicts) == labels).float().mean()), len(x)


def _agreement(model: JointDiffusion, panel: Panel, n: int) -> Figure:
    """All three from nothing: do picture, sound and word name the same digit?"""
    agree, done = 0, 0
    while done < n:
        step = _last(model.sample({}, n=min(50, n - done), seed=1000 + done, **FROM_NOTHING))
        digits = [panel.read(step, m) for m in ("image", "audio", "text")]
        agree += int(((digits[0] == digits[1]) & (digits[1] == digits[2])).sum())
        done += len(digits[0])
    name = "nothing -> all three agree"
    return Figure.against(name, agree / n, TARGETS[name], "share", n)


# ------------------------------------------------------------------------------ diversity


def _from_words(model: JointDiffusion, n: int, settings: dict[str, Any]) -> tuple[dict[str, Tensor], Tensor]:
    """About n pictures and recordings made together from the ten English words: canonical batches, and digits (N,)."""
    made: dict[str, list[Tensor]] = {"image": [], "audio": []}
    each, labels = max(1, n // 10), []
    for digit, word in enumerate(tqdm(ENGLISH, desc="samples of every digit", leave=False)):
        for start in range(0, each, 50):
            count = min(50, each - start)
            step = _last(model.sample({"text": word}, tuple(made), n=count, seed=500 + 10 * start + digit, **settings))
            labels += [digit] * count
            for m in made:
                made[m].append(step.decoded(m))
    return {m: torch.cat(parts) for m, parts in made.items()}, torch.tensor(labels)


def _diversity(model: JointDiffusion, panel: Panel, data_dir: Path, real: Real, n: int) -> list[Figure]:
    """Fréchet distance in the judge's features, beside that of real training data; and the check against copying."""
    figures, tests = [], {m: real(m)[0] for m in panel.judges}
    batches, _ = _from_words(model, n, SETTINGS)
    for m, made in batches.items():
        train, test = real_digits(m, data_dir, train=True)[0], tests[m]
        target = panel.features(m, test)
        order = torch.randperm(len(train), generator=torch.Generator().manual_seed(1))[: len(made)]
        for what, x in (("generated", made), ("real train", train[order])):
            value = metrics.frechet_from_features(panel.features(m, x), target)
            figures.append(Figure(f"{m}: Fréchet distance, {what} to real test", value, "", len(x)))
        found = copying.compare(m, made, _through_tokenizer(model, m, test[:2000]), train)
        name = f"{m}: distance to the nearest training sample, generated / real test"
        figures.append(Figure(name, found.ratio, "", len(made)))
        name = f"{m}: nearer to a training sample than 99 % of real test samples"
        figures.append(Figure(name, found.close, "share", len(made)))
    return figures


def _through_tokenizer(model: JointDiffusion, modality: str, x: Tensor) -> Tensor:
    codec = model.codecs[modality]
    return torch.cat(
        [
            codec.canonical(codec.tokenizer.decode(codec.tokenizer.encode(c.to(model.device)))).cpu()
            for c in x.split(256)
        ]
    )


# ------------------------------------------------------------------------------ voices and numbers


def _voices(model: JointDiffusion, panel: Panel, data_dir: Path, n: int) -> list[Figure]:
    """Is the chosen speaker heard, and are numbers right and of one voice?"""
    probe = VoiceProbe(*real_voices(data_dir, train=True))
    test, speakers = real_voices(data_dir, train=False)
    heard = sum(a == b for a, b in zip(probe.read(test), speakers, strict=True))
    figures = [Figure("speaker probe on real test data", heard / len(speakers), "accuracy", len(speakers))]
    each, right = max(1, n // 60), 0
    for i, (speaker, word) in enumerate(itertools.product(model.styles, ENGLISH)):
        run = model.sample({"text": word}, ("audio",), n=each, seed=900 + i, speaker=speaker, **SETTINGS)
        right += probe.read(_last(run).decoded("audio")).count(speaker)
    count = each * len(model.styles) * len(ENGLISH)
    figures.append(Figure("chosen speaker heard", right / count, "share", count))
    return figures + _numbers(model, panel, probe, max(1, n // 24))


def _numbers(model: JointDiffusion, panel: Panel, probe: VoiceProbe, each: int) -> list[Figure]:
    """Six numbers of four digits, cut where their blocks meet."""
    digits = {"image": [0, 0], "audio": [0, 0]}  # right, of
    together, numbers = 0, ("4072", "1385", "6690", "2714", "9038", "5561")
    for seed, number in enumerate(numbers):
        step = _last(sample_number(model, number, n=each, seed=seed, **SETTINGS))
        wanted = torch.tensor(step.digits)
        for m, pieces in ((m, step.pieces(m)) for m in digits):
            for row in pieces:
                verdict = panel.judges[m].verdict(torch.stack(row))[0]
                digits[m][0] += int((verdict == wanted).sum())
                digits[m][1] += len(wanted)
        for row in step.pieces("audio"):
            together += len(set(probe.read(torch.stack(row)))) == 1
    n = each * len(numbers)
    return [
        *(Figure(f"number of 4 digits: {m} of each right", a / b, "share", b) for m, (a, b) in digits.items()),
        Figure("number of 4 digits: all in one voice", together / n, "share", n),
    ]


# ------------------------------------------------------------------------------ samplers


def evaluate_samplers(
    model: JointDiffusion, data_dir: Path, limit: int | None = None, missing: list[str] | None = None
) -> list[Figure]:
    """Word -> picture and recording by every sampler at 4 to 64 network evaluations: accuracy, Fréchet distance.

    Heun takes two evaluations a step and one in the last, so it gets the most steps that stay within the budget.

    Args:
        limit: samples a cell (None: 500). missing: nothing is measured without data; see `sections.collect`.
    """
    return collect([lambda: _samplers(model, data_dir, limit)], missing)


def _samplers(model: JointDiffusion, data_dir: Path, limit: int | None) -> list[Figure]:
    panel, real, figures = Panel.shipped(), _real(data_dir), []
    test = {m: panel.features(m, real(m)[0]) for m in panel.judges}
    for sampler, budget in tqdm(list(itertools.product(SAMPLERS, EVALUATIONS)), desc="samplers"):
        steps = budget // 2 if sampler == "heun" else budget
        batches, labels = _from_words(model, limit or 500, {"steps": steps, "guidance": 2.0, "sampler": sampler})
        for m, made in batches.items():
            verdict, features = panel.judges[m].verdict(made)
            right = float((verdict == labels).float().mean())
            distance = metrics.frechet_from_features(features, test[m])
            name = f"{sampler}, {budget} evaluations: text -> {m}"
            figures.append(Figure(name, right, "accuracy", len(made)))
            figures.append(Figure(f"{name}, Fréchet distance", distance, "", len(made)))
    return figures


GROUPS = {"directions": evaluate_joint, "samplers": evaluate_samplers}


def evaluate_group(
    model: JointDiffusion, data_dir: Path, limit: int | None, group: str, missing: list[str] | None = None
) -> list[Figure]:
    """One of `GROUPS`. Raises InputError for another name."""
    if group not in GROUPS:
        raise InputError(f"There is no group of figures {group!r}; choose one of {', '.join(GROUPS)}.")
    return GROUPS[group](model, data_dir, limit, missing)


def measure_judge(folder: Path, request: Request) -> Measured:
    """As `report.KINDS` has it, of a judge of digits: how often it is right on real ones."""
    judge = load_judge(folder)

    def figures() -> list[Figure]:
        x, y = real_digits(judge.config.modality, request.data_dir, train=False)
        x, y = x[: request.limit], y[: request.limit]
        right = float((judge.verdict(x)[0] == y).float().mean())
        return [Figure("accuracy on real test data", right, "accuracy", len(y), None, None)]

    return Measured(checkpoints.fingerprint(judge)).add(figures)
