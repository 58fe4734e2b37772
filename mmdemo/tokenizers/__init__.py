"""VQ-VAEs for images, audio and text."""

from __future__ import annotations

from typing import Any

from ..config import from_dict
from ..registry import Registry
from .audio import AudioTokenizer, AudioTokenizerConfig
from .autoencoder import Autoencoder, AutoencoderOutput
from .base import Confident, Contextual, ReceptiveField, StoredTokenizer, Tokenizer
from .image import ImageTokenizer, ImageTokenizerConfig
from .symbols import SymbolsTokenizer, SymbolsTokenizerConfig
from .text import TextTokenizer, TextTokenizerConfig

# Name of a network -> its class; the class of its settings is its `Config`.
REGISTRY: Registry[type[StoredTokenizer]] = Registry(
    "tokenizer",
    {
        "image": ImageTokenizer,
        "audio": AudioTokenizer,
        "text": TextTokenizer,
        "symbols": SymbolsTokenizer,  # of texts over a small alphabet
    },
)

__all__ = [
    "REGISTRY",
    "AudioTokenizer",
    "AudioTokenizerConfig",
    "Autoencoder",
    "AutoencoderOutput",
    "Confident",
    "Contextual",
    "ImageTokenizer",
    "ImageTokenizerConfig",
    "ReceptiveField",
    "StoredTokenizer",
    "SymbolsTokenizer",
    "SymbolsTokenizerConfig",
    "TextTokenizer",
    "TextTokenizerConfig",
    "Tokenizer",
    "build_tokenizer",
]


def build_tokenizer(network: str, config: dict[str, Any]) -> StoredTokenizer:
    """A tokenizer, as drawn, from a plain (JSON or TOML) dictionary.

    Args:
        network: of `REGISTRY`: a modality for its own, or another.

    Raises:
        InputError: there is none of that name, or the dictionary has a key its config does not.
    """
    tokenizer = REGISTRY[network]
    return tokenizer(from_dict(tokenizer.Config, config))
