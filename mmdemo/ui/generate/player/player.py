"""The step player: a custom HTML component that keeps every frame of a run in the browser.

The server sends small messages (`mmdemo.ui.generate.messages`), each with the new steps only. Moving the
slider, playing and comparing cost no round trip. The noisy sample x_t arrives as a latent; the server decodes
it, many steps at once, the first time somebody wants to see it. So do those steps whose predicted clean sample
there was no time to decode during the run; they are decoded right after it. The root of the player carries `data-step`,
`data-frames`, `data-steps`, `data-state`, `data-follow`, `data-undecoded` (steps still to decode) and `data-what`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mmdemo.ui.generate.export import save_trajectory
from mmdemo.ui.shared.component import Component


class Player(Component):
    """Shows a run step by step. Value: None or the newest message of a run, a JSON-able dictionary.

    Events: `reuse`, a sample {"image", "audio", "text"} is to be worked on; `restyle`, one is to be made in every
    style; `remake`, a word of one is to be made anew ({"audio", "text", "again"}: its frames); `restore`, a result of
    this visit is shown again ({"query"}: of its link); `reopen`, an exported file has been dropped ({"params"}).
    """

    words = (
        "common.card",
        *(
            f"generate.{word}"
            for word in (
                *("clean", "noisy", "all", "one", "keys", "copy_link", "copied", "reuse", "save", "save_webp"),
                *("save_gif", "save_png", "save_wav", "save_wav_all", "save_json", "saving", "save_failed", "no_sound"),
                *("no_picture", "sample", "given", "play", "pause", "loop", "live", "step", "play_sound", "settled"),
                *("confidence", "change", "distance", "digit", "help_digit", "help_t", "help_change", "help_distance"),
                *("image", "audio", "text", "waiting", "running", "done", "stopped", "queued", "too_long", "ready"),
                *("drafting", "gallery", "save_film", "play_film", "restyle", "reopen_failed", "side", "side_info"),
                *("clear", "seed", "block", "remake"),
            )
        ),
    )
    holds = "JSON: {run, open?, frames: [{lane, i, t, …}], end?}; the last message carries the tokens of the result"

    def __init__(
        self,
        decode_noisy: Callable[[Any], Any],
        decode_clean: Callable[[Any], Any],
        read_export: Callable[[Any], Any],
        **kwargs: Any,
    ) -> None:
        """Server functions of these names: the first two like those of `messages` for one model, and `reopen`."""
        super().__init__(functions=[save_trajectory, decode_noisy, decode_clean, read_export], **kwargs)

    def preprocess(self, payload: Any) -> None:
        """The player is an output only: what a browser sends back is ignored."""
        return None
