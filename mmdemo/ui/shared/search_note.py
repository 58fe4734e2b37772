"""Sentences for the fold-outs on how a codec searches its codes, where it is not simply the nearest at each level."""

from __future__ import annotations

from mmdemo.codec import Codec
from mmdemo.tokenizers import Autoencoder
from mmdemo.ui.shared.i18n import tr


def search_note(codec: Codec, lang: str) -> str:
    """The sentences, or "" for a codec that takes the nearest codeword at each level."""
    tokenizer = codec.tokenizer
    if not isinstance(tokenizer, Autoencoder):
        return ""
    told = [tr("common.beam", lang, beam=tokenizer.beam)] if tokenizer.beam > 1 else []
    return " ".join([*told, tr("common.skip", lang)] if tokenizer.skips else told)
