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
from mmdemo.ui.shared import code_sheet, gallery, state
from mmdemo.ui.shared.editing import Decoders, Visits, colours, from_link, step
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
        self.newest: OrderedDict[str, tuple[Any, ...]] = OrderedDict()  # visitor -> what they look at now
        self.decoders, self.visits = Decoders(), Visits()
        self._examples: dict[int, Any] = {}  # tokens of the page's own recordings, to paint with

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
        self.newest[request.session_hash or ""] = clip.ident, clip.version, levels
        while len(self.newest) > VISITORS:
            self.newest.popitem(last=False)
        earlier = [{"name": name} for name, _, _ in self.visits.of(request)]
        return [
            clip,
            {**view.lab_value(self.codec, clip, levels, lang, with_original), "earlier": earlier},
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
        clip = self.start(Path(path))
        self.visits.note(request, Path(path).stem, clip.tokens)
        return self.show(clip, levels, request, with_original=True)

    @friendly
    def example(self, levels: int, event: gr.EventData, request: gr.Request) -> list[Any]:
        """One of the examples was chosen. The first output empties the sound input."""
        files = examples()
        index = parse_int(getattr(event, "index", None), 0, len(files) - 1)
        clip = self.start(files[index])
        clip.example = index
        return [None, *self.show(clip, levels, request, with_original=True)]

    @friendly
    def dropped(self, levels: int, event: gr.EventData, request: gr.Request) -> list[Any]:
        """An .mmt file was dropped or chosen. The first output empties the sound input."""
        file = dropped_file(event)
        clip = self.open_tokens(file.read(), lang_of(request))
        self.visits.note(request, Path(file.name).stem, clip.tokens)
        return [None, *self.show(clip, levels, request, with_original=True)]

    @friendly
    def ready(self, clip: AudioSession | None, levels: int, request: gr.Request) -> list[Any]:
        """The tab was opened in a browser: show what there is, or the first example."""
        if clip is None:
            clip, levels = self._asked_for(levels, request)
        values = self.show(clip, levels, request, with_original=True)
        return [gr.update(maximum=self.codec.levels, value=levels), *values]

    def _asked_for(self, levels: int, request: gr.Request) -> tuple[AudioSession | None, int]:
        """The first example, or the example, levels and edit that the page's address names."""
        files, params = examples(), getattr(request, "query_params", None) or {}
        if not files:
            return None, levels
        named = params if params.get("tab") == "audio" else {}
        numbers = [str(named.get(name, "")) for name in ("example", "levels")]
        index, wanted = (int(text) if text.isdecimal() and len(text) < 5 else 0 for text in numbers)
        index = min(index, len(files) - 1)
        clip = self.start(files[index])
        clip.example = index
        levels = min(wanted, clip.tokens.levels) or levels
        if named.get("edit"):
            try:
                history = from_link(clip.tokens, str(named["edit"]))
            except InputError as error:
                gr.Warning(str(error))
            else:
                wave, _ = self.decoders.follow(clip.ident, self.codec, history.tokens, levels)
                clip = clip.edited(history, levels, wave)
        return clip, levels

    @friendly
    def edit(self, clip: AudioSession | None, event: gr.EventData, request: gr.Request) -> list[Any]:
        """A step of the editor: other codes, decoded again where they change the sound. `settle` follows.

        The first output is the levels slider, which is raised where the edit could not be heard.
        """
        if clip is None:
            return [gr.skip()] * 3
        asked = dict(event._data or {})
        history = step(self.codec, clip.history, asked, self._painted_with(asked, request))
        levels = parse_int(asked.get("shown"), 1, clip.tokens.levels)
        wave, box = self.decoders.follow(clip.ident, self.codec, history.tokens, levels, clip.tokens)
        changed = clip.edited(history, levels, wave)
        self.ctx.remember(request, history.tokens, clip.wave)
        self.newest[request.session_hash or ""] = changed.ident, changed.version, levels
        slider = gr.update(value=levels) if asked.get("raised") is True else gr.skip()
        return [slider, changed, view.edit_value(changed, levels, wave, box)]

    @friendly
    def settle(self, clip: AudioSession | None, request: gr.Request) -> list[Any]:
        """After an edit: everything else that is shown of the sound."""
        now = None if clip is None else (clip.ident, clip.version, clip.shown)
        if clip is None or self.newest.get(request.session_hash or "") != now:
            return [gr.skip()] * (OUTPUTS - 1)  # a newer step has come
        return self.show(clip, clip.shown, request, with_original=False)[1:]

    @friendly
    def warm(self, clip: AudioSession | None, event: gr.EventData, request: gr.Request) -> None:
        """The visitor is about to edit, or to paint with another sound: make ready what that takes."""
        if clip is None:
            return
        asked = dict(event._data or {})
        self._painted_with(asked, request)
        self.decoders.follow(clip.ident, self.codec, clip.tokens, parse_int(asked.get("shown"), 1, clip.tokens.levels))

    @friendly
    def code_sheet(self, level: int) -> dict[str, Any]:
        """The sheet of all codes of a level."""
        return code_sheet.sheet(self.codec, parse_int(level, 0, self.codec.levels - 1))

    def code_colours(self) -> list[str]:
        """A colour for every code, level by level."""
        return colours(self.codec)

    def _painted_with(self, asked: dict[str, Any], request: gr.Request) -> Any:
        """Tokens of the other sound that an edit takes codes from; None where it takes none."""
        other = asked.get("other")
        if asked.get("paint") != "other" or not isinstance(other, dict):
            return None
        if "earlier" in other:
            mine = self.visits.of(request)
            return mine[parse_int(other["earlier"], 0, max(0, len(mine) - 1))][2] if mine else None
        files = examples()
        index = parse_int(other.get("example"), 0, len(files) - 1)
        if index not in self._examples:
            self._examples[index] = self.start(files[index]).tokens
        return self._examples[index]

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
        for measuring in steps:
            measuring()
            if self.newest.get(request.session_hash or "") != (clip.ident, clip.version, levels):
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
