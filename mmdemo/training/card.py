"""A model card for what a training made: what it is, how to make it again, what it was trained on."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from .. import checkpoints
from ..files import write_bytes


def write_card(folder: Path) -> None:
    """Write README.md into a checkpoint's folder, unless there is one that is not of this function's making."""
    path = folder / "README.md"
    if not path.exists() or MARK in path.read_text("utf-8", "replace"):
        write_bytes(path, card(checkpoints.read_config(folder)).encode())


MARK = "<!-- Written by mmdemo train; without this line it is left alone. -->"


def card(config: dict[str, Any]) -> str:
    """The card of a checkpoint, Markdown, from its config.json."""
    stages = config.get("training", {}).get("stages", [])
    commands = [_command(stage, config["name"], i) for i, stage in enumerate(stages)]
    what = " ".join(filter(None, [str(config.get("modality", "")), str(config["kind"])]))
    lines = [
        f"# {config['name']}",
        "",
        MARK,
        "",
        f"This {what} was made with mmdemo. Say here whose data it was trained on, and under which licence.",
        "",
        "## How it was made",
        "",
        "```sh",
        *commands,
        "```",
        "",
        "| stage | recipe | steps | minutes | data | held-out loss | version |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *(_row(i, stage) for i, stage in enumerate(stages, start=1)),
        "",
        "<!-- figures -->",
        "<!-- /figures -->",
    ]
    return "\n".join(lines) + "\n"


def _command(stage: dict[str, Any], name: str, index: int) -> str:
    recipe = str(stage.get("recipe", "RECIPE"))
    parts = ["mmdemo", "train", recipe]
    if index or stage.get("init"):
        parts += ["--init", str(stage.get("init", "")).split(" ")[0] or f"runs/{name}-{index}"]
    budget, _, unit = str(stage.get("budget", "")).partition(" ")
    parts += ["--minutes", budget] if unit == "minutes" else []
    for change in stage.get("set", []):
        parts += ["--set", str(change)]
    return " ".join([*map(shlex.quote, parts), "--data-dir", "DIR"])


def _row(number: int, stage: dict[str, Any]) -> str:
    data = ", ".join(f"{k} {v}" for k, v in stage.get("data", {}).items())
    loss = stage.get("validation", {}).get("loss", "")
    version = f"{stage.get('version', '')} {stage.get('commit', '')}".strip()
    cells = (
        number,
        stage.get("recipe", stage.get("what", "")),
        stage.get("steps", ""),
        stage.get("minutes", ""),
        data,
        loss,
        version,
    )
    return "| " + " | ".join(str(c).replace("|", "/") for c in cells) + " |"
