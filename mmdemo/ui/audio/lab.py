"""The sound lab: plays and compares the sounds of one clip, and shows them on one time axis."""

from __future__ import annotations

from mmdemo.ui.shared.component import Component


class SoundLab(Component):
    """Player with instant A/B; waveform, mel spectrograms, their difference and the tokens on one time axis.

    Value: made by `mmdemo.ui.audio.view.lab_value`, or None for nothing. Event `restore`: the reconstruction is
    wanted in the form of the input. `ready` fires once, when the component first appears in a browser.
    """

    markup = '<div class="lab" hidden></div>'
    words = tuple(
        f"audio.{word}"
        for word in (
            *("play", "pause", "listen", "swap_hint", "zoom_in", "zoom_out", "scroll", "equal", "loop", "boosted"),
            *("save_wav", "save_mmt", "waveform", "wave_difference", "mel_original", "mel_reconstruction"),
            *("mel_difference", "tokens", "original", "reconstruction", "less", "more", "token_tip", "token_tip_off"),
        )
    )
