"""The Codebook tab's fold-out: nearest codewords and perplexity, with the numbers of the level shown."""

from __future__ import annotations

from mmdemo.codec import Codec
from mmdemo.ui.codebook.session import Input
from mmdemo.ui.shared.i18n import tr


def explain(codec: Codec, chosen: Input | None, level: int, lang: str) -> str:
    """Markdown with LaTeX, of one level, 0 the coarsest; `chosen`: whose use of it is told, if anybody's."""
    size, dim = codec.codebook(level).shape
    tokens = chosen.tokens if chosen else None
    text = tr("codebook.explain", lang, size=size, dim=dim, levels=codec.levels, level=level + 1)
    if tokens is None or level >= tokens.levels:
        return text
    use = tr(
        "codebook.explain_use",
        lang,
        n=tokens.codes[level].numel(),
        size=size,
        perplexity=f"{tokens.perplexity()[level]:.1f}",
        usage=f"{tokens.usage()[level] * 100:.0f}",
        level=level + 1,
    )
    return f"{text}\n\n{use}"
