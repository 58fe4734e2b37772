"""Training of the tokenizers: unquantised warm-up, k-means start, then residual VQ with quantizer dropout."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from .. import checkpoints
from ..config import to_dict
from ..tokenizers import Tokenizer, TokenizerOutput, build_tokenizer
from ..tokenizers.quantize import dropout_levels
from .loop import Task
from .recipe import Recipe

KMEANS_VECTORS = 24_000


class TokenizerTask(Task):
    """Shared by the three tokenizers; subclasses give batches and a reconstruction loss."""

    modality: str

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        self.recipe, self.device = recipe, device
        torch.manual_seed(recipe.seed)
        bottleneck = {**recipe.model.get("bottleneck", {}), "kind": recipe.quantizer}
        settings = {**recipe.model, "bottleneck": bottleneck}
        self.model: Tokenizer = build_tokenizer(self.modality, settings).to(device)
        self.free_steps = int(recipe.loss.get("unquantised_steps", 300))
        self.dropout = float(recipe.loss.get("quantizer_dropout", 0.5))

    def reconstruction(self, y: Tensor, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        """Loss of one reconstruction and the figures to show."""
        raise NotImplementedError

    def before_step(self, step: int) -> None:
        if self.model.levels and step >= self.free_steps and not self.model.rvq.ready:
            self.model.rvq.initialise(self._latents())

    @torch.no_grad()
    def _latents(self) -> Tensor:
        """(N, D) encoder outputs over enough batches for k-means."""
        found: list[Tensor] = []
        generator = torch.Generator().manual_seed(self.recipe.seed + 1)
        wanted = max(KMEANS_VECTORS, 8 * self.model.codebook_size)
        while sum(map(len, found)) < wanted:
            x = self.batch(generator)["x"].to(self.device)
            z = self.model.to_latent(x)
            found.append(z.movedim(1, -1).reshape(-1, z.shape[1]).float())
        return torch.cat(found)

    def loss(self, batch: dict[str, Tensor], step: int) -> tuple[Tensor, dict[str, float]]:
        active = None
        if self.model.levels:
            generator = torch.Generator().manual_seed(self.recipe.seed * 7 + step)
            active = dropout_levels(len(batch["x"]), self.model.levels, self.dropout, generator).to(self.device)
        out: TokenizerOutput = self.model(batch["x"], active)
        loss, shown = self.reconstruction(out.y, batch)
        return loss + out.quantized.loss, {**shown, "aux": out.quantized.loss.item()}

    def status(self) -> str:
        if not self.model.levels or not self.model.rvq.ready:
            return ""
        used, perplexity = self.model.rvq.usage()
        pairs = (f"{100 * u:.0f}%/{p:.0f}" for u, p in zip(used, perplexity, strict=True))
        return "codes " + " ".join(pairs)  # a collapse must be visible at once

    def export(self, folder: Path, notes: dict[str, object]) -> None:
        config = {
            "kind": "tokenizer",
            "name": self.recipe.name,
            "modality": self.modality,
            "model": to_dict(self.model.config),
            "training": notes,
        }
        checkpoints.save(folder, self.model, config)
