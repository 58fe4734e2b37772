"""What the panel "Inside the transformer" is sent: one step of a run, one sample, one block."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from mmdemo.diffusion.inspection import Evaluation, Predictions, RecordedRun, predictions, time_curve, trace
from mmdemo.diffusion.joint import JointDiffusion
from mmdemo.diffusion.step import SamplingStep
from mmdemo.errors import InputError
from mmdemo.ui.generate.messages import shown
from mmdemo.ui.generate.run import native_inputs, sampler
from mmdemo.ui.generate.settings import NAMES, Choices, Settings
from mmdemo.ui.shared.payload import finite, to_base64
from mmdemo.ui.shared.state import parse_int

KEPT = 4  # runs that can be looked into without going through them again
WAIT = 30.0  # seconds for another visitor's look
FULL = 65_535  # attention of 1


class Looks:
    """Looks into runs: one at a time, the last few runs kept."""

    def __init__(self) -> None:
        self._runs: OrderedDict[str, RecordedRun] = OrderedDict()
        self._lock = threading.Lock()

    def look(self, model: JointDiffusion, choices: Choices, request: Any) -> dict[str, Any]:
        """{"settings", "step", "block", "sample"} -> see `_told`. Raises InputError; anybody can post to it."""
        asked = request if isinstance(request, dict) else {}
        plain = asked.get("settings")
        if not isinstance(plain, dict):
            raise InputError("Say which run to look into, by its settings.")
        settings = Settings(**{name: plain[name] for name in NAMES if name in plain}, choices=choices)
        if settings.number:
            raise InputError("A number is a run for each of its digits: make a single digit to look inside.")
        step, sample = parse_int(asked.get("step"), 1, 250), parse_int(asked.get("sample", 0), 0, settings.n - 1)
        block = parse_int(asked.get("block", 0), 0, 10_000)
        with self._run(model, settings) as run:
            return _told(model, settings, run.at(step), block, sample)

    @contextmanager
    def _run(self, model: JointDiffusion, settings: Settings) -> Iterator[RecordedRun]:
        key = f"{settings.choices.model} {settings!r}"
        if not self._lock.acquire(timeout=WAIT):
            raise InputError("Many people look inside just now; please try again in a moment.")
        try:
            if key not in self._runs:
                given = native_inputs(settings)
                self._runs[key] = RecordedRun(model, lambda listened: sampler(listened, settings, given)())
            self._runs.move_to_end(key)
            while len(self._runs) > KEPT:
                self._runs.popitem(last=False)
            yield self._runs[key]
        except ValueError:  # a run that failed cannot be gone on with
            self._runs.pop(key, None)
            raise
        finally:
            self._lock.release()


def _told(model: JointDiffusion, settings: Settings, seen: Evaluation, block: int, sample: int) -> dict[str, Any]:
    """Tokens, attention, predictions, what time does, and the shapes of it all, JSON-able."""
    branches = seen.batch // settings.n
    shares = [1 - settings.shares[sample], settings.shares[sample]] if settings.mix else [1.0]
    one = seen.rows([b * settings.n + sample for b in range(branches)])
    with torch.inference_mode():
        inner = trace(model.network, one, block)
        made = predictions(model, one, {k: v.float() for k, v in inner.velocity.items()}, shares, settings.guidance)
    heads = inner.attention[0]  # (heads, N, N), of the first condition
    first = next(iter(made.guided), settings.want[0])
    curves = time_curve(model.network, one, block, first)
    return {
        "block": block,
        "tokens": _tokens(model, one, inner.runs),
        "heads": len(heads),
        "attention": to_base64((heads * FULL).round().clamp(0, FULL).cpu().numpy().astype("<u2")),
        "predictions": {name: _seen(model, name, made) for name in made.guided},
        "guided": branches > len(shares),
        "time": {"stream": first, "now": _time(one, first), **{k: [round(v, 4) for v in c] for k, c in curves.items()}},
        "shapes": shapes(model, one, inner.runs),
    }


def _time(seen: Evaluation, stream: str) -> float:
    return round(float(seen.t[stream][0].max()), 4)


def _tokens(model: JointDiffusion, seen: Evaluation, runs: list[int]) -> list[dict[str, Any]]:
    """Runs of tokens in their order: {"stream", "kind", "grid", "patch", "count", "t"}."""
    config = model.network.config
    out = []
    for stream, count in zip(config.leaders, runs, strict=False):
        grid = stream.grid if len(stream.shape) == 2 else [count]
        unit = model.frames[stream.name].stride
        out.append({
            "stream": stream.name, "kind": "tokens", "grid": grid, "count": count, "t": _time(seen, stream.name),
            "bytes": unit * stream.patches[0] if stream.name == "text" else 0,
        })  # fmt: skip
    if config.global_tokens:
        out += [{"stream": s.name, "kind": "global", "count": 1, "t": _time(seen, s.name)} for s in config.streams]
    for c in config.conditions:
        out += [{"stream": c.name, "kind": "condition", "count": 1, "t": 0.0}] * c.tokens
    if config.styles:
        style = seen.style
        named = int(style[0]) if style is not None else len(model.styles)
        name = model.styles[named] if named < len(model.styles) else ""
        out.append({"stream": "style", "kind": "style", "count": 1, "t": 0.0, "name": name})
    return out


def _seen(model: JointDiffusion, name: str, made: Predictions) -> dict[str, Any]:
    """One stream's predictions as a person sees them, and how far apart two of them are."""
    ways: dict[str, Tensor] = {
        "guided": made.guided[name],
        "with": made.conditional[name],
        "without": made.unconditional[name],
    }
    step = SamplingStep.of_latents(model.decoder, {name: torch.cat(list(ways.values()))})
    views = dict(zip(ways, shown(name, step.preview(name)), strict=True))
    apart = (made.conditional[name] - made.unconditional[name]).square().mean().sqrt()
    # Where they differ, position by position: root mean square over channels, largest 1.
    where = (made.conditional[name] - made.unconditional[name])[0].square().mean(0).sqrt()
    where = where / where.amax().clamp(min=1e-6)
    return {**views, "apart": finite(float(apart), 4), "where": [round(v, 3) for v in where.flatten().tolist()],
            "shape": list(where.shape)}  # fmt: skip


def shapes(model: JointDiffusion, seen: Evaluation, runs: list[int]) -> dict[str, Any]:
    """The numbers of the diagram: of the model, and of this run."""
    config = model.network.config
    streams = [
        {
            "name": s.name, "shape": list(s.shape), "dim": s.dim, "patches": s.patches, "tokens": s.tokens,
            "token_dim": s.token_dim, "size": list(model.frames[s.name].size), "t": _time(seen, s.name),
        }
        for s in config.streams
    ]  # fmt: skip
    network = model.network
    count = lambda module: sum(p.numel() for p in module.parameters())  # noqa: E731
    return {
        "streams": streams,
        "conditions": [{"name": c.name, "dim": c.dim, "tokens": c.tokens, "mean": c.mean} for c in config.conditions],
        "styles": len(config.styles),
        "tokens": sum(runs),
        "width": config.width,
        "depth": config.depth,
        "heads": config.heads,
        "head_dim": config.width // config.heads,
        "hidden": config.width * config.expansion,
        "block_weights": count(network.blocks[0]),
        "weights": count(network),
    }
