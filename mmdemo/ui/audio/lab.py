"""The sound lab and the codec table: they play, compare and show sounds (the work is in the .js)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from mmdemo.ui.shared.component import script
from mmdemo.ui.shared.i18n import browser_texts

HERE = Path(__file__).parent
LAB_TEXTS = browser_texts(
    *(
        f"audio.{key}"
        for key in (
            "play",
            "pause",
            "listen",
            "swap_hint",
            "zoom_in",
            "zoom_out",
            "scroll",
            "equal",
            "loop",
            "boosted",
            "save_wav",
            "save_mmt",
            "waveform",
            "wave_difference",
            "mel_original",
            "mel_reconstruction",
            "mel_difference",
            "tokens",
            "original",
            "reconstruction",
            "less",
            "more",
            "token_tip",
            "token_tip_off",
        )
    )
)
TABLE_TEXTS = browser_texts(*(f"audio.{key}" for key in ("table", "codec", "kbps", "stoi", "pesq", "play")))


class _Sound(gr.HTML):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(css_template=_style("lab"), apply_default_css=False, **kwargs)

    def api_info(self) -> dict[str, Any]:
        """The value is a JSON string."""
        return {"type": "string", "description": "JSON for the page's own player"}


class SoundLab(_Sound):
    """Player with instant A/B; waveform, mel spectrograms, their difference and the tokens on one time axis.

    Value: JSON made by `mmdemo.ui.audio.view.lab_json`, or "" for nothing. `ready` fires once, when the
    component first appears in a browser.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            html_template='<div class="lab" hidden></div>',
            js_on_load=script("audio/engine", "audio/draw", "audio/lab"),
            text=LAB_TEXTS,
            **kwargs,
        )


class CodecTable(_Sound):
    """The same clip through other codecs, with their figures; a click plays one in the `SoundLab`.

    Value: JSON made by `mmdemo.ui.audio.view.table_json`, or "" for nothing.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            html_template='<div class="codecs"></div>',
            js_on_load=script("audio/codec_table"),
            text=TABLE_TEXTS,
            **kwargs,
        )


def _style(name: str) -> str:
    return (HERE / f"{name}.css").read_text(encoding="utf-8")
