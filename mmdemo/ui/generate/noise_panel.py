"""The panel "How noise works": a visitor's own picture, sound or text, noised at a slider's t by three processes.

Pictures and sounds are noised in the browser and are not sent to the server. Between two letters there is
nothing, so text is noised where the model does it, in the latents of its tokenizer: the server decodes one text
at many t at once, and the slider then costs no round trip. The schedules are tables made by the model package,
so what is drawn is what is trained.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from mmdemo.diffusion.joint import JointDiffusion
from mmdemo.diffusion.noising import noised_text
from mmdemo.diffusion.schedule import SCHEDULES
from mmdemo.errors import InputError
from mmdemo.ui.generate.inputs import example_picture
from mmdemo.ui.generate.messages import confidence
from mmdemo.ui.shared.component import Component
from mmdemo.ui.shared.payload import data_uri

POINTS = 101  # of each table, t = 0 ... 1
TEXT_POINTS = 51  # t at which a text is decoded
MAX_BYTES = 60  # of a text


class NoisePanel(Component):
    """Needs no value: it starts with a drawn digit, and takes files and typed text."""

    words = tuple(
        f"generate.noise_{word}"
        for word in ("t", "open", "again", "flow", "vp", "ve", "snr", "play", "bad", "scale", "text", "text_hint")
    )
    holds = "nothing"

    def __init__(self, noise_text: Callable[[Any], Any], **kwargs: Any) -> None:
        """`noise_text`: server function of that name, like `text_table` for one model."""
        example = data_uri(example_picture().resize((64, 64)))
        super().__init__(functions=[noise_text], tables=tables(), example=example, limit=MAX_BYTES, **kwargs)


def tables() -> dict[str, dict[str, list[float]]]:
    """{schedule: {"alpha": POINTS values, "sigma": ...}}: x_t = alpha(t) x0 + sigma(t) noise, t = 0 ... 1."""
    t = torch.linspace(0, 1, POINTS)
    result = {}
    for name in SCHEDULES:
        schedule = SCHEDULES[name]
        pairs = {"alpha": schedule.alpha(t), "sigma": schedule.sigma(t)}
        result[name] = {part: [round(v, 5) for v in values.tolist()] for part, values in pairs.items()}
    return result


def text_table(model: JointDiffusion, request: Any) -> dict[str, list[dict[str, Any]]]:
    """{"text", "seed"} -> {schedule: TEXT_POINTS of {"text", "confidence": how sure the decoder is of each character}}.

    Where the decoder does not say, "confidence" is null.

    Raises InputError for anything else than a short text; anybody can post to it.
    """
    asked = request if isinstance(request, dict) else {}
    text, seed = asked.get("text"), asked.get("seed")
    if not isinstance(text, str) or not 1 <= len(text.encode("utf-8", "replace")) <= MAX_BYTES:
        raise InputError(f"Type a text of 1 to {MAX_BYTES} bytes to see it noised.")
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**31:
        raise InputError("The seed has to be a whole number from 0 to 2147483647.")
    ts = torch.linspace(0, 1, TEXT_POINTS).tolist()
    result = {}
    for name in SCHEDULES:
        rows = noised_text(model, text, SCHEDULES[name], ts, seed)
        result[name] = [
            {"text": shown, "confidence": per_byte and confidence(shown, per_byte)} for shown, per_byte in rows
        ]
    return result
