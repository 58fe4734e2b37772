"""The mathematics fold-out of the Generate tab, with the numbers of the run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmdemo.diffusion.samplers import nfe
from mmdemo.digits.number import NOISE_CORRELATION as RHO
from mmdemo.ui.generate.messages import listed_steps
from mmdemo.ui.generate.settings import Settings
from mmdemo.ui.shared.i18n import tr

# The update of each sampler in the time t that runs from 1 (noise) to 0 (data), Δ = t − s > 0.
FORMULAS = {
    "euler": r"x_s = x_t - \Delta\, v(x_t, t)",
    "heun": r"x_s = x_t - \tfrac{\Delta}{2}\big(v(x_t, t) + v(\tilde x_s, s)\big),\quad "
    r"\tilde x_s = x_t - \Delta\, v(x_t, t)",
    "dpmpp_2m": r"x_s = \tfrac{s}{t}\, x_t + \big((1-s) - \tfrac{s}{t}(1-t)\big)\Big(\hat x_0 + \tfrac{1}{2r}"
    r"(\hat x_0 - \hat x_0^{\text{prev}})\Big)",
    "ddim": r"x_s = (1-s)\,\hat x_0 + s\,\hat\varepsilon,\quad "
    r"\hat\varepsilon = \tfrac{1}{t}\big(x_t - (1-t)\hat x_0\big)",
    "ancestral": r"x_s = (1-s)\,\hat x_0 + \sqrt{s^2 - \sigma^2}\,\hat\varepsilon + \sigma z,\quad "
    r"z \sim \mathcal N(0, I)",
}


def explain(settings: Settings, frames: Sequence[dict[str, Any]], lang: str) -> str:
    """Markdown with LaTeX.

    Args:
        settings: of the run.
        frames: numbers of its steps so far, as sent to the player; may be empty.
        lang: "en" or "zh".
    """
    calls = nfe(settings.sampler, settings.steps)
    parts = [
        tr("generate.maths_flow", lang),
        r"$$x_t = (1-t)\,x_0 + t\,\varepsilon,\quad v = \varepsilon - x_0,\quad "
        r"\hat x_0 = x_t - t\,v(x_t, t)$$",
        tr("generate.maths_given", lang),
        tr("generate.maths_guidance", lang),
        rf"$$v = v_u + w\,(v_c - v_u),\quad w = {settings.guidance:g}$$",
        tr("generate.maths_sampler", lang, sampler=settings.sampler, steps=settings.steps, calls=calls),
        f"$${FORMULAS.get(settings.sampler, FORMULAS['euler'])}$$",
    ]
    parts += _special(settings, lang)
    if frames:
        parts += [tr("generate.maths_numbers", lang), _table(frames, lang)]
    return "\n\n".join(parts)


def _special(settings: Settings, lang: str) -> list[str]:
    """What is different in this run: parts kept, a variation, two seeds, several digits."""
    parts: list[str] = []
    masks = settings.masks()
    if any(not mask.all() for mask in masks.values()):
        parts += [tr("generate.maths_kept", lang)]
        parts += [r"$$\hat x_0 \leftarrow m \odot x^{\text{src}} + (1-m) \odot \hat x_0$$"]
    if masks and settings.strength < 1:
        parts += [tr("generate.maths_varied", lang, strength=settings.strength)]
        parts += [r"$$x_s = (1-s)\,x^{\text{src}} + s\,\varepsilon,\quad s = " + f"{settings.strength:g}$$"]
    if settings.to != "":
        parts += [tr("generate.maths_between", lang, first=settings.seed, last=settings.to)]
        parts += [
            r"$$\varepsilon(u) = \frac{\sin((1-u)\theta)}{\sin\theta}\,\varepsilon_a + "
            r"\frac{\sin(u\theta)}{\sin\theta}\,\varepsilon_b,\quad 0 \le u \le 1$$"
        ]
    if settings.mix:
        parts += [tr("generate.maths_mix", lang, first=settings.text, second=settings.mix)]
        parts += [
            r"$$v = v_u + w\,\big((1-s)\,(v_a - v_u) + s\,(v_b - v_u)\big),\quad "
            + (r"0 \le s \le 1$$" if settings.film else rf"s = {settings.weight:g}$$")
        ]
    if settings.number:
        parts += [tr("generate.maths_number", lang)]
        parts += [rf"$$\varepsilon_k = {RHO}\,\varepsilon_{{k-1}} + \sqrt{{1-{RHO}^2}}\;\varepsilon'$$"]
    return parts


def _table(frames: Sequence[dict[str, Any]], lang: str) -> str:
    """A few steps of the run, first to last, as a Markdown table; which ones depends on their number alone."""
    told = {frame["i"]: frame for frame in frames}
    shown = [told[i] for i in listed_steps(max(told)) if i in told]
    names = list(shown[0]["distance"])
    heads = ["t", tr("generate.change", lang)]
    heads += [f"{tr('generate.distance', lang)} · {tr(f'generate.{m}', lang)}" for m in names]
    rows = [f"| {tr('generate.step', lang)} | " + " | ".join(heads) + " |", "|" + "---:|" * (len(heads) + 1)]
    for frame in shown:
        values = [frame["t"], frame["change"], *(frame["distance"].get(m) for m in names)]
        cells = ["–" if value is None else f"{value:.3f}" for value in values]
        rows.append(f"| {frame['i']} | " + " | ".join(cells) + " |")
    return "\n".join(rows)
