"""Training of the tokenizers: unquantised warm-up, k-means start, then residual VQ with quantizer dropout.

A later stage may freeze the encoder and its codebooks and refine the decoder alone: codes keep their meaning, so files
made before stay readable and a diffusion model on the latents stays valid.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

import torch
from torch import Tensor

from ..config import Natural, Share, Weight, settings
from ..errors import InputError
from ..quantizers.residual import dropout_levels
from ..tokenizers import REGISTRY, Autoencoder, AutoencoderOutput
from .recipe import Recipe
from .task import Task

KMEANS_VECTORS = 40_000
LATEST_START = 1 / 3  # of a training: by then codebooks begin, however many unquantised steps were asked for
HELD_OUT = 0.05  # share of the data kept for validation
VALIDATION_BATCHES = 4


@settings
class TokenizerLoss:
    """The table ``[loss]`` of a tokenizer's recipe: what all three have in common."""

    unquantised_steps: Natural = 300  # before the codebooks begin
    quantizer_dropout: Share = 0.5  # share of rows with fewer levels than all
    level_shares: list[Weight] | None = None  # of these rows, how many have each number of levels; None: all alike


class TokenizerTask(Task):
    """Shared by the three tokenizers; subclasses give batches and a reconstruction loss.

    Attributes:
        Data, Loss: what the tables [data] and [loss] of its recipes may hold.
        notes: sentences about the data that a person should know (files left out).
    """

    kind = "tokenizer"

    tables = ("model", "data", "loss")
    special = ("quantizer", "freeze")
    modality: str
    network: ClassVar[str] = ""  # of `tokenizers.REGISTRY`, where it is not the modality's own
    Data: ClassVar[type[Any]]
    Loss: ClassVar[type[TokenizerLoss]] = TokenizerLoss
    settings: TokenizerLoss
    model: Autoencoder

    def __init__(
        self,
        recipe: Recipe,
        device: torch.device,
        summary: Mapping[str, object] | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        """
        Args:
            summary, notes: of the data, for `data_summary` and `notes`.
        """
        self.recipe, self.device = recipe, device
        self._summary, self.notes = dict(summary or {}), list(notes)
        self.settings, config = self._settings(recipe)
        torch.manual_seed(recipe.seed)
        self.model = cast(Autoencoder, REGISTRY[self.network or self.modality](config)).to(device)
        parts = [module for name, module in self.model.named_children() if name in self.model.encoder_parts]
        if recipe.freeze == "encoder":
            for module in parts:
                module.requires_grad_(False)
        # Also where the encoder has nothing to learn: its codebooks are k-means and stay so.
        self.frozen = not any(p.requires_grad for module in parts for p in module.parameters())

    @property
    def data_summary(self) -> dict[str, object]:
        return self._summary

    @classmethod
    def check(cls, recipe: Recipe) -> None:
        super().check(recipe)
        recipe.section(cls.Data, "data")
        cls._settings(recipe)

    @classmethod
    def _settings(cls, recipe: Recipe) -> tuple[TokenizerLoss, Any]:
        """The table [loss], and the network's settings. Raises InputError for what does not go together."""
        settings = recipe.section(cls.Loss, "loss")
        bottleneck = recipe.model.get("bottleneck", {})
        if isinstance(bottleneck, dict):
            if "kind" in bottleneck:
                raise InputError(
                    f"The recipe {recipe.name!r} cannot be used: a recipe names its quantizer at the top, "
                    f"quantizer = {str(bottleneck['kind'])!r}, and not in [model.bottleneck]."
                )
            bottleneck = {**bottleneck, "kind": recipe.quantizer}
        config = recipe.section(REGISTRY[cls.network or cls.modality].Config, "model", bottleneck=bottleneck)
        shares, levels = settings.level_shares, config.bottleneck.levels
        if shares is not None and (len(shares) != levels or not sum(shares)):
            raise InputError(f"[loss].level_shares has {len(shares)} shares for {levels} levels.")
        if recipe.freeze not in ("", "encoder"):
            raise InputError(f'A tokenizer cannot freeze {recipe.freeze!r}: only "encoder", or nothing.')
        return settings, config

    @abstractmethod
    def reconstruction(self, y: Tensor, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        """Loss of one reconstruction and the figures to show."""

    def held_out_batch(self, generator: torch.Generator) -> dict[str, Tensor] | None:
        """As `batch`, of data that is never trained on; None where there is none."""
        return None

    # ------------------------------------------------------------------------------ codebooks

    @property
    def unfinished(self) -> str:
        return "" if self.model.bottleneck.initialized else "its codebooks have not begun"

    def before_step(self, step: int, progress: float) -> None:
        if not self.unfinished:
            return
        if self.recipe.freeze == "encoder":
            raise InputError("A frozen encoder must be a trained one: start from a checkpoint with --init.")
        if step >= self.settings.unquantised_steps or progress >= LATEST_START:
            self.start_codebooks()

    def start_codebooks(self) -> None:
        """k-means on what the encoder gives for the training data."""
        self.model.bottleneck.init_codebooks(self._latents())

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

    # ------------------------------------------------------------------------------ loss

    def output(self, batch: dict[str, Tensor], step: int) -> AutoencoderOutput:
        """The autoencoder on a batch, each row with its own number of levels (quantizer dropout)."""
        num_levels = None
        if self.model.levels:
            generator = torch.Generator().manual_seed(self.recipe.seed * 7 + step)
            size, levels = len(batch["x"]), self.model.levels
            dropout, shares = self.settings.quantizer_dropout, self.settings.level_shares
            num_levels = dropout_levels(size, levels, dropout, generator, shares).to(self.device)
        return self._as_used(batch["x"], num_levels) if self.frozen else self.model(batch["x"], num_levels)

    def _as_used(self, x: Tensor, num_levels: Tensor | None) -> AutoencoderOutput:
        """In full precision and by the same search as when the tokenizer is used: the decoder gets what it will get."""
        with torch.no_grad(), torch.autocast(self.device.type, enabled=False):
            z = self.model.to_latent(x)
            quantized = self.model.bottleneck(z) if num_levels is None else self.model.quantize_eval(z, num_levels)
        return AutoencoderOutput(self.model.from_latent(quantized.z, quantized.num_levels, quantized.codes), quantized)

    def loss(self, batch: dict[str, Tensor], step: int) -> tuple[Tensor, dict[str, float]]:
        out = self.output(batch, step)
        loss, shown = self.reconstruction(out.y, batch)
        return loss + out.quantized.loss, {**shown, "aux": out.quantized.loss.item()}

    def validate(self) -> dict[str, float]:
        """The reconstruction with all levels, as when the tokenizer is used."""
        generator = torch.Generator().manual_seed(self.recipe.seed + 11)
        sums: dict[str, float] = {}
        for _ in range(VALIDATION_BATCHES):
            batch = self.held_out_batch(generator)
            if batch is None:
                return {}
            batch = {k: v.to(self.device) for k, v in batch.items()}
            num_levels = (
                torch.full((len(batch["x"]),), self.model.levels, device=self.device) if self.model.levels else None
            )
            loss, shown = self.reconstruction(self._as_used(batch["x"], num_levels).y, batch)
            for name, value in {"loss": loss.item(), **shown}.items():
                sums[name] = sums.get(name, 0.0) + value / VALIDATION_BATCHES
        return sums

    # ------------------------------------------------------------------------------ status and files

    def _usage(self) -> list[tuple[float, float]]:
        """Share of codes in use and perplexity of each level; a collapse must be visible at once."""
        if self.frozen or not self.model.levels or self.unfinished:
            return []
        return list(zip(*self.model.bottleneck.usage(), strict=True))

    def status(self) -> str:
        pairs = [f"{100 * used:.0f}%/{perplexity:.0f}" for used, perplexity in self._usage()]
        return " ".join(["codes", *pairs]) if pairs else ""

    def statistics(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for level, (used, perplexity) in enumerate(self._usage(), start=1):
            found |= {
                f"codes in use, level {level}": round(used, 4),
                f"perplexity, level {level}": round(perplexity, 2),
            }
        return found

    def about(self) -> dict[str, object]:
        network = {"network": self.network} if self.network else {}
        return {"modality": self.modality, **network, **super().about()}
