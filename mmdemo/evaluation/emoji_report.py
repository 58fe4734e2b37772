"""Test figures of the joint emoji model, by a judge of real pictures and labels (`mmdemo.emoji.matching`).

From a label to a picture and back, in styles, for pairs of concept and style that training left out, and for concepts
that it never saw. Retrieval is among 200 labels of the training split (R@1: the right one is the judge's first), for
unseen concepts among all of the test split (R@5).
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from .. import checkpoints
from ..datasets.emoji import Emoji, Picture, captions, pictures, pixels, read_annotations
from ..diffusion.joint import JointDiffusion
from ..emoji.matching import MatchingJudge, load_matching_judge
from ..errors import InputError
from ..metrics import Figure
from ..prompts.encoder import PromptEncoder, load_prompt_encoder
from .sections import Measured, Request

CANDIDATES = 200  # labels that the right one is looked for among
SETTINGS: dict[str, Any] = {"steps": 16, "guidance": 3.0, "sampler": "euler"}
BATCH = 32
GROUPS = ("directions", "validation")
TARGETS = {
    "text -> picture, English: R@1": 0.75,
    "text -> picture, Chinese: R@1": 0.65,
    "style judged right": 0.95,
    "text -> picture, held out in one style: R@1": 0.50,
    "picture -> text, held out in one style: right label or keyword": 0.65,
}


def evaluate_group(
    model: JointDiffusion, data_dir: Path, limit: int | None, group: str, missing: list[str] | None = None
) -> list[Figure]:
    """All figures.

    Args:
        limit: at most this many items a figure. group: "directions", or "validation": the same on the validation
            pairs alone, for choices. missing: nothing is measured without data; see `sections.collect`.
    """
    if group not in GROUPS:
        raise InputError(f"There is no group of figures {group!r}; choose one of {', '.join(GROUPS)}.")
    root, judge = data_dir / "emoji", load_matching_judge()
    rows = read_annotations(root)
    split = "validation" if group == "validation" else "test"
    figures = _judge_itself(judge, root, rows, split)
    held = pictures(root, split, model.styles)[:limit]
    figures += _held_out(model, judge, rows, held)
    figures.append(_to_text(model, root, held))
    if split == "validation":
        return figures
    chosen = candidates(rows)[:limit]
    right: list[Tensor] = []
    for language, name in enumerate(("English", "Chinese")):
        made, styles = _drawn(model, [(row.labels[language], None) for row in chosen], seed=language)
        scores, seen = judge.read(made)
        name = f"text -> picture, {name}: R@1"
        figures.append(
            Figure.against(name, _recall(judge, scores, chosen, chosen, 1), TARGETS[name], "share", len(chosen))
        )
        right.append((seen == styles).float())
        if language == 0:
            figures += _copying(root, model, made, chosen)
    told = torch.cat(right)
    figures.insert(
        4, Figure.against("style judged right", float(told.mean()), TARGETS["style judged right"], "share", len(told))
    )
    unseen = [row for row in rows if row.split == "test"]
    made, _ = _drawn(model, [(row.labels[0], None) for row in unseen[:limit]], seed=2)
    recall = _recall(judge, judge.read(made)[0], unseen[:limit], unseen, 5)
    figures.append(Figure("text -> picture, concepts never seen: R@5", recall, "share", len(made), None, None))
    return figures


def judge_figures(judge: MatchingJudge, data_dir: Path) -> list[Figure]:
    """What the judge makes of real pictures of the test splits. Raises MissingError where the emoji are not there."""
    return _judge_itself(judge, data_dir / "emoji", read_annotations(data_dir / "emoji"), "test")


@torch.inference_mode()
def prompt_figures(encoder: PromptEncoder, data_dir: Path) -> list[Figure]:
    """How often an emoji's Chinese label lies nearest to its own English one, of all that there are."""
    rows = [row for row in read_annotations(data_dir / "emoji") if all(row.labels)]
    english, chinese = (encoder([row.labels[i] for row in rows]) for i in (0, 1))
    right = (chinese @ english.T).argmax(1) == torch.arange(len(rows))
    name = "Chinese label -> English label (both seen in training): R@1"
    return [Figure(name, float(right.float().mean()), "share", len(rows), None, None)]


def measure_judge(folder: Path, request: Request) -> Measured:
    """As `report.KINDS` has it, of the judge of emoji."""
    judge = load_matching_judge(folder)
    return Measured(checkpoints.fingerprint(judge)).add(lambda: judge_figures(judge, request.data_dir))


def measure_prompt_encoder(folder: Path, request: Request) -> Measured:
    """The same of the prompt encoder."""
    encoder = load_prompt_encoder(folder)
    return Measured(checkpoints.fingerprint(encoder)).add(lambda: prompt_figures(encoder, request.data_dir))


def candidates(rows: Sequence[Emoji]) -> list[Emoji]:
    """The concepts of the training split whose labels are told apart, the same every time."""
    able = [row for row in rows if row.split == "train"]
    return random.Random(0).sample(able, min(CANDIDATES, len(able)))


def _judge_itself(judge: MatchingJudge, root: Path, rows: Sequence[Emoji], split: str) -> list[Figure]:
    """What the judge makes of real pictures that it never saw."""
    held = pictures(root, split)
    scores, styles = judge.read(pixels(root, held).float() / 255)
    shown = [p.emoji for p in held]
    recall = _recall_each(judge, scores, shown, candidates(rows))
    seen = torch.tensor([judge.config.styles.index(p.style) for p in held])
    unseen = pictures(root, "test_concepts")
    far, _ = judge.read(pixels(root, unseen).float() / 255)
    test = [row for row in rows if row.split == "test"]
    return [
        Figure("judge on real pictures, held out in one style: R@1", recall, "share", len(held), None, None),
        Figure("judge on real pictures: style", float((styles == seen).float().mean()), "share", len(held), None, None),
        Figure(
            "judge on real pictures, concepts never seen: R@5",
            _recall(judge, far, [p.emoji for p in unseen], test, 5),
            "share",
            len(unseen),
            None,
            None,
        ),
    ]


def _recall(judge: MatchingJudge, scores: Tensor, shown: Sequence[Emoji], among: Sequence[Emoji], k: int) -> float:
    """Share of pictures whose label is among the k first of those of ``among`` (which hold them all)."""
    columns = judge.place([row.labels[0] for row in among])  # (candidates,)
    own = judge.place([row.labels[0] for row in shown])  # (N,)
    best = columns[scores[:, columns].topk(k, dim=1).indices]  # (N, k)
    return float((best == own[:, None]).any(1).float().mean())


def _recall_each(judge: MatchingJudge, scores: Tensor, shown: Sequence[Emoji], among: Sequence[Emoji]) -> float:
    """R@1 of pictures, each among the candidates and its own label."""
    return sum(
        _recall(judge, row[None], [emoji], [*(a for a in among if a != emoji), emoji], 1)
        for row, emoji in zip(scores, shown, strict=True)
    ) / len(shown)


# ------------------------------------------------------------------------------------------- sampling


def _last(steps: Iterator[Any]) -> Any:
    return deque(steps, maxlen=1)[0]


def _drawn(model: JointDiffusion, asked: Sequence[tuple[str, str | None]], seed: int) -> tuple[Tensor, Tensor]:
    """A picture of each prompt in its style (None: each style in turn): (N, 3, 64, 64), and the styles (N,)."""
    own = [i % len(model.styles) if style is None else model.styles.index(style) for i, (_, style) in enumerate(asked)]
    styles = torch.tensor(own, dtype=torch.long)
    out: dict[int, Tensor] = {}
    frame, codec = model.frames["text"], model.codecs["text"]
    for style in tqdm(range(len(model.styles)), desc="text -> picture", leave=False):
        for part in (styles == style).nonzero()[:, 0].split(BATCH):
            texts = torch.stack([frame.fit(codec.load(asked[i][0]).tensor) for i in part.tolist()])
            way = {**SETTINGS, "style": model.styles[style], "seed": 1000 * seed + int(part[0])}
            made = _last(model.sample_batch({"text": texts}, ("image",), **way)).decoded("image")
            out |= dict(zip(part.tolist(), made, strict=True))
    return torch.stack([out[i] for i in range(len(asked))]), styles


def _held_out(
    model: JointDiffusion, judge: MatchingJudge, rows: Sequence[Emoji], held: Sequence[Picture]
) -> list[Figure]:
    made, _ = _drawn(model, [(p.emoji.labels[0], p.style) for p in held], seed=3)
    recall = _recall_each(judge, judge.read(made)[0], [p.emoji for p in held], candidates(rows))
    name = "text -> picture, held out in one style: R@1"
    return [Figure.against(name, recall, TARGETS[name], "share", len(held))]


def _to_text(model: JointDiffusion, root: Path, held: Sequence[Picture]) -> Figure:
    """Pictures in a style held out for them: is what the model calls them a label or keyword of theirs?"""
    right, x = 0, pixels(root, held).float() / 255
    for start in range(0, len(held), BATCH):
        step = _last(model.sample_batch({"image": x[start : start + BATCH]}, ("text",), seed=start, **SETTINGS))
        said = [text.strip().lower() for text in step.preview("text")]
        right += sum(
            text in [name.lower() for name in captions(p.emoji)]
            for text, p in zip(said, held[start : start + BATCH], strict=True)
        )
    name = "picture -> text, held out in one style: right label or keyword"
    return Figure.against(name, right / len(held), TARGETS[name], "share", len(held))


def _copying(root: Path, model: JointDiffusion, made: Tensor, shown: Sequence[Emoji]) -> list[Figure]:
    """Distance to the nearest training picture, beside that of real pictures to the nearest other concept's.

    Root mean square of pixel values at 16 x 16, which small shifts change little.
    """
    train = pictures(root, "train", model.styles)
    small = F.avg_pool2d(pixels(root, train).float() / 255, 4).flatten(1)  # (N, 768)
    near = torch.cdist(F.avg_pool2d(made, 4).flatten(1), small).amin(1) / small.shape[1] ** 0.5
    pick = torch.randperm(len(train), generator=torch.Generator().manual_seed(0))[: len(shown)]
    apart = torch.cdist(small[pick], small) / small.shape[1] ** 0.5
    codes = [p.emoji.hexcode for p in train]
    for row, i in zip(apart, pick.tolist(), strict=True):
        row[[j for j, code in enumerate(codes) if code == codes[i]]] = torch.inf
    real = apart.amin(1)
    return [
        Figure("nearest training picture, generated: RMS", float(near.median()), "of 1", len(near), None, None),
        Figure("nearest other concept, real: RMS", float(real.median()), "of 1", len(real), None, None),
    ]
