"""The rate-distortion curves under the picture."""

from __future__ import annotations

from mmdemo.ui.shared.component import Component


class RatePlot(Component):
    """Curves of ours and of other codecs, and our files for the viewer; the value is what `baselines` makes."""

    markup = '<div class="mm-rate"></div>'
    words = tuple(
        f"image.{word}"
        for word in (
            *("rate_title", "rate_bpp", "rate_psnr", "rate_ms_ssim", "rate_ours", "rate_point", "rate_level"),
            "rate_wait",
        )
    )
