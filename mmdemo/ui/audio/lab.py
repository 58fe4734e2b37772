"""The sound lab: plays and compares the sounds of one clip, and shows them on one time axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mmdemo.ui.shared import editing
from mmdemo.ui.shared.component import Component


class SoundLab(Component):
    """Player with instant A/B; waveform, mel spectrograms, their difference and the tokens on one time axis.

    Value: made by `mmdemo.ui.audio.view.lab_value`, after an edit by `edit_value`, or None for nothing.
    `code_sheet(level)` gives the sheet of all codes, `code_colours(0)` a colour for each; `others`: names of sounds to
    paint with, by language. Event `restore`: the reconstruction is wanted in the form of the input. `edit`,
    `settle` and `warm` are those of the token editor (`mmdemo.ui.shared.editing`). `ready` fires once, when the
    component first appears in a browser.
    """

    markup = '<div class="lab" hidden></div>'
    words = (
        *editing.WORDS,
        "common.levels",
        "common.card",
        *(
            f"audio.{word}"
            for word in (
                *("play", "pause", "listen", "swap_hint", "zoom_in", "zoom_out", "scroll", "equal", "loop", "boosted"),
                *("save_wav", "save_mmt", "waveform", "wave_difference", "mel_original", "mel_reconstruction"),
                *(
                    "mel_difference",
                    "tokens",
                    "original",
                    "reconstruction",
                    "less",
                    "more",
                    "token_tip",
                    "token_tip_off",
                ),
                *("mode", "mode_all", "mode_compare"),
                *("edit", "frame_at", "before_edit", "play_before", "play_after"),
            )
        ),
    )

    def __init__(
        self, code_sheet: Callable[[int], dict[str, Any]], code_colours: Callable[[int], list[str]], **kwargs: Any
    ) -> None:
        super().__init__(functions=[code_sheet, code_colours], **kwargs)
