"""Any-to-any sampling: one diffusion transformer over the latents of several tokenizers.

What is given is held clean (t = 0) and conditions the rest; what is neither given nor wanted stays pure noise (t = 1),
which the model learned to read as "not given".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .. import checkpoints
from ..codec import Codec
from ..config import from_dict
from ..errors import InputError
from . import inputs
from .dit import DiT, DiTConfig
from .latents import Latents
from .samplers import SAMPLERS, Denoiser, evaluations
from .schedule import Process, times
from .step import Step

MAX_SAMPLES, MAX_STEPS = 64, 250


class JointDiffusion:
    """What `mmdemo.load` gives for a diffusion checkpoint.

    Attributes:
        modalities: name -> its `Stream` (latent shape). samplers, styles: what may be chosen.
        speakers: the styles under the name they have in the digit model.
    """

    samplers = tuple(SAMPLERS)

    def __init__(
        self, folder: Path, device: str | torch.device = "auto", codecs: dict[str, Codec] | None = None
    ) -> None:
        self.config = checkpoints.read_config(folder)
        self.folder, self.name = folder, str(self.config["name"])
        self.device = checkpoints.auto_device(device)
        self.process = Process(self.config.get("process", "flow"))
        network = DiT(from_dict(DiTConfig, self.config["model"]))
        self.latents = Latents(network.config.streams)
        holder = torch.nn.ModuleDict({"network": network, "latents": self.latents})
        checkpoints.load_into(holder, folder)
        holder.to(self.device).eval().requires_grad_(False)
        self.network = network
        self.codecs = codecs or {name: self._codec(name) for name in self.modalities}

    def _codec(self, name: str) -> Codec:
        """The tokenizer of one stream, which must have the very weights this model was trained on."""
        wanted = self.config["tokenizers"][name]
        beside = self.folder.parent / wanted["name"]
        codec = Codec(beside if (beside / "config.json").is_file() else checkpoints.find(wanted["name"]), self.device)
        if codec.fingerprint != wanted["fingerprint"]:
            raise InputError(
                f"The model {self.name!r} was trained on tokenizer {wanted['name']} {wanted['fingerprint']}, "
                f"and the one here is {codec.fingerprint}: train it again, or bring the matching tokenizer."
            )
        return codec

    @property
    def modalities(self) -> dict[str, Any]:
        return {s.name: s for s in self.network.config.streams}

    @property
    def styles(self) -> tuple[str, ...]:
        return tuple(self.network.config.styles)

    @property
    def speakers(self) -> tuple[str, ...]:
        return self.styles

    # ------------------------------------------------------------------------------ inputs

    def encode(self, modality: str, source: Any) -> Tensor:
        """An input -> its clean latent, scaled to unit variance, (1, D, *shape). Raises InputError if unusable."""
        codec, stream = self.codecs[modality], self.modalities[modality]
        x = inputs.frame(modality, codec.load(source), codec.tokenizer.stride, stream.shape)
        return self._latent(modality, x[None])

    @torch.inference_mode()
    def _latent(self, modality: str, x: Tensor) -> Tensor:
        """Framed canonical batch (n, ...) -> clean latents (n, D, *shape), unit variance."""
        tokenizer = self.codecs[modality].tokenizer
        return self.latents.normalise(modality, tokenizer.rvq.decode(tokenizer.encode(x.to(self.device))))

    def start_noise(self, n: int, seed: int) -> dict[str, Tensor]:
        """Noise per stream (n, D, *shape). Made on the CPU, one generator a sample: sample i of a seed is the same
        on every device and however many are asked for."""
        streams = self.network.config.streams
        rows: dict[str, list[Tensor]] = {s.name: [] for s in streams}
        for i in range(n):
            generator = torch.Generator().manual_seed(seed * MAX_SAMPLES + i)
            for s in streams:
                rows[s.name].append(torch.randn(s.dim, *s.shape, generator=generator))
        return {k: torch.stack(v).to(self.device) for k, v in rows.items()}

    def _checked(
        self,
        given: dict[str, Any],
        want: Sequence[str],
        n: int,
        steps: int,
        sampler: str,
        speaker: str | None,
    ) -> None:
        known = list(self.modalities)
        for name in [*given, *want]:
            if name not in known:
                raise InputError(f"The model {self.name!r} has no {name!r}; it knows {', '.join(known)}.")
        if not want:
            raise InputError(f"Say what to make: one or more of {', '.join(known)}.")
        if set(given) & set(want):
            raise InputError(f"{sorted(set(given) & set(want))[0]!r} is both given and wanted: choose one.")
        if not 1 <= n <= MAX_SAMPLES:
            raise InputError(f"The number of samples must be 1 to {MAX_SAMPLES}, not {n}.")
        if not 1 <= steps <= MAX_STEPS:
            raise InputError(f"The number of steps must be 1 to {MAX_STEPS}, not {steps}.")
        if sampler not in SAMPLERS:
            raise InputError(f"There is no sampler {sampler!r}; choose one of {', '.join(SAMPLERS)}.")
        if speaker is not None and speaker not in self.styles:
            raise InputError(f"There is no speaker {speaker!r}; choose one of {', '.join(self.styles)}.")

    # ------------------------------------------------------------------------------ sampling

    def sample(
        self,
        given: dict[str, Any] | None = None,
        want: Sequence[str] | None = None,
        n: int = 4,
        steps: int = 24,
        guidance: float = 2.0,
        sampler: str = "heun",
        seed: int = 0,
        speaker: str | None = None,
    ) -> Iterator[Step]:
        """Generate ``want`` from ``given``, yielding every step. A plain generator: close it to stop.

        Args:
            given: modality -> input (whatever its codec takes); entries of None count as not given.
            want: modalities to make (None: all that are not given).
            guidance: classifier-free guidance weight (Ho & Salimans 2022); 1 is none.
            sampler: one of `samplers`. speaker: one of `styles` (None: any).

        Raises:
            InputError: an input or setting cannot be used.
        """
        given = {k: v for k, v in (given or {}).items() if v is not None}
        want = tuple(want) if want else tuple(k for k in self.modalities if k not in given)
        self._checked(given, want, n, steps, sampler, speaker)
        clean = {k: self.encode(k, v).expand(n, *[-1] * (1 + len(self.modalities[k].shape))) for k, v in given.items()}
        yield from self._run(clean, want, n, steps, guidance, sampler, int(seed), speaker)

    def sample_batch(
        self,
        framed: dict[str, Tensor],
        want: Sequence[str],
        steps: int = 24,
        guidance: float = 2.0,
        sampler: str = "heun",
        seed: int = 0,
    ) -> Iterator[Step]:
        """As `sample`, for many different inputs at once that are in the model's frame already.

        Args:
            framed: modality -> canonical batch (n, ...), for example pictures (n, 3, 32, 32) in [0, 1].
        """
        clean = {k: self._latent(k, v) for k, v in framed.items()}
        n = len(next(iter(clean.values())))
        yield from self._run(clean, want, n, steps, guidance, sampler, seed, None)

    def _run(
        self,
        clean: dict[str, Tensor],
        want: Sequence[str],
        n: int,
        steps: int,
        guidance: float,
        sampler: str,
        seed: int,
        speaker: str | None,
    ) -> Iterator[Step]:
        noise = self.start_noise(n, seed)
        pack = _Packer(noise, want)
        denoise = self._denoiser(clean, noise, pack, guidance, speaker)
        start = pack.flat(noise) * self.process.sigma(1.0).item()
        extra = torch.Generator().manual_seed(seed + 1)  # noise that ancestral sampling adds on the way
        states = SAMPLERS[sampler](denoise, start, times(steps), self.process, extra)
        before: dict[str, Tensor] | None = None
        while True:
            # Inference mode is entered for each step alone: a generator must not leave it on for its caller.
            with torch.inference_mode():
                state = next(states, None)
            if state is None:
                return
            x, x0 = pack.split(state.x), pack.split(state.x0)
            yield Step(self, state.index, steps, state.t, x, x0, before, evaluations(sampler, state.index))
            before = x0

    def _denoiser(
        self,
        clean: dict[str, Tensor],
        noise: dict[str, Tensor],
        pack: _Packer,
        guidance: float,
        speaker: str | None,
    ) -> Denoiser:
        """denoise(x, t) -> x0 on the packed, wanted streams."""
        n = len(next(iter(noise.values())))
        style = torch.full((n,), self.styles.index(speaker) if speaker else self.network.any_style, device=self.device)
        conditional = bool(clean) or speaker is not None
        guided = conditional and guidance != 1
        zero, one = torch.zeros(n, device=self.device), torch.ones(n, device=self.device)

        def denoise(flat: Tensor, t: float) -> Tensor:
            scaled = self.process.network_input(flat, t)
            wanted = pack.split(scaled)
            x = {**noise, **clean, **wanted}
            when = {k: zero if k in clean else one * t if k in wanted else one for k in noise}
            if not guided:
                return self.process.to_x0(flat, pack.flat(self.network(x, when, style)), t)
            # Both halves in one batch: with the conditions, and with them replaced by pure noise ("not given").
            free = {**noise, **wanted}
            free_when = {k: one * t if k in wanted else one for k in noise}
            both = self.network(
                {k: torch.cat([x[k], free[k]]) for k in x},
                {k: torch.cat([when[k], free_when[k]]) for k in when},
                torch.cat([style, torch.full_like(style, self.network.any_style)]),
            )
            v_c, v_u = pack.flat(both).chunk(2)
            return self.process.to_x0(flat, v_u + guidance * (v_c - v_u), t)

        return denoise


class _Packer:
    """Wanted streams <-> one flat tensor (n, features), so that samplers need not know about streams."""

    def __init__(self, example: dict[str, Tensor], want: Sequence[str]) -> None:
        self.shapes = {k: example[k].shape[1:] for k in want}
        self.sizes = [example[k][0].numel() for k in want]

    def flat(self, streams: dict[str, Tensor]) -> Tensor:
        return torch.cat([streams[k].flatten(1) for k in self.shapes], dim=1)

    def split(self, flat: Tensor) -> dict[str, Tensor]:
        parts = flat.split(self.sizes, dim=1)
        return {k: p.unflatten(1, shape) for (k, shape), p in zip(self.shapes.items(), parts, strict=True)}
