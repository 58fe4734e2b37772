"""The Audio tab's fold-out: the transform and residual quantisation with the numbers of the current clip."""

from __future__ import annotations

from mmdemo.codec import Codec
from mmdemo.tokens import Tokens
from mmdemo.ui.audio.session import RATE, AudioSession
from mmdemo.ui.audio.view import kbps
from mmdemo.ui.shared.i18n import tr
from mmdemo.ui.shared.search_note import search_note


def explain(codec: Codec, clip: AudioSession, levels: int, lang: str) -> str:
    """The fold-out: the transform and residual quantisation with the numbers of this clip."""
    tokens = clip.tokens
    size, frames = tokens.codebook_size, tokens.positions[0]
    step = codec.tokenizer.stride
    middle = frames // 2
    codes = tokens.codes[:levels, middle].tolist()
    return tr(
        "audio.maths",
        lang,
        samples=tokens.meta["samples"],
        seconds=clip.seconds,
        hop=step,
        rate=RATE / step,
        frames=frames,
        dim=codec.tokenizer.dim,
        K=size,
        beam=search_note(codec, lang),
        code_bits=tokens.code_bits,
        levels=levels,
        total_levels=tokens.levels,
        plain_kbps=levels * tokens.code_bits * RATE / step / 1000,
        one_kbps=tokens.code_bits * RATE / step / 1000,
        kbps=kbps(clip, levels),
        ratio=16 * RATE / 1000 / kbps(clip, levels),
        middle=middle + 1,
        time=middle * step / RATE,
        codes=", ".join(map(str, codes)),
        terms=" + ".join(f"e^{{({i + 1})}}_{{{code}}}" for i, code in enumerate(codes)),
        rest=_rest(codec, tokens, levels),
        perplexity=", ".join(f"{p:.0f}" for p in clip.at(levels).perplexity()),
    )


def _rest(codec: Codec, tokens: Tokens, levels: int) -> str:
    """Mean square length of what each level adds, in per cent of the first level's."""
    energies = [float(codec.codebook(level)[tokens.codes[level]].square().sum(-1).mean()) for level in range(levels)]
    return ", ".join(f"{100 * energy / max(energies[0], 1e-12):.0f} %" for energy in energies)
