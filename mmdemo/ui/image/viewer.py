"""The picture viewer of the Image tab."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mmdemo.ui.shared import editing, level_control
from mmdemo.ui.shared.component import Component


class PictureViewer(Component):
    """Original and reconstruction, tokens, difference and baselines of one picture.

    The value is what `session.ImageSession.view` makes, after an edit `edit_view`. `code_sheet(level)` gives
    the sheet of all codes, `code_colours(0)` a colour for each. `others`: pictures to paint with, {"src", "name"} each.
    Events: `edit` {do, runs, levels, paint, code, seed, other, shown} as `mmdemo.ui.shared.editing.step` reads it,
    `settle` (no other step followed), `warm` {shown, paint, other}, `png` {levels}, `want` {levels},
    `background` {background, levels}, `others`, `taken` (the server has what the visitor gave).
    """

    markup = '<div class="mm-viewer"></div>'
    words = (
        *editing.WORDS,
        *level_control.WORDS,
        "common.card",
        *(
            f"image.{word}"
            for word in (
                *("swipe", "decoding", "encoding", "original", "reconstruction", "mode_compare"),
                *("mode_tokens", "mode_difference", "mode_baseline", "drop_here", "pair", "pair_hint", "background"),
                *("on_white", "on_black", "on_checker", "baseline", "baseline_larger", "baseline_later"),
                *("baseline_none", "save_png", "save_mmt"),
                *("heat_max", "tip", "token_at", "bytes", "bpp", "psnr", "ms_ssim", "tokens", "perplexity_of"),
                *("of_codes", "all_levels", "opening_lift", "opening_found", "enlarged"),
            )
        ),
    )

    def __init__(
        self, code_sheet: Callable[[int], dict[str, Any]], code_colours: Callable[[int], list[str]], **kwargs: Any
    ) -> None:
        super().__init__(functions=[code_sheet, code_colours], **kwargs)
