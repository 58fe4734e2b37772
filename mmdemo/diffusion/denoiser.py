"""The joint transformer as samplers need it: one function denoise(x, t) -> x0 over the wanted streams."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from .dit import DiT, Stream, from_tokens, to_tokens
from .editing import EditSource
from .schedule import Process


class Packer:
    """Wanted streams <-> one flat tensor (n, features), so that samplers need not know about streams."""

    def __init__(self, example: Mapping[str, Tensor], want: Sequence[str]) -> None:
        self.shapes = {k: example[k].shape[1:] for k in want}
        self.sizes = [example[k][0].numel() for k in want]

    def flat(self, streams: Mapping[str, Tensor]) -> Tensor:
        return torch.cat([streams[k].flatten(1) for k in self.shapes], dim=1)

    def split(self, flat: Tensor) -> dict[str, Tensor]:
        parts = flat.split(self.sizes, dim=1)
        return {k: p.unflatten(1, shape) for (k, shape), p in zip(self.shapes.items(), parts, strict=True)}


@dataclass
class JointDenoiser:
    """denoise(x, t) -> x0 on the packed, wanted streams.

    Attributes:
        noise: per stream (n, D, *shape), standard: what absent streams are. clean: the given ones, at t = 0.
        guidance: classifier-free guidance weight; 1 is none. style: (n,) style index, `any_style` where not given.
        held: sources of edited streams; where their mask is set, the prediction is the source.
        aside: streams that are pure noise for now and wanted later. calls: network evaluations so far.
        seen: what the last evaluation predicts for those aside, (n, D, *shape).
    """

    network: DiT
    process: Process
    noise: dict[str, Tensor]
    clean: dict[str, Tensor]
    pack: Packer
    guidance: float
    style: Tensor
    held: Mapping[str, EditSource] = field(default_factory=dict)
    aside: tuple[str, ...] = ()
    calls: int = 0
    seen: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = len(self.style)
        conditional = bool(self.clean) or bool((self.style != self.network.any_style).any())
        self.guided = conditional and self.guidance != 1
        device = self.style.device
        self.zero, self.one = torch.zeros(n, device=device), torch.ones(n, device=device)
        self.no_style = torch.full_like(self.style, self.network.any_style)
        self.bf16 = device.type == "cuda" and torch.cuda.is_bf16_supported()
        # Where a kept position's prediction is its source, every sampler carries it from its own noise straight to
        # the source, so that it is clean at the end. The network sees it clean all the way, at t = 0: seen as noisy as
        # the rest (replacement), what is kept would say nothing in the first steps, which decide what it becomes.
        kept = any(h.mask is not None for h in self.held.values())
        self.fixed = self._packed_held() if kept else None  # mask and source, (n, features)
        streams = {s.name: s for s in self.network.config.streams}
        self.whole = {k: self._kept_tokens(streams[k], h) for k, h in self.held.items() if k in self.pack.shapes}

    def _kept_tokens(self, stream: Stream, held: EditSource) -> Tensor:
        """(tokens,) bool, True where all positions of a token are kept."""
        mask = torch.zeros(tuple(stream.shape), dtype=torch.bool) if held.mask is None else held.mask
        return to_tokens(mask[None, None], stream)[0].all(1).to(self.style.device)

    def _seen(self, name: str, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """A wanted stream (n, D, *shape) at times (n,) as the network sees it: kept tokens clean, and t per token."""
        whole = self.whole.get(name)
        if whole is None or not whole.any():
            return x, t
        stream = next(s for s in self.network.config.streams if s.name == name)
        positions = from_tokens(whole[None, :, None].expand(1, -1, math.prod(stream.patches)), stream)[0, 0]
        return torch.where(positions, self.held[name].latent, x), torch.where(whole, 0.0, t[:, None])

    def _packed_held(self) -> tuple[Tensor, Tensor]:
        masks, sources = {}, {}
        for name in self.pack.shapes:
            part, like = self.held.get(name), self.noise[name]
            mask = part.mask if part is not None else None
            masks[name] = torch.zeros_like(like, dtype=torch.bool)
            sources[name] = torch.zeros_like(like)
            if part is not None and mask is not None:
                masks[name] |= mask.to(like.device)
                sources[name] += part.latent
        return self.pack.flat(masks), self.pack.flat(sources)

    def __call__(self, flat: Tensor, t: float) -> Tensor:
        self.calls += 1
        x0 = self.process.to_x0(flat, self._velocity(self.process.network_input(flat, t), t), t)
        return x0 if self.fixed is None else torch.where(*self.fixed, x0)

    def _velocity(self, scaled: Tensor, t: float) -> Tensor:
        now = self.one * t
        wanted = {k: self._seen(k, v, now) for k, v in self.pack.split(scaled).items()}
        free = {**self.noise, **{k: x for k, (x, _) in wanted.items()}}  # conditions are pure noise, "not given"
        free_when = {k: wanted[k][1] if k in wanted else self.one for k in self.noise}
        x = {**free, **self.clean}
        when = {k: self.zero if k in self.clean else free_when[k] for k in self.noise}
        if not self.guided:
            out = self._network(x, when, self.style)
            self._look_aside(out)
            return self.pack.flat(out)
        both = self._network(  # both in one batch
            {k: torch.cat([x[k], free[k]]) for k in x},
            {k: torch.cat([when[k], free_when[k]]) for k in when},
            torch.cat([self.style, self.no_style]),
        )
        self._look_aside({k: v[: len(now)] for k, v in both.items()})
        v_c, v_u = self.pack.flat(both).chunk(2)
        return v_u + self.guidance * (v_c - v_u)

    def _look_aside(self, out: dict[str, Tensor]) -> None:
        pure = {k: self.noise[k] * self.process.sigma(1.0).to(self.noise[k]) for k in self.aside}
        self.seen = {k: self.process.to_x0(x, out[k], 1.0) for k, x in pure.items()}

    def _network(self, x: dict[str, Tensor], when: dict[str, Tensor], style: Tensor) -> dict[str, Tensor]:
        with torch.autocast(self.style.device.type, torch.bfloat16, enabled=self.bf16):
            out = self.network(x, when, style)
        return {k: v.float() for k, v in out.items()}
