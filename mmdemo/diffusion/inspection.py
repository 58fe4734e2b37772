"""Inside one network evaluation: attention, what time does to a block, and the prediction with and without conditions.

Nothing of it is kept while a model samples. A run is gone through again up to the step that is looked at
(`RecordedRun`), and the evaluation of that step is taken apart for one sample (`trace`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from ..errors import InputError
from . import functional as fn
from .dit import Block, DiT, Given, TokenSequence

if TYPE_CHECKING:
    from .joint import JointDiffusion

CURVE = 33  # points of `time_curve`


@dataclass(frozen=True)
class Evaluation:
    """The inputs of one network evaluation, as `DiT.forward` takes them: all branches in one batch."""

    x: Mapping[str, Tensor]
    t: Mapping[str, Tensor]
    style: Tensor | None
    vectors: Mapping[str, Tensor] | None
    known: Mapping[str, Tensor] | None

    @property
    def batch(self) -> int:
        return len(next(iter(self.x.values())))

    @property
    def given(self) -> Given:
        return Given(self.vectors or {}, self.known or {})

    def rows(self, chosen: list[int]) -> Evaluation:
        """The same of some rows of the batch."""

        def part(values: Mapping[str, Tensor] | None) -> Mapping[str, Tensor] | None:
            return None if values is None else {k: v[chosen] for k, v in values.items()}

        x, t = {k: v[chosen] for k, v in self.x.items()}, {k: v[chosen] for k, v in self.t.items()}
        style = None if self.style is None else self.style[chosen]
        return Evaluation(x, t, style, part(self.vectors), part(self.known))


@dataclass(frozen=True)
class Trace:
    """What one evaluation did in one block, and what came of it.

    Attributes:
        attention: (B, heads, N, N), row i what token i looks at; rows sum to 1.
        runs: how many tokens each stream has, then 1 for each token of no place in one (`TokenSequence`).
        velocity: per stream (B, D, *shape), as `DiT.forward` gives it.
    """

    attention: Tensor
    runs: list[int]
    velocity: dict[str, Tensor]


@torch.inference_mode()
def trace(network: DiT, seen: Evaluation, block: int) -> Trace:
    """`DiT.forward`, step by step, with the attention maps of one block.

    Raises:
        InputError: there is no such block.
    """
    if not 0 <= block < len(network.blocks):
        raise InputError(f"The model has the blocks 0 to {len(network.blocks) - 1}, and no block {block}.")
    h, seq = network.embed(seen.x, seen.style, {}, seen.given)  # (B, N, C)
    modulation = _modulation(network, seen, seq.runs)  # (B, R or N, 6, C)
    maps = torch.empty(0)
    for i, layer in enumerate(network.blocks):
        if i == block:
            maps = attention_maps(cast(Block, layer), h, modulation, seq)
        h = layer(h, modulation, seq)
    return Trace(maps, seq.runs, network.unembed(h, seq.runs, seen.x, {}))


def _modulation(network: DiT, seen: Evaluation, runs: list[int]) -> Tensor:
    """Of all blocks, before each adds its own table: (B, R or N, 6, C)."""
    c = network.embed_timesteps(seen.t, runs)
    c = c + network.embed_vectors(seen.batch, seen.given)
    return network.modulation(c).unflatten(-1, (6, -1))


def attention_maps(block: Block, h: Tensor, modulation: Tensor, seq: TokenSequence) -> Tensor:
    """What the tokens (B, N, C) that enter a block look at there: (B, heads, N, N), rows of 1 in sum."""
    shift, scale = (modulation + block.scale_shift_table).unbind(2)[:2]
    normed = fn.modulate(fn.layer_norm(h), 1 + scale, shift, seq.runs)
    attn = block.attn
    q, k, _ = fn.qk_norm_rotary(attn.qkv(normed), attn.q_norm.weight, attn.k_norm.weight, seq.cos, seq.sin)
    logits = q.float() @ k.float().transpose(-1, -2) / math.sqrt(q.shape[-1])
    if seq.mask is not None:
        logits = logits.masked_fill(~seq.mask, -torch.inf)
    return logits.softmax(-1)


@torch.inference_mode()
def time_curve(network: DiT, seen: Evaluation, block: int, stream: str) -> dict[str, list[float]]:
    """What the time of a stream does to a block by adaLN: root mean squares over channels, at `CURVE` times 0 to 1.

    Args:
        seen: one row; its other times, style and vectors stay as they are.

    Returns:
        {"scale_attention", "gate_attention", "scale_mlp", "gate_mlp"}; scales as 1 + scale.
    """
    config, table = network.config, network.blocks[block].get_parameter("scale_shift_table")
    leader = next(s.aligned or s.name for s in config.streams if s.name == stream)
    place = [s.name for s in config.leaders].index(leader)
    times = {k: (t[:1] if t.ndim == 1 else t[:1].mean(1)).expand(CURVE) for k, t in seen.t.items()}
    times[stream] = torch.linspace(0, 1, CURVE, device=table.device)
    runs = [1] * (len(config.leaders) + config.unplaced)
    c = network.embed_timesteps(times, runs)
    c = c + network.embed_vectors(1, seen.rows([0]).given)
    m = network.modulation(c).unflatten(-1, (6, -1)) + table  # (CURVE, R, 6, C)
    rms = lambda values: values[:, place].square().mean(-1).sqrt().tolist()  # noqa: E731
    return {
        "scale_attention": rms(1 + m[:, :, 1]),
        "gate_attention": rms(m[:, :, 2]),
        "scale_mlp": rms(1 + m[:, :, 4]),
        "gate_mlp": rms(m[:, :, 5]),
    }


# ------------------------------------------------------------------------------------------ a run, gone through again


class _Listener:
    """A network that notes the inputs of its next evaluation, and otherwise is the network itself."""

    def __init__(self, network: DiT) -> None:
        self.network = network
        self.heard: Evaluation | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.network, name)

    def __call__(
        self,
        x: Mapping[str, Tensor],
        t: Mapping[str, Tensor],
        style: Tensor | None = None,
        vectors: Mapping[str, Tensor] | None = None,
        known: Mapping[str, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        if self.heard is None:
            self.heard = Evaluation(x, t, style, vectors, known)
        return self.network(x, t, style, vectors=vectors, known=known)


class RecordedRun:
    """The first network evaluation of each step of a run; steps are gone through when first asked for."""

    def __init__(self, model: JointDiffusion, start: Callable[[JointDiffusion], Iterator[Any]]) -> None:
        """``start``: begins the run on a model; it is given a copy of ``model`` that is listened to."""
        listened = copy(model)
        self._listener: Any = _Listener(model.network)
        listened.__dict__["network"] = self._listener  # it answers as the network does
        self._run, self._seen = start(listened), list[Evaluation]()

    def at(self, step: int) -> Evaluation:
        """Inputs of a step's first evaluation, the steps counted from 1. Raises InputError for a step that is not."""
        while len(self._seen) < step:
            self._listener.heard = None
            if next(self._run, None) is None:
                break
            self._seen.append(self._listener.heard)
        if not 1 <= step <= len(self._seen):
            raise InputError(f"The run has the steps 1 to {len(self._seen)}, and no step {step}.")
        return self._seen[step - 1]


# ------------------------------------------------------------------------------------------ predictions


@dataclass(frozen=True)
class Predictions:
    """x0 of one sample as one evaluation predicts it, per stream (1, D, *shape).

    Attributes:
        guided: what the sampler goes on with. conditional: of what is given (composed, if of several). unconditional:
            of nothing; the same as ``conditional`` where nothing is given or nothing guided.
    """

    guided: dict[str, Tensor]
    conditional: dict[str, Tensor]
    unconditional: dict[str, Tensor]


def predictions(
    model: JointDiffusion, seen: Evaluation, velocity: Mapping[str, Tensor], shares: list[float], guidance: float
) -> Predictions:
    """The predictions behind the velocities of an evaluation's rows of one sample.

    Args:
        seen: rows of one sample: one for each of the composed conditions, then, if there is one more, of nothing.
        shares: of the composed conditions; one of 1 where nothing is composed.
    """
    parts: tuple[dict[str, Tensor], ...] = ({}, {}, {})
    for name, v in velocity.items():
        t = seen.t[name][:1] if seen.t[name].ndim == 1 else seen.t[name][:1].amax(1)
        if float(t) == 0:  # given, or made already
            continue
        weights = torch.tensor(shares, device=v.device).reshape(-1, *[1] * (v.ndim - 1))
        composed = (v[: len(shares)] * weights).sum(0, keepdim=True)
        free = v[len(shares) :] if len(v) > len(shares) else composed
        x = seen.x[name][:1] / model.schedule.input_scale(t).to(v)
        for out, way in zip(parts, (free + guidance * (composed - free), composed, free), strict=True):
            out[name] = model.schedule.to_x0(x, way, t.to(v).reshape(-1, *[1] * (v.ndim - 1)))
    return Predictions(*parts)
