"""Three minutes through the page: five stops that drive the controls themselves, and then the visitor's own file."""

from __future__ import annotations

from mmdemo.ui.shared.component import Component


class Tour(Component):
    """A panel that explains one stop after another; a button of the class `mm-tour-start` opens it."""

    markup = '<div class="mm-tour" role="dialog" aria-modal="false" hidden></div>'
    holds = "nothing"
    words = tuple(
        f"tour.{word}"
        for word in (
            *("next", "back", "close", "stop", "own", "levels_title", "levels_text", "tokens_title", "tokens_text"),
            *("codebook_title", "codebook_text", "audio_title", "audio_text", "generate_title", "generate_text"),
            *("end_title", "end_text"),
        )
    )
