"""The Image tab's fold-out: the mathematics with the numbers of the current picture."""

from __future__ import annotations

import math

from mmdemo.codec import Codec
from mmdemo.ui.image.session import ImageSession
from mmdemo.ui.shared.i18n import tr
from mmdemo.ui.shared.search_note import search_note


def explain(codec: Codec, picture: ImageSession, levels: int, lang: str) -> str:
    """Markdown with LaTeX, of the picture on so many levels. Needs the figures of all."""
    tokens, (height, width) = picture.tokens, picture.size
    rows, columns = tokens.positions
    last = picture.figures[levels]
    codewords = int(tokens.codes[0, rows // 2, columns // 2])
    text = tr(
        "image.explain",
        lang,
        beam=search_note(codec, lang),
        width=width,
        height=height,
        rows=rows,
        columns=columns,
        dim=codec.tokenizer.dim,
        stride=codec.tokenizer.stride,
        levels=tokens.levels,
        codebook=tokens.codebook_size,
        bits_each=f"{math.log2(tokens.codebook_size):g}",
        row=rows // 2 + 1,
        column=columns // 2 + 1,
        code=codewords,
        positions=f"{rows * columns:,}",
        tokens=f"{tokens.count:,}",
        plain_bytes=f"{math.ceil(tokens.count * math.log2(tokens.codebook_size) / 8):,}",
        bytes=f"{int(last['bytes'] or 0):,}",
        bpp=f"{last['bpp']:.3f}",
        raw=f"{3 * height * width:,}",
        ratio=f"{3 * height * width / max(1, last['bytes'] or 1):.0f}",
    )
    if last["psnr"] is not None:
        mse = 255**2 / 10 ** (last["psnr"] / 10)
        text += "\n\n" + tr("image.explain_psnr", lang, mse=f"{mse:.1f}", psnr=f"{last['psnr']:.2f}")
    return text + "\n\n" + _table(picture, lang)


def _table(picture: ImageSession, lang: str) -> str:
    tokens = picture.tokens
    energy = _step_sizes(picture)
    words = ("column_step", "perplexity", "column_usage", "bytes", "bpp")
    head = [tr("common.levels", lang), *(tr(f"image.{key}", lang) for key in words)]
    rows = ["| " + " | ".join(head) + " | PSNR |", "|" + "---|" * (len(head) + 1)]
    for n, (perplexity, usage) in enumerate(zip(tokens.perplexity(), tokens.usage()), 1):
        f = picture.figures[n]
        psnr = "–" if f["psnr"] is None else f"{f['psnr']:.2f} dB"
        rows.append(
            f"| {n} | {energy[n - 1]:.3f} | {perplexity:.0f} | {usage:.0%} | {int(f['bytes'] or 0):,} "
            f"| {f['bpp']:.3f} | {psnr} |"
        )
    return "\n".join(rows)


def _step_sizes(picture: ImageSession) -> list[float]:
    """Root mean square of what each level adds to the latent."""
    books, codes = picture.codec.codebooks, picture.tokens.codes
    return [float(books[n][codes[n]].square().mean().sqrt()) for n in range(len(codes))]
