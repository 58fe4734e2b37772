"""Training: recipes (TOML files), tasks (data and loss of each kind of model), and the loop."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .. import checkpoints
from ..errors import InputError
from ..files import check_folder, no_empty_folder
from ..quantizers import REGISTRY as QUANTIZERS
from ..registry import Registry
from .card import write_card
from .loop import Trainer, check_minutes, snapshot
from .own_files import on_own_files
from .recipe import Recipe, changed, read_recipe, shipped_recipes
from .stages import earlier_stages, new_stage
from .task import Task
from .tokenizer_task import TokenizerTask
from .warm_start import warm_start

__all__ = ["Recipe", "Task", "Trainer", "make_task", "read_recipe", "train", "warm_start"]

TASKS: Registry[type[Task]] = Registry(
    "task",
    {
        "image": "mmdemo.training.image_task:ImageTask",
        "audio": "mmdemo.training.audio_task:AudioTask",
        "text": "mmdemo.training.text_task:TextTask",
        "joint": "mmdemo.training.joint_task:JointTask",
        "judge": "mmdemo.training.digit_judge_task:DigitJudgeTask",
        "matching": "mmdemo.training.matching_task:MatchingTask",
        "prior": "mmdemo.training.prior_task:PriorTask",
        "recognizer": "mmdemo.training.recognizer_task:RecognizerTask",
        "durations": "mmdemo.training.duration_task:DurationTask",
        "prompt": "mmdemo.training.prompt_task:PromptTask",
    },
)


def make_task(recipe: Recipe, data_dir: Path, device: str = "auto") -> Task:
    """The task a recipe names, with its data loaded.

    Raises:
        InputError: there is no such task, it does not read all that the recipe says, or its data is missing.
    """
    task: type[Task] = TASKS[recipe.task]
    task.check(recipe)
    return task.from_recipe(recipe, checkpoints.auto_device(device), data_dir)


def train(
    name: str,
    data_dir: Path,
    out: Path,
    *,
    resume: bool = False,
    force: bool = False,
    init: str | None = None,
    minutes: float | None = None,
    changes: Sequence[str] = (),
    device: str = "auto",
    quiet: bool = False,
    compiled: bool = False,
) -> Path:
    """Train a recipe and write its checkpoint to ``out``; see ``mmdemo train --help``.

    Args:
        name: a shipped recipe, or a TOML file.
        data_dir: data sets that the recipe names; or for the shipped tokenizers' recipes any folder of files.
        force: replace a run that is in ``out``.
        init: a checkpoint to start from (a warm start: weights only, the schedule begins anew); it may be narrower.
        minutes: train this long instead of ``steps`` (the learning-rate schedule then follows the clock).
        changes: settings instead of the recipe's, as "data.crop=96".
        compiled: see `Task.compile`.

    Raises:
        InputError: something of this cannot be done; nothing is written then.
        Interrupted: Ctrl-C or SIGTERM, after saving.
    """
    recipe = read_recipe(name)
    if name in shipped_recipes():
        recipe = on_own_files(recipe, data_dir, out.resolve().name)
    recipe = changed(recipe, changes)
    if recipe.quantizer not in QUANTIZERS:
        raise InputError(f"There is no quantizer {recipe.quantizer!r}; choose one of {', '.join(QUANTIZERS)}.")
    check_minutes(minutes)  # all that can be refused without the data is, before it takes minutes to read
    if recipe.task == "compare" and (resume or init):
        raise InputError("A comparison trains every model from the start: leave --resume and --init out.")
    if recipe.task == "compare" and compiled:
        raise InputError("A comparison times its models as they are: leave --compile out.")
    if recipe.reinit and not (init or resume):
        raise InputError(
            "All parts begin anew where there is no checkpoint to start from: leave reinit out, or give --init."
        )
    if recipe.patience and not recipe.validate_every:
        raise InputError("Without validation there is none to wait for: leave --patience out, or validate.")
    start_from = checkpoints.find(init) if init else None
    with no_empty_folder(out):
        _check_out(out, resume, force)
        if recipe.task == "compare":
            from .compare import compare, table

            print(table(compare(recipe, data_dir, out, device, quiet, minutes)))
            return out
        task = make_task(recipe, data_dir, device)
        if not quiet and isinstance(task, TokenizerTask):
            print(
                "\n".join(
                    filter(None, [*task.notes, f"Data: {_listed({k: v for k, v in task.data_summary.items() if v})}"])
                )
            )
        stages, start = [], ""
        if start_from:
            stages, start = earlier_stages(start_from), f"{init} {checkpoints.digest(start_from)}".strip()
            warm_start(task.inference_module, start_from, recipe.reinit, task.data_statistics)
        if compiled:
            task.compile()
        summary = {k: v for k, v in task.data_summary.items() if v}
        stage = new_stage(recipe, name, summary, start or None, minutes, changes)
        trainer = Trainer(task, out, minutes, quiet, [*stages, stage])
        if resume:
            trainer.resume()
        elif force:
            (out / "resume" / "state.safetensors").unlink(missing_ok=True)
        trainer.run()
        write_card(out)
        return out


def _check_out(out: Path, resume: bool, force: bool) -> None:
    """A run never takes another's place unasked, and finds out first that it cannot be written."""
    if resume and force:
        raise InputError(f"--resume goes on with the run in {out}, and --force replaces it: give one of them.")
    if resume:
        snapshot(out)
    there = [out / "config.json", out / "resume" / "state.safetensors", out / "results.json"]
    if not (resume or force) and any(path.exists() for path in there):
        raise InputError(
            f"There is a run in {out} already: --resume goes on with it, --force replaces it, or name another --out."
        )
    if not (resume or force) and (out / "log.jsonl").exists():
        raise InputError(f"A run in {out} has begun and saved nothing yet: --force replaces it, or name another --out.")
    check_folder(out)


def _listed(summary: dict[str, object]) -> str:
    shown = {k: f"{v:,}" if isinstance(v, int) else v for k, v in summary.items() if v}
    return ", ".join(f"{name} {value}" for name, value in shown.items())
