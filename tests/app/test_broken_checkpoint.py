"""One checkpoint that was altered: its own tab says which, and the others live on."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from mmdemo import checkpoints
from mmdemo.ui import app
from mmdemo.ui.audio.handlers import AudioHandlers
from mmdemo.ui.shared.state import Context
from mmdemo.ui.text.handlers import TextHandlers
from mmdemo.ui.text.session import start


@pytest.fixture
def altered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The shipped checkpoints, with one bit of the audio tokenizer's weights turned; the name of that file."""
    for folder in checkpoints.roots()[0].iterdir():
        if folder.name == "audio":
            shutil.copytree(folder, tmp_path / "audio")
        else:
            (tmp_path / folder.name).symlink_to(folder)
    file = sorted((tmp_path / "audio").glob("model*.safetensors"))[0]
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    monkeypatch.setattr(checkpoints, "roots", lambda: [tmp_path])
    return file.name


def test_with_one_broken_checkpoint_the_other_tabs_live_on(altered: str):
    context = Context("cpu")
    demo = app.build(context)
    tabs = [block for block in demo.blocks.values() if isinstance(block, gr.Tab)]
    assert len(tabs) == len(app.TABS)
    reason = f"weights of checkpoint “audio” were altered or damaged: {altered}"
    # The joint model needs the audio tokenizer too, unless it brings along the one that it was trained on.
    said = any(isinstance(b, gr.Markdown) and reason in str(b.value) for b in demo.blocks.values())
    assert said == (not checkpoints.brought_along("audio"))
    request: Any = SimpleNamespace(session_hash="me", query_params={}, cookies={}, headers={})
    with pytest.raises(gr.Error) as caught:
        AudioHandlers(context).ready(None, 1, request)
    assert reason in str(caught.value.message)
    text = TextHandlers(context)
    assert text.codec.decode(start(text.codec, "Good morning.", "en").tokens)
    assert len(context.codec("image").codebooks) > 1
