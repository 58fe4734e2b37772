"""`mmdemo evaluate`: the figures of any checkpoint, as data, as a table, and as part of its model card."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import checkpoints
from ..errors import InputError
from ..metrics import Figure
from ..registry import Registry

if TYPE_CHECKING:
    from ..diffusion.joint import JointDiffusion

# What measures a joint model (`JointInterface.figures`): f(model, data_dir, limit, group) -> figures.
REPORTS = Registry("report", {"digits": "mmdemo.evaluation.digits_report:evaluate_group"})
START, END = "<!-- figures -->", "<!-- /figures -->"


def evaluate(
    name: str, data_dir: Path, limit: int | None = None, device: str = "auto", group: str = "directions"
) -> dict[str, Any]:
    """Measure a checkpoint on its test data.

    Args:
        group: of a joint model's figures: "directions", or "samplers" (which takes several times as long).

    Returns:
        {"model", "checkpoint", "figures": [{"name", "value", "unit", "n", "target", "met"}, …]}

    Raises:
        InputError: there is no such checkpoint, or its test data is not in ``data_dir``.
    """
    from ..loading import load

    folder = checkpoints.find(name)
    config = checkpoints.read_config(folder)
    kind = config.get("kind")
    if kind == "tokenizer":
        from .tokenizer_report import evaluate_tokenizer

        model = load(folder, device)
        figures, mark = evaluate_tokenizer(model, data_dir, limit), model.fingerprint
    elif kind == "joint":
        model = load(folder, device)
        figures, mark = _joint(model, data_dir, limit, group), checkpoints.fingerprint(model.network)
    elif kind == "judge":
        figures, mark = _judge(folder, data_dir, limit)
    elif kind == "prior":
        figures, mark = _prior(folder, config, data_dir, limit)
    else:
        raise InputError(f"The checkpoint {folder.name!r} is of an unknown kind {kind!r}.")
    return {"model": config["name"], "checkpoint": mark, "figures": [f.as_dict() for f in figures]}


def _joint(model: JointDiffusion, data_dir: Path, limit: int | None, group: str) -> list[Figure]:
    """The figures that a model's interface names; of a model that names none, its size."""
    if not model.interface.figures:
        return [Figure("parameters", sum(p.numel() for p in model.network.parameters()))]
    return REPORTS[model.interface.figures](model, data_dir, limit, group)


def _judge(folder: Path, data_dir: Path, limit: int | None) -> tuple[list[Figure], str]:
    from ..digits.classifier import load_judge
    from ..training.judge_task import real_digits

    judge = load_judge(folder)
    x, y = real_digits(judge.config.modality, data_dir, train=False)
    x, y = x[:limit], y[:limit]
    right = float((judge.verdict(x)[0] == y).float().mean())
    return [Figure("accuracy on real test data", right, "accuracy", len(y), None, None)], checkpoints.fingerprint(judge)


def _prior(folder: Path, config: dict[str, Any], data_dir: Path, limit: int | None) -> tuple[list[Figure], str]:
    from ..config import from_dict
    from ..entropy.prior import CodePrior, PriorConfig
    from .prior_report import evaluate_prior

    settings = from_dict(PriorConfig, config["model"])
    mark = checkpoints.fingerprint(checkpoints.load_into(CodePrior(settings), folder))
    return evaluate_prior(settings, data_dir, limit), mark


def table(figures: Sequence[dict[str, Any]]) -> str:
    """Figures as a Markdown table."""
    lines = ["| figure | value | target | met | n |", "| --- | --- | --- | --- | --- |"]
    for f in figures:
        value = "–" if f["value"] is None else f"{f['value']:.4g} {f['unit']}".strip()
        target = "" if f["target"] is None else f"{f['target']:g}"
        met = {True: "yes", False: "no", None: ""}[f["met"]]
        lines.append(f"| {f['name']} | {value} | {target} | {met} | {f['n'] or ''} |")
    return "\n".join(lines)


def write_into_card(folder: Path, report: dict[str, Any]) -> bool:
    """Put a report's table between the card's markers; False if the card has none."""
    card = folder / "README.md"
    text = card.read_text("utf-8") if card.is_file() else ""
    if START not in text or END not in text:
        return False
    body = f"{START}\nWeights `{report['checkpoint']}`.\n\n{table(report['figures'])}\n{END}"
    card.write_text(re.sub(f"{START}.*?{END}", lambda _: body, text, flags=re.DOTALL), "utf-8")
    return True
