"""The picture viewer and its neighbours as Gradio components (the work is done in the .js files beside)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from mmdemo.ui.shared.component import script
from mmdemo.ui.shared.i18n import browser_texts

VIEWER_TEXTS = browser_texts(
    "image.swipe",
    "image.levels",
    "image.of",
    "image.decoding",
    "image.encoding",
    "image.original",
    "image.reconstruction",
    "image.mode_compare",
    "image.mode_tokens",
    "image.mode_difference",
    "image.mode_rival",
    "image.drop_here",
    "image.pair",
    "image.pair_hint",
    "image.background",
    "image.on_white",
    "image.on_black",
    "image.on_checker",
    "image.rival",
    "image.rival_larger",
    "image.save_png",
    "image.save_mmt",
    "image.undo",
    "image.heat_max",
    "image.level_n",
    "image.tip",
    "image.token_hint",
    "image.token_at",
    "image.zoom_original",
    "image.zoom_now",
    "image.code_now",
    "image.code_swap",
    "image.swap_hint",
    "image.bytes",
    "image.bpp",
    "image.psnr",
    "image.ms_ssim",
    "image.tokens",
    "image.perplexity_of",
    "image.of_codes",
    "image.all_levels",
)
PLOT_TEXTS = browser_texts(
    "image.rate_title",
    "image.rate_bpp",
    "image.rate_psnr",
    "image.rate_ms_ssim",
    "image.rate_ours",
    "image.rate_point",
    "image.rate_level",
    "image.rate_wait",
)


class JsonComponent(gr.HTML):
    """An HTML component whose value is a JSON object read by its script."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(apply_default_css=False, **kwargs)

    def api_info(self) -> dict[str, Any]:
        """Any JSON value."""
        return {"type": "object"}

    def example_payload(self) -> Any:
        """An empty object."""
        return {}


class PictureInput(gr.Image):
    """A picture input that hands on the file as it came, so that our own loader judges it."""

    is_template = True  # Gradio then uses its own front end for this subclass

    def preprocess(self, payload: Any) -> str | None:
        """The path of the uploaded file."""
        return None if payload is None else payload.path


class PictureViewer(JsonComponent):
    """Original and reconstruction, tokens, difference and rivals of one picture.

    The value is what `mmdemo.ui.image.session.Picture.view` makes. `atlas(level)` gives a chart of codes.
    Events: `swap` {level, row, column, code, levels}, `undo` {levels}, `png` {levels}, `want` {levels},
    `background` {background, levels}, `others`.
    """

    def __init__(self, atlas: Callable[[int], dict[str, Any]], **kwargs: Any) -> None:
        super().__init__(
            html_template='<div class="mm-viewer"></div>',
            js_on_load=script("image/stage", "image/token_grid", "image/intake", "image/viewer"),
            server_functions=[atlas],
            text=VIEWER_TEXTS,
            **kwargs,
        )


class RatePlot(JsonComponent):
    """Rate-distortion curves, and our files for the viewer; the value is what `mmdemo.ui.image.baselines` makes."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            html_template='<div class="mm-rate"></div>',
            js_on_load=script("image/rate_plot"),
            text=PLOT_TEXTS,
            **kwargs,
        )


class Examples(JsonComponent):
    """A strip of small pictures to click; the value is a list of {"src", "name", "credit"}.

    Event: `pick` {index}.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            html_template='<div class="mm-examples"></div><p class="mm-hint mm-credit"></p>',
            js_on_load=script("image/examples"),
            **kwargs,
        )

    def api_info(self) -> dict[str, Any]:
        """A list."""
        return {"type": "array"}
