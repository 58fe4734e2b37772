"""The table of codecs under the inputs of the Audio tab."""

from __future__ import annotations

from mmdemo.ui.shared.component import Component


class CodecTable(Component):
    """The same clip through other codecs, with their figures; a click plays one in the `SoundLab`.

    Value: made by `mmdemo.ui.audio.baselines.table_value`, or None for nothing.
    """

    markup = '<div class="codecs"></div>'
    words = tuple(f"audio.{word}" for word in ("table", "codec", "kbps", "stoi", "pesq", "play"))
