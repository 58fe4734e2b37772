"""What happens when something is clicked in the Audio tab. No layout here, and no model logic."""

from __future__ import annotations

import math
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from mmdemo.errors import InputError
from mmdemo.modalities import audio
from mmdemo.modalities.note import Note
from mmdemo.ui.audio import baselines, view
from mmdemo.ui.audio.maths import explain
from mmdemo.ui.audio.session import RATE, AudioSession
from mmdemo.ui.shared import gallery, state
from mmdemo.ui.shared.filedrop import dropped_file
from mmdemo.ui.shared.i18n import lang_of, tr
from mmdemo.ui.shared.state import Context, friendly, parse_int
from mmdemo.ui.shared.tokens_file import read_tokens

OUTPUTS = 5  # how many values `show` gives
VISITORS = 1000  # whose newest request is remembered


examples = gallery.sounds


class AudioHandlers:
    """Handlers of the Audio tab, as plain functions over a `AudioSession`."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self.folder: str | None = None  # for files to download, where Gradio cleans up
        self.newest: OrderedDict[str, tuple[str, int]] = OrderedDict()  # visitor -> what they look at now

    @property
    def codec(self) -> Any:
        return self.ctx.codec("audio")

    def start(self, source: Any) -> AudioSession:
        """Encode a sound on all levels; of a longer one only as much as the page takes, with a note."""
        item = audio.load(source, first=state.MAX_AUDIO_SECONDS)
        return AudioSession(item.tensor, self.codec.encode(item), item.notes)

    def open_tokens(self, data: bytes, lang: str) -> AudioSession:
        """A clip from an .mmt file. Raises InputError if other weights made it or it is too long."""
        too_long = InputError(tr("audio.mmt_long", lang, limit=state.MAX_AUDIO_SECONDS))
        codec = self.codec
        frames = math.ceil(state.MAX_AUDIO_SECONDS * RATE / codec.tokenizer.stride)
        tokens = read_tokens(codec, data, frames, too_long)
        seconds = tokens.meta["samples"] / RATE
        if seconds > state.MAX_AUDIO_SECONDS:
            raise too_long
        note = Note("mmt", tr("audio.note_mmt"), seconds=seconds, levels=tokens.levels)
        return AudioSession(None, tokens, (note,))

    def show(self, clip: AudioSession | None, levels: int, request: gr.Request, with_original: bool) -> list[Any]:
        """Values of `outputs` for one clip; None empties the page."""
        if clip is None:
            return [None, None, "", None, ""]
        lang = lang_of(request)
        self.ctx.remember(request, clip.tokens, clip.wave)
        levels = self._levels(clip, levels)
        self.newest[request.session_hash or ""] = clip.ident, levels
        while len(self.newest) > VISITORS:
            self.newest.popitem(last=False)
        return [
            clip,
            view.lab_value(self.codec, clip, levels, lang, with_original),
            view.tiles_html(clip, levels, lang),
            baselines.table_value(clip, levels, lang),
            explain(self.codec, clip, levels, lang),
        ]

    # ------------------------------------------------------------------ events

    @friendly
    def opened(self, path: str | None, levels: int, request: gr.Request) -> list[Any]:
        """A sound was opened or a recording finished. An emptied input changes nothing."""
        if path is None:
            return [gr.skip()] * OUTPUTS
        return self.show(self.start(Path(path)), levels, request, with_original=True)

    @friendly
    def example(self, levels: int, event: gr.EventData, request: gr.Request) -> list[Any]:
        """One of the examples was chosen. The first output empties the sound input."""
        files = examples()
        file = files[parse_int(getattr(event, "index", None), 0, len(files) - 1)]
        return [None, *self.show(self.start(file), levels, request, with_original=True)]

    @friendly
    def dropped(self, levels: int, event: gr.EventData, request: gr.Request) -> list[Any]:
        """An .mmt file was dropped or chosen. The first output empties the sound input."""
        clip = self.open_tokens(dropped_file(event).read(), lang_of(request))
        return [None, *self.show(clip, levels, request, with_original=True)]

    @friendly
    def ready(self, clip: AudioSession | None, levels: int, request: gr.Request) -> list[Any]:
        """The tab was opened in a browser: show what there is, or the first example."""
        if clip is None:
            clip = next((self.start(file) for file in examples()[:1]), None)
        values = self.show(clip, levels, request, with_original=True)
        return [gr.update(maximum=self.codec.levels), *values]

    @friendly
    def relevelled(self, clip: AudioSession | None, levels: int, request: gr.Request) -> list[Any]:
        """The levels slider moved."""
        return self.show(clip, levels, request, with_original=False)

    @friendly
    def measured(self, clip: AudioSession | None, levels: int, request: gr.Request) -> Iterator[list[Any]]:
        """STOI and PESQ, then the same clip through other codecs: tiles and table, as they become known."""
        if clip is None or clip.wave is None:
            yield [gr.skip(), None]
            return
        lang, levels = lang_of(request), self._levels(clip, levels)
        rate = view.kbps(clip, levels)
        steps: list[Callable[[], Any]] = [
            partial(baselines.measure, self.codec, clip, levels),
            *(partial(baselines.baseline, clip, *setting) for setting in baselines.baseline_settings(rate)),
        ]
        for step in steps:
            step()
            if self.newest.get(request.session_hash or "") != (clip.ident, levels):
                return  # the person has moved on; the newer request shows its own figures
            yield [view.tiles_html(clip, levels, lang), baselines.table_value(clip, levels, lang)]

    @friendly
    def native(self, clip: AudioSession | None, levels: int) -> str:
        """The reconstruction at the sample rate and with the channels of the input: path of a WAV file."""
        if clip is None:
            raise InputError("Open a sound first.")
        wave = clip.wave_at(self.codec, self._levels(clip, levels))
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        return str(audio.save(audio.restore(wave, clip.tokens.meta, original=True), folder / "reconstruction.wav"))

    def _levels(self, clip: AudioSession, levels: Any) -> int:
        """The slider's value, as far as this clip has so many levels."""
        return min(parse_int(levels, 1, 64), clip.tokens.levels)
