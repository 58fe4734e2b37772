"""Training: recipes (one TOML file makes one checkpoint), tasks, losses and the loop."""

from __future__ import annotations

from pathlib import Path

from .. import checkpoints
from ..errors import InputError
from ..quantizers import REGISTRY as QUANTIZERS
from .loop import Task, Trainer
from .recipe import Recipe, read_recipe
from .warm_start import warm_start


def make_task(recipe: Recipe, data_dir: Path, device: str = "auto") -> Task:
    """The task a recipe names, with its data loaded. Raises InputError for an unknown task or missing data."""
    where = checkpoints.auto_device(device)
    if recipe.task == "image":
        from .image_task import ImageTask

        return ImageTask(recipe, where, data_dir)
    if recipe.task == "audio":
        from .audio_task import AudioTask

        return AudioTask(recipe, where, data_dir)
    if recipe.task == "text":
        from .text_task import TextTask

        return TextTask(recipe, where, data_dir)
    if recipe.task == "joint":
        from .joint_task import JointTask

        return JointTask.from_recipe(recipe, where, data_dir)
    if recipe.task == "judge":
        from .judge_task import JudgeTask

        return JudgeTask(recipe, where, data_dir)
    if recipe.task == "matching":
        from .matching_task import MatchingTask

        return MatchingTask(recipe, where, data_dir)
    if recipe.task == "prompt":
        from .prompt_task import PromptTask

        return PromptTask(recipe, where, data_dir)
    if recipe.task == "prior":
        from .prior_task import PriorTask

        return PriorTask(recipe, where, data_dir)
    raise InputError(f"The recipe {recipe.name!r} has an unknown task {recipe.task!r}.")


def train(
    name: str,
    data_dir: Path,
    out: Path,
    *,
    resume: bool = False,
    init: str | None = None,
    minutes: float | None = None,
    device: str = "auto",
    quiet: bool = False,
    compiled: bool = False,
) -> Path:
    """Train a recipe and write its checkpoint to ``out``; see ``mmdemo train --help``.

    Args:
        name: a shipped recipe, or a TOML file.
        init: a checkpoint to start from (a warm start: weights only, the schedule begins anew); it may be narrower.
        minutes: train this long instead of ``steps`` (the learning-rate schedule then follows the clock).
        compiled: see `Task.compile`.
    """
    recipe = read_recipe(name)
    if recipe.quantizer not in QUANTIZERS:
        raise InputError(f"There is no quantizer {recipe.quantizer!r}; choose one of {', '.join(QUANTIZERS)}.")
    if recipe.task == "compare":
        from .compare import compare, table

        print(table(compare(recipe, data_dir, out, device, quiet)))
        return out
    task = make_task(recipe, data_dir, device)
    if init:
        warm_start(task.exported, checkpoints.find(init), [*recipe.fresh, *task.measured])
    if compiled:
        task.compile()
    trainer = Trainer(task, out, minutes, quiet)
    if resume:
        trainer.resume()
    trainer.run()
    return out
