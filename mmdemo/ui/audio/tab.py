"""The Audio tab: a recording through its codes, level by level, against the original and other codecs."""

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
from mmdemo.tokens import Tokens, mmt
from mmdemo.ui.audio import view as sound_view
from mmdemo.ui.audio.api import add_audio_api
from mmdemo.ui.audio.lab import CodecTable, SoundLab
from mmdemo.ui.audio.session import RATE, Clip
from mmdemo.ui.shared import gallery, state
from mmdemo.ui.shared.common import how_it_works, intro
from mmdemo.ui.shared.filedrop import FileDrop, dropped_file
from mmdemo.ui.shared.i18n import LANGUAGES, lang_of, t, tr
from mmdemo.ui.shared.pills import Pills
from mmdemo.ui.shared.state import Context, friendly, whole

KEEP = 3600  # seconds a visitor's clip stays in memory after its page is closed
START_LEVELS = 3
OUTPUTS = 5  # how many values `show` gives
VISITORS = 1000  # whose newest request is remembered
# Follow the link of the hidden file once it stands in the page.
FETCH = """async () => {
  const box = document.querySelector("#mm-audio-native");
  for (let i = 0; i < 100; i++) {
    const link = box.querySelector("a[href]");
    if (link && link.href !== box.dataset.saved) { box.dataset.saved = link.href; link.click(); return; }
    await new Promise((done) => setTimeout(done, 50));
  }
}"""


class AudioTab:
    """Event handlers of the tab, as plain functions over a `Clip`."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self.folder: str | None = None  # for files to download, where Gradio cleans up
        self.newest: OrderedDict[str, tuple[str, int]] = OrderedDict()  # visitor -> what they look at now

    @property
    def codec(self) -> Any:
        return self.ctx.codec("audio")

    def start(self, source: Any) -> Clip:
        """Encode a sound on all levels; of a longer one only as much as the page takes, with a note."""
        item = audio.load(source, first=state.MAX_AUDIO_SECONDS)
        return Clip(item.tensor, self.codec.encode(item), item.notes)

    def open_tokens(self, data: bytes, lang: str) -> Clip:
        """A clip from an .mmt file. Raises InputError if other weights made it or it is too long."""
        too_long = InputError(tr("audio.mmt_long", lang, limit=state.MAX_AUDIO_SECONDS))
        codec = self.codec
        frames = math.ceil(state.MAX_AUDIO_SECONDS * RATE / codec.tokenizer.stride)
        if mmt.symbols(data) > codec.levels * frames:  # before it is decoded, which takes its time
            raise too_long
        tokens = Tokens.from_bytes(data)
        codec.check(tokens)
        seconds = tokens.meta["samples"] / RATE
        if seconds > state.MAX_AUDIO_SECONDS:
            raise too_long
        note = Note("mmt", tr("audio.note_mmt"), seconds=seconds, levels=tokens.levels)
        return Clip(None, tokens, (note,))

    def show(self, clip: Clip | None, levels: int, request: gr.Request, full: bool) -> list[Any]:
        """Values of `outputs` for one clip; None empties the page."""
        if clip is None:
            return [None] + [""] * (OUTPUTS - 1)
        lang = lang_of(request)
        self.ctx.remember(request, clip.tokens)
        levels = self._levels(clip, levels)
        self.newest[request.session_hash or ""] = clip.ident, levels
        while len(self.newest) > VISITORS:
            self.newest.popitem(last=False)
        return [
            clip,
            sound_view.lab_json(self.codec, clip, levels, lang, full),
            sound_view.tiles_html(clip, levels, lang),
            sound_view.table_json(clip, levels, lang),
            sound_view.maths(self.codec, clip, levels, lang),
        ]

    # ------------------------------------------------------------------ events

    @friendly
    def opened(self, path: str | None, levels: int, request: gr.Request) -> list[Any]:
        """A sound was opened or a recording finished. An emptied input changes nothing."""
        if path is None:
            return [gr.skip()] * OUTPUTS
        return self.show(self.start(Path(path)), levels, request, full=True)

    @friendly
    def example(self, levels: int, event: gr.EventData, request: gr.Request) -> list[Any]:
        """One of the examples was chosen. The first output empties the sound input."""
        files = _examples()
        file = files[whole(getattr(event, "index", None), 0, len(files) - 1)]
        return [None, *self.show(self.start(file), levels, request, full=True)]

    @friendly
    def dropped(self, levels: int, event: gr.EventData, request: gr.Request) -> list[Any]:
        """An .mmt file was dropped or chosen. The first output empties the sound input."""
        clip = self.open_tokens(dropped_file(event).read(), lang_of(request))
        return [None, *self.show(clip, levels, request, full=True)]

    @friendly
    def ready(self, clip: Clip | None, levels: int, request: gr.Request) -> list[Any]:
        """The tab was opened in a browser: show what there is, or the first example."""
        examples = _examples()
        if clip is None and examples:
            clip = self.start(examples[0])
        values = self.show(clip, levels, request, full=True)
        return [gr.update(maximum=self.codec.levels), *values]

    @friendly
    def relevelled(self, clip: Clip | None, levels: int, request: gr.Request) -> list[Any]:
        """The levels slider moved."""
        return self.show(clip, levels, request, full=False)

    @friendly
    def measured(self, clip: Clip | None, levels: int, request: gr.Request) -> Iterator[list[Any]]:
        """STOI and PESQ, then the same clip through other codecs: tiles and table, as they become known."""
        if clip is None or clip.wave is None:
            yield [gr.skip(), ""]
            return
        lang, levels = lang_of(request), self._levels(clip, levels)
        rate = sound_view.kbps(clip, levels)
        steps: list[Callable[[], Any]] = [
            partial(sound_view.measure, self.codec, clip, levels),
            *(partial(sound_view.rival, clip, *setting) for setting in sound_view.rival_settings(rate)),
        ]
        for step in steps:
            step()
            if self.newest.get(request.session_hash or "") != (clip.ident, levels):
                return  # the person has moved on; the newer request shows its own figures
            yield [sound_view.tiles_html(clip, levels, lang), sound_view.table_json(clip, levels, lang)]

    @friendly
    def native(self, clip: Clip | None, levels: int) -> str:
        """The reconstruction at the sample rate and with the channels of the input: path of a WAV file."""
        if clip is None:
            raise InputError("Open a sound first.")
        wave = clip.wave_at(self.codec, self._levels(clip, levels))
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        return str(audio.save(audio.restore(wave, clip.tokens.meta, original=True), folder / "reconstruction.wav"))

    def _levels(self, clip: Clip, levels: Any) -> int:
        """The slider's value, as far as this clip has so many levels."""
        return min(whole(levels, 1, 64), clip.tokens.levels)


def _examples() -> list[Path]:
    """Example recordings, speech first."""
    return sorted(gallery.EXAMPLES.glob("*.flac"), key=lambda file: (not file.stem.startswith("speech"), file.stem))


def _title(file: Path, lang: str) -> str:
    try:
        return tr(f"audio.example_{file.stem}", lang)
    except KeyError:
        return file.stem.replace("_", " ").capitalize()


def build(ctx: Context) -> None:
    """Build the tab inside the current `gr.Tab`."""
    tab = AudioTab(ctx)
    add_audio_api(ctx)
    intro("audio.intro")
    session = gr.State(None, time_to_live=KEEP)
    with gr.Row(elem_classes=["mm-split"]):
        with gr.Column(scale=3, min_width=260, elem_classes=["mm-side"]):
            names = {lang: [_title(file, lang) for file in _examples()] for lang in LANGUAGES}
            pills = Pills(names, 0, elem_id="mm-audio-examples")
            source = gr.Audio(
                sources=["upload", "microphone"],
                type="filepath",
                label=t("audio.input"),
                elem_id="mm-audio-input",
                interactive=True,
                buttons=[],
            )
            drop = FileDrop("audio.file", [".mmt"], elem_id="mm-audio-file")
            table = CodecTable(elem_id="mm-audio-codecs")
        with gr.Column(scale=8, min_width=320, elem_classes=["mm-main"]):
            levels = gr.Slider(
                1,
                8,
                value=START_LEVELS,
                step=1,
                label=t("audio.levels"),
                info=t("audio.levels_info"),
                elem_id="mm-audio-levels",
            )
            tiles = gr.HTML(elem_id="mm-audio-tiles")
            lab = SoundLab(elem_id="mm-audio-lab")
            restored = gr.File(visible="hidden", elem_id="mm-audio-native", interactive=False)
    maths = how_it_works()
    tab.folder = restored.GRADIO_CACHE

    outputs = [session, lab, tiles, table, maths]
    model = {"concurrency_id": state.CONCURRENCY_ID, "show_progress": "hidden", "api_visibility": "private"}
    live = {**model, "trigger_mode": "always_last"}
    events = [
        source.upload(tab.opened, [source, levels], outputs, **model),
        source.stop_recording(tab.opened, [source, levels], outputs, **model),
        drop.file(tab.dropped, [levels], [source, *outputs], **model),
        pills.pick(tab.example, [levels], [source, *outputs], **live),
        lab.ready(tab.ready, [session, levels], [levels, *outputs], **live),
        levels.change(tab.relevelled, [session, levels], outputs, **live),
    ]
    for event in events:
        event.success(tab.measured, [session, levels], [tiles, table], **{**live, "concurrency_id": "measure"})
    lab.restore(tab.native, [session, levels], [restored], **model).success(None, js=FETCH)
