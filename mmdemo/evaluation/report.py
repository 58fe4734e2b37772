"""`mmdemo evaluate`: the figures of any checkpoint, as data, as a table, and as part of its model card."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import checkpoints
from ..checks import check_int
from ..errors import InputError
from ..files import write_bytes
from ..metrics import Figure
from ..registry import Registry
from .sections import collect

if TYPE_CHECKING:
    from torch import nn

    from ..diffusion.joint import JointDiffusion
    from ..digits.classifier import Judge

# What measures a joint model (`JointInterface.figures`): f(model, data_dir, limit, group) -> figures.
REPORTS = Registry(
    "report",
    {
        "digits": "mmdemo.evaluation.digits_report:evaluate_group",
        "emoji": "mmdemo.evaluation.emoji_report:evaluate_group",
    },
)
START, END = "<!-- figures -->", "<!-- /figures -->"


def evaluate(
    name: str | Path, data_dir: Path, limit: int | None = None, device: str = "auto", group: str = "directions"
) -> dict[str, Any]:
    """Measure a checkpoint on its test data, as far as that is here.

    Args:
        limit: at most this many test items a figure (None: all).
        group: of a joint model's figures: "directions", or "samplers" (which takes several times as long).

    Returns:
        {"model", "checkpoint", "figures": [{"name", "value", "unit", "n", "target", "met"}, …]}, and "missing" with
        a sentence for each data set that is not in ``data_dir``.

    Raises:
        InputError: there is no such checkpoint.
    """
    from ..loading import load

    if limit is not None:
        limit = check_int("limit", limit, 1, 1 << 31)
    folder = checkpoints.find(name)
    config = checkpoints.read_config(folder)
    kind = config.get("kind")
    missing: list[str] = []
    if kind == "tokenizer":
        from .tokenizer_report import evaluate_tokenizer

        model = load(folder, device)
        figures, weights = evaluate_tokenizer(model, data_dir, limit, missing), model.fingerprint
    elif kind == "joint":
        model = load(folder, device)
        weights = checkpoints.fingerprint(model.network)
        figures = collect([lambda: _joint(model, data_dir, limit, group)], missing)
    elif kind == "judge":
        from ..digits.classifier import load_judge

        judge = load_judge(folder)
        weights = checkpoints.fingerprint(judge)
        figures = collect([lambda: _judge(judge, data_dir, limit)], missing)
    elif kind == "matching":
        from ..emoji.matching import load_matching_judge
        from .emoji_report import judge_figures

        matching = load_matching_judge(folder)
        weights = checkpoints.fingerprint(matching)
        figures = collect([lambda: judge_figures(matching, data_dir)], missing)
    elif kind == "prompt":
        from ..prompts.encoder import load_prompt_encoder
        from .emoji_report import prompt_figures

        encoder = load_prompt_encoder(folder)
        weights = checkpoints.fingerprint(encoder)
        figures = collect([lambda: prompt_figures(encoder, data_dir)], missing)
    elif kind == "prior":
        from ..entropy.prior import CodePrior
        from .prior_report import evaluate_prior

        prior = checkpoints.load_model("prior", CodePrior, folder)
        weights = checkpoints.fingerprint(prior)
        figures = collect([lambda: evaluate_prior(prior.config, data_dir, limit)], missing)
    elif kind in ("recognizer", "durations"):
        from ..speech.duration import load_duration_model
        from ..speech.recognizer import load_recognizer

        readers: dict[str, Callable[[Path], nn.Module]] = {
            "recognizer": load_recognizer,
            "durations": load_duration_model,
        }
        weights = checkpoints.fingerprint(readers[kind](folder))
        figures = []
        missing.append(f"Nothing measures a checkpoint of the kind {kind!r} yet.")
    else:
        raise InputError(f"The checkpoint {folder.name!r} is of an unknown kind {kind!r}.")
    result = {"model": config["name"], "checkpoint": weights, "figures": [f.as_dict() for f in figures]}
    return {**result, "missing": missing} if missing else result


def _joint(model: JointDiffusion, data_dir: Path, limit: int | None, group: str) -> list[Figure]:
    """The figures that a model's interface names; of a model that names none, its size."""
    if not model.interface.figures:
        return [Figure("parameters", sum(p.numel() for p in model.network.parameters()))]
    return REPORTS[model.interface.figures](model, data_dir, limit, group)


def _judge(judge: Judge, data_dir: Path, limit: int | None) -> list[Figure]:
    from ..training.digit_judge_task import real_digits

    x, y = real_digits(judge.config.modality, data_dir, train=False)
    x, y = x[:limit], y[:limit]
    right = float((judge.verdict(x)[0] == y).float().mean())
    return [Figure("accuracy on real test data", right, "accuracy", len(y), None, None)]


def table(figures: Sequence[dict[str, Any]]) -> str:
    """Figures as a Markdown table."""
    lines = ["| figure | value | target | met | n |", "| --- | --- | --- | --- | --- |"]
    for f in figures:
        value = "–" if f["value"] is None else f"{f['value']:.4g} {f['unit']}".strip()
        if f["value"] is None and f["target"] is not None and f["met"] is None:
            value = "not measured"  # what measures it is not installed
        target = "" if f["target"] is None else f"{f['target']:g}"
        met = {True: "yes", False: "no", None: ""}[f["met"]]
        lines.append(f"| {f['name']} | {value} | {target} | {met} | {f['n'] or ''} |")
    return "\n".join(lines)


def text(report: dict[str, Any]) -> str:
    """A report as `evaluate` prints it: its table, and what could not be measured."""
    missing = [f"Not measured: {sentence}" for sentence in report.get("missing", [])]
    return "\n".join([*([table(report["figures"])] if report["figures"] else []), *missing])


def write_into_card(folder: Path, report: dict[str, Any]) -> bool:
    """Put a report's table between the card's markers; False if the card has none.

    Raises:
        InputError: not all was measured: the card keeps its full table.
    """
    if report.get("missing"):
        raise InputError(f"The card is left as it is, as not all was measured: {report['missing'][0]}")
    card = folder / "README.md"
    before = card.read_text("utf-8") if card.is_file() else ""
    if START not in before or END not in before:
        return False
    body = f"{START}\nWeights `{report['checkpoint']}`.\n\n{table(report['figures'])}\n{END}"
    write_bytes(card, re.sub(f"{START}.*?{END}", lambda _: body, before, flags=re.DOTALL).encode())
    return True
