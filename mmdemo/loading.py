"""`load`: any checkpoint by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from . import checkpoints
from .codec import Codec
from .errors import InputError


def load(name: str | Path, device: str | torch.device = "auto") -> Any:
    """A `Codec` (tokenizer checkpoint) or a `JointDiffusion` (diffusion checkpoint).

    Args:
        name: a shipped checkpoint ("image", "audio", "text", "digits"), a folder, or a Hub id like owner/name.
        device: "auto" takes the GPU where there is one.

    Raises:
        InputError: no such checkpoint, or it is damaged or made by a newer version.
    """
    folder = checkpoints.find(name)
    kind = checkpoints.read_config(folder).get("kind")
    if kind == "tokenizer":
        return Codec(folder, device)
    if kind == "joint":
        from .diffusion.joint import JointDiffusion

        return JointDiffusion.from_folder(folder, device)
    raise InputError(f"The checkpoint {folder.name!r} is a {kind}; load a tokenizer or a diffusion model.")
