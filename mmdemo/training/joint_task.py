"""The joint diffusion transformer's batches (latents of digits: drawn, spoken, written) and loss."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import checkpoints
from ..codec import Codec
from ..config import from_dict, to_dict
from ..diffusion import inputs
from ..diffusion.dit import DiT, DiTConfig, Stream
from ..diffusion.latents import Latents
from ..diffusion.schedule import Process
from ..digits import WORDS
from . import data
from .loop import Task
from .recipe import Recipe

SHIFTS = (0, 80, 160, 240)  # samples of silence before a word, so that frames fall differently on it


class JointTask(Task):
    """Same-digit triples of picture, recording and word; each stream at its own time step.

    Pairs are drawn by label, so the three sets need not be paired and each combines freely.
    """

    measured = ("latents",)  # the scales of the tokenizers at hand; those of a checkpoint may be of earlier ones

    def __init__(self, recipe: Recipe, device: torch.device, data_dir: Path) -> None:
        self.recipe, self.device = recipe, device
        self.codecs = {k: Codec(checkpoints.find(v), device) for k, v in recipe.data["tokenizers"].items()}
        self.process = Process(str(recipe.loss.get("process", "flow")))
        self.settings = {
            name: float(recipe.loss.get(name, usual))
            for name, usual in (
                ("tied", 0.2),  # all streams at one time
                ("clean", 0.55),  # else: one given
                ("absent_beside", 0.45),  # and of the others, one not given
                ("clean_too", 0.1),  # or one given as well
                ("absent", 0.2),  # none given: one not given
                ("style_dropout", 0.5),
                ("reading", 0.0),  # weight of the loss of the digit read from each stream's tokens
            )
        }
        torch.manual_seed(recipe.seed)
        config = from_dict(DiTConfig, recipe.model)
        self.network, self.latents = DiT(config), Latents(config.streams)
        self.readers = nn.ModuleList(
            [nn.Sequential(nn.LayerNorm(config.width), nn.Linear(config.width, 10)) for _ in config.streams]
        )
        self.model = nn.ModuleDict({"network": self.network, "latents": self.latents, "readers": self.readers})
        self.model.to(device)
        self.streams = config.streams
        shift = recipe.loss.get("shift", {})
        self.shift = torch.tensor([float(shift.get(s.name, 0.0)) for s in self.streams])
        self.slanted: list[Tensor] = []  # the pictures drawn otherwise, (N, D, *shape) each
        given = recipe.loss.get("given", {})
        self.given = torch.tensor([float(given.get(s.name, 1.0)) for s in self.streams])
        self._load(data_dir, int(recipe.data.get("pictures", 60_000)), int(recipe.data.get("slanted", 0)))

    # ------------------------------------------------------------------------------ data

    def _load(self, data_dir: Path, pictures: int, slanted: int) -> None:
        digits, labels = data.mnist(data_dir, train=True)
        digits, labels = digits[:pictures], labels[:pictures]
        colour = digits[:, None].expand(-1, 3, -1, -1)
        self.store = {"image": (self._encode("image", colour), labels)}
        files = data.fsdd_files(data_dir, train=True)
        spoken, speakers = data.fsdd_labels(files)
        length = self._stream("audio").shape[0] * self.codecs["audio"].tokenizer.stride
        clips = [inputs.frame_sound(c, length) for c in data.clips(files)]
        shifted = torch.stack([F.pad(c, (s, 0))[:length] for s in SHIFTS for c in clips])
        self.store["audio"] = (self._encode("audio", shifted), torch.tensor(spoken * len(SHIFTS)))
        names = list(self.network.config.styles)
        self.speaker = torch.tensor([names.index(s) for s in speakers] * len(SHIFTS))
        words = [(w, d) for d, forms in enumerate(WORDS) for w in forms]
        size = self._stream("text").shape[0] * self.codecs["text"].tokenizer.stride
        texts = torch.stack(
            [inputs.frame_text(torch.tensor(list(w.encode()), dtype=torch.uint8), size) for w, _ in words]
        )
        self.store["text"] = (self._encode("text", texts), torch.tensor([d for _, d in words]))
        for name, (z, _) in self.store.items():
            self.latents.cpu().measure(name, z, float(self.recipe.loss.get("signal", {}).get(name, 1.0)))
            self.store[name] = (self.latents.normalise(name, z), self.store[name][1])
        generator = torch.Generator().manual_seed(self.recipe.seed)
        for _ in range(slanted):
            z = self._encode("image", data.slanted(digits, generator)[:, None].expand(-1, 3, -1, -1))
            self.slanted.append(self.latents.normalise("image", z).half())  # there are many, and each is a condition
        self.latents.to(self.device)
        self.by_digit = {k: [(y == d).nonzero()[:, 0] for d in range(10)] for k, (_, y) in self.store.items()}

    def _stream(self, name: str) -> Stream:
        return next(s for s in self.streams if s.name == name)

    @torch.inference_mode()
    def _encode(self, name: str, batch: Tensor) -> Tensor:
        """Canonical inputs -> latents (N, D, *shape): the sums of their codewords."""
        tokenizer = self.codecs[name].tokenizer
        parts = []
        for chunk in batch.split(256):
            chunk = chunk.float() / 255 if name == "image" else chunk
            codes = tokenizer.encode(chunk.to(self.device))
            parts.append(tokenizer.latent(codes).cpu())
        return torch.cat(parts).clone()

    def batch(self, generator: torch.Generator) -> dict[str, Tensor]:
        size = self.recipe.batch_size
        digits = torch.randint(10, (size,), generator=generator)
        out: dict[str, Tensor] = {"digit": digits, **self._times(size, generator)}
        for name, (z, _) in self.store.items():
            places = [self.by_digit[name][d] for d in digits.tolist()]
            rows = torch.stack([p[torch.randint(len(p), (1,), generator=generator)][0] for p in places])
            out[name] = z[rows]
            if name == "image" and self.slanted:
                self._slant(out[name], rows, out["t_image"] == 0, generator)
            if name == "audio":
                out["style"] = self.speaker[rows]
        drop = torch.rand(size, generator=generator) < self.settings["style_dropout"]
        out["style"] = torch.where(drop, torch.full_like(out["style"], self.network.any_style), out["style"])
        out |= {f"eps_{s.name}": torch.randn(out[s.name].shape, generator=generator) for s in self.streams}
        return out

    def _slant(self, z: Tensor, rows: Tensor, given: Tensor, generator: torch.Generator) -> None:
        """Give some of the given pictures slanted, in place: more hands to read, while what is made stays as it is."""
        copies = torch.randint(len(self.slanted) + 1, (len(z),), generator=generator)
        for i in (given & (copies > 0)).nonzero()[:, 0].tolist():
            z[i] = self.slanted[copies[i] - 1][rows[i]].float()

    def _times(self, size: int, generator: torch.Generator) -> dict[str, Tensor]:
        """A time per stream and sample: logit-normal, with the corners that conditional sampling visits.

        "shift" moves a stream's times towards noise. A word is one of few: only near t = 1 is it not yet plain from its
        own noisy latent, so that what else is given has to be read.

        With the shares of the recipe all streams are tied to one time, or one is clean (t = 0, a condition; "given"
        says how often which), and beside it another is clean too, pure noise (t = 1, "not given") or free. Clean and
        noise streams do not count in the loss.
        """
        k = len(self.streams)
        t = torch.sigmoid(torch.randn(size, k, generator=generator) + self.shift)
        uniform = torch.rand(size, k, generator=generator)
        t = torch.where(torch.rand(size, 1, generator=generator) < 0.3, uniform, t)  # the ends need visits too
        draw = torch.rand(size, 3, generator=generator)
        tied = draw[:, 0] < self.settings["tied"]
        t = torch.where(tied[:, None], t[:, :1], t)
        first = torch.multinomial(self.given.expand(size, -1), 1, generator=generator)[:, 0]
        second = (first + 1 + torch.randint(k - 1, (size,), generator=generator)) % k  # another one
        rows = torch.arange(size)
        clean = ~tied & (draw[:, 1] < self.settings["clean"])
        t[rows[clean], first[clean]] = 0.0
        also = self.settings["clean_too"] * clean
        absent = torch.where(clean, self.settings["absent_beside"], self.settings["absent"])
        both = draw[:, 2] < also
        noise = ~tied & ~both & (draw[:, 2] < absent + also)
        t[rows[both], second[both]] = 0.0
        t[rows[noise], second[noise]] = 1.0
        return {f"t_{s.name}": t[:, i] for i, s in enumerate(self.streams)}

    @property
    def exported(self) -> nn.Module:
        return nn.ModuleDict({"network": self.network, "latents": self.latents})  # the readers only serve training

    # ------------------------------------------------------------------------------ loss

    def compile(self) -> None:
        self.network.compile()

    def loss(self, batch: dict[str, Tensor], step: int) -> tuple[Tensor, dict[str, float]]:
        x, when, targets, counted = {}, {}, {}, {}
        for s in self.streams:
            x0, eps, t = batch[s.name], batch[f"eps_{s.name}"], batch[f"t_{s.name}"]
            wide = t.reshape(-1, *[1] * (x0.ndim - 1))
            x[s.name] = self.process.network_input(self.process.noise(x0, eps, wide), wide)
            targets[s.name] = self.process.target(x0, eps, wide)
            when[s.name] = t
            counted[s.name] = ((t > 0) & (t < 1)).float()
        hidden: list[Tensor] | None = [] if self.settings["reading"] else None
        out = self.network(x, when, batch["style"], hidden)
        parts = {}
        for s in self.streams:  # a mean per stream: few text tokens are not drowned by many picture tokens
            each = (out[s.name].float() - targets[s.name]).square().flatten(1).mean(1)  # (B,)
            parts[s.name] = (each * counted[s.name]).sum() / counted[s.name].sum().clamp(min=1)
        if hidden:
            parts["digit"] = self.settings["reading"] * self._reading(hidden, batch["digit"])
        return sum(parts.values()), {k: v.item() for k, v in parts.items()}

    def _reading(self, hidden: list[Tensor], digit: Tensor) -> Tensor:
        """Cross-entropy of the digit read by a linear layer from each stream's mean token at the end, (B, C) each.

        A word says the same in three spellings, a digit is drawn in a thousand ways: through the noise of what is
        made, what is given gets learned slowly. Said outright it is learned soon. (Auxiliary losses on the hidden
        features of a diffusion transformer: Yu et al. 2024, "REPA"; there the features of an image encoder.)
        """
        read = [reader(h.float()) for reader, h in zip(self.readers, hidden, strict=True)]
        return torch.stack([F.cross_entropy(r, digit) for r in read]).mean()

    def export(self, folder: Path, notes: dict[str, object]) -> None:
        tokenizers = {k: {"name": c.name, "fingerprint": c.fingerprint} for k, c in self.codecs.items()}
        config = {
            "kind": "joint",
            "name": self.recipe.name,
            "process": self.process.name,
            "tokenizers": tokenizers,
            "model": to_dict(self.network.config),
            "training": notes,
        }
        checkpoints.save(folder, self.exported, config)
