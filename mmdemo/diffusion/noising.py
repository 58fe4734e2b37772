"""The forward process alone: what noise does to the latents of an input, for looking at it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from ..isolation import isolated
from .schedule import NoiseSchedule

if TYPE_CHECKING:
    from .joint import JointDiffusion


@isolated()
def noised_text(
    model: JointDiffusion,
    text: str,
    schedule: NoiseSchedule,
    ts: Sequence[float],
    seed: int = 0,
    stream: str = "text",
) -> list[tuple[str, list[float] | None]]:
    """A text of any length, noised in the latents of its tokenizer and decoded as it is.

    Args:
        model: its text tokenizer and the scale of that tokenizer's latents are used; the transformer is not.
        schedule: how much of signal and noise there is at each time.
        ts: times, 0 (the text itself, through the tokenizer) to 1. seed: of the noise, the same at all times.
        stream: of the model, whose tokenizer is for texts.

    Returns:
        per time the decoded string and the decoder's probability of each of its bytes, where it gives any.

    Raises:
        InputError: the text cannot be read as text.
    """
    codec = model.codecs[stream]
    clean = model.latents.normalize(stream, codec.latent(codec.encode(text)))  # (1, D, positions)
    noise = torch.randn(clean.shape, dtype=clean.dtype, generator=torch.Generator().manual_seed(seed)).to(clean)
    t = torch.tensor(list(ts), dtype=clean.dtype, device=clean.device)[:, None, None]  # (times, 1, 1)
    z = model.latents.restore(stream, schedule.add_noise(clean, noise, t))  # (times, D, positions)
    y = codec.tokenizer.decode_latent(z)
    size = len(text.encode("utf-8"))  # the last position is padded
    shown = [_readable(bytes(row)) for row in codec.canonical(y)[:, :size].tolist()]
    confidence = model.decoder.confidence(stream, y)
    if confidence is None:
        return [(row, None) for row in shown]
    return [(row, per_byte[:size]) for row, per_byte in zip(shown, confidence, strict=True)]


def _readable(data: bytes) -> str:
    """Bytes as text; every byte that is no UTF-8 becomes one U+FFFD, so that bytes can be counted off."""
    text = data.decode("utf-8", "surrogateescape")
    return "".join("\ufffd" if "\udc80" <= character <= "\udcff" else character for character in text)
