"""Any-to-any sampling: one diffusion transformer over the latents of several tokenizers.

What is given is held clean (t = 0) and conditions the rest; what is neither given nor wanted stays pure noise (t = 1),
which the model learned to read as "not given". A wanted modality may also start from an input of its own, to be
edited: see `editing`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .. import checkpoints
from ..codec import Codec
from ..config import from_dict
from ..errors import InputError
from ..tokens import Tokens
from . import inputs
from .checks import check_edit, check_interpolation, check_settings
from .denoiser import JointDenoiser, Packer
from .dit import DiT, DiTConfig
from .editing import Held, keep_mask, slerp
from .latents import Latents
from .samplers import SAMPLERS, resampled
from .schedule import Process, times
from .seeds import generator
from .step import Step

# Of several things wanted the word is made first, in this share of the steps, and conditions the rest. What is made at
# the same time only slowly comes to agree: nothing but noise says which digit it is, and guidance has nothing to
# hold on to. One after the other is a path through the times of the modalities like any other, which all were trained.
FIRST, LEAD = "text", 0.25


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
        """The tokenizer of one stream, which must have the very weights this model was trained on.

        A checkpoint may bring it along, in ``tokenizers/``: else a better tokenizer could only ship with a new model.
        """
        wanted = self.config["tokenizers"][name]
        own, beside = self.folder / "tokenizers" / wanted["name"], self.folder.parent / wanted["name"]
        folder = next((f for f in (own, beside) if (f / "config.json").is_file()), None)
        codec = Codec(folder or checkpoints.find(wanted["name"]), self.device)
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

    def frame(self, modality: str, source: Any) -> Tokens:
        """An input as the model sees it: brought to the model's frame and encoded.

        Args:
            source: whatever the modality's codec takes, or `Tokens` of this frame's size (a sample made before).

        Raises:
            InputError: it cannot be used.
        """
        codec, stream = self.codecs[modality], self.modalities[modality]
        if isinstance(source, Tokens):
            codec.check(source)
            if source.positions != tuple(stream.shape):
                raise InputError(
                    f"These {modality} tokens have {'x'.join(map(str, source.positions))} positions; the model "
                    f"{self.name!r} takes {'x'.join(map(str, stream.shape))}."
                )
            return source
        x = inputs.frame(modality, codec.load(source), codec.tokenizer.stride, stream.shape)
        with torch.inference_mode():
            codes = codec.tokenizer.encode(x[None].to(self.device))[0].cpu()
        return codec.wrap(codes.clone(), self.meta(modality))

    def meta(self, modality: str, *positions: int) -> dict[str, Any]:
        """Meta of tokens of this many positions (none given: of the model's frame)."""
        stride = self.codecs[modality].tokenizer.stride
        size = [stride * p for p in (positions or self.modalities[modality].shape)]
        if modality == "image":
            return {"height": size[0], "width": size[1]}
        if modality == "audio":
            return {"samples": size[0], "sample_rate": 16_000, "channels": 1}
        return {"bytes": size[0]}

    @torch.inference_mode()
    def encode(self, modality: str, source: Any) -> Tensor:
        """An input (see `frame`) -> its clean latent, scaled to unit variance, (1, D, *shape)."""
        return self.latents.normalise(modality, self.codecs[modality].latent(self.frame(modality, source)))

    @torch.inference_mode()
    def _held(self, modality: str, source: Any, keep: Any) -> Held:
        codec = self.codecs[modality]
        tokens = self.frame(modality, source)
        if tokens.levels != codec.levels:
            raise InputError(
                f"These {modality} tokens hold {tokens.levels} of {codec.levels} levels; to be edited they need all."
            )
        latent = self.latents.normalise(modality, codec.latent(tokens))
        mask = None
        if keep is not None:
            text = source if modality == "text" and isinstance(source, str) else ""
            if modality == "text" and not text:
                text = inputs.unframe_text(codec.decode_tensor(tokens))
            mask = keep_mask(modality, keep, self.modalities[modality].shape, codec.tokenizer.stride, text.strip())
        return Held(latent, tokens.codes.to(self.device), None if mask is None else mask.to(self.device))

    @torch.inference_mode()
    def _latent(self, modality: str, x: Tensor) -> Tensor:
        """Framed canonical batch (n, ...) -> clean latents (n, D, *shape), unit variance."""
        tokenizer = self.codecs[modality].tokenizer
        return self.latents.normalise(modality, tokenizer.latent(tokenizer.encode(x.to(self.device))))

    def start_noise(self, n: int, seed: int, block: int = 0) -> dict[str, Tensor]:
        """Noise per stream (n, D, *shape). Made on the CPU, one generator a sample: sample i of a seed is the same
        on every device and however many are asked for. Blocks of a longer output have noise of their own."""
        streams = self.network.config.streams
        rows: dict[str, list[Tensor]] = {s.name: [] for s in streams}
        for i in range(n):
            own = generator(seed, i, block)
            for s in streams:
                rows[s.name].append(torch.randn(s.dim, *s.shape, generator=own))
        return {k: torch.stack(v).to(self.device) for k, v in rows.items()}

    def _noise_between(self, n: int, seed: int, to_seed: int) -> dict[str, Tensor]:
        """From the first sample's noise of one seed to that of another, n samples (n, D, *shape)."""
        a, b = self.start_noise(1, seed), self.start_noise(1, to_seed)
        share = torch.linspace(0, 1, n, device=self.device)
        return {k: slerp(a[k][0], b[k][0], share) for k in a}

    # ------------------------------------------------------------------------------ sampling

    def sample(
        self,
        given: dict[str, Any] | None = None,
        want: Sequence[str] | None = None,
        n: int = 4,
        steps: int = 24,
        guidance: float = 3.0,
        sampler: str = "heun",
        seed: int = 0,
        speaker: str | None = None,
        *,
        edit: Mapping[str, Any] | None = None,
        keep: Mapping[str, Any] | None = None,
        strength: float = 1.0,
        resample: int = 0,
        to_seed: int | None = None,
    ) -> Iterator[Step]:
        """Generate ``want`` from ``given``, yielding every step. A plain generator: close it to stop.

        Args:
            given: modality -> input (whatever its codec takes, or `Tokens`); entries of None count as not given.
            want: modalities to make (None: all that are not given).
            guidance: classifier-free guidance weight (Ho & Salimans 2022); 1 is none.
            sampler: one of `samplers`. speaker: one of `styles` (None: any).
            edit: modality -> input to start from; these modalities are made, not given.
            keep: modality -> what of its ``edit`` input stays, exactly, token by token: a picture mask (bright where
                it stays), spans (start, end) in seconds, or spans of characters; see `editing.keep_mask`.
            strength: 1 makes everything but what is kept from pure noise; below, sampling starts at t = strength
                from the noised ``edit`` inputs (SDEdit): the lower, the closer to them.
            resample: how many times more each step is taken from a noised start (RePaint), so that new parts
                agree better with kept ones; each costs as much as the run itself.
            to_seed: the n samples then lead from the noise of ``seed`` to that of ``to_seed`` (interpolation).

        Raises:
            InputError: an input or setting cannot be used.
        """
        given, edit, keep = ({k: v for k, v in (d or {}).items() if v is not None} for d in (given, edit, keep))
        want = tuple(want) if want else tuple(k for k in self.modalities if k not in given)
        check_settings(self, given, want, n, steps, guidance, sampler, seed, speaker)
        check_edit(given, want, edit, keep, strength, resample)
        n, seed = int(n), int(seed)
        clean = {k: self.encode(k, v).expand(n, *[-1] * (1 + len(self.modalities[k].shape))) for k, v in given.items()}
        held = {k: self._held(k, v, keep.get(k)) for k, v in edit.items()}
        noise, fresh = self.start_noise(n, seed), [generator(seed, i, purpose="way") for i in range(n)]
        if to_seed is not None:
            check_interpolation(n, to_seed)
            noise = self._noise_between(n, seed, int(to_seed))
            fresh = [generator(seed, purpose="way") for _ in range(n)]  # the noise added on the way is the same for all
        yield from self.run(
            clean,
            want,
            noise,
            steps=int(steps),
            guidance=guidance,
            sampler=sampler,
            speaker=speaker,
            fresh=fresh,
            held=held,
            strength=strength,
            resample=int(resample),
        )

    def sample_batch(
        self,
        framed: dict[str, Tensor],
        want: Sequence[str],
        steps: int = 24,
        guidance: float = 3.0,
        sampler: str = "heun",
        seed: int = 0,
    ) -> Iterator[Step]:
        """As `sample`, for many different inputs at once that are in the model's frame already.

        Args:
            framed: modality -> canonical batch (n, ...), for example pictures (n, 3, 32, 32) in [0, 1].
        """
        clean = {k: self._latent(k, v) for k, v in framed.items()}
        n = len(next(iter(clean.values())))
        fresh = [generator(seed, i, purpose="way") for i in range(n)]
        settings: dict[str, Any] = {"steps": steps, "guidance": guidance, "sampler": sampler}
        yield from self.run(clean, want, self.start_noise(n, seed), fresh=fresh, **settings)

    def run(
        self,
        clean: dict[str, Tensor],
        want: Sequence[str],
        noise: dict[str, Tensor],
        *,
        steps: int,
        guidance: float,
        sampler: str,
        fresh: Sequence[torch.Generator],
        speaker: str | None = None,
        held: Mapping[str, Held] | None = None,
        strength: float = 1.0,
        resample: int = 0,
    ) -> Iterator[Step]:
        """`sample` from latents that are ready; settings are not checked again.

        Args:
            clean: given streams (n, D, *shape), unit variance. noise: start noise of every stream, standard.
            fresh: one generator a sample, for the noise that ancestral sampling and resampling add on the way.
            held: sources of edited streams.
        """
        held = held or {}
        style = self.styles.index(speaker) if speaker else self.network.any_style
        styles = torch.full((len(fresh),), style, device=self.device)
        method = resampled(SAMPLERS[sampler], resample) if resample else SAMPLERS[sampler]
        stages = self._stages(clean, want, held, steps, strength)
        done: dict[str, Tensor] = {}  # what the stages before have made
        before: dict[str, Tensor] | None = None
        index = calls = 0
        for (wanted, count), later in zip(stages, [*(names for names, _ in stages[1:]), ()], strict=True):
            pack = Packer(noise, wanted)
            known = {**clean, **done}
            denoise = JointDenoiser(
                self.network, self.process, noise, known, pack, guidance, styles, held, later, calls
            )
            start = self._start(pack, denoise, noise, held, strength)
            states = method(denoise, start, times(count, strength), self.process, fresh)
            while True:
                # Inference mode is entered for each step alone: a generator must not leave it on for its caller.
                with torch.inference_mode():
                    state = next(states, None)
                if state is None:
                    break
                index, calls = index + 1, denoise.calls
                pure = {k: noise[k] * self.process.sigma(1.0).item() for k in later}
                x = {**done, **pack.split(state.x), **pure}
                x0 = {**done, **pack.split(state.x0), **denoise.seen}
                when = {**dict.fromkeys(done, 0.0), **dict.fromkeys(wanted, state.t), **dict.fromkeys(later, 1.0)}
                t = sum(when.values()) / len(when)
                seen_x, seen_x0 = ({k: d[k] for k in want} for d in (x, x0))
                yield Step(self, index, steps, t, seen_x, seen_x0, before, calls, held, {k: when[k] for k in want})
                before = seen_x0
            if later:  # what is made now is known from here on, with the codes it has been shown with
                made = Step(self, index, steps, t, x, x0, None, calls, held)
                done |= {k: made.settled(k) for k in wanted}
                whole = {k: torch.ones_like(done[k][0, 0], dtype=torch.bool) for k in wanted}
                held = {**held, **{k: Held(done[k], made.codes(k), whole[k]) for k in wanted}}

    def _stages(
        self, clean: Mapping[str, Tensor], want: Sequence[str], held: Mapping[str, Held], steps: int, strength: float
    ) -> list[tuple[tuple[str, ...], int]]:
        """What is made one after the other, and in how many steps each: the word first, then the rest.

        Where one thing leads to another, from a picture to a recording, a word that nobody asked for is made too,
        unseen: it says what they share. Of 300 pictures, 85 % became the right recording so, and 67 % without.
        """
        rest = tuple(k for k in want if k != FIRST)
        between = FIRST in self.modalities and clean and FIRST not in clean and not held
        if (FIRST in want or between) and rest and strength == 1 and steps > 1:
            lead = max(1, round(LEAD * steps))
            return [((FIRST,), lead), (rest, steps - lead)]
        return [(tuple(want), steps)]

    def _start(
        self,
        pack: Packer,
        denoise: JointDenoiser,
        noise: dict[str, Tensor],
        held: Mapping[str, Held],
        strength: float,
    ) -> Tensor:
        """Where sampling starts, packed: pure noise, or the noised sources of a variation."""
        start = pack.flat(noise) * self.process.sigma(1.0).item()
        if denoise.fixed is not None:  # what is kept starts as its source under this noise
            mask, source = denoise.fixed
            start = torch.where(mask, self.process.noise(source, pack.flat(noise), 1.0), start)
        if strength < 1:
            sources = {k: held[k].latent.expand(len(noise[k]), *noise[k].shape[1:]) for k in pack.shapes}
            start = self.process.noise(pack.flat(sources), pack.flat(noise), strength)
        return start
