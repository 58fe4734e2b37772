"""`Tokens`, what passes between everything else, and their file (`mmt`)."""

from __future__ import annotations

from .tokens import Tokens

__all__ = ["Tokens"]
