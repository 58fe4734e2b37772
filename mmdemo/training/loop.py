"""The training loop: AdamW, warm-up then cosine, optional weight averaging, optional critic, exact resume.

What is specific to a model lives in its `Task`; this file knows steps, time, gradients and files.
"""

from __future__ import annotations

import json
import math
import time
from abc import ABC, abstractmethod
from functools import cache
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from tqdm import tqdm

from ..errors import InputError
from .recipe import Recipe

SAVE_EVERY = 240.0  # seconds between snapshots


class Task(ABC):
    """One model's part of training: its data, its loss, and how to export it."""

    model: nn.Module
    recipe: Recipe
    device: torch.device
    measured: tuple[str, ...] = ()  # parts of `exported` measured from the data, which no checkpoint's replace
    critic: nn.Module | None = None  # trained against the model with an optimizer of its own; never exported

    @property
    def exported(self) -> nn.Module:
        """What a checkpoint holds, and a training can start from: the model, without what only serves training."""
        return self.model

    @abstractmethod
    def batch(self, generator: torch.Generator) -> dict[str, Tensor]:
        """A training batch, drawn only with ``generator`` so that step k is the same after a resume."""

    @abstractmethod
    def loss(self, batch: dict[str, Tensor], step: int) -> tuple[Tensor, dict[str, float]]:
        """Scalar loss and figures to show."""

    @abstractmethod
    def export(self, folder: Path, notes: dict[str, object]) -> None:
        """Write a checkpoint others can load."""

    def critic_loss(self, batch: dict[str, Tensor], step: int) -> tuple[Tensor, dict[str, float]]:
        """As ``loss``, for the critic; called after it, on the same batch, in which ``loss`` may leave its output."""
        raise NotImplementedError

    def critic_settings(self) -> tuple[float, tuple[float, float]]:
        """Peak learning rate and betas of the critic's optimizer."""
        return self.recipe.learning_rate, (self.recipe.betas[0], self.recipe.betas[1])

    def critic_alone(self, step: int) -> bool:
        """Whether only the critic is trained at this step: against a beginner the model would learn nothing good."""
        return False

    def before_step(self, step: int) -> None:  # noqa: B027 - a hook, empty by default
        """Called before each step (the codebooks' k-means start hangs here)."""

    def compile(self) -> None:
        """Compile what each step runs (`torch.compile`): needs a C++ compiler, and a minute at the start."""
        self.model.compile()

    def status(self) -> str:
        """More for the progress bar (codebook usage and perplexity)."""
        return ""


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


class Learner:
    """A network with its optimizer. Weights that need no gradient when it is made are left as they are."""

    def __init__(
        self, network: nn.Module, recipe: Recipe, rate: float, betas: tuple[float, float], device: torch.device
    ) -> None:
        self.network, self.clip_norm = network, recipe.clip_norm
        self.share = rate / recipe.learning_rate  # of the schedule, which is the same for all
        decay: list[Tensor] = []
        plain: list[Tensor] = []
        for p in network.parameters():
            if p.requires_grad:
                (decay if p.ndim >= 2 else plain).append(p)  # no weight decay on biases and norms
        groups = [
            {"params": decay, "weight_decay": recipe.weight_decay},
            {"params": plain, "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=rate, betas=betas, fused=device.type != "mps")

    def descend(self, loss: Tensor, rate: float) -> None:
        """One step down the gradient of ``loss``, at the schedule's learning rate ``rate``."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate * self.share
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.clip_norm)
        if torch.isfinite(norm):  # one bad batch must not end a night's run
            self.optimizer.step()

    def state(self, prefix: str) -> dict[str, Tensor]:
        """The optimizer's moments, flat, for a snapshot."""
        whole = self.optimizer.state_dict()["state"]
        return {f"{prefix}{i}.{k}": torch.as_tensor(v) for i, values in whole.items() for k, v in values.items()}

    def load(self, state: dict[str, Tensor]) -> None:
        """The reverse of ``state``, its prefix taken off."""
        whole = self.optimizer.state_dict()
        for key, value in state.items():
            index, name = key.split(".", 1)
            whole["state"].setdefault(int(index), {})[name] = value
        self.optimizer.load_state_dict(whole)


class Trainer:
    """Runs a task for ``recipe.steps`` steps, or for ``minutes`` if given (then the schedule follows the clock)."""

    def __init__(self, task: Task, out: Path, minutes: float | None = None, quiet: bool = False) -> None:
        self.task, self.recipe, self.out, self.minutes, self.quiet = task, task.recipe, out, minutes, quiet
        self.step, self.elapsed = 0, 0.0
        betas = (self.recipe.betas[0], self.recipe.betas[1])
        self.learner = Learner(task.model, self.recipe, self.recipe.learning_rate, betas, task.device)
        self.critic: Learner | None = None
        if task.critic is not None:
            rate, betas = task.critic_settings()
            self.critic = Learner(task.critic, self.recipe, rate, betas, task.device)
        # Of what is trained: averaging would turn a frozen -0.0 into 0.0, which is another fingerprint.
        trained = {k: v for k, v in task.model.named_parameters() if v.requires_grad} if self.recipe.ema else {}
        self.average = {k: v.detach().clone() for k, v in trained.items()}

    @property
    def progress(self) -> float:
        """0 at the start, 1 when done."""
        return self.elapsed / (60 * self.minutes) if self.minutes else self.step / self.recipe.steps

    def run(self) -> None:
        """Train to the end, saving snapshots on the way and the exported checkpoint last."""
        torch.manual_seed(self.recipe.seed + 7919 * self.step)
        self.task.model.train()
        self.autocast = autocast_pays(self.task.device)
        total = None if self.minutes else self.recipe.steps
        bar = tqdm(total=total, initial=self.step, disable=self.quiet, mininterval=2, dynamic_ncols=True)
        saved = time.monotonic()
        while self.progress < 1:
            start = time.monotonic()
            shown = self._step()
            self.elapsed += time.monotonic() - start
            bar.update()
            if self.step % 10 == 0:
                figures = " ".join(f"{k} {v:.4g}" for k, v in shown.items())
                bar.set_postfix_str(f"{figures} {self.task.status()}", refresh=False)
            if time.monotonic() - saved > SAVE_EVERY:
                self.save()
                saved = time.monotonic()
        bar.close()
        self.save()

    def _step(self) -> dict[str, float]:
        # A generator per step, seeded by its number: a resumed run sees the same batches.
        generator = torch.Generator().manual_seed(self.recipe.seed * 1_000_003 + self.step)
        self.task.before_step(self.step)
        batch = {k: v.to(self.task.device) for k, v in self.task.batch(generator).items()}
        rate = learning_rate(self.progress, self.step, self.recipe)
        shown: dict[str, float] = {}
        if self.critic is None or not self.task.critic_alone(self.step):
            with torch.autocast(self.task.device.type, torch.bfloat16, enabled=self.autocast):
                loss, shown = self.task.loss(batch, self.step)
            self.learner.descend(loss, rate)
            shown = {"loss": loss.item(), **shown}
        if self.critic is not None:
            with torch.autocast(self.task.device.type, torch.bfloat16, enabled=self.autocast):
                loss, figures = self.task.critic_loss(batch, self.step)
            self.critic.descend(loss, rate)
            shown |= figures
        self.step += 1
        if self.average:
            # Warm-up of the average (power 0.75): early weights are forgotten quickly.
            decay = min(self.recipe.ema, 1 - (1 + self.step) ** -0.75)
            parameters = dict(self.task.model.named_parameters())
            for k, v in self.average.items():
                v.lerp_(parameters[k].detach(), 1 - decay)
        return shown

    # ---------------------------------------------------------------------------- files

    def save(self) -> None:
        """Snapshot for ``--resume`` and the exported checkpoint (averaged weights if there are any)."""
        state = {f"model.{k}": v for k, v in self.task.model.state_dict().items()}
        state |= {f"average.{k}": v for k, v in self.average.items()}
        state |= self.learner.state("optimizer.")
        if self.critic is not None:
            state |= {f"critic.{k}": v for k, v in self.critic.network.state_dict().items()}
            state |= self.critic.state("critic_optimizer.")
        folder = self.out / "resume"
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / "state.tmp"  # written aside, then moved: a cut never leaves half a file
        save_file({k: v.detach().cpu().contiguous().clone() for k, v in state.items()}, temporary)
        temporary.replace(folder / "state.safetensors")
        (folder / "state.json").write_text(json.dumps({"step": self.step, "elapsed": self.elapsed}), "utf-8")
        self._export()

    def _export(self) -> None:
        live = {k: v.detach().clone() for k, v in self.task.model.named_parameters()} if self.average else {}
        self._put(self.average)
        notes = {
            "steps": self.step,
            "minutes": round(self.elapsed / 60, 1),
            "batch_size": self.recipe.batch_size,
        }
        self.task.export(self.out, {**notes, "seed": self.recipe.seed, "threads": torch.get_num_threads()})
        self._put(live)

    @torch.no_grad()
    def _put(self, values: dict[str, Tensor]) -> None:
        parameters = dict(self.task.model.named_parameters())
        for k, v in values.items():
            parameters[k].copy_(v)

    def resume(self) -> None:
        """Continue from the snapshot in ``out``. Raises InputError if there is none, or it does not fit."""
        folder = self.out / "resume"
        if not (folder / "state.safetensors").is_file():
            raise InputError(f"There is nothing to resume in {self.out}: start without --resume.")
        state = load_file(folder / "state.safetensors", device=str(self.task.device))
        where = json.loads((folder / "state.json").read_text("utf-8"))
        try:
            self.task.model.load_state_dict(_part(state, "model."))
            if self.critic is not None:
                self.critic.network.load_state_dict(_part(state, "critic."))
        except RuntimeError as error:
            raise InputError(f"The run in {self.out} was made by another recipe.") from error
        self.average = _part(state, "average.")
        self.learner.load(_part(state, "optimizer."))
        if self.critic is not None:
            self.critic.load(_part(state, "critic_optimizer."))
        self.step, self.elapsed = where["step"], where["elapsed"]


def _part(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
