"""The image tokenizer's batches (photographs, drawn pictures, emoji, digits) and loss."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from ..config import Natural, Share, Weight, settings
from ..datasets.bank import PictureBank
from ..datasets.drawn import draw_many
from ..datasets.emoji import drawings
from ..datasets.folder import hold_out
from ..datasets.mnist import read_mnist
from ..datasets.photographs import read_photographs
from ..datasets.place import need
from .draws import random_crop
from .losses import chroma_loss, clipped_right, flat_loss, picture_loss
from .recipe import Recipe
from .tokenizer_task import HELD_OUT, TokenizerLoss, TokenizerTask

EVERY = round(1 / HELD_OUT)  # of so many emoji and digits one is held out
DRAWN_HELD_OUT = 1_000_000  # seed from which drawn pictures for validation are numbered; those to train on begin at 0
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


@settings
class ImageData:
    """The table ``[data]`` of an image tokenizer's recipe."""

    crop: Annotated[int, Field(ge=8, le=1024, multiple_of=8)] = 64  # pixels a side; a position has 8
    photographs: list[str] = field(default_factory=list)  # folders in --data-dir, with pictures of any format
    emoji: bool = False
    mnist: bool = False
    drawn: Natural = 0  # how many pictures programs draw, see `datasets.drawn`
    grey: Share = 0.0  # of the crops that are made grey
    # How often each is drawn: "photographs", "drawn", "emoji", "digits". Empty: what there is, alike.
    shares: dict[str, Weight] = field(default_factory=dict)

    def __post_init__(self) -> None:
        there = {"photographs": bool(self.photographs), "drawn": bool(self.drawn)}
        there |= {"emoji": self.emoji, "digits": self.mnist}
        self.shares = self.shares or {k: 1.0 for k, v in there.items() if v}
        for name, share in self.shares.items():
            if not there.get(name):
                raise ValueError(f"[data].shares has {name!r}, and no such data is asked for.")
            if not share:
                raise ValueError(f"[data].shares.{name} must be greater than 0.")
        if self.crop > 64 and (self.emoji or self.mnist):
            raise ValueError(f"Emoji and digits have 64 pixels a side: a crop of {self.crop} is too large.")
        if not self.shares:
            raise ValueError("[data] asks for no pictures: give photographs, drawn, emoji or mnist.")


@settings
class ImageLoss(TokenizerLoss):
    """The table ``[loss]``: weights of the parts of `picture_loss`."""

    l1: Weight = 1.0
    mse: Weight = 40.0
    psnr: Weight = 0.0
    gradient: Weight = 0.5
    chroma: Weight = 0.0  # of errors of colour apart from brightness, which the eye sees and PSNR hardly counts
    flat: Weight = 0.0  # of errors where the picture has one colour for some pixels around
    one_sided: bool = False  # whether values beyond black and white, which will be clipped, are right there


class Crops:
    """Draws crops of photographs, drawn pictures, emoji and digits.

    Args:
        pictures: by source, each a list of (3, H, W) uint8 of any size from the crop's on; "digits" (N, 32, 32). Where
            a source is empty its share goes to the others.
        device: where batches are made.
    """

    def __init__(
        self, settings: ImageData, pictures: Mapping[str, Sequence[Tensor] | Tensor], device: torch.device | str
    ) -> None:
        self.crop, self.grey = settings.crop, settings.grey
        shares = {k: v for k, v in settings.shares.items() if len(pictures[k])}
        self.names, self.weights = list(shares), torch.tensor([float(v) for v in shares.values()])
        self.banks = {k: PictureBank(list(pictures[k]), device) for k in shares if k != "digits"}
        digits = pictures["digits"]
        self.digits = digits.to(device) if isinstance(digits, Tensor) else torch.zeros(0, 32, 32, dtype=torch.uint8)

    def __len__(self) -> int:
        return len(self.names)

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """(count, 3, crop, crop) float in [0, 1], source after source."""
        picks = torch.multinomial(self.weights, count, True, generator=generator)
        counts = torch.bincount(picks, minlength=len(self.names)).tolist()
        x = torch.cat([self._of(name, n, generator) for name, n in zip(self.names, counts) if n]).float() / 255
        if not self.grey:
            return x
        grey = (torch.rand(count, generator=generator) < self.grey).to(x.device)[:, None, None, None]
        levels = (x * x.new_tensor(LUMA).view(3, 1, 1)).sum(1, keepdim=True).mul(255).round() / 255
        return torch.where(grey, levels, x)

    def _of(self, name: str, count: int, generator: torch.Generator) -> Tensor:
        if name == "digits":
            return self._sheets(count, generator)
        return self.banks[name].crops(count, self.crop, generator, mirrored=name == "photographs")

    def _sheets(self, count: int, generator: torch.Generator) -> Tensor:
        """Four digits on a 2x2 sheet (each keeps its own 32x32 frame), one sheet in four inverted."""
        picks = torch.randint(len(self.digits), (count, 4), generator=generator)
        side = self.digits.shape[-1]
        sheets = self.digits[picks.to(self.digits.device)].reshape(count, 2, 2, side, side)
        sheets = sheets.permute(0, 1, 3, 2, 4).reshape(count, 1, 2 * side, 2 * side).expand(-1, 3, -1, -1)
        inverted = (torch.randint(4, (count,), generator=generator) == 0).to(sheets.device)[:, None, None, None]
        sheets = torch.where(inverted, 255 - sheets, sheets)
        return torch.stack([random_crop(s, (self.crop, self.crop), generator) for s in sheets])


class ImageTask(TokenizerTask):
    """Crops of photographs, emoji and digits in fixed shares: one tokenizer for all three."""

    modality = "image"
    Data, Loss = ImageData, ImageLoss
    settings: ImageLoss

    def __init__(
        self,
        recipe: Recipe,
        device: torch.device,
        train: Crops,
        held_out: Crops | None = None,
        summary: Mapping[str, object] | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        super().__init__(recipe, device, summary, notes)
        self.crops, self.held_out = train, held_out

    @classmethod
    def from_recipe(cls, recipe: Recipe, device: torch.device, data_dir: Path) -> ImageTask:
        data = recipe.section(ImageData, "data")
        nothing = torch.zeros(0, 3, 64, 64, dtype=torch.uint8)
        train, held, summary, notes = _photographs(data, data_dir)
        emoji = drawings(data_dir / "emoji", "train") if data.emoji else nothing
        digits = read_mnist(data_dir, train=True)[0] if data.mnist else nothing[:, 0]
        drawn = [draw_many(n, seed) for n, seed in cls._drawn(data)]
        last = [torch.arange(len(x)) % EVERY == EVERY - 1 for x in (emoji, digits)]
        kept: dict[str, Sequence[Tensor] | Tensor]
        apart: dict[str, Sequence[Tensor] | Tensor]
        kept = {"photographs": train, "drawn": drawn[0], "emoji": emoji[~last[0]], "digits": digits[~last[1]]}
        apart = {"photographs": held, "drawn": drawn[1], "emoji": emoji[last[0]], "digits": digits[last[1]]}
        held_out = Crops(data, apart, device)
        summary |= {"drawn pictures": data.drawn} if data.drawn else {}
        summary |= {"emoji": len(emoji), "digits": len(digits)}
        return cls(recipe, device, Crops(data, kept, device), held_out if len(held_out) else None, summary, notes)

    @staticmethod
    def _drawn(data: ImageData) -> list[tuple[int, int]]:
        """(how many, first seed) of drawn pictures to train on and of those held out."""
        return [(data.drawn, 0), (math.ceil(HELD_OUT * data.drawn), DRAWN_HELD_OUT)]

    def batch(self, generator: torch.Generator) -> dict[str, Tensor]:
        return {"x": self.crops.draw(self.recipe.batch_size, generator)}

    def held_out_batch(self, generator: torch.Generator) -> dict[str, Tensor] | None:
        return {"x": self.held_out.draw(self.recipe.batch_size, generator)} if self.held_out else None

    def reconstruction(self, y: Tensor, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        y, x = y.float(), batch["x"]
        with torch.no_grad():
            psnr = -10 * torch.log10((y.clamp(0, 1) - x).square().mean())
        weights = self.settings
        if weights.one_sided:
            y = clipped_right(y, x)
        loss = picture_loss(y, x, weights.l1, weights.mse, weights.psnr, weights.gradient)
        if weights.chroma:
            loss = loss + weights.chroma * chroma_loss(y, x)
        if weights.flat:
            loss = loss + weights.flat * flat_loss(y, x)
        return loss, {"PSNR": psnr.item()}


def _photographs(data: ImageData, data_dir: Path) -> tuple[list[Tensor], list[Tensor], dict[str, object], list[str]]:
    """Photographs to train on, and those held out, each at several scales; how many there are, and notes on them."""
    if not data.photographs:
        return [], [], {}, []
    files = read_photographs([need(data_dir / f, f) for f in data.photographs], data.crop)
    paths = hold_out(list(files.items), HELD_OUT)
    summary: dict[str, object] = {"pictures": len(paths[0]), "pictures held out": len(paths[1])}
    summary |= {"pictures left out": len(files.left_out)} if files.left_out else {}
    train, held = ([scaled for path in part for scaled in files.items[path]] for part in paths)
    return train, held, summary, [files.note()]
