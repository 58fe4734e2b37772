"""VQ-VAEs for images, audio and text."""

from __future__ import annotations

from typing import Any

from ..config import from_dict
from .audio import AudioTokenizer, AudioTokenizerConfig
from .autoencoder import Autoencoder, AutoencoderOutput
from .base import ReceptiveField, Tokenizer
from .image import ImageTokenizer, ImageTokenizerConfig
from .symbols import SymbolsTokenizer, SymbolsTokenizerConfig
from .text import TextTokenizer, TextTokenizerConfig

REGISTRY: dict[str, tuple[type, type]] = {
    "image": (ImageTokenizer, ImageTokenizerConfig),
    "audio": (AudioTokenizer, AudioTokenizerConfig),
    "text": (TextTokenizer, TextTokenizerConfig),
    "symbols": (SymbolsTokenizer, SymbolsTokenizerConfig),  # of texts over a small alphabet
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
    "SymbolsTokenizer",
    "SymbolsTokenizerConfig",
    "TextTokenizer",
    "TextTokenizerConfig",
    "Tokenizer",
    "build_tokenizer",
]


def build_tokenizer(network: str, config: dict[str, Any]) -> Any:
    """A `Tokenizer` that is a module, as drawn, from a plain (JSON or TOML) dictionary.

    Args:
        network: of `REGISTRY`: a modality for its own, or another.

    Raises:
        ValueError: there is none of that name, or the dictionary has a key its config does not.
    """
    if network not in REGISTRY:
        raise ValueError(f"Unknown tokenizer {network!r}; choose one of {', '.join(REGISTRY)}.")
    model, model_config = REGISTRY[network]
    return model(from_dict(model_config, config))
