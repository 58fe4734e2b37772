"""A network with its optimizer: AdamW, weight decay on matrices alone, clipped gradients, no step from a NaN."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .recipe import Recipe


class OptimizedModule:
    """Weights that need no gradient when it is made are left as they are."""

    def __init__(self, network: nn.Module, recipe: Recipe, device: torch.device) -> None:
        self.network, self.clip_norm = network, recipe.clip_norm
        trained = [p for p in network.parameters() if p.requires_grad]
        groups = [
            {"params": [p for p in trained if p.ndim >= 2], "weight_decay": recipe.weight_decay},
            {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},  # biases and norms
        ]
        self.optimizer = torch.optim.AdamW(
            groups, lr=recipe.learning_rate, betas=recipe.betas, fused=device.type != "mps"
        )

    def step(self, loss: Tensor, learning_rate: float) -> None:
        """One step down the gradient of ``loss``."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.clip_norm)
        if torch.isfinite(norm):  # one bad batch must not end a night's run
            self.optimizer.step()

    def state(self, prefix: str) -> dict[str, Tensor]:
        """The optimizer's moments, flat, for a snapshot."""
        state = self.optimizer.state_dict()["state"]
        return {f"{prefix}{i}.{k}": torch.as_tensor(v) for i, values in state.items() for k, v in values.items()}

    def load(self, state: dict[str, Tensor]) -> None:
        """The reverse of ``state``, its prefix taken off."""
        own = self.optimizer.state_dict()
        for key, value in state.items():
            index, name = key.split(".", 1)
            own["state"].setdefault(int(index), {})[name] = value
        self.optimizer.load_state_dict(own)
