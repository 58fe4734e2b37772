"""The training loop: warm-up then cosine, validation, the best kept, early stopping, exact resume.

What is specific to a model lives in its `Task`; this file knows steps, time and files.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..errors import InputError
from ..files import write_bytes
from .average import WeightAverage
from .log import RunLog
from .optimized import OptimizedModule
from .recipe import Recipe
from .signals import Interrupted, StopRequest
from .task import Task

__all__ = ["Task", "Trainer", "autocast_pays", "learning_rate"]

SAVE_EVERY = 240.0  # seconds between snapshots
LOG_EVERY = 10  # steps


def learning_rate(progress: float, step: int, recipe: Recipe) -> float:
    """Linear warm-up over ``warmup_steps``, then half a cosine down to zero at progress 1."""
    warm = min(1.0, (step + 1) / max(1, recipe.warmup_steps))
    return recipe.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


@cache
def autocast_pays(device: torch.device) -> bool:
    """Whether bf16 matmuls are faster than fp32 here: true on GPUs and CPUs with AMX, false on older CPUs.

    Measured rather than looked up: without hardware support bf16 on a CPU can be hundreds of times slower. Measured
    once, because a busy machine could answer otherwise the next time, and the same seed would give other weights.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    if device.type != "cpu":
        return False

    def seconds(dtype: torch.dtype) -> float:
        a = torch.ones(256, 256, dtype=dtype)
        a @ a
        start = time.perf_counter()
        a @ a
        return time.perf_counter() - start

    pairs = [(seconds(torch.bfloat16), seconds(torch.float32)) for _ in range(8)]  # the best of many: others work too
    return min(half for half, _ in pairs) < 0.8 * min(full for _, full in pairs)


def check_minutes(minutes: float | None) -> None:
    """Raises InputError for a budget that is none; None leaves it to the recipe's steps."""
    if minutes is not None and not 0 < minutes < 1e6:
        raise InputError(f"A training cannot take {minutes:g} minutes; give more than 0, or leave it to the recipe.")


def snapshot(out: Path) -> Path:
    """The state of the run in ``out``. Raises InputError if there is none."""
    path = out / "resume" / "state.safetensors"
    if not path.is_file():
        raise InputError(f"There is nothing to resume in {out}: start without --resume.")
    return path


class Trainer:
    """Runs a task for ``recipe.steps`` steps, or for ``minutes`` if given (then the schedule follows the clock).

    Args:
        out: folder for the checkpoint, the log, and a snapshot of the whole state in ``resume/``.
        stages: see `stages`: the earlier ones and, last, what is known of this one.
    """

    def __init__(
        self,
        task: Task,
        out: Path,
        minutes: float | None = None,
        quiet: bool = False,
        stages: Sequence[dict[str, Any]] = (),
    ) -> None:
        check_minutes(minutes)
        self.task, self.recipe, self.out, self.minutes, self.quiet = task, task.recipe, out, minutes, quiet
        self.step, self.elapsed = 0, 0.0
        self.stages = [dict(s) for s in stages] or [{}]
        self.optimized = OptimizedModule(task.model, self.recipe, task.device)
        self.average = WeightAverage(task.model, self.recipe.ema)
        self.autocast = autocast_pays(task.device)
        self.best: dict[str, float] = {}  # figures of the best validation and its step
        self.since_best = 0  # validations since then
        self._validated = -1  # step of the last one

    @property
    def progress(self) -> float:
        """0 at the start, 1 when done."""
        return self.elapsed / (60 * self.minutes) if self.minutes else self.step / self.recipe.steps

    @property
    def patience_is_over(self) -> bool:
        return 0 < self.recipe.patience <= self.since_best

    # ------------------------------------------------------------------------------ steps

    def run(self) -> None:
        """Train to the end. The checkpoint is the best on held-out data, or where there is none, the last.

        Raises:
            Interrupted: by Ctrl-C or SIGTERM; the snapshot is written.
            InputError: the budget was too short for a model that can be used, or a file could not be written.
        """
        torch.manual_seed(self.recipe.seed + 7919 * self.step)
        self.task.model.train()
        saved = time.monotonic()
        total = None if self.minutes else self.recipe.steps
        with RunLog.open(self.out, self.step, total, self.quiet) as log, StopRequest() as stop:
            while self.progress < 1 and not stop.asked and not self.patience_is_over:
                start = time.monotonic()
                figures = self.take_step()
                if self.recipe.validate_every and self.step % self.recipe.validate_every == 0 and self.progress < 1:
                    self._on_the_way(lambda: self.validate(log), log)
                self.elapsed += time.monotonic() - start
                self._show(log, figures)
                if time.monotonic() - saved > SAVE_EVERY:
                    self._on_the_way(self.save, log)
                    saved = time.monotonic()
            if stop.asked:
                self.save()
                raise Interrupted(
                    f"Stopped after step {self.step}, which is saved: the same command with --resume goes on there."
                )
            self._finish(log)

    def take_step(self) -> dict[str, float]:
        """One step of training; returns the figures to show."""
        # A generator per step, seeded by its number: a resumed run sees the same batches.
        generator = torch.Generator().manual_seed(self.recipe.seed * 1_000_003 + self.step)
        self.task.before_step(self.step, self.progress)
        batch = {k: v.to(self.task.device) for k, v in self.task.batch(generator).items()}
        with torch.autocast(self.task.device.type, torch.bfloat16, enabled=self.autocast):
            loss, shown = self.task.loss(batch, self.step)
        self.optimized.step(loss, learning_rate(self.progress, self.step, self.recipe))
        self.step += 1
        self.average.update(self.step)
        return {"loss": loss.item(), **shown}

    def validate(self, log: RunLog | None = None) -> dict[str, float]:
        """Figures on held-out data of the weights as they would be exported, which they are if they are the best.

        Raises:
            InputError: they could not be written, and are not counted as the best.
        """
        if self.task.unfinished:
            return {}
        model, self._validated = self.task.model, self.step
        with self.average.applied(), torch.random.fork_rng(), torch.no_grad():
            model.eval()
            figures = self.task.validate()
            model.train()
        if not figures:
            return {}
        if not self.best or figures["loss"] < self.best["loss"]:
            before = self.best, self.since_best
            self.best, self.since_best = {**figures, "step": self.step}, 0
            try:
                self._export()
            except InputError:
                self.best, self.since_best = before
                raise
        else:
            self.since_best += 1
        if log is not None:
            log.write("validation", self.step, minutes=round(self.elapsed / 60, 2), **figures)
            shown = " ".join(f"{k} {v:.4g}" for k, v in figures.items())
            log.say(f"step {self.step}, held-out data: {shown}{'' if self.since_best else ' (the best so far)'}")
        return figures

    def _show(self, log: RunLog, figures: dict[str, float]) -> None:
        log.bar.update()
        if self.step % LOG_EVERY == 0 or self.step == 1:
            rate = learning_rate(self.progress, self.step, self.recipe)
            more = {"minutes": round(self.elapsed / 60, 2), "learning_rate": rate, **self.task.statistics()}
            log.write("step", self.step, **figures, **more)
            shown = " ".join(f"{k} {v:.4g}" for k, v in figures.items())
            log.bar.set_postfix_str(f"{shown} {self.task.status()}", refresh=False)

    # ------------------------------------------------------------------------------ files

    def _on_the_way(self, save: Callable[[], Any], log: RunLog) -> None:
        """Save something; a full disk now is no reason to throw away what may fit later."""
        try:
            save()
        except InputError as error:
            log.write("warning", self.step, message=str(error))
            log.say(f"Not saved at step {self.step}: {error}")

    def _finish(self, log: RunLog) -> None:
        if self.task.unfinished:
            self._write_snapshot()
            raise InputError(
                f"After {self.step} steps there is no model yet, because {self.task.unfinished}: give more steps or "
                "minutes, with --resume."
            )
        if self._validated != self.step:
            self.validate(log)
        self.save()
        log.write("end", self.step, minutes=round(self.elapsed / 60, 2), **({"best": self.best} if self.best else {}))

    def save(self) -> None:
        """Snapshot for ``--resume``; and the checkpoint, unless validation has chosen an earlier one."""
        self._write_snapshot()
        if not self.best and not self.task.unfinished:
            self._export()

    def _write_snapshot(self) -> None:
        state = {f"model.{k}": v for k, v in self.task.model.state_dict().items()}
        state |= {f"average.{k}": v for k, v in self.average.values.items()}
        state |= self.optimized.state("optimizer.")
        where = {
            "step": self.step,
            "elapsed": self.elapsed,
            "best": self.best,
            "since_best": self.since_best,
            "stages": self.stages,
        }
        tensors = {k: v.detach().cpu().contiguous().clone() for k, v in state.items()}
        # In one file, so that weights and step can never be of two snapshots.
        data = safetensors.torch.save(tensors, {"where": json.dumps(where)})
        write_bytes(self.out / "resume" / "state.safetensors", data)

    def _export(self) -> None:
        """The checkpoint, of averaged weights if there are any."""
        stage = {**self.stages[-1], "steps": self.step, "minutes": round(self.elapsed / 60, 1)}
        stage["batch_size"], stage["seed"] = self.recipe.batch_size, self.recipe.seed
        if self.recipe.freeze:
            stage["frozen"] = self.recipe.freeze
        if self.best:
            stage["validation"] = {k: round(v, 5) for k, v in self.best.items()}
        with self.average.applied():
            self.task.export(self.out, {"stages": [*self.stages[:-1], stage]})

    def resume(self) -> None:
        """Continue from the snapshot in ``out``. Raises InputError if there is none, or it does not fit."""
        path = snapshot(self.out)
        try:
            state = safetensors.torch.load_file(path, device=str(self.task.device))
            where = _where(path)
        except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"The snapshot {path} is damaged ({error}): start anew, without --resume.") from error
        try:
            self.task.model.load_state_dict(_part(state, "model."))
            self.optimized.load(_part(state, "optimizer."))
        except (RuntimeError, ValueError, KeyError) as error:
            raise InputError(f"The run in {self.out} was made by another recipe.") from error
        average = _part(state, "average.")
        if average.keys() != self.average.values.keys():
            raise InputError(f"The run in {self.out} was made by another recipe.")
        self.average.load(average)
        self.step, self.elapsed, self.best = int(where["step"]), float(where["elapsed"]), dict(where.get("best", {}))
        self.since_best = int(where.get("since_best", 0))
        self.stages = where.get("stages") or self.stages


def _where(path: Path) -> dict[str, Any]:
    with safe_open(path, "pt") as opened:
        metadata = opened.metadata() or {}
    if "where" in metadata:
        return json.loads(metadata["where"])
    return json.loads(path.with_name("state.json").read_text("utf-8"))  # of a run that an earlier version began


def _part(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
