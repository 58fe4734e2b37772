"""Training of the priors that entropy coding uses: cross-entropy on the codes (or bytes) of training data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from .. import checkpoints
from ..codec import Codec, tiling
from ..config import Name, Natural, Positive, Weight, settings
from ..datasets import corpora
from ..datasets.drawn import draw_many
from ..datasets.emoji import drawings
from ..datasets.mnist import read_mnist
from ..datasets.photographs import read_photographs
from ..datasets.place import need
from ..datasets.sounds import make_many
from ..datasets.speech import fsdd_files, read_clips, speech_files
from ..entropy.layout import Layout
from ..entropy.prior import CodePrior, PriorConfig
from ..errors import InputError
from .draws import random_crop
from .recipe import Recipe
from .task import Task

EVERY = 20
VALIDATION_BATCHES = 16


@settings
class PriorData:
    """The table ``[data]`` of a prior's recipe."""

    crop: Annotated[int, Field(ge=1, le=65_536)]  # positions of a crop along each axis
    shares: dict[str, Weight]  # how often each source is drawn; see `grids`
    tokenizer: Name = ""  # whose codes; empty: the bytes of texts
    photographs: list[str] = field(default_factory=list)  # folders in --data-dir
    drawn: Natural = 1500  # pictures that programs draw for the source "drawn", see `datasets.drawn`
    made: Natural = 1500  # sounds of 4 s that programs make for the source "made", see `datasets.sounds`
    symbols: Positive = 4096  # of a batch


class PriorTask(Task):
    """Each step takes crops of one source; the source is drawn with the recipe's shares.

    A source is a list of code grids (levels, *positions). Crops are coded as if they were whole, which also teaches
    what the edge of a picture and the start of a text look like.
    """

    kind = "prior"
    tables = ("model", "data")

    def __init__(
        self,
        recipe: Recipe,
        device: torch.device,
        sources: Mapping[str, Sequence[Tensor]],
        codec: Codec | None = None,
    ) -> None:
        """
        Args:
            sources: by the recipe's shares, code grids (levels, *positions).
            codec: whose codes they are; None: the bytes of texts.
        """
        self.recipe, self.device = recipe, device
        wanted = recipe.section(PriorData, "data")
        known = {"tokenizer": wanted.tokenizer, "fingerprint": "", "levels": 1, "codebook_size": 256}
        if codec:
            known |= {"fingerprint": codec.fingerprint, "levels": codec.levels, "codebook_size": codec.codebook_size}
            known["dim"] = codec.tokenizer.dim
        config = recipe.section(PriorConfig, "model", **{k: v for k, v in known.items() if k not in recipe.model})
        torch.manual_seed(recipe.seed)
        self.model: CodePrior = CodePrior(config).to(device)
        if codec:
            self.model.use_codebooks(codec.codebooks)
            self.data_statistics = ("words",)  # of the codes at hand, whatever tokenizer a warm start's were of
        self.crop, self.symbols, shares = wanted.crop, wanted.symbols, wanted.shares
        split = {k: _held_out(list(sources[k])) for k in shares}
        self.sources = {k: train for k, (train, _) in split.items()}
        self.held_out = {k: held for k, (_, held) in split.items() if held}
        empty = [k for k, v in self.sources.items() if not v]
        if empty:
            raise InputError(f"There is no training data for {', '.join(empty)}.")
        self.names = list(shares)
        self.shares = torch.tensor(list(shares.values()))
        self._layouts: dict[tuple[int, ...], Layout] = {}
        self._shown = ""

    @property
    def data_summary(self) -> dict[str, object]:
        return {f"codes of {k}": sum(g[0].numel() for g in v) for k, v in self.sources.items()}

    @classmethod
    def from_recipe(cls, recipe: Recipe, device: torch.device, data_dir: Path) -> PriorTask:
        wanted = recipe.section(PriorData, "data")
        folder = checkpoints.find(wanted.tokenizer, hub=False) if wanted.tokenizer else None
        codec = Codec.from_folder(folder, device) if folder else None
        return cls(recipe, device, {k: list(grids(k, codec, wanted, data_dir)) for k in wanted.shares}, codec)

    def batch(self, generator: torch.Generator) -> dict[str, Tensor]:
        return {"codes": self._crops(self.sources[self._name(generator)], generator)}

    def _name(self, generator: torch.Generator) -> str:
        return self.names[int(torch.multinomial(self.shares, 1, generator=generator))]

    def _crops(self, source: list[Tensor], generator: torch.Generator) -> Tensor:
        """(B, L, *shape) from the grids of one source."""
        sizes = torch.tensor([float(g[0].numel()) for g in source]).sqrt()
        first = source[int(torch.multinomial(sizes, 1, generator=generator))]
        shape = tuple(min(self.crop, n) for n in first.shape[1:])
        crops: list[Tensor] = []
        while sum(c[0].numel() for c in crops) < self.symbols:
            grid = source[int(torch.multinomial(sizes, 1, generator=generator))]
            if any(n < m for n, m in zip(grid.shape[1:], shape)):
                grid = first
            crops.append(random_crop(grid, shape, generator))
        return torch.stack(crops).long()

    def loss(self, batch: dict[str, Tensor], step: int) -> tuple[Tensor, dict[str, float]]:
        bits = self._bits(batch["codes"])
        self._shown = "bits " + " ".join(f"{b:.2f}" for b in bits.tolist())
        return bits.mean(), {}

    def _bits(self, codes: Tensor) -> Tensor:
        """Bits a code of each level, (L,), of codes (B, L, *shape)."""
        shape = tuple(codes.shape[2:])
        if shape not in self._layouts:
            self._layouts[shape] = self.model.layout(shape)
        return self.model.bits(codes.flatten(2), self._layouts[shape])

    def validate(self) -> dict[str, float]:
        """Bits a code of held-out grids, each source with its share; sources of which none is held out are left out."""
        generator = torch.Generator().manual_seed(self.recipe.seed + 11)
        names = [self._name(generator) for _ in range(VALIDATION_BATCHES)]
        bits = [
            self._bits(self._crops(self.held_out[name], generator).to(self.device)).mean().item()
            for name in names
            if name in self.held_out
        ]
        return {"loss": sum(bits) / len(bits)} if bits else {}

    def status(self) -> str:
        return self._shown


def _held_out(grids: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Grids to train on and grids held out: one of `EVERY`, or of a single long one its end."""
    if len(grids) == 1:
        cut = grids[0].shape[-1] - grids[0].shape[-1] // EVERY
        return [grids[0][..., :cut]], [grids[0][..., cut:]] if cut < grids[0].shape[-1] else []
    held = grids[EVERY - 1 :: EVERY]
    return [g for i, g in enumerate(grids) if i % EVERY != EVERY - 1], held


def grids(name: str, codec: Codec | None, wanted: PriorData, data_dir: Path) -> Iterator[Tensor]:
    """One source's training material as code grids (levels, *positions), int16 to save memory."""
    if name == "photographs" and codec:
        folders = [need(data_dir / f, f) for f in wanted.photographs]
        for picture in (p for scaled in read_photographs(folders).items.values() for p in scaled):
            yield _codes(codec, picture.float() / 255)
            yield _codes(codec, picture[:, 3:, 5:].flip(-1).float() / 255)  # mirrored, and off the 8 x 8 raster
    elif name == "emoji" and codec:
        for chunk in drawings(data_dir / "emoji", "train").split(64):
            yield from codec.tokenizer.encode((chunk.float() / 255).to(codec.device)).to(torch.int16).cpu()
    elif name == "digits" and codec:
        for chunk in read_mnist(data_dir, train=True)[0][:20_000].split(256):
            sheets = chunk[:, None].expand(-1, 3, -1, -1).float() / 255
            yield from codec.tokenizer.encode(sheets.to(codec.device)).to(torch.int16).cpu()
    elif name == "drawn" and codec:
        for chunk in draw_many(wanted.drawn).split(16):
            yield from codec.tokenizer.encode((chunk.float() / 255).to(codec.device)).to(torch.int16).cpu()
    elif name == "made" and codec:
        yield torch.cat([_codes(codec, wave) for wave in make_many(wanted.made)], -1)
    elif name == "speech" and codec:
        files = speech_files(data_dir, "train") + fsdd_files(data_dir, train=True)
        third = codec.tokenizer.stride // 3  # of a frame: the same speech, cut into frames otherwise, has other codes
        clips = [clip[shift:] for shift in (0, third, 2 * third) for clip in read_clips(files)]
        yield torch.cat([_codes(codec, clip) for clip in clips], -1)
    else:
        for text in _texts(name, data_dir):
            yield _codes(codec, text) if codec else text[None].to(torch.int16)


def _texts(name: str, data_dir: Path) -> Iterator[Tensor]:
    if name == "labels":
        order = torch.randperm(len(strings := corpora.labels(data_dir)), generator=torch.Generator().manual_seed(0))
        newline = torch.tensor([10], dtype=torch.uint8)
        yield torch.cat([part for i in order.tolist() for part in (strings[i], newline)])
    else:
        yield from corpora.gather(data_dir, [name]).values()


def _codes(codec: Codec, x: Tensor) -> Tensor:
    return tiling.encode(codec.tokenizer, x[None].to(codec.device))[0].to(torch.int16).cpu()
