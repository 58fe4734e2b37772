"""The Codebook tab counts the codes of what the visitor last opened, in any modality."""

from types import SimpleNamespace

import pytest

from mmdemo.ui.audio.handlers import AudioHandlers
from mmdemo.ui.shared.i18n import LANGUAGES
from mmdemo.ui.shared.state import Context
from mmdemo.ui.text.handlers import TextHandlers


@pytest.fixture
def request_of():
    def make(who: str):
        return SimpleNamespace(session_hash=who, headers={"accept-language": LANGUAGES[0]}, query_params={})

    return make


def test_text_and_sound_are_remembered_per_visitor(request_of, tmp_path):
    import numpy as np
    import soundfile

    ctx = Context("cpu")
    TextHandlers(ctx).typed("a sentence", None, 3, False, request_of("ann"))
    wave = tmp_path / "tone.wav"
    soundfile.write(wave, 0.3 * np.sin(np.arange(8000) / 9), 16_000)
    AudioHandlers(ctx).opened(str(wave), 2, request_of("ann"))
    assert ctx.recall(request_of("ann"), "text").positions == (3,)  # ten bytes, four a position
    assert ctx.recall(request_of("ann"), "audio").positions == (25,)  # half a second at 50 frames a second
    assert ctx.recall(request_of("bob"), "text") is None
