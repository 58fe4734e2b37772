"""One step of a sampling run: where it stands, and lazily what it looks and sounds like."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..tokenizers.tokens import Tokens
from .inputs import unframe_text

if TYPE_CHECKING:
    from .joint import JointDiffusion


class Step:
    """The state after a step.

    Attributes:
        index, steps: step number, 1..steps. t: time reached, 1 (noise) to 0 (data).
        x, x0: per wanted modality (n, D, *shape), unit variance: the noisy latent and the predicted clean one.
        evaluations: network evaluations so far.
    """

    def __init__(
        self,
        model: JointDiffusion,
        index: int,
        steps: int,
        t: float,
        x: dict[str, Tensor],
        x0: dict[str, Tensor],
        before: dict[str, Tensor] | None,
        evaluations: int,
    ) -> None:
        self.model, self.index, self.steps, self.t = model, index, steps, t
        self.x, self.x0, self.evaluations = x, x0, evaluations
        self._before = before

    @property
    def last(self) -> bool:
        return self.index == self.steps

    @cached_property
    @torch.inference_mode()
    def change(self) -> float:
        """Root-mean-square change of the predicted x0 since the last step (its own size, at the first step)."""
        squares = [(self.x0[k] - (self._before[k] if self._before else 0)).square().flatten() for k in self.x0]
        return float(torch.cat(squares).mean().sqrt())

    @cached_property
    @torch.inference_mode()
    def code_distance(self) -> dict[str, float]:
        """Per modality: RMS distance of x0 to the nearest codes' sum. It falls as the sample settles."""
        out = {}
        for name, z in self.x0.items():
            snapped = self.model.latents.normalise(name, self._snapped(name))
            out[name] = float((z - snapped).square().mean().sqrt())
        return out

    @torch.inference_mode()
    def codes(self, modality: str) -> Tensor:
        """Codes of the predicted clean sample, (n, levels, *shape)."""
        return self.model.codecs[modality].tokenizer.rvq.encode(self.model.latents.restore(modality, self.x0[modality]))

    def _snapped(self, modality: str) -> Tensor:
        return self.model.codecs[modality].tokenizer.rvq.decode(self.codes(modality))

    def tokens(self, modality: str) -> list[Tokens]:
        """The predicted clean samples as tokens, which can be saved or edited like any others."""
        codec, shape = self.model.codecs[modality], self.x0[modality].shape[2:]
        stride = codec.tokenizer.stride
        meta: dict[str, Any] = {"bytes": shape[0] * stride}
        if modality == "image":
            meta = {"height": shape[0] * stride, "width": shape[1] * stride}
        elif modality == "audio":
            meta = {"samples": shape[0] * stride, "sample_rate": 16_000, "channels": 1}
        return [codec.wrap(c.cpu(), meta) for c in self.codes(modality)]

    @torch.inference_mode()
    def decoded(self, modality: str, what: str = "x0") -> Tensor:
        """Canonical batch: x0 snapped to its nearest codes (as the final result is), or "x" as it is."""
        codec = self.model.codecs[modality]
        z = self._snapped(modality) if what == "x0" else self.model.latents.restore(modality, self.x[modality])
        return codec.decode_latent(z).cpu()

    def preview(self, modality: str, what: str = "x0") -> list[Any]:
        """The n samples as a person sees or hears them: PIL images, (16000, float32 array), or strings.

        Args:
            what: "x0" for the predicted clean sample, "x" for the noisy latent decoded as it is.
        """
        batch = self.decoded(modality, what)
        if modality == "text":
            return [unframe_text(row) for row in batch]
        return [self.model.codecs[modality].files.restore(row, {}) for row in batch]

    @torch.inference_mode()
    def text_confidence(self) -> list[list[float]]:
        """Per sample, the probability of each byte of the text's x0 under the decoder."""
        codec = self.model.codecs["text"]
        logits = codec.tokenizer.decode_latent(self._snapped("text"))  # (n, 256, T)
        return logits.float().softmax(1).amax(1).cpu().tolist()
