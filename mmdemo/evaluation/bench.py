"""`mmdemo bench`: how fast the shipped models are on this machine."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from typing import Any

import numpy as np
import torch
from PIL import Image

from .. import checkpoints
from ..codec import Codec
from ..diffusion.joint import JointDiffusion
from ..diffusion.previews import SHARE, PreviewBudget
from ..diffusion.settings import SamplingSettings
from ..diffusion.step import SamplingStep
from ..errors import InputError
from ..metrics import Figure
from ..modalities.audio import SAMPLE_RATE
from ..registry import Registry
from .bench_dit import bench_dit

RUNS = 3
TEXT, WORD = "text", "seven"  # what a joint model is given, where it has a stream of that name
SENTENCE = "The quick brown fox jumps over the lazy dog. "


def bench(name: str, device: str = "auto") -> dict[str, Any]:
    """Time one checkpoint on inputs of a fixed size; medians of three runs after one to warm up.

    "dit" is no checkpoint: it sets the transformer beside another implementation (`bench_dit`).

    Returns:
        {"model", "checkpoint", "figures"} as `report.evaluate` does.

    Raises:
        InputError: there is no such checkpoint, or it is a judge, which has nothing to time.
    """
    from ..loading import load

    if name == "dit":
        return bench_dit(str(checkpoints.auto_device(device)))
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


def _middle(rows: Sequence[tuple[float, ...]], column: int) -> float:
    return median(row[column] for row in rows)


def _picture(noise: np.random.Generator) -> tuple[Any, str, float | None]:
    return Image.fromarray(noise.integers(0, 255, (512, 768, 3), dtype=np.uint8)), "768x512 picture", 0.5


def _sound(noise: np.random.Generator) -> tuple[Any, str, float | None]:
    return (SAMPLE_RATE, noise.normal(0, 0.1, 10 * SAMPLE_RATE).astype(np.float32)), "10 s of sound", 0.5


def _text(noise: np.random.Generator) -> tuple[Any, str, float | None]:
    return SENTENCE * 2000, "90,000 bytes of text", None


# Modality -> an input to time, what it is called, and the seconds that it may take there and back.
INPUTS = Registry("input to time of the modality", {"image": _picture, "audio": _sound, "text": _text})


def _codec(codec: Codec) -> list[dict[str, Any]]:
    source, what, target = INPUTS[codec.modality](np.random.default_rng(0))
    item = codec.load(source)
    tokens = codec.encode(item)
    encode, decode = _seconds(lambda: codec.encode(item)), _seconds(lambda: codec.decode_tensor(tokens))
    figures = [Figure(f"encode, {what}", encode, "s", RUNS), Figure(f"decode, {what}", decode, "s", RUNS)]
    if target is not None:
        figures.append(Figure.against(f"both, {what}", encode + decode, target, "s", RUNS, at_most=True))
    return [f.as_dict() for f in figures]


def _joint(model: JointDiffusion) -> list[dict[str, Any]]:
    usual, known = SamplingSettings(), [name for name in model.streams if name == TEXT]
    given, want = dict.fromkeys(known, WORD), tuple(name for name in model.streams if name not in known)
    if not want:
        given, want = {}, tuple(model.streams)
    settings: dict[str, Any] = {"want": want, "n": usual.n, "steps": usual.steps, "guidance": usual.guidance}

    def run(sampler: str, share: float | None = None) -> tuple[float, int]:
        """Sample, the last step shown; with a share also those before it for which there is time.

        Returns:
            what showing steps before the last added to the time of the rest, and how many they were.
        """
        pace, before = PreviewBudget(share or 0.0), 0
        for step in pace.watch(model.sample(given, sampler=sampler, **settings)):
            if step.last:
                added = pace.spent
            elif share is None or (step.index > 1 and not pace.fits):
                continue
            else:
                before += 1
            pace.show(partial(show, step))
        return added / (pace.sampling + pace.spent - added), before

    def show(step: SamplingStep) -> None:
        _ = step.code_distance, *map(step.preview, want)  # what the page shows of a step

    def first() -> None:
        next(model.sample(given, sampler=usual.sampler, **settings)).preview(want[0])

    figures = [Figure.against("first preview", _seconds(first), 0.5, "s", RUNS, at_most=True)]
    for sampler in ("euler", "heun"):
        name = f"{usual.n} samples of {' and '.join(want)}, {usual.steps} {sampler} steps, guided"
        figures.append(Figure.against(name, _seconds(lambda name=sampler: run(name)), 4.0, "s", RUNS, at_most=True))  # type: ignore[misc]
    # Within each run: between two runs, a busy machine makes more of a difference than previews do.
    live, every = ([run(usual.sampler, share) for _ in range(RUNS)] for share in (SHARE, math.inf))
    figures += [
        Figure.against(
            f"live previews add to {usual.sampler}", _middle(live, 0), 0.15, "of the time", RUNS, at_most=True
        ),
        Figure(f"steps shown while it runs, of {usual.steps - 1}", _middle(live, 1), "", RUNS),
        Figure("previews of every step add", _middle(every, 0), "of the time", RUNS),
    ]
    return [*[f.as_dict() for f in figures], Figure("threads", torch.get_num_threads()).as_dict()]
