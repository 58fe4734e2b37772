"""Training of the priors that entropy coding uses: cross-entropy on the codes (or bytes) of training data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from .. import checkpoints
from ..codec import Codec, tiling
from ..config import from_dict, to_dict
from ..datasets import corpora
from ..datasets.emoji import drawings
from ..datasets.mnist import read_mnist
from ..datasets.photographs import read_photographs
from ..datasets.place import need
from ..datasets.speech import fsdd_files, read_clips, speech_files
from ..entropy.layout import Layout
from ..entropy.prior import CodePrior, PriorConfig
from ..errors import InputError
from .draws import random_crop
from .loop import Task
from .recipe import Recipe


class PriorTask(Task):
    """Each step takes crops of one source; the source is drawn with the recipe's shares.

    A source is a list of code grids (levels, *positions). Crops are coded as if they were whole, which also teaches
    what the edge of a picture and the start of a text look like.
    """

    def __init__(self, recipe: Recipe, device: torch.device, data_dir: Path) -> None:
        self.recipe, self.device = recipe, device
        torch.manual_seed(recipe.seed)
        name = str(recipe.data.get("tokenizer", ""))
        codec = Codec(checkpoints.find(name, hub=False), device) if name else None
        known = {"tokenizer": name, "fingerprint": "", "levels": 1, "codebook_size": 256}
        if codec:
            known |= {"fingerprint": codec.fingerprint, "levels": codec.levels, "codebook_size": codec.codebook_size}
            known["dim"] = codec.tokenizer.dim
        config = from_dict(PriorConfig, {**known, **recipe.model})
        self.model: CodePrior = CodePrior(config).to(device)
        if codec:
            self.model.use_codebooks(codec.codebooks)
        self.crop, self.symbols = int(recipe.data["crop"]), int(recipe.data.get("symbols", 4096))
        shares = {k: float(v) for k, v in recipe.data["shares"].items()}
        self.sources = {k: list(grids(k, codec, recipe, data_dir)) for k in shares}
        empty = [k for k, v in self.sources.items() if not v]
        if empty:
            raise InputError(f"There is no training data for {', '.join(empty)}.")
        self.names = list(shares)
        self.shares = torch.tensor(list(shares.values()))
        self.sizes = {k: torch.tensor([float(g[0].numel()) for g in v]).sqrt() for k, v in self.sources.items()}
        self._layouts: dict[tuple[int, ...], Layout] = {}
        self._shown = ""

    def batch(self, generator: torch.Generator) -> dict[str, Tensor]:
        name = self.names[int(torch.multinomial(self.shares, 1, generator=generator))]
        source, sizes = self.sources[name], self.sizes[name]
        first = source[int(torch.multinomial(sizes, 1, generator=generator))]
        shape = tuple(min(self.crop, n) for n in first.shape[1:])
        crops: list[Tensor] = []
        while sum(c[0].numel() for c in crops) < self.symbols:
            grid = source[int(torch.multinomial(sizes, 1, generator=generator))]
            if any(n < m for n, m in zip(grid.shape[1:], shape)):
                grid = first
            crops.append(random_crop(grid, shape, generator))
        return {"codes": torch.stack(crops).long()}  # (B, L, *shape)

    def loss(self, batch: dict[str, Tensor], step: int) -> tuple[Tensor, dict[str, float]]:
        codes = batch["codes"]
        shape = tuple(codes.shape[2:])
        if shape not in self._layouts:
            self._layouts[shape] = self.model.layout(shape)
        bits = self.model.bits(codes.flatten(2), self._layouts[shape])  # (L,)
        self._shown = "bits " + " ".join(f"{b:.2f}" for b in bits.tolist())
        return bits.mean(), {}

    def status(self) -> str:
        return self._shown

    def export(self, folder: Path, notes: dict[str, object]) -> None:
        config = {"kind": "prior", "name": self.recipe.name, "model": to_dict(self.model.config), "training": notes}
        checkpoints.save(folder, self.model, config)


def grids(name: str, codec: Codec | None, recipe: Recipe, data_dir: Path) -> Iterator[Tensor]:
    """One source's training material as code grids (levels, *positions), int16 to save memory."""
    if name == "photographs" and codec:
        folders = [need(data_dir / f, f) for f in recipe.data["photographs"]]
        for picture in read_photographs(folders):
            yield _codes(codec, picture.float() / 255)
            yield _codes(codec, picture[:, 3:, 5:].flip(-1).float() / 255)  # mirrored, and off the 8 x 8 raster
    elif name == "emoji" and codec:
        for chunk in drawings(data_dir / "emoji", "train").split(64):
            yield from codec.tokenizer.encode(chunk.float() / 255).to(torch.int16)
    elif name == "digits" and codec:
        for chunk in read_mnist(data_dir, train=True)[0][:20_000].split(256):
            yield from codec.tokenizer.encode(chunk[:, None].expand(-1, 3, -1, -1).float() / 255).to(torch.int16)
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
