"""`mmdemo bench`: how fast the shipped models are on this machine."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import numpy as np
import torch
from PIL import Image

from .. import checkpoints
from ..codec import Codec
from ..diffusion.joint import JointDiffusion
from ..diffusion.previews import Pace
from ..diffusion.step import Step
from ..errors import InputError
from .metrics import Figure

RUNS = 3
SENTENCE = "The quick brown fox jumps over the lazy dog. "


def bench(name: str, device: str = "auto") -> dict[str, Any]:
    """Time one checkpoint on inputs of a fixed size; medians of three runs after one to warm up.

    Returns:
        {"model", "checkpoint", "figures"} as `report.evaluate` does.

    Raises:
        InputError: there is no such checkpoint, or it is a judge, which has nothing to time.
    """
    from ..api import load

    if checkpoints.kind(name) == "judge":
        raise InputError(f"{name!r} is a judge; bench times tokenizers and diffusion models.")
    model = load(name, device)
    if isinstance(model, Codec):
        return {"model": model.name, "checkpoint": model.fingerprint, "figures": _codec(model)}
    return {"model": model.name, "checkpoint": checkpoints.fingerprint(model.network), "figures": _joint(model)}


def _seconds(run: Callable[[], Any]) -> float:
    times = []
    for _ in range(RUNS + 1):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return median(times[1:])


def _codec(codec: Codec) -> list[dict[str, Any]]:
    noise = np.random.default_rng(0)
    if codec.modality == "image":
        source: Any = Image.fromarray(noise.integers(0, 255, (512, 768, 3), dtype=np.uint8))
        what, target = "768x512 picture", 0.5
    elif codec.modality == "audio":
        source, what, target = (16_000, noise.normal(0, 0.1, 160_000).astype(np.float32)), "10 s of sound", 0.5
    else:
        source, what, target = SENTENCE * 2000, "90,000 bytes of text", None
    item = codec.load(source)
    tokens = codec.encode(item)
    encode, decode = _seconds(lambda: codec.encode(item)), _seconds(lambda: codec.decode_tensor(tokens))
    figures = [Figure(f"encode, {what}", encode, "s", RUNS), Figure(f"decode, {what}", decode, "s", RUNS)]
    if target is not None:
        figures.append(Figure.against(f"both, {what}", encode + decode, target, "s", RUNS, at_most=True))
    return [f.as_dict() for f in figures]


def _joint(model: JointDiffusion) -> list[dict[str, Any]]:
    settings: dict[str, Any] = {"want": ("image", "audio"), "n": 4, "steps": 24, "guidance": 3.0}

    def run(sampler: str, pace: Pace | None = None) -> int:
        """Sample, the last step shown; with a pace also those before it for which it finds time. How many these are."""
        watched, before = pace or Pace(), 0
        for step in watched.watch(model.sample({"text": "seven"}, sampler=sampler, **settings)):
            if step.last or (pace and (step.index == 1 or pace.fits)):
                watched.show(partial(show, step))
                before += not step.last
        return before

    def show(step: Step) -> None:
        step.code_distance, step.preview("image"), step.preview("audio")  # what the page shows of a step

    def first() -> None:
        next(model.sample({"text": "seven"}, sampler="heun", **settings)).preview("image")

    figures = [Figure.against("first preview", _seconds(first), 0.5, "s", RUNS, at_most=True)]
    for sampler in ("euler", "heun"):
        name = f"4 pictures and recordings, 24 {sampler} steps, guided"
        alone = _seconds(partial(run, sampler))
        figures.append(Figure.against(name, alone, 4.0, "s", RUNS, at_most=True))
    shown: list[int] = []
    paced = _seconds(lambda: shown.append(run("heun", Pace())))  # the page's usual sampler
    everything = _seconds(lambda: run("heun", Pace(share=math.inf)))
    figures += [
        Figure.against("live previews add to heun", paced / alone - 1, 0.15, "of the time", RUNS, at_most=True),
        Figure("steps shown while it runs, of 23", median(shown), "", RUNS),
        Figure("previews of every step add", everything / alone - 1, "of the time", RUNS),
    ]
    return [*[f.as_dict() for f in figures], Figure("threads", torch.get_num_threads()).as_dict()]
