"""A sentence for the fold-outs on how a codec searches its codes, where it is not simply the nearest at each level."""

from __future__ import annotations

from mmdemo.codec import Codec
from mmdemo.tokenizers import Autoencoder
from mmdemo.ui.shared.i18n import tr


def beam_note(codec: Codec, lang: str) -> str:
    """The sentence, or "" for a codec that takes the nearest codeword at each level."""
    beam = codec.tokenizer.beam if isinstance(codec.tokenizer, Autoencoder) else 1
    return tr("common.beam", lang, beam=beam) if beam > 1 else ""
