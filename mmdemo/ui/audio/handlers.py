"""What happens when something is clicked in the Audio tab. No layout here, and no model logic."""

from __future__ import annotations

import tempfile
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from mmdemo.errors import InputError
from mmdemo.modalities import audio
from mmdemo.tokens import Tokens
from mmdemo.ui.audio import baselines, view
from mmdemo.ui.audio.maths import explain
from mmdemo.ui.audio.session import AudioSession, open_tokens, start
from mmdemo.ui.shared import place, splash
from mmdemo.ui.shared.editing import EditorHandlers, from_link, step
from mmdemo.ui.shared.filedrop import dropped_file
from mmdemo.ui.shared.i18n import lang_of
from mmdemo.ui.shared.ids import new_id
from mmdemo.ui.shared.level_control import levels_value
from mmdemo.ui.shared.place import Place
from mmdemo.ui.shared.state import Context, Opened, ends_quietly, friendly, parse_int
from mmdemo.ui.shared.store import store
from mmdemo.ui.shared.visit import visit_value

OUTPUTS = 6  # how many values `show` gives
START_LEVELS = 5  # what the level control shows at first
SPLASH = (440, 165)  # pixels of a spectrogram while the page starts
VISITORS = 1000  # whose newest request is remembered


class AudioHandlers(EditorHandlers):
    """Handlers of the Audio tab, as plain functions over a `AudioSession`."""

    def __init__(self, ctx: Context, examples: list[Path] | None = None) -> None:
        super().__init__(ctx, "audio", examples)
        self.folder: str | None = None  # for files to download, where Gradio cleans up
        self.newest: OrderedDict[str, tuple[Any, ...]] = OrderedDict()  # visitor -> what they look at now
        self._examples: dict[int, AudioSession] = {}  # encoded once for all visitors

    def start_example(self, index: int) -> AudioSession:
        """The clip of an example."""
        if index not in self._examples:
            file = self.examples[index]
            clip = start(self.codec, file)
            clip.place, clip.title = {"example": file.stem}, file.stem.replace("_", " ")
            self._examples[index] = clip
        # What is encoded and decoded is shared, what is edited is not.
        return replace(self._examples[index], ident=new_id(), example=index)

    def prepare(self) -> None:
        """Make the first example ready before anybody comes, and heard on one level, two, …"""
        if self.examples:
            clip = self.start_example(0)
            waves = [clip.wave_at(self.codec, n) for n in range(1, clip.tokens.levels + 1)]
            clip.wave_at(self.codec, START_LEVELS)
            self.ctx.splashes["audio"] = splash.of_pictures([view.spectrogram(wave, SPLASH) for wave in waves])

    def start_own(self, path: Path) -> AudioSession:
        """The clip of a visitor's own sound, which is kept for its link."""
        clip = start(self.codec, path)
        kept = store().keep(*view.source_bytes(clip, path))
        clip.place, clip.title = ({"input": kept} if kept else {}), path.stem[:40]
        return clip

    def start_place(self, link: Place, request: gr.Request) -> AudioSession | None:
        """What a link names. Raises InputError for what is gone."""
        if not link.get("input"):
            index = place.index(link, [file.stem for file in self.examples], request)
            return None if index is None else replace(self.start_example(index), look=place.looks(link))
        clip = self._open(link, lang_of(request))
        clip.place, clip.title, clip.look = {"input": link["input"]}, link["input"], place.looks(link)
        return clip

    def reopen(self, link: Mapping[str, str], lang: str) -> Opened:
        """What a link of another tab leads to. Raises InputError for what is gone."""
        clip = self._open(link, lang)
        return Opened(clip.tokens, clip.wave, place.source(link))

    def _open(self, link: Mapping[str, str], lang: str) -> AudioSession:
        """What is kept for a link."""
        path = store().path(link.get("input", ""), lang)
        return open_tokens(self.codec, path.read_bytes(), lang) if path.suffix == ".mmt" else start(self.codec, path)

    def show(
        self, clip: AudioSession | None, levels: int, request: gr.Request, with_original: bool, opening: bool = False
    ) -> list[Any]:
        """Values of `outputs` for one clip; None empties the page. With `opening` it comes in as it is coded."""
        if clip is None:
            return [None, None, "", None, "", None]
        lang = lang_of(request)
        clip.thumb = clip.thumb or view.thumbnail(clip)
        self.ctx.remember(request, clip.tokens, clip.wave, place.unchanged(clip.place, clip.history))
        levels = self._levels(clip, levels)
        self.newest[request.session_hash or ""] = clip.ident, clip.version, levels
        while len(self.newest) > VISITORS:
            self.newest.popitem(last=False)
        earlier = [{"name": name} for name, _, _ in self.visits.of(request)]
        return [
            clip,
            {
                **view.lab_value(self.codec, clip, levels, lang, with_original),
                "earlier": earlier,
                "opening": opening,
            },
            view.tiles_html(clip, levels, lang),
            baselines.table_value(clip, levels, lang),
            explain(self.codec, clip, levels, lang),
            visit_value({**clip.place, "levels": str(levels)} if clip.place else {}, clip.title, clip.thumb),
        ]

    # ------------------------------------------------------------------ events

    @friendly
    def opened(self, path: str | None, levels: int, request: gr.Request) -> list[Any]:
        """A sound was opened or a recording finished. An emptied input changes nothing."""
        if path is None:
            return [gr.skip()] * OUTPUTS
        clip = self.start_own(Path(path))
        self.visits.note(request, Path(path).stem, clip.tokens)
        return self.show(clip, levels, request, with_original=True)

    @friendly
    def example(self, levels: int, event: gr.EventData, request: gr.Request) -> list[Any]:
        """One of the examples was chosen. The first output empties the sound input."""
        index = parse_int(getattr(event, "index", None), 0, len(self.examples) - 1)
        return [None, *self.show(self.start_example(index), levels, request, with_original=True)]

    @friendly
    def restored(self, event: gr.EventData, request: gr.Request) -> list[Any]:
        """Back to a place of this visit, or to what a link names: the control, an empty sound input, and the rest."""
        link = place.wanted(event._data)
        clip = self.start_place(link, request) or self.start_example(0)
        levels = place.number(link, "levels", 1, clip.tokens.levels, START_LEVELS)
        clip = self._with_edit(clip, link.get("edit", ""), levels)
        control = levels_value(levels, clip.tokens.levels)
        return [control, None, *self.show(clip, levels, request, with_original=True)]

    @friendly
    def dropped(self, levels: int, event: gr.EventData, request: gr.Request) -> list[Any]:
        """An .mmt file was dropped or chosen. The first output empties the sound input."""
        file = dropped_file(event)
        data = file.read()
        clip = open_tokens(self.codec, data, lang_of(request))
        kept = store().keep(data, ".mmt")
        clip.place, clip.title = ({"input": kept} if kept else {}), file.name.removesuffix(".mmt")
        self.visits.note(request, Path(file.name).stem, clip.tokens)
        return [None, *self.show(clip, levels, request, with_original=True)]

    @friendly
    def ready(self, clip: AudioSession | None, levels: int, request: gr.Request) -> list[Any]:
        """The tab was opened in a browser: show what there is, or the first example."""
        link = {} if clip else place.asked(request, "audio")
        levels = place.number(link, "levels", 1, self.codec.levels, levels)
        opening = clip is None and not link.keys() & {"example", "input"}
        if clip is None:
            clip = self.start_place(link, request) or (self.start_example(0) if self.examples else None)
            clip = clip and self._with_edit(clip, link.get("edit", ""), levels)
        values = self.show(clip, levels, request, with_original=True, opening=opening)
        return [levels_value(levels, clip.tokens.levels if clip else self.codec.levels), *values]

    def _with_edit(self, clip: AudioSession, code: str, levels: int) -> AudioSession:
        """The clip with the edit of a link; without it, and a word, where it is none of this clip."""
        try:
            history = from_link(clip.tokens, code) if code else None
        except InputError as error:
            gr.Warning(str(error))
            return clip
        if history is None:
            return clip
        wave, _ = self.decoders.follow(clip.ident, self.codec, history.tokens, levels)
        return clip.edited(history, levels, wave)

    @friendly
    def edit(self, clip: AudioSession | None, event: gr.EventData, request: gr.Request) -> list[Any]:
        """A step of the editor: other codes, decoded again where they change the sound. `settle` follows
        when the visitor pauses.

        The first output is the level control, which is raised where the edit could not be heard.
        """
        if clip is None:
            return [gr.skip()] * 3
        asked = dict(event._data or {})
        history = step(self.codec, clip.history, asked, self.painted_with(asked, request))
        levels = parse_int(asked.get("shown"), 1, clip.tokens.levels)
        wave, box = self.decoders.follow(clip.ident, self.codec, history.tokens, levels, clip.tokens)
        changed = clip.edited(history, levels, wave)
        self.ctx.remember(request, history.tokens, clip.wave, place.unchanged(clip.place, history))
        self.newest[request.session_hash or ""] = changed.ident, changed.version, levels
        control = levels_value(levels, clip.tokens.levels) if asked.get("raised") is True else gr.skip()
        remake = self.remake(clip.tokens, history.tokens, lambda: (audio.SAMPLE_RATE, wave.numpy()))
        return [control, changed, view.edit_value(changed, levels, wave, box, remake)]

    @friendly
    def settle(self, clip: AudioSession | None, request: gr.Request) -> list[Any]:
        """After an edit: everything else that is shown of the sound."""
        now = None if clip is None else (clip.ident, clip.version, clip.shown)
        if clip is None or self.newest.get(request.session_hash or "") != now:
            return [gr.skip()] * (OUTPUTS - 1)  # a newer step has come
        return self.show(clip, clip.shown, request, with_original=False)[1:]

    def example_tokens(self, index: int, request: gr.Request) -> Tokens:
        return self.start_example(index).tokens

    @friendly
    def relevelled(self, clip: AudioSession | None, levels: int, request: gr.Request) -> list[Any]:
        """The level control moved."""
        return self.show(clip, levels, request, with_original=False)

    @friendly
    @ends_quietly
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
        """The level control's value, as far as this clip has so many levels."""
        return min(parse_int(levels, 1, 64), clip.tokens.levels)
