"""Training of the tokenizers: unquantised warm-up, k-means start, then residual VQ with quantizer dropout.

A later stage may freeze the encoder and its codebooks and refine the decoder alone, also against discriminators:
codes keep their meaning, so files made before stay readable and a diffusion model on the latents stays valid.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from .. import checkpoints
from ..config import to_dict
from ..errors import InputError
from ..quantizers.residual import dropout_levels
from ..tokenizers import Autoencoder, AutoencoderOutput, build_tokenizer
from ..tokenizers.autoencoder import ENCODER_PARTS
from .discriminators import Critic
from .loop import Task
from .losses import adversarial_loss, discriminator_loss, feature_loss
from .recipe import Recipe

KMEANS_VECTORS = 24_000


class TokenizerTask(Task):
    """Shared by the three tokenizers; subclasses give batches and a reconstruction loss."""

    modality: str
    critic: Critic | None = None

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        self.recipe, self.device = recipe, device
        torch.manual_seed(recipe.seed)
        bottleneck = {**recipe.model.get("bottleneck", {}), "kind": recipe.quantizer}
        settings = {**recipe.model, "bottleneck": bottleneck}
        self.model: Autoencoder = build_tokenizer(self.modality, settings).to(device)
        self.free_steps = int(recipe.loss.get("unquantised_steps", 300))
        self.dropout = float(recipe.loss.get("quantizer_dropout", 0.5))
        self.level_shares = recipe.loss.get("level_shares")  # of the rows that dropout falls on; None: all alike
        if recipe.freeze not in ("", "encoder"):
            raise InputError(f'A tokenizer cannot freeze {recipe.freeze!r}: only "encoder", or nothing.')
        parts = [module for name, module in self.model.named_children() if name in ENCODER_PARTS]
        if recipe.freeze == "encoder":
            for module in parts:
                module.requires_grad_(False)
        # Also where the encoder has nothing to learn: its codebooks are k-means and stay so.
        self.frozen = not any(p.requires_grad for module in parts for p in module.parameters())
        if recipe.critic:
            self.critic = self.make_critic(recipe.critic).to(device)

    def make_critic(self, settings: dict[str, object]) -> Critic:
        """Discriminators from a recipe's ``[critic]`` table, for modalities that have any."""
        raise InputError(f"There are no discriminators for {self.modality}: leave [critic] out of the recipe.")

    def reconstruction(self, y: Tensor, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        """Loss of one reconstruction and the figures to show."""
        raise NotImplementedError

    def before_step(self, step: int) -> None:
        if self.model.bottleneck.initialized:
            return
        if self.recipe.freeze == "encoder":
            raise InputError("A frozen encoder must be a trained one: start from a checkpoint with --init.")
        if step >= self.free_steps:
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

    def output(self, batch: dict[str, Tensor], step: int) -> AutoencoderOutput:
        """The autoencoder on a batch, each row with its own number of levels (quantizer dropout)."""
        num_levels = None
        if self.model.levels:
            generator = torch.Generator().manual_seed(self.recipe.seed * 7 + step)
            size, levels = len(batch["x"]), self.model.levels
            num_levels = dropout_levels(size, levels, self.dropout, generator, self.level_shares).to(self.device)
        if not self.frozen:
            return self.model(batch["x"], num_levels)
        # In full precision and by the same search as when the tokenizer is used: the decoder gets what it will get.
        with torch.no_grad(), torch.autocast(self.device.type, enabled=False):
            z = self.model.to_latent(batch["x"])
            quantized = self.model.bottleneck(z) if num_levels is None else self.model.quantize_eval(z, num_levels)
        return AutoencoderOutput(self.model.from_latent(quantized.z, quantized.num_levels, quantized.codes), quantized)

    def loss(self, batch: dict[str, Tensor], step: int) -> tuple[Tensor, dict[str, float]]:
        out = self.output(batch, step)
        loss, shown = self.reconstruction(out.y, batch)
        if self.critic is not None:
            batch["y"] = out.y.detach()  # the critic's turn comes next
            more, figures = self._adversarial(out.y, batch["x"])
            loss, shown = loss + more, {**shown, **figures}
        return loss + out.quantized.loss, {**shown, "aux": out.quantized.loss.item()}

    # ------------------------------------------------------------------------------ adversarial

    def critic_settings(self) -> tuple[float, tuple[float, float]]:
        assert self.critic is not None
        config = self.critic.config
        return config.learning_rate, (config.betas[0], config.betas[1])

    def critic_alone(self, step: int) -> bool:
        return self.critic is not None and step < self.critic.config.alone_steps

    def _adversarial(self, y: Tensor, x: Tensor) -> tuple[Tensor, dict[str, float]]:
        """What the decoder pays for rows that the discriminators can tell from real ones."""
        assert self.critic is not None
        config = self.critic.config
        self.critic.requires_grad_(False)  # no gradients for the critic's own weights: a third of the cost
        with torch.no_grad():
            real = self.critic(x[: config.rows])
        fake = self.critic(y[: config.rows])
        self.critic.requires_grad_(True)
        adversarial, features = adversarial_loss(fake), feature_loss(real, fake)
        shown = {"adv": adversarial.item(), "feat": features.item()}
        return config.adversarial * adversarial + config.features * features, shown

    def critic_loss(self, batch: dict[str, Tensor], step: int) -> tuple[Tensor, dict[str, float]]:
        assert self.critic is not None
        rows = self.critic.config.rows
        if "y" not in batch:  # the critic is alone: nobody has made a reconstruction yet
            with torch.no_grad():
                batch["y"] = self.output({k: v[:rows] for k, v in batch.items()}, step).y
        loss = discriminator_loss(self.critic(batch["x"][:rows]), self.critic(batch["y"][:rows]))
        return loss, {"critic": loss.item()}

    # ------------------------------------------------------------------------------ status and files

    def status(self) -> str:
        if self.frozen or not self.model.levels or not self.model.bottleneck.initialized:
            return ""
        used, perplexity = self.model.bottleneck.usage()
        pairs = (f"{100 * u:.0f}%/{p:.0f}" for u, p in zip(used, perplexity, strict=True))
        return "codes " + " ".join(pairs)  # a collapse must be visible at once

    def export(self, folder: Path, notes: dict[str, object]) -> None:
        config = {
            "kind": "tokenizer",
            "name": self.recipe.name,
            "modality": self.modality,
            "model": to_dict(self.model.config),
            "training": {**notes, "frozen": self.recipe.freeze} if self.recipe.freeze else notes,
        }
        checkpoints.save(folder, self.model, config)
