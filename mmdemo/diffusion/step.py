"""One step of a sampling run: where it stands, and lazily what it looks and sounds like.

Everything a step can tell is worked out when first asked for, and once: its codes serve the preview, the distance to
the nearest codes and the tokens alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..tokens import Tokens
from .inputs import unframe_text

if TYPE_CHECKING:
    from .editing import Held
    from .joint import JointDiffusion


class Step:
    """The state after a step.

    Attributes:
        index, steps: step number, 1..steps. t: time reached, 1 (noise) to 0 (data); the mean, where modalities differ.
        times: the time of each modality.
        x, x0: per wanted modality (n, D, *shape), unit variance: the noisy latent and the predicted clean one.
        evaluations: network evaluations so far.
        held: sources of edited streams; where they are kept, the step's codes are theirs.
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
        held: Mapping[str, Held] | None = None,
        times: Mapping[str, float] | None = None,
    ) -> None:
        self.model, self.index, self.steps, self.t = model, index, steps, t
        self.x, self.x0, self.evaluations = x, x0, evaluations
        self.times = dict(times) if times is not None else dict.fromkeys(x0, t)
        self._before, self._held = before, held or {}
        self._codes: dict[str, Tensor] = {}
        self._sums: dict[str, Tensor] = {}

    @property
    def last(self) -> bool:
        return self.index == self.steps

    @property
    def held(self) -> tuple[str, ...]:
        """Modalities of which tokens are kept: their codes are not all read from x0."""
        return tuple(name for name, held in self._held.items() if held.mask is not None)

    @cached_property
    @torch.inference_mode()
    def change(self) -> float:
        """Root-mean-square change of the predicted x0 since the last step (its own size, at the first step)."""
        total, count = 0.0, 0
        for k, z in self.x0.items():
            moved = z - self._before[k] if self._before else z
            total, count = total + float(moved.square().sum()), count + z.numel()
        return (total / count) ** 0.5

    @cached_property
    @torch.inference_mode()
    def code_distance(self) -> dict[str, float]:
        """Per modality: RMS distance of x0 to the nearest codes' sum. It falls as the sample settles."""
        return {name: float((z - self.settled(name)).square().mean().sqrt()) for name, z in self.x0.items()}

    @torch.inference_mode()
    def codes(self, modality: str) -> Tensor:
        """Codes of the predicted clean sample, (n, levels, *shape)."""
        if modality not in self._codes:
            z = self.model.latents.restore(modality, self.x0[modality])
            codes = self.model.codecs[modality].tokenizer.codes(z)
            held = self._held.get(modality)
            if held is not None and held.mask is not None:
                # A sum of codewords does not always lead back to the same words: what is kept keeps its own.
                codes = torch.where(held.mask, held.codes, codes)
            self._codes[modality] = codes
        return self._codes[modality]

    @torch.inference_mode()
    def _snapped(self, modality: str) -> Tensor:
        """x0 moved to its nearest codes, as a tokenizer's latent (n, D, *shape)."""
        if modality not in self._sums:
            self._sums[modality] = self.model.codecs[modality].tokenizer.latent(self.codes(modality))
        return self._sums[modality]

    @torch.inference_mode()
    def settled(self, modality: str) -> Tensor:
        """x0 moved to its nearest codes, unit variance (n, D, *shape): what the result is, and can condition."""
        return self.model.latents.normalise(modality, self._snapped(modality))

    def tokens(self, modality: str) -> list[Tokens]:
        """The predicted clean samples as tokens, which can be saved, edited or given like any others."""
        meta = self.model.meta(modality)
        return [self.model.codecs[modality].wrap(c.cpu().clone(), meta) for c in self.codes(modality)]

    @torch.inference_mode()
    def decoded(self, modality: str, what: str = "x0") -> Tensor:
        """Canonical batch: x0 snapped to its nearest codes (as the final result is), or "x" as it is."""
        codec = self.model.codecs[modality]
        if what == "x0" and modality == "text":
            return codec.canonical(self._text_logits).cpu()
        z = self._snapped(modality) if what == "x0" else self.model.latents.restore(modality, self.x[modality])
        return codec.decode_latent(z).cpu()

    @cached_property
    @torch.inference_mode()
    def _text_logits(self) -> Tensor:
        """(n, 256, T), read by both the text and the confidence in it."""
        return self.model.codecs["text"].tokenizer.decode(self.codes("text"))

    def preview(self, modality: str, what: str = "x0") -> list[Any]:
        """The n samples as a person sees or hears them: PIL images, (16000, float32 array), or strings.

        Args:
            what: "x0" for the predicted clean sample, "x" for the noisy latent decoded as it is.
        """
        batch = self.decoded(modality, what)
        if modality == "text":
            return [unframe_text(row) for row in batch]
        return [self.model.codecs[modality].files.restore(row, {}) for row in batch]

    def text_confidence(self) -> list[list[float]]:
        """Per sample, the probability of each byte of the text's x0 under the decoder."""
        return self._text_logits.float().softmax(1).amax(1).cpu().tolist()
