"""A sentence for the fold-outs on how a codec searches its codes, where it is not simply the nearest at each level."""

from __future__ import annotations

from typing import Any

from mmdemo.ui.shared.i18n import tr


def beam_note(codec: Any, lang: str) -> str:
    """The sentence, or "" for a codec that takes the nearest codeword at each level."""
    bottleneck = getattr(codec.tokenizer, "bottleneck", None)  # somebody else's tokenizer need not have one
    beam = getattr(getattr(bottleneck, "config", None), "beam", 1)
    return tr("common.beam", lang, beam=beam) if beam > 1 else ""
