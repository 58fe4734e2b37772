"""`mmdemo evaluate`: the figures of any checkpoint, as data, as a table, and as part of its model card."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .. import checkpoints
from ..checks import check_int
from ..errors import InputError
from ..files import write_bytes
from ..registry import Registry
from .sections import Measured, Request

# Kind of checkpoint -> what measures it.
KINDS: Registry[Callable[[Path, Request], Measured]] = Registry(
    "way to measure a checkpoint of the kind",
    {
        "tokenizer": "mmdemo.evaluation.tokenizer_report:measure",
        "joint": "mmdemo.evaluation.joint_report:measure",
        "judge": "mmdemo.evaluation.digits_report:measure_judge",
        "matching": "mmdemo.evaluation.emoji_report:measure_judge",
        "prompt": "mmdemo.evaluation.emoji_report:measure_prompt_encoder",
        "prior": "mmdemo.evaluation.prior_report:measure",
        "recognizer": "mmdemo.evaluation.speech_report:measure_recognizer",
        "durations": "mmdemo.evaluation.speech_report:measure_durations",
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
        InputError: there is no such checkpoint, or no such group of its figures.
    """
    if limit is not None:
        limit = check_int("limit", limit, 1, 1 << 31)
    folder = checkpoints.find(name)
    config = checkpoints.read_config(folder)
    if config["kind"] not in KINDS:
        raise InputError(f"The checkpoint {folder.name!r} is of an unknown kind {config['kind']!r}.")
    if group != "directions" and config["kind"] != "joint":
        raise InputError(f"The figures of {config['name']!r} are of one group: leave --group out.")
    found: Measured = KINDS[config["kind"]](folder, Request(data_dir, limit, device, group))
    result = {"model": config["name"], "checkpoint": found.weights, "figures": [f.as_dict() for f in found.figures]}
    return {**result, "missing": found.missing} if found.missing else result


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
