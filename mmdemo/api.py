"""The package's front door: reconstruct an input, generate from a prompt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from .codec import Codec
from .errors import InputError
from .loading import load
from .modalities import MODALITIES, Item
from .tokens import Tokens

if TYPE_CHECKING:
    from .diffusion.joint import JointDiffusion
    from .diffusion.step import SamplingStep


@dataclass
class Reconstruction:
    """An input, its tokens, and what came back, with the figures that say how much it cost and lost."""

    item: Item
    tokens: Tokens
    output: Any  # PIL.Image, (sample rate, float32 array), or str
    figures: dict[str, Any]


def reconstruct(source: Any, model: str | Codec, levels: int | None = None, original: bool = False) -> Reconstruction:
    """Encode and decode ``source`` and measure the result.

    Args:
        source: whatever the modality takes: a path, a PIL image, (sample_rate, array), a string …
        model: a `Codec` or the name of one.
        levels: residual levels to use (None: all).
        original: give a sound at the sample rate and with the channels of the input.
    """
    codec = model if isinstance(model, Codec) else load(model)
    if not isinstance(codec, Codec):
        raise InputError(f"{model!r} is a diffusion model; reconstruction needs a tokenizer: image, audio or text.")
    item = source if isinstance(source, Item) else codec.load(source)
    tokens = codec.encode(item, levels)
    y = codec.decode_tensor(tokens)
    output = codec.restore(y, item.meta, original)
    return Reconstruction(item, tokens, output, figures(codec.modality, item.tensor, y, tokens))


def figures(modality: str, x: Tensor, y: Tensor, tokens: Tokens) -> dict[str, Any]:
    """Rate and distortion of canonical tensors ``x`` (input) and ``y`` (output).

    image: psnr (dB), ms_ssim; audio: stoi, pesq (wide band), snr (dB), None where undefined;
    text: byte_accuracy, exact.
    """
    files, size = MODALITIES[modality], len(tokens.to_bytes())
    rate = files.rate(8 * size, tokens.meta, bytes(x.numpy()) if files.lossless else b"")
    shared = {"tokens": tokens.count, "bytes": size, "rate": rate, "rate_unit": files.rate_unit}
    return {**shared, **files.distortion(x, y)}


def generate(
    model: str | JointDiffusion, given: dict[str, Any] | None = None, **settings: Any
) -> Iterator[SamplingStep]:
    """Sample from a diffusion model: `JointDiffusion.sample` by name.

    ``for step in mmdemo.generate("digits", {"text": "seven"}, want=("image",), n=4): ...``
    """
    loaded = load(model) if isinstance(model, str | Path) else model
    yield from loaded.sample(given or {}, **settings)
