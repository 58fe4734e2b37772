"""Quantizers on the same network, data and time: residual VQ, plain VQ, FSQ, and none, the classical Gaussian VAE.

A lesson in three minutes: what each costs in bits, and what it gives back.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from .. import checkpoints, metrics
from ..datasets.mnist import read_mnist
from ..errors import InputError
from ..files import write_bytes
from ..quantizers import REGISTRY as QUANTIZERS
from ..quantizers.gaussian import Gaussian
from .image_task import ImageTask
from .loop import Trainer
from .recipe import Recipe
from .stages import new_stage


@dataclass
class Row:
    """One bottleneck's result on MNIST test."""

    bottleneck: str
    bits: float  # bits of a 32x32 picture: codes, or the KL divergence to the prior for the Gaussian
    psnr: float  # dB, mean over pictures
    usage: float | None  # share of all codes that occur at all, mean over levels
    perplexity: float | None  # mean over levels
    seconds: float


def compare(
    recipe: Recipe,
    data_dir: Path,
    out: Path,
    device: str = "auto",
    quiet: bool = False,
    minutes: float | None = None,
) -> list[Row]:
    """Train every bottleneck of ``[data].quantizers`` alike, measure each, and write results.json.

    Args:
        minutes: for all together, instead of the recipe's steps each.

    Raises:
        InputError: the recipe names no or unknown quantizers, or data that is not here.
    """
    rows, data = [], dict(recipe.data)
    kinds = data.pop("quantizers", [])
    if not isinstance(kinds, list) or not kinds or not set(map(str, kinds)) <= set(QUANTIZERS):
        raise InputError(f"[data].quantizers names what to compare, of {', '.join(QUANTIZERS)}.")
    for kind in kinds:
        part = replace(recipe, name=f"mnist-{kind}", task="image", quantizer=kind, data=data)
        ImageTask.check(part)
        task = ImageTask.from_recipe(part, checkpoints.auto_device(device), data_dir)
        start, share = time.monotonic(), minutes and minutes / len(kinds)
        stage = new_stage(part, recipe.name, task.data_summary, None, share)
        Trainer(task, out / kind, share, quiet, [stage]).run()
        rows.append(_measure(task, kind, data_dir, time.monotonic() - start))
    write_bytes(out / "results.json", (json.dumps([vars(r) for r in rows], indent=2) + "\n").encode())
    return rows


@torch.inference_mode()
def _measure(task: ImageTask, kind: str, data_dir: Path, seconds: float, count: int = 1000) -> Row:
    model = task.model.eval()
    digits = read_mnist(data_dir, train=False)[0][:count]
    x = (digits.float() / 255)[:, None].expand(-1, 3, -1, -1).to(task.device)
    y = model(x).y.clamp(0, 1)
    psnr = sum(metrics.psnr(a, b) for a, b in zip(x.cpu(), y.cpu(), strict=True)) / count
    positions = (x.shape[-1] // model.stride) ** 2
    if isinstance(model.bottleneck, Gaussian):
        mu, logvar = model.to_latent(x).chunk(2, dim=1)
        nats = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).flatten(1).sum(1).mean()
        return Row(kind, float(nats) / math.log(2), psnr, None, None, seconds)
    codes = model.encode(x)  # (N, L, h, w)
    counts = [torch.bincount(codes[:, k].flatten(), minlength=n) for k, n in enumerate(model.codebook_sizes)]
    used = sum(map(metrics.usage, counts)) / len(counts)
    perplexity = sum(map(metrics.perplexity, counts)) / len(counts)
    return Row(kind, positions * sum(map(math.log2, model.codebook_sizes)), psnr, used, perplexity, seconds)


def table(rows: list[Row]) -> str:
    """Results as a Markdown table."""
    lines = [
        "| bottleneck | bits a picture | PSNR, dB | codes in use | perplexity | seconds |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for r in rows:
        used = "–" if r.usage is None else f"{100 * r.usage:.0f} %"
        perplexity = "–" if r.perplexity is None else f"{r.perplexity:.0f}"
        lines.append(f"| {r.bottleneck} | {r.bits:.0f} | {r.psnr:.2f} | {used} | {perplexity} | {r.seconds:.0f} |")
    return "\n".join(lines)
