"""The picture viewer of the Image tab."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mmdemo.ui.shared.component import Component


class PictureViewer(Component):
    """Original and reconstruction, tokens, difference and baselines of one picture.

    The value is what `session.ImageSession.view` makes. `code_sheet(level)` gives the sheet of all codes.
    Events: `swap` {level, row, column, code, levels}, `undo` {levels}, `png` {levels}, `want` {levels},
    `background` {background, levels}, `others`.
    """

    markup = '<div class="mm-viewer"></div>'
    words = tuple(
        f"image.{word}"
        for word in (
            *("swipe", "levels", "of", "decoding", "encoding", "original", "reconstruction", "mode_compare"),
            *("mode_tokens", "mode_difference", "mode_baseline", "drop_here", "pair", "pair_hint", "background"),
            *("on_white", "on_black", "on_checker", "baseline", "baseline_larger", "save_png", "save_mmt", "undo"),
            "heat_max",
            *("level_n", "tip", "token_hint", "token_at", "zoom_original", "zoom_now", "code_now", "code_swap"),
            *("swap_hint", "bytes", "bpp", "psnr", "ms_ssim", "tokens", "perplexity_of", "of_codes", "all_levels"),
        )
    )

    def __init__(self, code_sheet: Callable[[int], dict[str, Any]], **kwargs: Any) -> None:
        super().__init__(functions=[code_sheet], **kwargs)
