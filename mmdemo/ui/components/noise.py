"""The panel "How noise works": a visitor's own picture or sound, noised at a slider's t by three processes.

The panel works in the browser: what a visitor opens there is not sent to the server. The schedules are tables
made by the model package, so what is drawn is what is trained.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
import torch

from mmdemo.diffusion.schedule import NAMES, Process
from mmdemo.ui.components.trajectory import picture
from mmdemo.ui.generate_given import example_picture
from mmdemo.ui.i18n import browser_texts

HERE = Path(__file__).parent
POINTS = 101  # of each table, t = 0 ... 1
WORDS = ("t", "open", "again", "flow", "vp", "ve", "snr", "play", "bad", "scale")
SCRIPTS = ("player_view.js", "player_sound.js", "noise.js")


class NoisePanel(gr.HTML):
    """Needs no value: it starts with a drawn digit and takes a picture or sound file in the browser."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("html_template", (HERE / "noise.html").read_text(encoding="utf-8"))
        kwargs.setdefault("css_template", (HERE / "noise.css").read_text(encoding="utf-8"))
        kwargs.setdefault(
            "js_on_load", "\n".join((HERE / name).read_text(encoding="utf-8") for name in SCRIPTS)
        )
        kwargs.setdefault("text", browser_texts(*(f"generate.noise_{word}" for word in WORDS)))
        kwargs.setdefault("apply_default_css", False)
        super().__init__(None, tables=tables(), example=picture(example_picture().resize((64, 64))), **kwargs)

    def api_info(self) -> dict[str, Any]:
        """The panel has no value."""
        return {"type": "null"}


def tables() -> dict[str, dict[str, list[float]]]:
    """{process: {"alpha": POINTS values, "sigma": ...}}: x_t = alpha(t) x0 + sigma(t) noise, t = 0 ... 1."""
    t = torch.linspace(0, 1, POINTS)
    result = {}
    for name in NAMES:
        process = Process(name)
        pairs = {"alpha": process.alpha(t), "sigma": process.sigma(t)}
        result[name] = {part: [round(v, 5) for v in values.tolist()] for part, values in pairs.items()}
    return result
