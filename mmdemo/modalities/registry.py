"""The modalities by name: what a picture, a sound and a text are to the rest of the package."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmdemo.modalities import audio, image, text, waveform
from mmdemo.modalities.base import Item, Modality, Stream
from mmdemo.registry import Registry

GREY = 1 << 15  # beside the width of a grey picture in files
MAX_SAMPLES = 1 << 40  # of a sound as a stream: two years


class ImageModality(Modality):
    """Pictures: (3, H, W) float32 RGB in [0, 1] <-> PIL.Image."""

    name, number = "image", 0
    noun, kinds, frame = "a picture", "PNG, JPEG, WebP, GIF, AVIF", "picture"
    axes = 2
    meta_keys = ("height", "width")
    rare_keys = ("grey",)
    suffixes = image.SUFFIXES
    save_suffixes = image.SAVE_SUFFIXES
    rate_unit = "bpp"  # bits per pixel
    tile = (192, 192)
    shown_positions = 3  # surroundings on all sides, so that no edge of the picture shows
    options = ("background",)

    def load(self, source: Any, **options: Any) -> Item:
        return image.load(source, **options)

    def restore(self, tensor: Tensor, meta: Mapping[str, Any] | None = None, original: bool = False) -> Any:
        return image.restore(tensor, dict(meta or {}))

    def save(self, native: Any, path: str | os.PathLike, comment: str = "") -> Path:
        return image.save(native, path, comment)

    def meta_of(self, size: Sequence[int]) -> dict[str, Any]:
        return {"height": size[0], "width": size[1]}

    def write_meta(self, meta: Mapping[str, Any]) -> list[int]:
        """With the width, whether the picture is grey: no side is as long as 2^15."""
        height, width = super().write_meta(meta)
        return [height, width + (GREY if meta.get("grey") else 0)]

    def read_meta(self, numbers: Sequence[int]) -> dict[str, Any]:
        meta = super().read_meta(numbers)
        return meta if meta["width"] < GREY else {**meta, "width": meta["width"] - GREY, "grey": 1}

    def finish(self, y: Tensor, meta: Mapping[str, Any]) -> Tensor:
        """As every modality; grey pictures are kept grey, as JPEG and PNG do: each pixel the mean of its channels."""
        y = self.crop(y, meta)
        return y.mean(-3, keepdim=True).expand_as(y).contiguous() if meta.get("grey") else y

    def takes(self, meta: Mapping[str, Any]) -> bool:
        sides = meta["height"], meta["width"]
        return min(sides) >= 1 and max(sides) <= image.MAX_SIDE and math.prod(sides) <= image.MAX_PIXELS

    def rate(self, bits: int, meta: Mapping[str, Any], content: bytes = b"") -> float:
        return bits / (meta["height"] * meta["width"])

    def distortion(self, x: Tensor, y: Tensor) -> dict[str, Any]:
        """psnr in dB and ms_ssim, both of 8-bit pixels."""
        from mmdemo import metrics

        a, b = ((t * 255).round().to(torch.uint8) for t in (x, y))
        return {"psnr": metrics.psnr(a, b), "ms_ssim": metrics.ms_ssim(a, b)}

    def shown(self, y: Tensor, stride: int) -> Tensor:
        """The position in the middle."""
        return y[..., stride:-stride, stride:-stride]


class AudioModality(Modality):
    """Sounds: (T,) float32 in [-1, 1], mono at 16 kHz <-> (rate, float32 array)."""

    name, number = "audio", 1
    noun, kinds, frame = "a sound", "WAV, FLAC, OGG, MP3", "sound"
    axes = 1
    meta_keys = ("samples", "sample_rate", "channels")
    rare_keys = ("frames",)
    suffixes = audio.SUFFIXES
    save_suffixes = audio.SAVE_SUFFIXES
    rate_unit = "kbps"  # kilobits a second
    tile = (1500,)
    shown_positions = 5  # a tenth of a second: less is a click
    streamed = True
    sample_rate = audio.SAMPLE_RATE
    has_original = True

    def load(self, source: Any, **options: Any) -> Item:
        return audio.load(source, **options)

    def restore(self, tensor: Tensor, meta: Mapping[str, Any] | None = None, original: bool = False) -> Any:
        return audio.restore(tensor, dict(meta or {}), original)

    def save(self, native: Any, path: str | os.PathLike, comment: str = "") -> Path:
        return audio.save(native, path, comment)

    def stream(self, source: Any, max_seconds: float | None = None) -> Stream:
        return audio.stream_blocks(source, max_seconds=max_seconds)

    def save_stream(
        self, pieces: Iterable[Tensor], path: str | os.PathLike, meta: Mapping[str, Any], original: bool = False
    ) -> Path:
        return audio.save_blocks(pieces, path, dict(meta), original)

    def meta_of(self, size: Sequence[int]) -> dict[str, Any]:
        return {"samples": size[0], "sample_rate": audio.SAMPLE_RATE, "channels": 1}

    def write_meta(self, meta: Mapping[str, Any]) -> list[int]:
        """With the channels, by how many samples it is shorter than the most that its samples at 16 kHz stand for."""
        numbers = super().write_meta(meta)
        numbers[-1] += 16 * (audio.original_frames({**meta, "frames": 0}) - audio.original_frames(dict(meta)))
        return numbers

    def read_meta(self, numbers: Sequence[int]) -> dict[str, Any]:
        meta = super().read_meta(numbers)
        shorter, meta["channels"] = divmod(meta["channels"], 16)
        if shorter:
            meta["frames"] = audio.original_frames(meta) - shorter
            if audio.original_frames(meta) != meta["frames"]:
                raise ValueError("lacks more samples than it can")
        return meta

    def takes(self, meta: Mapping[str, Any]) -> bool:
        rate, channels = meta["sample_rate"], meta["channels"]
        known = waveform.MIN_RATE <= rate <= waveform.MAX_RATE and 1 <= channels <= waveform.MAX_CHANNELS
        return known and 1 <= meta["samples"] <= MAX_SAMPLES

    def rate(self, bits: int, meta: Mapping[str, Any], content: bytes = b"") -> float:
        return bits / max(1, meta["samples"]) * (audio.SAMPLE_RATE / 1000)

    def distortion(self, x: Tensor, y: Tensor) -> dict[str, Any]:
        """stoi, pesq (wide band) and snr in dB."""
        from mmdemo import metrics

        return {"stoi": metrics.stoi(x, y), "pesq": metrics.pesq_wb(x, y), "snr": metrics.snr(x, y)}


class TextModality(Modality):
    """Texts: (T,) uint8, their UTF-8 bytes <-> str."""

    name, number = "text", 2
    noun, kinds, frame = "a text", "UTF-8", "text"
    axes = 1
    meta_keys = ("bytes",)
    suffixes = text.SUFFIXES
    save_suffixes = text.SAVE_SUFFIXES
    rate_unit = "bpc"  # bits per character
    tile = (8192,)
    shown_positions = 1
    lossless = True
    options = ("encoding",)

    def load(self, source: Any, **options: Any) -> Item:
        return text.load(source, **options)

    def restore(self, tensor: Tensor, meta: Mapping[str, Any] | None = None, original: bool = False) -> Any:
        return text.restore(tensor, dict(meta or {}))

    def save(self, native: Any, path: str | os.PathLike, comment: str = "") -> Path:
        """As every modality, but for the comment: a text file holds the text alone."""
        return text.save(native, path)

    def meta_of(self, size: Sequence[int]) -> dict[str, Any]:
        return {"bytes": size[0]}

    def takes(self, meta: Mapping[str, Any]) -> bool:
        return 1 <= meta["bytes"] <= text.MAX_BYTES

    def rate(self, bits: int, meta: Mapping[str, Any], content: bytes = b"") -> float:
        """As every modality; bits per byte where the text is not known."""
        return bits / max(1, len(content.decode("utf-8", "replace")) or meta["bytes"])

    def distortion(self, x: Tensor, y: Tensor) -> dict[str, Any]:
        """byte_accuracy, and whether it came back exactly."""
        from mmdemo import metrics

        a, b = bytes(x.numpy()), bytes(y.numpy())
        return {"byte_accuracy": metrics.byte_accuracy(a, b), "exact": a == b}


IMAGE, AUDIO, TEXT = ImageModality(), AudioModality(), TextModality()
MODALITIES: Registry[Modality] = Registry("modality", {m.name: m for m in (IMAGE, AUDIO, TEXT)})
