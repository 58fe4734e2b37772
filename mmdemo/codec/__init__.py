"""A codec, files <-> `Tokens`; inputs of any size in tiles (`tiling`), long sounds as a stream (`streaming`)."""

from __future__ import annotations

from .codec import Codec

__all__ = ["Codec"]
