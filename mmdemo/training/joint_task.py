"""A joint diffusion transformer's batches (latents of paired data, a time per stream) and loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import checkpoints
from ..codec import Codec
from ..config import Name, Positive, Share, Weight, from_dict, settings, to_dict
from ..datasets.cache import cache_folder
from ..datasets.encoders import Encoders
from ..datasets.paired import UNKNOWN, Mixture, PairedDataset, SetConfig, load_set
from ..diffusion.conditions import ConditionEncoder
from ..diffusion.dit import DiT
from ..diffusion.interface import JointInterface, check_names
from ..diffusion.latents import LatentNormalizer
from ..diffusion.patches import on_positions, to_tokens
from ..diffusion.schedule import SCHEDULES
from ..diffusion.streams import DiTConfig, Stream
from ..errors import InputError
from .infilling import made_part
from .recipe import Recipe
from .task import Task

UNIFORM = 0.3  # share of times drawn uniformly: the ends need visits too
VALIDATION_BATCHES = 8


@settings
class JointData:
    """What a joint model is trained on: the table ``[data]`` of its recipe."""

    tokenizers: dict[Name, str] = field(default_factory=dict)  # stream -> checkpoint of its tokenizer
    sets: list[SetConfig] = field(default_factory=list)
    conditions: dict[Name, str] = field(default_factory=dict)  # condition -> checkpoint with its encoder's weights
    cache: bool = False  # keep encoded items between runs (`datasets.cache.cache_folder`)


@settings
class JointLoss:
    """How times and conditions are drawn: the table ``[loss]`` of a joint model's recipe. Shares are of all rows.

    Conditional sampling visits corners of the cube of times: a stream is given (t = 0), or absent (t = 1, pure noise).
    Neither counts in the loss. A row always has at least one stream that does.
    """

    schedule: str = "flow"
    p_shared_t: Share = 0.2  # all streams at one time
    p_condition: Share = 0.55  # else: one stream given
    p_drop_other: Share = 0.45  # and of the others, one absent
    p_second_condition: Share = 0.1  # or one given as well
    p_uncond: Share = 0.2  # none given: one absent
    p_drop_style: Share = 0.5
    p_drop_vector: Share = 0.1  # each vector condition by itself
    # How often a stream that is made shows a part of itself clean (see `infilling`): to keep a part, or a voice.
    p_infill: dict[Name, Share] = field(default_factory=dict)
    p_drop_all: Share = 0.0  # no stream, vector or style given: what classifier-free guidance leads away from
    condition_weights: dict[Name, Weight] = field(default_factory=dict)  # how often each stream is the one given
    # Mean of the logit of t. Above 0 a stream's times move towards noise. A word is one of few: only near t = 1 is it
    # not yet plain from its own noisy latent, so that what else is given has to be read.
    logit_mean: dict[Name, float] = field(default_factory=dict)
    latent_std: dict[Name, Weight] = field(default_factory=dict)  # see `LatentNormalizer.measure`
    shared_scale: list[Name] = field(default_factory=list)  # streams with one scale for all channels (see the same)
    # Of the squared error of what conditions expect (`ConditionalMean`), on so many rows of its own each step: a
    # perceptron is quick, and every row tells it something, whatever the time.
    mean: Weight = 0.0
    mean_rows: Positive = 512
    aux: dict[Name, Weight] = field(default_factory=dict)  # label of the data -> weight of its auxiliary loss


class JointTask(Task):
    """Rows of a paired data set; each stream at its own time step."""

    kind = "joint"

    tables = ("model", "data", "loss", "interface")

    # The scales of the tokenizers at hand, and the conditions the data was encoded with: not those of a warm start.
    data_statistics = ("latents", "conditions")

    def __init__(
        self,
        recipe: Recipe,
        device: torch.device,
        train: PairedDataset,
        validation: PairedDataset | None = None,
        tokenizers: Mapping[str, Mapping[str, str]] | None = None,
        conditions: Mapping[str, ConditionEncoder] | None = None,
    ) -> None:
        """
        Args:
            train, validation: data, encoded by these tokenizers and condition encoders.
            tokenizers: of each stream, {"name", "fingerprint"}, for the checkpoint.
        """
        self.recipe, self.device = recipe, device
        self.train, self.validation = train, validation
        self.tokenizers = {k: dict(v) for k, v in (tokenizers or {}).items()}
        self.settings = from_dict(JointLoss, recipe.loss, "[loss]")
        self.interface = from_dict(JointInterface, recipe.interface, "[interface]")
        self.schedule = SCHEDULES[self.settings.schedule]
        torch.manual_seed(recipe.seed)
        config = from_dict(DiTConfig, recipe.model, "[model]")
        self.interface.check(config)
        tables = self.settings.condition_weights, self.settings.logit_mean, self.settings.latent_std
        for table in (*tables, self.settings.p_infill):
            check_names("stream", table, [s.name for s in config.streams])
        check_names("stream", self.settings.shared_scale, [s.name for s in config.streams])
        check_names("label", self.settings.aux, train.classes)
        if self.settings.mean and not any(c.mean for c in config.conditions):
            raise InputError(f"The recipe {recipe.name!r} has a loss for the mean, but no condition that tells of one.")
        self.network, self.latents = DiT(config), LatentNormalizer(config.streams)
        self.aux_heads = nn.ModuleDict(
            {name: _aux_heads(config, train.classes[name]) for name, weight in self.settings.aux.items() if weight}
        )
        encoders = {k: e for k, e in (conditions or {}).items() if isinstance(e, nn.Module)}
        self.conditions = nn.ModuleDict(encoders).requires_grad_(False)
        self.model = nn.ModuleDict({**self._exported_parts(), "aux_heads": self.aux_heads}).to(device)
        self.streams = config.streams
        self.logit_mean = torch.tensor([self.settings.logit_mean.get(s.name, 0.0) for s in self.streams])
        self.weights = torch.tensor([self.settings.condition_weights.get(s.name, 1.0) for s in self.streams])
        self.sizes: dict[str, int] = {}  # latents of each stream that there are to train on
        for s in self.streams:
            z = train.latents(s.name)
            if z is None:
                raise InputError(f"The data of the recipe {recipe.name!r} has no column for the stream {s.name!r}.")
            self.sizes[s.name] = len(z)
            std, shared = self.settings.latent_std.get(s.name, 1.0), s.name in self.settings.shared_scale
            self.latents.measure(s.name, z.to(device), std, shared)

    @property
    def data_summary(self) -> dict[str, object]:
        return {f"latents of {name}": count for name, count in self.sizes.items()}

    @classmethod
    def from_recipe(cls, recipe: Recipe, device: torch.device, data_dir: Path) -> JointTask:
        """With the recipe's tokenizers and data. Raises InputError for what is missing or not known."""
        from_dict(JointLoss, recipe.loss, "[loss]")  # a mistake there is told before data is read
        wanted = from_dict(JointData, recipe.data, "[data]")
        config = from_dict(DiTConfig, recipe.model, "[model]")
        interface = from_dict(JointInterface, recipe.interface, "[interface]")
        interface.check(config)
        codecs = {k: Codec.from_folder(checkpoints.find(v, hub=False), device) for k, v in wanted.tokenizers.items()}
        missing = [s.name for s in config.streams if s.name not in codecs]
        if missing or not wanted.sets:
            lack = f"a tokenizer for the stream {missing[0]!r}" if missing else "any data set"
            raise InputError(f"The recipe {recipe.name!r} does not name {lack}.")
        conditions = interface.condition_encoders(config)
        trained = {k: e for k, e in conditions.items() if isinstance(e, nn.Module)}
        check_names("condition with an encoder that is trained", wanted.conditions, trained)
        for name, encoder in trained.items():
            if name not in wanted.conditions:
                raise InputError(
                    f"The recipe {recipe.name!r} does not name a checkpoint for the encoder of the condition {name!r}: "
                    "it stands in the table [data.conditions]."
                )
            checkpoints.load_into(encoder, checkpoints.find(wanted.conditions[name], hub=False)).eval()
        frames = {}
        for s in config.streams:
            codec = codecs[s.name]
            frames[s.name] = interface.frame(s, codec.modality, codec.tokenizer.stride)
        cache = cache_folder() if wanted.cache else None
        encoders = Encoders(codecs, frames, conditions, config.styles, recipe.seed, cache)
        shares = [s.share for s in wanted.sets]
        train, validation = (
            Mixture([load_set(s, encoders, data_dir, split) for s in wanted.sets], shares)
            for split in ("train", "validation")
        )
        tokenizers = {k: {"name": c.name, "fingerprint": c.fingerprint} for k, c in codecs.items()}
        return cls(recipe, device, train, validation, tokenizers, conditions)

    def _exported_parts(self) -> dict[str, nn.Module]:
        return {"network": self.network, "latents": self.latents, "conditions": self.conditions}

    @property
    def inference_module(self) -> nn.Module:
        return nn.ModuleDict(self._exported_parts())  # the auxiliary heads only serve training

    # ------------------------------------------------------------------------------ batches

    def batch(self, generator: torch.Generator) -> dict[str, Tensor]:
        return self._batch(self.train, generator)

    def _batch(self, data: PairedDataset, generator: torch.Generator) -> dict[str, Tensor]:
        """Flat, as the loop takes it: "x.<stream>" (B, D, *shape) latents, "t.<stream>" (B,) or (B, tokens),
        "eps.<stream>" noise, "mask.<stream>" where rows differ in length, "style" (B,), "vector.<condition>" and
        "known.<condition>", "label.<name>"."""
        size = self.recipe.batch_size
        rows = data.draw(size, generator)
        nowhere = torch.zeros(size, dtype=torch.bool)
        present = torch.stack([rows.present.get(s.name, nowhere) for s in self.streams], dim=1)  # (B, streams)
        t, dropped = self._times(present, generator)
        out: dict[str, Tensor] = {f"label.{k}": v for k, v in rows.labels.items()}
        for i, s in enumerate(self.streams):
            z = rows.latents.get(s.name)
            if z is None:
                z = torch.zeros(size, s.channels, *s.shape)
            if s.name in rows.given:
                z = torch.where((t[:, i] == 0).reshape(-1, *[1] * (z.ndim - 1)), rows.given[s.name], z)
            out |= {
                f"x.{s.name}": z,
                f"t.{s.name}": t[:, i],
                f"eps.{s.name}": torch.randn(size, s.dim, *z.shape[2:], generator=generator),
            }
            if s.name in rows.masks:
                out[f"mask.{s.name}"] = rows.masks[s.name]
            if share := self.settings.p_infill.get(s.name):
                filled = torch.rand(size, generator=generator) < share
                out[f"t.{s.name}"] = self._infilled(s, t[:, i], filled & ~dropped, rows.masks.get(s.name), generator)
        anonymous = (rows.style == UNKNOWN) | dropped
        anonymous |= torch.rand(size, generator=generator) < self.settings.p_drop_style
        out["style"] = rows.style.masked_fill(anonymous, self.network.any_style)
        for c in self.network.config.conditions:
            known = rows.known.get(c.name, nowhere) & ~dropped
            known &= torch.rand(size, generator=generator) >= self.settings.p_drop_vector
            known &= ~self._made(self.interface.conditions[c.name].stream, t)
            out |= {f"vector.{c.name}": rows.vectors.get(c.name, torch.zeros(size, c.dim)), f"known.{c.name}": known}
        return out | self._mean_batch(data, generator) if self.settings.mean else out

    def _mean_batch(self, data: PairedDataset, generator: torch.Generator) -> dict[str, Tensor]:
        """Rows for the conditions' means: as in `_batch`, with "mean." before, and
        "mean.present.<stream>" (B, *shape), False where a row has nothing."""
        size = self.settings.mean_rows
        rows = data.draw(size, generator)
        nowhere = torch.zeros(size, dtype=torch.bool)
        anonymous = rows.style == UNKNOWN
        anonymous |= torch.rand(size, generator=generator) < self.settings.p_drop_style
        out = {"mean.style": rows.style.masked_fill(anonymous, self.network.any_style)}
        for c in (c for c in self.network.config.conditions if c.mean):
            out[f"mean.vector.{c.name}"] = rows.vectors.get(c.name, torch.zeros(size, c.dim))
            out[f"mean.known.{c.name}"] = rows.known.get(c.name, nowhere)
            for s in (s for s in self.streams if s.name in c.mean):
                z = rows.latents.get(s.name, torch.zeros(size, s.channels, *s.shape))
                there = rows.present.get(s.name, nowhere).reshape(-1, *[1] * len(s.shape)).expand(size, *z.shape[2:])
                out |= {f"mean.x.{s.name}": z, f"mean.present.{s.name}": rows.masks.get(s.name, there)}
        return out

    def _infilled(
        self, s: Stream, t: Tensor, filled: Tensor, mask: Tensor | None, generator: torch.Generator
    ) -> Tensor:
        """Times (B,) -> (B, tokens), 0 on what the rows ``filled`` (B,) show of a stream while they make the rest."""
        grid = list(s.grid)
        if mask is not None:
            grid[-1] = -(-mask.shape[-1] // s.patches[-1])
        ends = torch.full((len(t),), grid[-1])
        if mask is not None:
            ends = (mask.sum(1) / s.patches[-1]).ceil().long().clamp(min=1)
        shown = ~made_part(grid, ends, generator) & filled[:, None] & ((t > 0) & (t < 1))[:, None]
        return torch.where(shown, 0.0, t[:, None])

    def _made(self, stream: str, t: Tensor) -> Tensor:
        """(B,) where a stream is being made: a vector of its text would give the answer away."""
        at = next((i for i, s in enumerate(self.streams) if s.name == stream), None)
        return torch.zeros(len(t), dtype=torch.bool) if at is None else (t[:, at] > 0) & (t[:, at] < 1)

    def _times(self, present: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Times (B, streams), logit-normal with the corners of `JointLoss`; and (B,) where every condition is dropped.

        Args:
            present: (B, streams) bool; what a row lacks is absent, t = 1.
        """
        p, (size, k) = self.settings, present.shape
        t = torch.sigmoid(torch.randn(size, k, generator=generator) + self.logit_mean)
        uniform = torch.rand(size, k, generator=generator)
        t = torch.where(torch.rand(size, 1, generator=generator) < UNIFORM, uniform, t)
        draw = torch.rand(size, 4, generator=generator)
        shared = draw[:, 0] < p.p_shared_t
        t = torch.where(shared[:, None], t[:, :1], t).clamp(1e-5, 1 - 1e-5)  # 0 and 1 themselves are the corners
        free = t.clone()
        first = torch.multinomial(self.weights.expand(size, -1), 1, generator=generator)[:, 0]
        second = (first + 1 + torch.randint(max(1, k - 1), (size,), generator=generator)) % k  # another one
        rows = torch.arange(size)
        clean = ~shared & (draw[:, 1] < p.p_condition)
        t[rows[clean], first[clean]] = 0.0
        also = p.p_second_condition * clean
        absent = torch.where(clean, p.p_drop_other, p.p_uncond)
        both = draw[:, 2] < also
        noise = ~shared & ~both & (draw[:, 2] < absent + also)
        t[rows[both], second[both]] = 0.0
        t[rows[noise], second[noise]] = 1.0
        t = torch.where(present, t, 1.0)
        # Of two streams, one given and the other absent, nothing would be learned: then the other is made after all.
        one_hot = F.one_hot(first, k).bool()
        for keep in (one_hot, torch.zeros_like(one_hot)):
            idle = ~((t > 0) & (t < 1)).any(1, keepdim=True)
            t = torch.where(idle & present & ~keep, free, t)
        dropped = draw[:, 3] < p.p_drop_all
        return torch.where(dropped[:, None] & (t == 0), 1.0, t), dropped

    # ------------------------------------------------------------------------------ loss

    def compile(self) -> None:
        self.network.compile()

    def loss(self, batch: dict[str, Tensor], step: int) -> tuple[Tensor, dict[str, float]]:
        parts = self._losses(batch)
        return torch.stack(list(parts.values())).sum(), {k: v.item() for k, v in parts.items()}

    def _losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Mean squared error of the velocity per stream, and the weighted auxiliary losses."""
        x, t, targets, made = {}, {}, {}, {}
        for s in self.streams:
            x0 = self.latents.normalize(s.name, batch[f"x.{s.name}"])
            eps, t[s.name] = batch[f"eps.{s.name}"], batch[f"t.{s.name}"]
            wide = on_positions(t[s.name], s, x0)
            made[s.name] = ((wide > 0) & (wide < 1))[:, 0].expand(len(x0), *x0.shape[2:])  # what counts
            x[s.name] = self.schedule.scale_model_input(self.schedule.add_noise(x0, eps, wide), wide)
            targets[s.name] = self.schedule.target(x0, eps, wide)
        hidden: list[Tensor] | None = [] if self.aux_heads else None
        masks = {s.name: batch[f"mask.{s.name}"] for s in self.streams if f"mask.{s.name}" in batch}
        conditions = self._conditions(batch) | ({"mask": masks} if masks else {})
        out = self.network(x, t, batch["style"], hidden, **conditions)
        parts = {}
        for s in self.streams:  # a mean per stream: few text tokens are not drowned by many picture tokens
            error = (out[s.name].float() - targets[s.name]).square().mean(1)  # (B, *shape)
            counted = made[s.name]
            if f"mask.{s.name}" in batch:
                counted = counted & batch[f"mask.{s.name}"]
            counted = counted.flatten(1).to(error)  # (B, positions)
            each = (error.flatten(1) * counted).sum(1) / counted.sum(1).clamp(min=1)  # (B,)
            parts[s.name] = each.sum() / (counted.sum(1) > 0).sum().clamp(min=1)
        if self.settings.mean:
            parts["mean"] = self.settings.mean * self._mean_error(batch)
        for name, heads in self.aux_heads.items():
            parts[name] = self.settings.aux[name] * _aux_loss(heads, hidden or [], batch[f"label.{name}"])
        return parts

    def _mean_error(self, batch: dict[str, Tensor]) -> Tensor:
        """Squared error of the conditions' means, over the rows that have the condition and the stream."""
        errors = []
        style = self.network.style_embedding(batch["mean.style"])
        for name, mean in self.network.means.items():
            told = mean(batch[f"mean.vector.{name}"], style)
            for s in (s for s in self.streams if s.name in told):
                x0 = to_tokens(self.latents.normalize(s.name, batch[f"mean.x.{s.name}"]), s)  # (B, tokens, D)
                error = (told[s.name][:, : x0.shape[1]].float() - x0).square().mean(2)  # (B, tokens)
                there = to_tokens(batch[f"mean.present.{s.name}"][:, None], s).all(2)
                counted = (batch[f"mean.known.{name}"][:, None] & there).float()
                errors.append((error * counted).sum() / counted.sum().clamp(min=1))
        return torch.stack(errors).sum()

    def _conditions(self, batch: dict[str, Tensor]) -> dict[str, Any]:
        names = [c.name for c in self.network.config.conditions]
        return {
            "vectors": {k: batch[f"vector.{k}"] for k in names},
            "known": {k: batch[f"known.{k}"] for k in names},
        }

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """The parts of the loss on validation data, the same rows, times and noise every time; empty without data."""
        if self.validation is None:
            return {}
        training = self.model.training
        self.model.eval()
        generator = torch.Generator().manual_seed(self.recipe.seed)
        sums: dict[str, float] = {}
        for _ in range(VALIDATION_BATCHES):
            batch = {k: v.to(self.device) for k, v in self._batch(self.validation, generator).items()}
            for name, value in self._losses(batch).items():
                sums[name] = sums.get(name, 0.0) + value.item() / VALIDATION_BATCHES
        self.model.train(training)
        return {"loss": sum(sums.values()), **sums}

    def about(self) -> dict[str, object]:
        return {
            "schedule": self.schedule.name,
            "tokenizers": self.tokenizers,
            "interface": to_dict(self.interface),
            "model": to_dict(self.network.config),
        }


def _aux_heads(config: DiTConfig, classes: int) -> nn.ModuleList:
    """A linear layer for each stream."""
    layers = (nn.Sequential(nn.LayerNorm(config.width), nn.Linear(config.width, classes)) for _ in config.streams)
    return nn.ModuleList(layers)


def _aux_loss(heads: Any, hidden: list[Tensor], labels: Tensor) -> Tensor:
    """Cross-entropy of a label read by a linear layer from each stream's mean token at the end, (B, C) each.

    A word says the same in three spellings, a digit is drawn in a thousand ways: through the noise of what is made,
    what is given gets learned slowly. Supervised directly, it is learned quickly. (Auxiliary losses on the hidden
    features of a diffusion transformer: Yu et al. 2024, "REPA"; there the features of an image encoder.)
    """
    read = [head(h.float()) for head, h in zip(heads, hidden, strict=True)]
    return torch.stack([F.cross_entropy(r, labels, ignore_index=UNKNOWN) for r in read]).mean()
