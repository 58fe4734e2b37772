"""mmdemo: see inside VQ autoencoders and diffusion transformers for images, text and audio.

import mmdemo
codec = mmdemo.load("image")
tokens = codec.encode("photo.jpg", levels=3)
photo = codec.decode(tokens)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import InputError, MmdemoError

if TYPE_CHECKING:
    from .api import Reconstruction, generate, reconstruct
    from .loading import load
    from .tokens import Tokens

__version__ = "0.1.0"
__all__ = [
    "InputError",
    "MmdemoError",
    "Reconstruction",
    "Tokens",
    "__version__",
    "generate",
    "load",
    "reconstruct",
]


def __getattr__(name: str) -> Any:
    """Names that need torch are imported when first used, so that ``mmdemo --help`` answers at once."""
    if name == "Tokens":
        from .tokens import Tokens

        return Tokens
    if name == "load":
        from .loading import load

        return load
    if name in ("Reconstruction", "generate", "reconstruct"):
        from . import api

        return getattr(api, name)
    raise AttributeError(f"module 'mmdemo' has no attribute {name!r}")
