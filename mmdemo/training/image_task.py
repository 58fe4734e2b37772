"""The image tokenizer's batches (photographs, emoji, digits) and loss."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ..datasets.emoji import drawings
from ..datasets.mnist import read_mnist
from ..datasets.photographs import read_photographs
from ..datasets.place import need
from .draws import draw_int, random_crop
from .losses import picture_loss
from .recipe import Recipe
from .tokenizer_task import TokenizerTask


class ImageTask(TokenizerTask):
    """Crops of photographs, emoji and digits in fixed shares: one tokenizer for all three."""

    modality = "image"

    def __init__(self, recipe: Recipe, device: torch.device, data_dir: Path) -> None:
        super().__init__(recipe, device)
        settings = recipe.data
        self.crop = int(settings.get("crop", 64))
        folders = [need(data_dir / f, f) for f in settings.get("photographs", [])]
        self.photos = read_photographs(folders) if folders else []
        nothing = torch.zeros(0, 3, 64, 64, dtype=torch.uint8)
        self.emoji = drawings(data_dir / "emoji", "train") if settings.get("emoji") else nothing
        self.digits = read_mnist(data_dir, train=True)[0] if settings.get("mnist") else nothing[:, 0]
        shares = settings.get("shares", {"photographs": 1.0})
        self.sources = [getattr(self, f"_{name}") for name in shares]
        self.weights = torch.tensor([float(v) for v in shares.values()])
        self.scales = {k: float(v) for k, v in recipe.loss.items() if k in ("l1", "mse", "psnr", "gradient")}
        # Larger pictures hold more crops and are drawn more often, but not so much that small ones vanish.
        self.photo_weights = torch.tensor([float(p.shape[1] * p.shape[2]) for p in self.photos]).sqrt()

    def batch(self, generator: torch.Generator) -> dict[str, Tensor]:
        picks = torch.multinomial(self.weights, self.recipe.batch_size, True, generator=generator)
        crops = torch.stack([self.sources[i](generator) for i in picks.tolist()])
        return {"x": crops.float() / 255}

    def _photographs(self, generator: torch.Generator) -> Tensor:
        picture = self.photos[int(torch.multinomial(self.photo_weights, 1, generator=generator))]
        crop = random_crop(picture, (self.crop, self.crop), generator)
        return crop.flip(-1) if draw_int(2, generator) else crop

    def _emoji(self, generator: torch.Generator) -> Tensor:
        return random_crop(self.emoji[draw_int(len(self.emoji), generator)], (self.crop, self.crop), generator)

    def _digits(self, generator: torch.Generator) -> Tensor:
        """Four digits on a 2x2 sheet (each keeps its own 32x32 frame), one sheet in four inverted."""
        picks = torch.randint(len(self.digits), (4,), generator=generator)
        side = self.digits.shape[-1]
        sheet = self.digits[picks].reshape(2, 2, side, side).permute(0, 2, 1, 3).reshape(2 * side, 2 * side)
        sheet = 255 - sheet if draw_int(4, generator) == 0 else sheet
        return random_crop(sheet.expand(3, -1, -1), (self.crop, self.crop), generator)

    def reconstruction(self, y: Tensor, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        y, x = y.float(), batch["x"]
        with torch.no_grad():
            psnr = -10 * torch.log10((y.clamp(0, 1) - x).square().mean())
        return picture_loss(y, x, **self.scales), {"PSNR": psnr.item()}
