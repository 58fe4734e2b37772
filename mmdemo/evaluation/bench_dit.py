"""`mmdemo bench dit`: our diffusion transformer beside `DiTTransformer2DModel` of diffusers, of equal size."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from ..diffusion.dit import DiT, DiTConfig
from ..diffusion.streams import Stream
from ..errors import InputError
from ..metrics import Figure

WIDTH, DEPTH, HEADS, CHANNELS = 256, 8, 4, 16
SIZES = ((64, 8), (256, 4), (1024, 1))  # tokens, samples
RUNS = 7
TARGET = 0.9

Forward = Callable[[], Tensor]


def bench_dit(device: str = "cpu") -> dict[str, Any]:
    """Time both networks in fp32, forward and in a training step without its optimizer.

    They take turns, so that what else the machine does slows both; the ratio is the median of those of single turns.
    Both have the same width, depth, heads, channels and tokens; theirs has an MLP for the time in every block, ours
    has QK-norm and rotary positions.

    Returns:
        {"model", "checkpoint", "figures"} as `bench.bench` does.

    Raises:
        InputError: diffusers is not installed.
    """
    figures: list[Figure] = []
    for tokens, samples in SIZES:
        (ours, run_ours), (theirs, run_theirs) = _networks(tokens, samples, device)
        for training in (False, True):
            turns = [_turn(ours, run_ours, training), _turn(theirs, run_theirs, training)]
            seconds = _alternate(turns, device)
            what = f"{'training step' if training else 'forward'}, {samples} x {tokens} tokens"
            ratio = median(a / b for a, b in seconds)
            figures += [
                Figure(f"{what}: ours", median(a for a, _ in seconds), "s", RUNS),
                Figure(f"{what}: diffusers", median(b for _, b in seconds), "s", RUNS),
                Figure.against(f"{what}: ours / diffusers", ratio, TARGET, "x", RUNS, at_most=True),
            ]
    figures.append(Figure("threads", torch.get_num_threads()))
    return {"model": "dit", "checkpoint": "", "figures": [f.as_dict() for f in figures]}


def _networks(tokens: int, samples: int, device: str) -> list[tuple[nn.Module, Forward]]:
    """Ours and theirs, and a forward pass of each on the same random input."""
    try:
        from diffusers import DiTTransformer2DModel
    except ImportError as error:
        raise InputError("The comparison needs diffusers: pip install 'mmdemo[bench]'.") from error
    side = math.isqrt(tokens)
    torch.manual_seed(0)
    config = DiTConfig([Stream("image", CHANNELS, [side, side])], width=WIDTH, depth=DEPTH, heads=HEADS)
    ours = DiT(config).to(device)
    theirs: Any = DiTTransformer2DModel(
        num_attention_heads=HEADS,
        attention_head_dim=WIDTH // HEADS,
        in_channels=CHANNELS,
        num_layers=DEPTH,
        sample_size=side,
        patch_size=1,
    )
    theirs.to(device)
    x, t = torch.randn(samples, CHANNELS, side, side, device=device), torch.rand(samples, device=device)
    step, label = (t * 999).long(), torch.zeros(samples, dtype=torch.long, device=device)
    return [
        (ours, lambda: ours({"image": x}, {"image": t})["image"]),
        (theirs, lambda: theirs(x, timestep=step, class_labels=label).sample),
    ]


def _turn(network: nn.Module, forward: Forward, training: bool) -> Callable[[], None]:
    def run() -> None:
        network.train(training)
        if not training:
            with torch.inference_mode():
                forward()
            return
        network.zero_grad()
        forward().square().mean().backward()

    return run


def _alternate(turns: list[Callable[[], None]], device: str) -> list[tuple[float, float]]:
    """Seconds of both in each of `RUNS` rounds, after one to warm up; who begins changes from round to round."""

    def seconds(run: Callable[[], None]) -> float:
        start = time.perf_counter()
        run()
        if torch.device(device).type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start

    rounds = []
    for i in range(RUNS + 1):
        both = [0.0, 0.0]
        for j in (0, 1) if i % 2 else (1, 0):
            both[j] = seconds(turns[j])
        rounds.append((both[0], both[1]))
    return rounds[1:]
