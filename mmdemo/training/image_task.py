"""The image tokenizer's batches (photographs, emoji, digits) and loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from ..config import Weight, settings
from ..datasets.emoji import drawings
from ..datasets.folder import hold_out
from ..datasets.mnist import read_mnist
from ..datasets.photographs import read_photographs
from ..datasets.place import need
from ..errors import InputError
from .draws import draw_int, random_crop
from .losses import picture_loss
from .recipe import Recipe
from .tokenizer_task import HELD_OUT, TokenizerLoss, TokenizerTask

EVERY = round(1 / HELD_OUT)  # of so many emoji and digits one is held out


@settings
class ImageData:
    """The table ``[data]`` of an image tokenizer's recipe."""

    crop: Annotated[int, Field(ge=8, le=1024, multiple_of=8)] = 64  # pixels a side; a position has 8
    photographs: list[str] = field(default_factory=list)  # folders in --data-dir, with pictures of any format
    emoji: bool = False
    mnist: bool = False
    # How often each is drawn: "photographs", "emoji", "digits". Empty: what there is, alike.
    shares: dict[str, Weight] = field(default_factory=dict)

    def __post_init__(self) -> None:
        there = {"photographs": bool(self.photographs), "emoji": self.emoji, "digits": self.mnist}
        self.shares = self.shares or {k: 1.0 for k, v in there.items() if v}
        for name, share in self.shares.items():
            if not there.get(name):
                raise ValueError(f"[data].shares has {name!r}, and no such data is asked for.")
            if not share:
                raise ValueError(f"[data].shares.{name} must be greater than 0.")
        if not self.shares:
            raise ValueError("[data] asks for no pictures: give photographs, emoji or mnist.")


@settings
class ImageLoss(TokenizerLoss):
    """The table ``[loss]``: weights of the parts of `picture_loss`."""

    l1: Weight = 1.0
    mse: Weight = 40.0
    psnr: Weight = 0.0
    gradient: Weight = 0.5


class Crops:
    """Draws crops of photographs, emoji and digits.

    Args:
        photographs: (3, H, W) uint8 of any size from the crop's on. emoji: (N, 3, 64, 64). digits: (N, 32, 32). Where
            one of them is empty its share goes to the others.
    """

    def __init__(self, settings: ImageData, photographs: Sequence[Tensor], emoji: Tensor, digits: Tensor) -> None:
        self.crop, self.photographs, self.emoji, self.digits = settings.crop, photographs, emoji, digits
        filled = {"photographs": self._photograph, "emoji": self._emoji, "digits": self._sheet}
        shares = {k: v for k, v in settings.shares.items() if len(getattr(self, k))}
        self.sources = [filled[name] for name in shares]
        self.weights = torch.tensor([float(v) for v in shares.values()])
        # Larger pictures hold more crops and are drawn more often, but not so much that small ones vanish.
        self.areas = torch.tensor([float(p.shape[1] * p.shape[2]) for p in photographs]).sqrt()

    def __len__(self) -> int:
        return len(self.sources)

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """(count, 3, crop, crop) float in [0, 1]"""
        picks = torch.multinomial(self.weights, count, True, generator=generator)
        return torch.stack([self.sources[i](generator) for i in picks.tolist()]).float() / 255

    def _photograph(self, generator: torch.Generator) -> Tensor:
        picture = self.photographs[int(torch.multinomial(self.areas, 1, generator=generator))]
        crop = random_crop(picture, (self.crop, self.crop), generator)
        return crop.flip(-1) if draw_int(2, generator) else crop

    def _emoji(self, generator: torch.Generator) -> Tensor:
        return random_crop(self.emoji[draw_int(len(self.emoji), generator)], (self.crop, self.crop), generator)

    def _sheet(self, generator: torch.Generator) -> Tensor:
        """Four digits on a 2x2 sheet (each keeps its own 32x32 frame), one sheet in four inverted."""
        picks = torch.randint(len(self.digits), (4,), generator=generator)
        side = self.digits.shape[-1]
        sheet = self.digits[picks].reshape(2, 2, side, side).permute(0, 2, 1, 3).reshape(2 * side, 2 * side)
        sheet = 255 - sheet if draw_int(4, generator) == 0 else sheet
        return random_crop(sheet.expand(3, -1, -1), (self.crop, self.crop), generator)


class ImageTask(TokenizerTask):
    """Crops of photographs, emoji and digits in fixed shares: one tokenizer for all three."""

    modality = "image"
    settings: ImageLoss

    def __init__(self, recipe: Recipe, device: torch.device, data_dir: Path) -> None:
        data = recipe.section(ImageData, "data")
        if data.crop > 64 and (data.emoji or data.mnist):
            raise InputError(f"Emoji and digits have 64 pixels a side: a crop of {data.crop} is too large.")
        super().__init__(recipe, device, ImageLoss)
        nothing = torch.zeros(0, 3, 64, 64, dtype=torch.uint8)
        train, held = self._photographs(data, data_dir)
        emoji = drawings(data_dir / "emoji", "train") if data.emoji else nothing
        digits = read_mnist(data_dir, train=True)[0] if data.mnist else nothing[:, 0]
        last = [torch.arange(len(x)) % EVERY == EVERY - 1 for x in (emoji, digits)]
        self.crops = Crops(data, train, emoji[~last[0]], digits[~last[1]])
        held_out = Crops(data, held, emoji[last[0]], digits[last[1]])
        self.held_out = held_out if len(held_out) else None
        self.data_summary |= {"emoji": len(emoji), "digits": len(digits)}

    def _photographs(self, data: ImageData, data_dir: Path) -> tuple[list[Tensor], list[Tensor]]:
        """Photographs to train on, and those held out, each at several scales."""
        if not data.photographs:
            return [], []
        files = read_photographs([need(data_dir / f, f) for f in data.photographs], data.crop)
        self.notes.append(files.note())
        train, held = hold_out(list(files.items), HELD_OUT)
        self.data_summary |= {"pictures": len(train), "pictures held out": len(held)}
        self.data_summary |= {"pictures left out": len(files.left_out)} if files.left_out else {}
        return ([scaled for path in part for scaled in files.items[path]] for part in (train, held))  # type: ignore[return-value]

    def batch(self, generator: torch.Generator) -> dict[str, Tensor]:
        return {"x": self.crops.draw(self.recipe.batch_size, generator)}

    def held_out_batch(self, generator: torch.Generator) -> dict[str, Tensor] | None:
        return {"x": self.held_out.draw(self.recipe.batch_size, generator)} if self.held_out else None

    def reconstruction(self, y: Tensor, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        y, x = y.float(), batch["x"]
        with torch.no_grad():
            psnr = -10 * torch.log10((y.clamp(0, 1) - x).square().mean())
        weights = self.settings
        loss = picture_loss(y, x, weights.l1, weights.mse, weights.psnr, weights.gradient)
        return loss, {"PSNR": psnr.item()}
