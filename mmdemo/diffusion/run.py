"""One sampling run of a joint model, in stages: what is made first conditions what is made then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from ..isolation import isolated
from .decoding import LatentDecoder
from .denoiser import Conditions, JointDenoiser, Packer
from .dit import DiT
from .editing import EditSource
from .interface import JointInterface
from .samplers import SAMPLERS, Sampler, SolverState, repaint
from .schedule import NoiseSchedule, times
from .settings import SamplingSettings
from .step import SamplingStep
from .streams import Stream
from .text_conditions import TextConditions


class SampledModel(Protocol):
    """What a run needs of a joint model (`joint.JointDiffusion`)."""

    network: DiT
    schedule: NoiseSchedule
    decoder: LatentDecoder
    interface: JointInterface
    streams: dict[str, Stream]
    texts: TextConditions

    @property
    def device(self) -> torch.device:
        """Where the network is."""


@dataclass(frozen=True)
class Stage:
    """What is made in one go: these streams, in so many steps, while the later ones are still pure noise."""

    streams: tuple[str, ...]
    steps: int
    later: tuple[str, ...] = ()


class JointRun:
    """Iterate over it once for the `SamplingStep`s of a run; arguments as of `JointDiffusion.run`."""

    def __init__(
        self,
        model: SampledModel,
        conditions: Sequence[Conditions],
        want: Sequence[str],
        noise: Mapping[str, Tensor],
        generators: Sequence[torch.Generator],
        settings: SamplingSettings,
        sources: Mapping[str, EditSource],
    ) -> None:
        self.model, self.schedule = model, model.schedule
        self.conditions, self.want, self.noise = list(conditions), tuple(want), dict(noise)
        self.generators, self.settings, self.sources = generators, settings, dict(sources)
        sampler = SAMPLERS[settings.sampler]
        self.sampler: Sampler = repaint(sampler, settings.repaint_steps) if settings.repaint_steps else sampler
        self.made: dict[str, Tensor] = {}  # what the stages before have made
        self.previous_x0: dict[str, Tensor] | None = None
        self.index = self.nfe = 0

    def __iter__(self) -> Iterator[SamplingStep]:
        for stage in self.stages():
            for whole in self._run(stage):
                yield self._wanted(whole)
            if stage.later:
                with isolated(self.model.device):
                    self._settle(stage, whole)

    def stages(self) -> list[Stage]:
        """The anchor first, then the rest.

        Where one thing leads to another, from a picture to a recording, an anchor that nobody asked for is made too,
        unseen: it says what they share. Of 300 pictures of digits, 85 % became the right recording so, and 67 %
        without.
        """
        anchor, steps = self.model.interface.anchor, self.settings.steps
        given = {name for c in self.conditions for name in (*c.clean, *self.model.texts.texts_of(c.vectors))}
        rest = tuple(k for k in self.want if k != anchor)
        between = anchor in self.model.streams and given and anchor not in given and not self.sources
        if (anchor in self.want or between) and rest and self.settings.strength == 1 and steps > 1:
            first = max(1, round(self.model.interface.anchor_fraction * steps))
            return [Stage((anchor,), first, later=rest), Stage(rest, steps - first)]
        return [Stage(self.want, steps)]

    def _run(self, stage: Stage) -> Iterator[SamplingStep]:
        """The steps of a stage, of all streams that are made in the run."""
        with isolated(self.model.device):
            pack = Packer(self.noise, stage.streams)
            denoise = self._denoiser(stage, pack)
            states = self.sampler(
                denoise,
                self._start(pack, denoise),
                times(stage.steps, self.settings.strength),
                self.schedule,
                self.generators,
            )
        while True:
            # For each step alone: a generator must not leave it on for its caller.
            with isolated(self.model.device):
                state = next(states, None)
                if state is None:
                    return
                self.index, self.nfe = self.index + 1, denoise.nfe
                x, x0 = pack.split(state.x), pack.split(state.denoised)
                step = self._step(stage, x, x0, denoise.deferred_x0, state)
            yield step

    def _denoiser(self, stage: Stage, pack: Packer) -> JointDenoiser:
        return JointDenoiser(
            self.model.network,
            self.schedule,
            self.noise,
            self.conditions,
            pack,
            self.settings.guidance,
            self.sources,
            stage.later,
            self.nfe,
        )

    def _start(self, pack: Packer, denoise: JointDenoiser) -> Tensor:
        """Where sampling starts, packed: pure noise, or the noised sources of a variation."""
        eps, strength = pack.flat(self.noise), self.settings.strength
        if strength < 1:
            like = {k: self.noise[k] for k in pack.shapes}
            sources = {k: self.sources[k].latent.expand(len(v), *v.shape[1:]) for k, v in like.items()}
            return self.schedule.add_noise(pack.flat(sources), eps, strength)
        start = eps * self.schedule.sigma(1.0).item()
        if denoise.fixed is not None:  # what is kept starts as its source under this noise
            mask, source = denoise.fixed
            start = torch.where(mask, self.schedule.add_noise(source, eps, 1.0), start)
        return start

    def _step(
        self, stage: Stage, x: dict[str, Tensor], x0: dict[str, Tensor], later_x0: dict[str, Tensor], state: SolverState
    ) -> SamplingStep:
        pure = {k: self.noise[k] * self.schedule.sigma(1.0).item() for k in stage.later}
        reached = (
            dict.fromkeys(self.made, 0.0) | dict.fromkeys(stage.streams, state.t) | dict.fromkeys(stage.later, 1.0)
        )
        return SamplingStep(
            self.model.decoder,
            self.index,
            self.settings.steps,
            sum(reached.values()) / len(reached),
            {**self.made, **x, **pure},
            {**self.made, **x0, **later_x0},
            self.nfe,
            sources=self.sources,
            times=reached,
        )

    def _wanted(self, step: SamplingStep) -> SamplingStep:
        """A step with what was asked for alone, and what has changed since the one before."""
        x, x0 = ({k: z[k] for k in self.want} for z in (step.x, step.x0))
        reached = {k: step.times[k] for k in self.want}
        shown = SamplingStep(
            step.decoder, step.index, step.steps, step.t, x, x0, step.nfe, self.previous_x0, self.sources, reached
        )
        self.previous_x0 = x0
        return shown

    def _settle(self, stage: Stage, last: SamplingStep) -> None:
        """What a stage has made is known from here on, with the codes it has been shown with."""
        for k in stage.streams:
            self.made[k] = last.quantized_x0(k)
            everywhere = torch.ones_like(self.made[k][0, 0], dtype=torch.bool)
            self.sources[k] = EditSource(self.made[k], last.codes(k), everywhere)
            vectors = self.model.texts.vectors({k: last.preview(k)}) if self.model.texts.read_by(k) else {}
            self.conditions = [
                replace(c, clean={**c.clean, k: self.made[k]}, vectors={**c.vectors, **vectors})
                for c in self.conditions
            ]
