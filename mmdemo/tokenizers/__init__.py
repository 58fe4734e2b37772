"""VQ-VAEs for images, audio and text."""

from __future__ import annotations

from typing import Any

from ..config import from_dict
from .audio import AudioTokenizer, AudioTokenizerConfig
from .autoencoder import Autoencoder, AutoencoderOutput
from .base import ReceptiveField, Tokenizer
from .image import ImageTokenizer, ImageTokenizerConfig
from .text import TextTokenizer, TextTokenizerConfig

REGISTRY: dict[str, tuple[type, type]] = {
    "image": (ImageTokenizer, ImageTokenizerConfig),
    "audio": (AudioTokenizer, AudioTokenizerConfig),
    "text": (TextTokenizer, TextTokenizerConfig),
}

__all__ = [
    "REGISTRY",
    "AudioTokenizer",
    "AudioTokenizerConfig",
    "Autoencoder",
    "AutoencoderOutput",
    "ImageTokenizer",
    "ImageTokenizerConfig",
    "ReceptiveField",
    "TextTokenizer",
    "TextTokenizerConfig",
    "Tokenizer",
    "build_tokenizer",
]


def build_tokenizer(modality: str, config: dict[str, Any]) -> Autoencoder:
    """Untrained tokenizer for ``modality`` from a plain (JSON or TOML) dictionary.

    Raises:
        ValueError: the modality is unknown, or the dictionary has a key its config does not.
    """
    if modality not in REGISTRY:
        raise ValueError(f"Unknown modality {modality!r}; choose one of {', '.join(REGISTRY)}.")
    model, model_config = REGISTRY[modality]
    return model(from_dict(model_config, config))
