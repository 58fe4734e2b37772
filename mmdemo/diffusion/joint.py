"""Any-to-any sampling: one diffusion transformer over the latents of several tokenizers.

What is given is held clean (t = 0) and conditions the rest; what is neither given nor wanted stays pure noise (t = 1),
which the model learned to read as "not given". A wanted stream may also start from an input of its own, to be edited:
see `editing`. What the streams are, and how inputs reach them, the checkpoint says: see `interface`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .. import checkpoints
from ..codec import Codec
from ..codec.codec import same_weights
from ..config import from_dict
from ..errors import InputError
from ..isolation import isolated
from ..modalities import Item
from ..tokens import Tokens
from .conditions import ConditionEncoder
from .decoding import LatentDecoder
from .denoiser import Conditions
from .dit import DiT
from .editing import EditSource, slerp
from .frames import TextFrame
from .interface import JointInterface
from .latents import LatentNormalizer
from .request import check_edit, lengths_of, shares_of
from .run import JointRun
from .samplers import SAMPLERS
from .schedule import SCHEDULES, NoiseSchedule
from .seeds import sample_generator
from .settings import SamplingSettings
from .step import SamplingStep
from .streams import DiTConfig
from .text_conditions import TextConditions


class JointDiffusion:
    """What `mmdemo.load` gives for a diffusion checkpoint.

    Attributes:
        streams: name -> its `Stream` (latent shape). samplers, styles: what may be chosen. codecs: stream -> tokenizer.
        frames: stream -> how inputs are brought to it. decoder: latents -> codes, tokens, and what a person sees.
    """

    samplers = tuple(SAMPLERS)

    def __init__(
        self,
        name: str,
        network: DiT,
        latents: LatentNormalizer,
        codecs: Mapping[str, Codec],
        interface: JointInterface | None = None,
        schedule: NoiseSchedule | None = None,
        conditions: Mapping[str, ConditionEncoder] | None = None,
    ) -> None:
        """A model from its parts, all on one device and in eval mode; `from_folder` reads them from a checkpoint.

        Args:
            conditions: encoders of the network's vector conditions (None: those that the interface names, as drawn).
        """
        self.name, self.network, self.latents = name, network, latents
        self.interface, self.schedule = interface or JointInterface(), schedule or SCHEDULES["flow"]
        self.codecs, self.streams = dict(codecs), {s.name: s for s in network.config.streams}
        encoders = self.interface.condition_encoders(network.config) if conditions is None else conditions
        self.texts = TextConditions(self.interface.conditions, encoders, tuple(self.streams), self.device)
        self.frames = {
            k: self.interface.frame(s, codecs[k].modality, codecs[k].tokenizer.stride) for k, s in self.streams.items()
        }
        self.decoder = LatentDecoder(self.codecs, latents, self.frames)

    @classmethod
    def from_folder(cls, folder: Path, device: str | torch.device = "auto") -> JointDiffusion:
        """Read a checkpoint.

        Raises:
            InputError: it is damaged, or made for other tokenizer weights than are here.
        """
        config, where = checkpoints.read_config(folder), checkpoints.auto_device(device)
        with checkpoints.naming(folder):
            if "interface" not in config:
                raise InputError("its config.json has no “interface”, which says how inputs reach its streams.")
            interface = from_dict(JointInterface, config["interface"], "config.json: interface")
            model = from_dict(DiTConfig, config["model"], "config.json: model")
            interface.check(model)
            schedule, conditions = SCHEDULES[config.get("schedule", "flow")], interface.condition_encoders(model)
        with isolated():
            network, latents = DiT(model), LatentNormalizer(model.streams)
            stored = nn.ModuleDict({k: e for k, e in conditions.items() if isinstance(e, nn.Module)})
            holder = nn.ModuleDict({"network": network, "latents": latents, "conditions": stored})
            checkpoints.load_into(holder, folder)
            holder.to(where, torch.float32).eval().requires_grad_(False)
        codecs = {s.name: _tokenizer(config, folder, s.name, where) for s in network.config.streams}
        return cls(str(config["name"]), network, latents, codecs, interface, schedule, conditions)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, JointDiffusion):
            return NotImplemented
        return self is other or (
            hash(self) == hash(other)
            and (self.interface, self.schedule.name) == (other.interface, other.schedule.name)
            and self.codecs == other.codecs
            and same_weights(self.network, other.network)
            and same_weights(self.latents, other.latents)
        )

    def __hash__(self) -> int:
        return hash((self.name, *self.streams))

    @property
    def device(self) -> torch.device:
        return next(self.network.parameters()).device

    @property
    def styles(self) -> tuple[str, ...]:
        return tuple(self.network.config.styles)

    # ------------------------------------------------------------------------------ inputs

    def frame(self, stream: str, source: Any) -> Tokens:
        """An input as the model sees it: brought to the stream's frame and encoded.

        Args:
            source: whatever the stream's codec takes, an `Item`, or `Tokens` of this frame's size (a sample made
                before).

        Raises:
            InputError: it cannot be used.
        """
        codec, frame = self.codecs[stream], self.frames[stream]
        if isinstance(source, Tokens):
            codec.check(source)
            if not frame.takes(source.positions):
                raise InputError(
                    f"These {stream} tokens have {'x'.join(map(str, source.positions))} positions; the model "
                    f"{self.name!r} takes {'up to ' * frame.variable}{'x'.join(map(str, frame.shape))}."
                )
            return source
        item = source if isinstance(source, Item) else codec.load(source)
        x = frame.fit(item.tensor)
        with isolated(self.device):
            codes = codec.tokenizer.encode(x[None].to(self.device))[0]
        return self.decoder.tokens(stream, codes)

    @isolated()
    def encode(self, stream: str, source: Any) -> Tensor:
        """An input (see `frame`) -> its clean latent, scaled to unit variance, (1, D, *shape)."""
        return self.latents.normalize(stream, self.codecs[stream].latent(self.frame(stream, source)))

    @isolated()
    def encode_batch(self, stream: str, x: Tensor) -> Tensor:
        """Canonical batch (n, ...) in the stream's frame -> clean latents (n, D, *shape), unit variance."""
        tokenizer = self.codecs[stream].tokenizer
        return self.latents.normalize(stream, tokenizer.latent(tokenizer.encode(x.to(self.device))))

    @isolated()
    def edit_source(self, stream: str, source: Any, keep: Any = None) -> EditSource:
        """An input to start from, and what of it is kept (see `Frame.mask`; None: nothing)."""
        codec, tokens = self.codecs[stream], self.frame(stream, source)
        if tokens.levels != codec.levels:
            raise InputError(
                f"These {stream} tokens hold {tokens.levels} of {codec.levels} levels; to be edited they need all."
            )
        latent, mask = self.latents.normalize(stream, codec.latent(tokens)), None
        if keep is not None:
            text = self.text_of(stream, source) if codec.modality == "text" else ""
            mask = self.frames[stream].sized(tokens.positions).mask(keep, text).to(self.device)
        return EditSource(latent, tokens.codes.to(self.device), mask)

    def text_of(self, stream: str, source: Any) -> str:
        """The string of a text input: of a string or file itself, of tokens what they decode to."""
        if isinstance(source, Tokens):
            return TextFrame.read(self.codecs[stream].decode_tensor(source)).strip()
        if stream not in self.codecs:  # a text that is a condition only
            return str(source).strip()
        item = source if isinstance(source, Item) else self.codecs[stream].load(source)
        return TextFrame.read(item.tensor).strip()

    # ------------------------------------------------------------------------------ conditions

    def style_index(self, styles: Sequence[str | None], n: int) -> Tensor:
        """Names of styles (None: any), which the samples take in turn -> (n,) for the network."""
        known = [self.styles.index(style) if style else self.network.any_style for style in styles]
        return torch.tensor([known[i % len(known)] for i in range(n)], device=self.device)

    def conditions_of(self, given: Mapping[str, Any], settings: SamplingSettings) -> Conditions:
        """What is given, ready for the network: latents of streams, vectors of texts, the style.

        A text that is too long for its stream is read as a vector alone, where the model has one.
        """
        n, clean, texts = settings.n, {}, {}
        for name, source in given.items():
            if reads := self.texts.read_by(name):
                texts[name] = [self.text_of(name, source)] * n
            if self.texts.alone(name):
                continue
            try:
                latent = self.encode(name, source)
            except InputError:
                if not reads or not texts[name][0]:
                    raise
                continue
            clean[name] = latent.expand(n, *latent.shape[1:])
        return Conditions(self.style_index(settings.styles, n), clean, self.texts.vectors(texts))

    # ------------------------------------------------------------------------------ noise

    def start_noise(
        self, n: int, seed: int, block: int = 0, lengths: Mapping[str, int] | None = None
    ) -> dict[str, Tensor]:
        """Noise per stream (n, D, *shape). Made on the CPU, one generator a sample: sample i of a seed is the same
        on every device and however many are asked for.

        Args:
            block: of a longer output, whose blocks have noise of their own. lengths: positions of streams of one axis
                that are shorter than their shape.
        """
        shapes = {k: s.shape for k, s in self.streams.items()} | {k: [v] for k, v in (lengths or {}).items()}
        rows: dict[str, list[Tensor]] = {name: [] for name in self.streams}
        for i in range(n):
            generator = sample_generator(seed, i, block)
            for s in self.streams.values():
                rows[s.name].append(torch.randn(s.dim, *shapes[s.name], generator=generator, dtype=torch.float32))
        return {k: torch.stack(v).to(self.device) for k, v in rows.items()}

    def noise_between(
        self, n: int, seed: int, to_seed: int, lengths: Mapping[str, int] | None = None
    ) -> dict[str, Tensor]:
        """From the first sample's noise of one seed to that of another, n samples (n, D, *shape)."""
        a, b = (self.start_noise(1, s, lengths=lengths) for s in (seed, to_seed))
        weight = torch.linspace(0, 1, n, dtype=torch.float32, device=self.device)
        return {k: slerp(a[k][0], b[k][0], weight) for k in a}

    # ------------------------------------------------------------------------------ sampling

    def sample(
        self,
        given: Mapping[str, Any] | None = None,
        want: Sequence[str] | None = None,
        settings: SamplingSettings | None = None,
        *,
        edit: Mapping[str, Any] | None = None,
        keep: Mapping[str, Any] | None = None,
        compose: Sequence[tuple[Mapping[str, Any], float | Sequence[float]]] = (),
        lengths: Mapping[str, int] | None = None,
        **changes: Any,
    ) -> Iterator[SamplingStep]:
        """Generate ``want`` from ``given``, yielding every step. A plain generator: close it to stop.

        Args:
            given: stream -> input (whatever its codec takes, or `Tokens`); entries of None count as not given.
            want: streams to make (None: all that are not given).
            settings: see `SamplingSettings`; or its fields as keyword arguments, the style under the model's own name
                for it too (``speaker="theo"``).
            edit: stream -> input to start from; these streams are made, not given.
            keep: stream -> what of its ``edit`` input stays, exactly, token by token: a picture mask (bright where it
                stays), spans (start, end) in seconds, or spans of characters; see `Frame.mask`.
            compose: more to be made from at once, each like ``given`` and with its share of the guidance, 0 to 1, the
                same for all samples or one a sample; ``given`` has what is left. ``[({"text": "cat"}, 0.5)]``.
            lengths: latent positions of streams whose frame is variable (none named: their given or edited input's,
                else the most that there may be).

        Raises:
            InputError: an input or setting cannot be used.
        """
        given, edit, keep = (_named(d or {}) for d in (given, edit, keep))
        compose = [(_named(part), share) for part, share in compose]
        want = tuple(want) if want else tuple(k for k in self.streams if k not in given)
        settings = SamplingSettings.of(self.interface.style, settings, **changes)
        self.check(given, want, settings)
        for other, _ in compose:
            self.check(other, want, settings)
        check_edit(given, want, edit, keep, settings.strength)
        with isolated(self.device):
            n, seed = settings.n, settings.seed
            conditions = [self.conditions_of(given, settings)]
            if compose:
                others = [shares_of(share, n, self.device) for _, share in compose]
                left = 1 - torch.stack(others).sum(0)
                if float(left.min()) < -1e-6:
                    raise InputError("The shares of what is composed are more than 1 together.")
                conditions = [
                    replace(self.conditions_of(part, settings), share=share)
                    for part, share in zip([given, *(part for part, _ in compose)], [left, *others], strict=True)
                ]
            sources = {k: self.edit_source(k, v, keep.get(k)) for k, v in edit.items()}
            lengths = lengths_of(self.streams, self.frames, conditions, sources, lengths or {})
            noise = self.start_noise(n, seed, lengths=lengths)
            way = [sample_generator(seed, i, purpose="way") for i in range(n)]
            if settings.to_seed is not None:
                noise = self.noise_between(n, seed, settings.to_seed, lengths)
                way = [sample_generator(seed, purpose="way") for _ in range(n)]  # what is added is the same for all
        yield from self.run(conditions, want, noise, way, settings, sources)

    def sample_batch(self, framed: Mapping[str, Tensor], want: Sequence[str], **changes: Any) -> Iterator[SamplingStep]:
        """As `sample`, for many different inputs at once that are in the model's frame already.

        Args:
            framed: stream -> canonical batch (n, ...), for example pictures (n, 3, 32, 32) in [0, 1].
        """
        n = len(next(iter(framed.values())))
        settings = SamplingSettings.of(self.interface.style, **changes)
        with isolated(self.device):
            strings = {k: [TextFrame.read(row) for row in x] for k, x in framed.items() if self.texts.read_by(k)}
            clean = {k: self.encode_batch(k, v) for k, v in framed.items() if not self.texts.alone(k)}
            conditions = [Conditions(self.style_index(settings.styles, n), clean, self.texts.vectors(strings))]
            way = [sample_generator(settings.seed, i, purpose="way") for i in range(n)]
            noise = self.start_noise(n, settings.seed)
        yield from self.run(conditions, want, noise, way, settings)

    def run(
        self,
        conditions: Sequence[Conditions],
        want: Sequence[str],
        noise: Mapping[str, Tensor],
        generators: Sequence[torch.Generator],
        settings: SamplingSettings,
        sources: Mapping[str, EditSource] | None = None,
    ) -> Iterator[SamplingStep]:
        """`sample` from latents that are ready; what is asked for is not checked again.

        Args:
            conditions: what is given, one or several to compose. noise: start noise of every stream, standard.
            generators: one a sample, for the noise that ancestral sampling and RePaint add on the way.
            sources: of edited streams.
        """
        yield from JointRun(self, conditions, want, noise, generators, settings, sources or {})

    def check(self, given: Mapping[str, Any], want: Sequence[str], settings: SamplingSettings) -> None:
        """Raise InputError, with the reason, for a request that this model cannot meet."""
        known = ", ".join(self.streams)
        for name in [*given, *want]:
            if name not in self.streams and not (name in given and self.texts.read_by(name)):
                raise InputError(f"The model {self.name!r} has no {name!r}; it knows {known}.")
        if not want:
            raise InputError(f"Say what to make: one or more of {known}.")
        if both := sorted(set(given) & set(want)):
            raise InputError(f"{both[0]!r} is both given and wanted: choose one.")
        if unknown := [style for style in settings.styles if style is not None and style not in self.styles]:
            kind, styles = self.interface.style, ", ".join(self.styles)
            raise InputError(f"There is no {kind} {unknown[0]!r}; choose one of {styles}.")


def _named(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Without those that are None."""
    return {name: value for name, value in inputs.items() if value is not None}


def _tokenizer(config: dict[str, Any], folder: Path, stream: str, device: torch.device) -> Codec:
    """The tokenizer of one stream, which must have the very weights the model was trained on.

    A checkpoint may bring it along, in ``tokenizers/``: else a better tokenizer could only ship with a new model.
    """
    wanted = config["tokenizers"][stream]
    own, beside = folder / "tokenizers" / wanted["name"], folder.parent / wanted["name"]
    found = next((f for f in (own, beside) if (f / "config.json").is_file()), None)
    codec = Codec.from_folder(found or checkpoints.find(wanted["name"], hub=False), device)
    if codec.fingerprint != wanted["fingerprint"]:
        raise InputError(
            f"The model {config['name']!r} was trained on tokenizer {wanted['name']} {wanted['fingerprint']}, "
            f"and the one here is {codec.fingerprint}: train it again, or bring the matching tokenizer."
        )
    return codec
