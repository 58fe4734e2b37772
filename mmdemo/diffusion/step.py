"""One step of a sampling run: where it stands, and lazily what it looks and sounds like.

Everything a step can tell is worked out when first asked for, and once: its codes serve the preview, the distance to
the nearest codes and the tokens alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from ..isolation import isolated
from ..tokens import Tokens
from .decoding import LatentDecoder
from .editing import EditSource


class SamplingStep:
    """The state after a step.

    Attributes:
        index, steps: step number, 1..steps. t: time reached, 1 (noise) to 0 (data); the mean, where streams differ.
        times: the time of each stream.
        x, x0: per wanted stream (n, D, *shape), unit variance: the noisy latent and the predicted clean one.
        nfe: network evaluations so far (each twice as wide under classifier-free guidance).
    """

    def __init__(
        self,
        decoder: LatentDecoder,
        index: int,
        steps: int,
        t: float,
        x: dict[str, Tensor],
        x0: dict[str, Tensor],
        nfe: int = 0,
        previous_x0: Mapping[str, Tensor] | None = None,
        sources: Mapping[str, EditSource] | None = None,
        times: Mapping[str, float] | None = None,
    ) -> None:
        """
        Args:
            previous_x0: of the step before, for `change`. sources: of edited streams; where they are kept, the step's
                codes are theirs. times: see above (None: all at ``t``).
        """
        self.decoder, self.index, self.steps, self.t = decoder, index, steps, t
        self.x, self.x0, self.nfe = x, x0, nfe
        self.times = dict(times) if times is not None else dict.fromkeys(x0, t)
        self._previous_x0, self._sources = previous_x0, sources or {}
        self._codes: dict[str, Tensor] = {}
        self._outputs: dict[str, Tensor] = {}

    @classmethod
    def of_latents(cls, decoder: LatentDecoder, z: Mapping[str, Tensor]) -> SamplingStep:
        """A step that is nothing but latents, noisy or clean: to decode what a run has left undecoded."""
        return cls(decoder, 1, 1, 0.0, dict(z), dict(z))

    @property
    def last(self) -> bool:
        return self.index == self.steps

    @property
    def kept(self) -> tuple[str, ...]:
        """Streams of which tokens are kept: their codes are not all read from x0."""
        return tuple(name for name, source in self._sources.items() if source.mask is not None)

    @cached_property
    @isolated()
    def change(self) -> float:
        """Root-mean-square change of the predicted x0 since the last step (its own size, at the first step)."""
        total, count = 0.0, 0
        for k, z in self.x0.items():
            moved = z - self._previous_x0[k] if self._previous_x0 else z
            total, count = total + float(moved.square().sum()), count + z.numel()
        return (total / count) ** 0.5

    @cached_property
    @isolated()
    def code_distance(self) -> dict[str, float]:
        """Per stream: RMS distance of x0 to the nearest codes' sum. It falls as the sample settles."""
        return {name: float((z - self.quantized_x0(name)).square().mean().sqrt()) for name, z in self.x0.items()}

    @isolated()
    def codes(self, stream: str) -> Tensor:
        """Codes of the predicted clean sample, (n, levels, *shape)."""
        if stream not in self._codes:
            codes = self.decoder.codes(stream, self.x0[stream])
            source = self._sources.get(stream)
            if source is not None and source.mask is not None:
                # A sum of codewords does not always lead back to the same words: what is kept keeps its own.
                codes = torch.where(source.mask, source.codes, codes)
            self._codes[stream] = codes
        return self._codes[stream]

    def quantized_x0(self, stream: str) -> Tensor:
        """x0 moved to its nearest codes, unit variance (n, D, *shape): what the result is, and can condition."""
        return self.decoder.quantized(stream, self.codes(stream))

    def tokens(self, stream: str) -> list[Tokens]:
        """The predicted clean samples as tokens, which can be saved, edited or given like any others."""
        return [self.decoder.tokens(stream, codes) for codes in self.codes(stream)]

    def decoded(self, stream: str, what: str = "x0") -> Tensor:
        """Canonical batch: x0 quantized to its nearest codes (as the final result is), or "x" as it is."""
        if what == "x0":
            return self.decoder.canonical(stream, self._output(stream))
        return self.decoder.decode_latent(stream, self.x[stream])

    def _output(self, stream: str) -> Tensor:
        """What the decoder makes of the codes; of texts read twice, by the text and the confidence in it."""
        if stream not in self._outputs:
            self._outputs[stream] = self.decoder.decode(stream, self.codes(stream))
        return self._outputs[stream]

    def preview(self, stream: str, what: str = "x0") -> list[Any]:
        """The n samples as a person sees or hears them: PIL images, (16000, float32 array), or strings.

        Args:
            what: "x0" for the predicted clean sample, "x" for the noisy latent decoded as it is.
        """
        return [self.decoder.native(stream, row) for row in self.decoded(stream, what)]

    def timeline(self, stream: str) -> list[str] | None:
        """Per sample, the symbol of every frame of a text that is aligned to sound; None where it is not."""
        rows = [self.decoder.frames[stream].timeline(row) for row in self.decoded(stream)]
        return None if None in rows else [str(row) for row in rows]

    def text_confidence(self, stream: str) -> list[list[float]] | None:
        """Per sample, the probability of each byte of a text's x0 under the decoder; None where it has none."""
        return self.decoder.confidence(stream, self._output(stream))
