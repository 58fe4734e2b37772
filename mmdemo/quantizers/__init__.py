"""Quantizers: what turns latents into codes and back, by name."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BeforeValidator, TypeAdapter

from ..registry import Registry
from .base import Quantized, Quantizer, QuantizerConfig
from .fsq import FSQ
from .gaussian import Gaussian
from .residual import ResidualVQ

REGISTRY: Registry[type[Quantizer]] = Registry(
    "quantizer", {"rvq": ResidualVQ, "vq": ResidualVQ, "gaussian": Gaussian, "fsq": FSQ}
)

__all__ = ["REGISTRY", "Bottleneck", "Quantized", "Quantizer", "QuantizerConfig", "build_quantizer", "read_config"]


def build_quantizer(config: QuantizerConfig) -> Quantizer:
    """An untrained quantizer, of the kind that ``config`` names."""
    quantizer: Quantizer = REGISTRY[config.kind](config)
    return quantizer


def read_config(values: Any) -> Any:
    """A dictionary -> the settings of the quantizer it names (residual VQ where it names none).

    Settings that only other quantizers have are left out, so that one table serves several.

    Raises:
        ValueError: it names no quantizer, or holds a setting that none has, or a value out of bounds.
    """
    if not isinstance(values, dict):
        return values
    config = REGISTRY[values.get("kind", "rvq")].Config
    others = {name for kind in REGISTRY.values() for name in kind.Config.__dataclass_fields__}
    own = {k: v for k, v in values.items() if k in config.__dataclass_fields__ or k not in others}
    return TypeAdapter(config).validate_json(json.dumps(own))  # its mistakes keep their place in the whole


Bottleneck = Annotated[QuantizerConfig, BeforeValidator(read_config)]
"""Type of a tokenizer's setting that holds a quantizer's settings, of whichever kind."""
