"""The joint transformer as samplers need it: one function denoise(x, t) -> x0 over the wanted streams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from .dit import DiT
from .editing import EditSource
from .patches import per_position, to_tokens
from .schedule import NoiseSchedule
from .streams import Stream


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


@dataclass(frozen=True)
class Conditions:
    """What samples are made from. Several of them are composed: see `JointDenoiser`.

    Attributes:
        style: (n,) style index, `DiT.any_style` where not given.
        clean: given streams (n, D, *shape), unit variance, at t = 0. vectors: given vector conditions (n, dim).
        share: (n,) of the guidance; those of all that are composed add up to 1.
    """

    style: Tensor
    clean: Mapping[str, Tensor] = field(default_factory=dict)
    vectors: Mapping[str, Tensor] = field(default_factory=dict)
    share: Tensor | None = None  # None: all of it


@dataclass
class JointDenoiser:
    """denoise(x, t) -> x0 on the packed, wanted streams.

    Several conditions are composed in the score (Liu et al. 2022, "Compositional visual generation with composable
    diffusion models"): v = v_u + w Σ s_i (v_i - v_u), with the guidance w and the share s_i of each. One condition of
    share 1 is classifier-free guidance (Ho & Salimans 2022).

    Attributes:
        noise: per stream (n, D, *shape), standard: what absent streams are.
        conditions: one or more. guidance: w; 1 is none.
        sources: of edited streams; where their mask is set, the prediction is the source.
        deferred: streams that are pure noise for now and wanted later. nfe: network evaluations so far.
        deferred_x0: what the last evaluation predicts for those, (n, D, *shape).
    """

    network: DiT
    schedule: NoiseSchedule
    noise: Mapping[str, Tensor]
    conditions: Sequence[Conditions]
    pack: Packer
    guidance: float
    sources: Mapping[str, EditSource] = field(default_factory=dict)
    deferred: tuple[str, ...] = ()
    nfe: int = 0
    deferred_x0: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        style = self.conditions[0].style
        self.nothing = Conditions(torch.full_like(style, self.network.any_style))
        given = any(c.clean or c.vectors or not torch.equal(c.style, self.nothing.style) for c in self.conditions)
        self.guided = given and self.guidance != 1
        n, device = len(style), style.device
        self.zero = torch.zeros(n, dtype=torch.float32, device=device)
        self.one = torch.ones_like(self.zero)
        self.bf16 = device.type == "cuda" and torch.cuda.is_bf16_supported()
        # Where a kept position's prediction is its source, every sampler carries it from its own noise straight to
        # the source, so that it is clean at the end. The network sees it clean all the way, at t = 0: seen as noisy as
        # the rest (replacement), what is kept would say nothing in the first steps, which decide what it becomes.
        kept = any(source.mask is not None for source in self.sources.values())
        self.fixed = self._packed_sources() if kept else None  # mask and source, (n, features)
        streams = {s.name: s for s in self.network.config.streams}
        self.kept_tokens = {
            k: self._kept_tokens(streams[k], source) for k, source in self.sources.items() if k in self.pack.shapes
        }

    def _kept_tokens(self, stream: Stream, source: EditSource) -> Tensor:
        """(tokens,) bool, True where all positions of a token are kept."""
        mask = torch.zeros(source.latent.shape[2:], dtype=torch.bool) if source.mask is None else source.mask
        return to_tokens(mask[None, None], stream, fill=True)[0].all(1).to(self.one.device)

    def _as_seen(self, name: str, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """A wanted stream (n, D, *shape) at times (n,) as the network sees it: kept tokens clean, and t per token."""
        kept = self.kept_tokens.get(name)
        if kept is None or not kept.any():
            return x, t
        stream = next(s for s in self.network.config.streams if s.name == name)
        positions = per_position(kept[None], stream, x.shape[2])[0]
        return torch.where(positions, self.sources[name].latent, x), torch.where(kept, 0.0, t[:, None])

    def _packed_sources(self) -> tuple[Tensor, Tensor]:
        masks, sources = {}, {}
        for name in self.pack.shapes:
            part, like = self.sources.get(name), self.noise[name]
            mask = part.mask if part is not None else None
            masks[name] = torch.zeros_like(like, dtype=torch.bool)
            sources[name] = torch.zeros_like(like)
            if part is not None and mask is not None:
                masks[name] |= mask.to(like.device)
                sources[name] += part.latent
        return self.pack.flat(masks), self.pack.flat(sources)

    def __call__(self, flat: Tensor, t: float) -> Tensor:
        self.nfe += 1
        x0 = self.schedule.to_x0(flat, self._velocity(self.schedule.scale_model_input(flat, t), t), t)
        return x0 if self.fixed is None else torch.where(*self.fixed, x0)

    def _velocity(self, scaled: Tensor, t: float) -> Tensor:
        """The composed and guided velocity of the wanted streams, (n, features); all branches in one batch."""
        now = self.one * t
        wanted = {k: self._as_seen(k, x, now) for k, x in self.pack.split(scaled).items()}
        branches = [*self.conditions, self.nothing] if self.guided else list(self.conditions)
        outs = self._network(branches, wanted)
        composed = self._composed(outs[: len(self.conditions)])
        self._predict_deferred(composed)
        v = self.pack.flat(composed)
        if not self.guided:
            return v
        v_u = self.pack.flat(outs[-1])
        return v_u + self.guidance * (v - v_u)

    def _composed(self, outs: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
        """Σ s_i v_i per stream."""
        if len(outs) == 1:
            return outs[0]
        shares = [self.one if c.share is None else c.share for c in self.conditions]

        def weighted(name: str) -> Tensor:
            pairs = zip(outs, shares, strict=True)
            return torch.stack([out[name] * s.reshape(-1, *[1] * (out[name].ndim - 1)) for out, s in pairs]).sum(0)

        return {name: weighted(name) for name in outs[0]}

    def _predict_deferred(self, out: Mapping[str, Tensor]) -> None:
        pure = {k: self.noise[k] * self.schedule.sigma(1.0).to(self.noise[k]) for k in self.deferred}
        self.deferred_x0 = {k: self.schedule.to_x0(x, out[k], 1.0) for k, x in pure.items()}

    def _network(
        self, branches: Sequence[Conditions], wanted: Mapping[str, tuple[Tensor, Tensor]]
    ) -> list[dict[str, Tensor]]:
        """Velocities of each branch, from one evaluation.

        Args:
            wanted: stream -> what the network sees of it, and its times.
        """
        x: dict[str, Tensor] = {}
        t: dict[str, Tensor] = {}
        for k, eps in self.noise.items():  # a stream that is neither wanted nor given is pure noise, "not given"
            free = wanted.get(k, (eps, self.one))
            seen = [(b.clean[k], self.zero) if k in b.clean else free for b in branches]
            x[k], t[k] = torch.cat([z for z, _ in seen]), torch.cat([when for _, when in seen])
        style = torch.cat([b.style for b in branches])
        vectors = self._vectors(branches)
        with torch.autocast(style.device.type, torch.bfloat16, enabled=self.bf16):
            out = self.network(x, t, style, **vectors)
        parts = {k: v.float().chunk(len(branches)) for k, v in out.items()}
        return [{k: v[i] for k, v in parts.items()} for i in range(len(branches))]

    def _vectors(self, branches: Sequence[Conditions]) -> dict[str, dict[str, Tensor]]:
        """Vector conditions of all branches as the network takes them; nothing for a network that has none."""
        vectors, known = {}, {}
        for c in self.network.config.conditions:
            none = self.zero.new_zeros(len(self.zero), c.dim)
            vectors[c.name] = torch.cat([b.vectors.get(c.name, none) for b in branches])
            known[c.name] = torch.cat([self.one.bool() & (c.name in b.vectors) for b in branches])
        return {"vectors": vectors, "known": known} if vectors else {}
