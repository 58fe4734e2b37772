"""The Text tab's fold-out: residual vector quantisation with the numbers of the current text."""

from __future__ import annotations

from mmdemo.codec import Codec
from mmdemo.tokenizers import TextTokenizer
from mmdemo.ui.shared.i18n import tr
from mmdemo.ui.shared.search_note import search_note
from mmdemo.ui.text.session import TextSession
from mmdemo.ui.text.spans import spans


def explain(codec: Codec, session: TextSession, levels: int, lang: str) -> str:
    """Markdown with LaTeX, of the text on so many levels."""
    tokens, shown, data = session.tokens, session.at(levels), session.bytes_at(codec, levels)
    size, positions, K = tokens.meta["bytes"], tokens.positions[0], tokens.codebook_size
    text = (data if session.original is None else session.original).decode("utf-8", errors="replace")
    first = spans(data, codec.tokenizer.stride)[0]
    codes = tokens.codes[:, 0].tolist()
    bits, own = shown.payload_bits, _own(codec)
    return tr(
        "text.maths",
        lang,
        characters=len(text),
        bytes=size,
        stride=codec.tokenizer.stride,
        positions=positions,
        dim=codec.tokenizer.dim,
        levels=levels,
        total_levels=tokens.levels,
        K=K,
        beam=search_note(codec, lang),
        encoder=_encoder(own, lang),
        own=tr("text.maths_own", lang) if own and own.config.code_embeddings else "",
        bits_per_code=tokens.code_bits,
        plain=positions * levels * tokens.code_bits,
        bits=round(bits),
        bpc=bits / max(1, len(text)),
        possible=f"{K}^{{{levels}}}",
        span=first.label.replace("$", "").replace("`", ""),
        raw=first.raw,
        codes=", ".join(str(code) for code in codes[:levels]),
        terms=_terms(own, codes[:levels]),
        perplexity=", ".join(f"{p:.0f}" for p in shown.perplexity()),
    )


def _own(codec: Codec) -> TextTokenizer | None:
    """The tokenizer where it is this package's own: of another nothing is known but its codes."""
    return codec.tokenizer if isinstance(codec.tokenizer, TextTokenizer) else None


def _encoder(own: TextTokenizer | None, lang: str) -> str:
    """What is peculiar about the encoder."""
    if own is None or not own.fixed_bytes:
        return ""
    more = "" if own.fallback is None else tr("text.maths_fallback", lang, count=int(own.fallback.taken.sum()))
    return tr("text.maths_spells", lang, stride=own.stride) + more


def _terms(own: TextTokenizer | None, codes: list[int]) -> str:
    """What the decoder gets for the codes of one position, as a formula."""
    fallback = own.fallback if own else None
    if fallback is None or not fallback.taken[codes[0]]:
        return " + ".join(f"e^{{({i + 1})}}_{{{code}}}" for i, code in enumerate(codes))
    return rf"\left({', '.join(_vector(low, high) for low, high in fallback.ranges(codes))}\right)"


def _vector(low: int, high: int) -> str:
    """A byte's vector, or the mean of those from ``low`` to ``high``."""
    return rf"v_{{\mathrm{{{low:02X}}}}}" if low == high else rf"\bar v_{{\mathrm{{{low:02X}-{high:02X}}}}}"
