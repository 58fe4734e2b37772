"""`load`: any checkpoint by name."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from . import checkpoints
from .codec import Codec
from .errors import InputError, MissingError
from .tokens import Tokens
from .tokens.mmt import MadeBy


def load(name: str | Path, device: str | torch.device = "auto", hub: bool = True) -> Any:
    """A `Codec` (tokenizer checkpoint) or a `JointDiffusion` (diffusion checkpoint).

    Args:
        name: a shipped checkpoint ("image", "audio", "text", "digits"), a folder, or a Hub id like owner/name or
            owner/name@revision. A `Path` is always a folder.
        device: "auto" takes the GPU where there is one.
        hub: whether the Hub may be asked: not for a name that comes out of a file.

    Raises:
        InputError: no such checkpoint or device, or it is damaged or made by a newer version.
    """
    folder = checkpoints.find(name, hub)
    kind = checkpoints.read_config(folder).get("kind")
    if kind == "tokenizer":
        return Codec.from_folder(folder, device)
    if kind == "joint":
        from .diffusion.joint import JointDiffusion

        return JointDiffusion.from_folder(folder, device)
    raise InputError(f"The checkpoint {folder.name!r} is a {kind}; load a tokenizer or a diffusion model.")


def load_tokenizer(name: str | Path, device: str | torch.device = "auto", hub: bool = True) -> Codec:
    """`load`, for where a tokenizer is needed. Raises InputError for any other checkpoint."""
    codec = load(name, device, hub)
    if not isinstance(codec, Codec):
        raise InputError(f"{str(name)!r} is a diffusion model; a tokenizer is needed here: image, audio or text.")
    return codec


def load_for_tokens(tokens: Tokens | MadeBy, device: str | torch.device = "auto") -> Codec:
    """The tokenizer that made ``tokens``, by the name in them: a shipped one, one in ``runs/``, an earlier one that a
    shipped diffusion model still works with, or a folder.

    A name in a file never opens a connection.

    Raises:
        InputError: it is not here.
    """
    name, codec = tokens.model, None
    places: list[str | Path] = [name]
    if name.startswith(("//", "\\\\")):  # how Windows writes folders of other machines
        places = []
    elif re.fullmatch(r"[\w-][\w.-]*", name):
        places += [Path("runs") / name, *checkpoints.brought_along(name)]
    for place in places:
        with suppress(MissingError, OSError):  # a name may be no name of a file
            codec = load_tokenizer(place, device, hub=False)
            if codec.fingerprint == tokens.fingerprint or not tokens.fingerprint:
                return codec
    if codec is None:
        raise MissingError(f"These tokens were made by the model {name[:80]!r}, which is not here: give --model.")
    raise InputError(
        f"These tokens were made by other weights ({name} {tokens.fingerprint}) than the model {name!r} here has "
        f"({codec.fingerprint}): give --model."
    )
