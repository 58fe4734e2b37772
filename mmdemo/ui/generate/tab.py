"""The Generate tab: give any of a picture, a recording, a word; watch the rest being made, step by step."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.context import Context as GradioContext

from mmdemo.errors import InputError
from mmdemo.ui.generate import form as forms
from mmdemo.ui.generate import messages as trajectory
from mmdemo.ui.generate.form import Form, signal
from mmdemo.ui.generate.inputs import pack_sound, pack_uri, picture_uri, unpack_sound
from mmdemo.ui.generate.maths import explain
from mmdemo.ui.generate.noise_panel import NoisePanel, text_table
from mmdemo.ui.generate.player.player import Player
from mmdemo.ui.generate.run import as_the_model_sees, choices_of, reused, run
from mmdemo.ui.generate.settings import NAMES, Settings, from_query, is_number
from mmdemo.ui.shared.common import how_it_works, intro
from mmdemo.ui.shared.gpu import gpu
from mmdemo.ui.shared.i18n import lang_of, t, tr
from mmdemo.ui.shared.state import Context, friendly

MODEL = "digits"
# A queue of its own: a long run must not keep the other tabs waiting, whose requests take a moment each.
SAMPLING_ID = "sampling"
STYLE = Path(__file__).with_name("generate.css")

# A link may open this tab: choose it, and wait for the player to be there, before anything is filled in.
OPEN_TAB = """async () => {
  const asked = new URLSearchParams(location.search);
  if (asked.get("tab") !== "generate" && !asked.has("run")) return [];
  for (let i = 0; i < 100 && !document.querySelector(".mp"); i++) {
    document.getElementById("mm-tab-generate-button")?.click();
    await new Promise((go) => setTimeout(go, 50));
  }
  return [];
}"""
RUN_IF_ASKED = """() => {
  document.body.dataset.linkRead = "1";
  const asked = new URLSearchParams(location.search);
  if (asked.get("run") === "1") document.getElementById("mm-generate")?.click();
  return [];
}"""
# fmt: off
ORDER = (
    "text", "want", "image", "steps", "sampler", "guidance", "speaker", "seed", "n", "vs", "edit", "strength", "to",
    "audio",
)
# fmt: on
# Who opens a link and clicks at once wants the link's settings, not the usual ones that they are about to replace.
RUN = """async () => {
  for (let i = 0; i < 200 && !document.body.dataset.linkRead; i++) await new Promise((go) => setTimeout(go, 50));
  document.getElementById("mm-run").click();
  return [];
}"""


class GenerateTab:
    """What the tab does, apart from its layout."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        model = ctx.joint(MODEL)
        self.trajectory = gpu(duration=120)(self._trajectory)
        self.seen = gpu(duration=20)(self._seen)
        self.choices = choices_of(model)

    @friendly
    def run(self, request: gr.Request, fields: dict[str, Any], recording: Any) -> Iterator[tuple[Any, Any]]:
        """Generate; yields (message for the player, mathematics)."""
        settings = self.settings(fields, recording)
        lang = lang_of(request)
        frames: list[dict[str, Any]] = []
        for message in self.trajectory(settings):
            frames += [f for f in message["frames"] if f["lane"] == "a"]
            yield message, explain(settings, frames, lang) if "end" in message else gr.skip()

    def settings(self, fields: dict[str, Any], recording: Any) -> Settings:
        """Settings from the page: what is recorded now goes before a voice that came with a link."""
        spoken = pack_sound(recording) if recording is not None else ""
        given = {"image": pack_uri(fields["image"]), "audio": spoken or fields["audio"] or ""}
        return Settings(**{**fields, **given}, choices=self.choices)

    def _trajectory(self, settings: Settings) -> Iterator[dict[str, Any]]:
        yield from run(self.ctx.joint(MODEL), settings, self.ctx.device_name)

    def decoding_functions(self) -> tuple[Callable[[Any], dict[str, Any]], Callable[[Any], dict[str, Any]]]:
        """The server functions with which the player has x_t, and the x0 of late steps, decoded."""
        noisy = gpu(duration=20)(lambda request: trajectory.decode_noisy(self.ctx.joint(MODEL), request))
        clean = gpu(duration=20)(lambda request: trajectory.decode_clean(self.ctx.joint(MODEL), request))

        def decode_noisy(request: Any) -> dict[str, Any]:
            return answered("samples", noisy, request)

        def decode_clean(request: Any) -> dict[str, Any]:
            return answered("steps", clean, request)

        return decode_noisy, decode_clean

    def text_function(self) -> Callable[[Any], dict[str, Any]]:
        """The server function with which the noise panel has a text noised."""
        table = gpu(duration=20)(lambda request: text_table(self.ctx.joint(MODEL), request))

        def noise_text(request: Any) -> dict[str, Any]:
            return answered("rows", table, request)

        return noise_text

    def _seen(self, codes: dict[str, str]) -> dict[str, Any]:
        return as_the_model_sees(self.ctx.joint(MODEL), codes)

    def given(self, edit: str, text: str, image: Any, audio: str, recording: Any) -> dict[str, Any]:
        """What is given, as the model sees it, for marking what of it is made anew."""
        code_of: dict[str, Callable[[], str]] = {
            "image": lambda: pack_uri(image),
            "audio": lambda: pack_sound(recording) if recording is not None else audio or "",
            "text": lambda: "" if is_number(text or "") else (text or "").strip(),
        }
        codes = {}
        for name, code in code_of.items():
            with suppress(InputError):  # a run says why
                codes[name] = code()
        return {"edit": edit, "shown": self.seen(codes)}

    @friendly
    def reuse(self, form: Form, event: gr.EventData, request: gr.Request) -> list[Any]:
        """Values of all controls when a sample of the player becomes what is given."""
        sample = reused(event._data)
        changed = {**sample, "image": picture_uri(sample["image"]), "want": [], "edit": "", "strength": 1.0}
        kept = kept_html(sample["audio"], lang_of(request))
        values = [changed.get(name, gr.skip()) for name in form.fields]
        return [*values, None, gr.update(visible=bool(kept)), kept]

    @friendly
    def open_link(self, form: Form, request: gr.Request) -> list[Any]:
        """Values of all controls from the page's address; nothing changes when it says nothing."""
        params = dict(request.query_params)
        if not any(name in params for name in NAMES):
            # A skipped output would lose the custom properties of our own components: those get what they have.
            usual = {"image": "", "edit": ""}
            values = [usual.get(name, gr.skip()) for name in form.fields]
            return values + [gr.skip()] * (len(form.outputs()) - len(values))
        settings = from_query(params, self.choices)
        return forms.filled(form, settings.plain(), kept_html(settings.audio, lang_of(request)))


def answered(name: str, function: Callable[[Any], Any], request: Any) -> dict[str, Any]:
    """The answer of a server function to the page: {name: result}, or {"error": one sentence}."""
    try:
        return {name: function(request)}
    except InputError as error:
        return {"error": str(error)}


def kept_html(audio: str, lang: str) -> str:
    """A voice that came with a link, to be heard beside the controls; "" for none."""
    if not audio:
        return ""
    unpack_sound(audio)
    code = audio + "=" * (-len(audio) % 4)
    data = base64.b64encode(base64.urlsafe_b64decode(code)).decode("ascii")
    player = f'<audio controls src="data:audio/ogg;base64,{data}"></audio>'
    return f'<div class="mm-kept-box">{player}<span>{html.escape(tr("generate.kept", lang))}</span></div>'


def build(ctx: Context) -> None:
    """Build the tab inside the current `gr.Tab`."""
    intro("generate.intro")
    try:
        tab = GenerateTab(ctx)
    except InputError as error:
        gr.Markdown(str(error))
        return
    form = Form()
    gr.HTML(f"<style>{STYLE.read_text(encoding='utf-8')}</style>", elem_classes=["mm-style"])
    with gr.Row(elem_classes=["mm-gen"]):
        with gr.Column(elem_classes=["mm-gen-ask"]):
            forms.ask(form, tab.choices)
        with gr.Column(elem_classes=["mm-gen-show"]):
            player = Player(*tab.decoding_functions(), elem_id="mm-player")
        with gr.Column(elem_classes=["mm-gen-more"]):
            forms.more(form, tab.choices)
    maths = how_it_works(explain(Settings(choices=tab.choices), [], "en"))
    with gr.Accordion(t("generate.noise"), open=False, elem_id="mm-noise"):
        NoisePanel(tab.text_function(), elem_id="mm-noise-panel")
    _connect(tab, form, player, maths)


def _connect(tab: GenerateTab, form: Form, player: Player, maths: gr.Markdown) -> None:
    def generate(
        text: str,
        want: list[str],
        image: str,
        steps: int,
        sampler: str,
        guidance: float,
        speaker: str,
        seed: int,
        n: int,
        vs: str,
        edit: str,
        strength: float,
        request: gr.Request,
        to: int | None = None,  # what may be None has that default: a client then need not give it
        audio: str | None = None,
        recording: Any = None,
    ) -> Iterator[tuple[Any, Any]]:
        """Generate pictures, sounds and words of digits from any of them, and watch every step.

        Args:
            text: a word such as "seven", "七" or "7"; empty for none.
            want: what to make: any of "image", "audio", "text" that is not given.
            image: a picture as a data URI; empty for none.
            steps: of the sampler.
            sampler: its name.
            guidance: scale of classifier-free guidance.
            speaker: name of the voice; empty for any.
            seed: of the start noise.
            n: how many results.
            vs: a second run beside the first, for example "guidance:1"; empty for none.
            edit: what of the picture, sound or word given is made anew: "image:00ff" is a mask over the positions of
                its latent in hex, "image:" the whole; empty for nothing.
            strength: of a variation, from 0 (as given) to 1 (from pure noise).
            to: a second seed that the results lead to; none if left out.
            audio: a voice as it stands in a link; none if left out.
            recording: a sound file, used before `audio`; none if left out.
        """
        values = (text, want, image, steps, sampler, guidance, speaker, seed, n, vs, edit, strength, to, audio)
        fields = dict(zip(ORDER, values, strict=True))
        yield from tab.run(request, fields, recording)

    trigger = gr.Button("run", visible="hidden", elem_id="mm-run")
    running = trigger.click(
        generate,
        [form.fields[name] for name in ORDER] + [form.recording],
        [player, maths],
        api_name="generate",
        concurrency_id=SAMPLING_ID,
        concurrency_limit=1,
        show_progress="hidden",
        trigger_mode="multiple",
        js=signal("start", passes=True),
    )
    for ended in (running.then, running.failure):
        ended(None, js=signal("over"))
    # A new run takes the place of one's own unfinished run; those of other visitors are not touched.
    private: dict[str, Any] = {"api_visibility": "private", "queue": False, "show_progress": "hidden"}
    asked = [form.generate.click, form.fields["text"].submit]
    again = gr.on(asked, None, cancels=[running], js=signal("stop"))
    again.then(None, js=RUN)
    form.stop.click(None, cancels=[running], js=signal("stop"))
    for chip, changed in form.chips:
        fill = forms.preset_js(form, changed, tab.choices)
        chip.click(None, None, form.outputs(), cancels=[running], js=fill).then(None, js=RUN)
    word, want, pad = (form.fields[name] for name in ("text", "want", "image"))
    pad.drawn(None, [pad, word, want], [word, want], js=forms.given_js("image"))
    form.recording.input(None, [form.recording, word, want], [word, want], js=forms.given_js("audio"))
    voice, kept = form.fields["audio"], form.kept_row
    for gone in (form.forget.click, form.recording.input):
        gone(lambda: ["", gr.update(visible=False)], None, [voice, kept], **private)

    _connect_editing(tab, form, player, private)

    def open_link(request: gr.Request) -> list[Any]:
        return tab.open_link(form, request)

    page = GradioContext.root_block
    opened = page.load(open_link, None, form.outputs(), js=OPEN_TAB, **private)
    opened.then(None, js=RUN_IF_ASKED)

    def greet(request: gr.Request) -> str:
        return explain(Settings(choices=tab.choices), [], lang_of(request))

    page.load(greet, None, maths, **private)


def _connect_editing(tab: GenerateTab, form: Form, player: Player, private: dict[str, Any]) -> None:
    """What is given is shown for marking while the fold-out is open; a sample can become what is given."""
    marks, opened = form.fields["edit"], gr.State(False)
    inputs = [form.fields[name] for name in ("text", "image", "audio")]
    shown: dict[str, Any] = {"inputs": [opened, marks, *inputs, form.recording], "outputs": marks, **private}

    def show_given(opened: bool, edit: str, text: str, image: str, audio: str, recording: Any) -> Any:
        return tab.given(edit, text, image, audio, recording) if opened else edit

    def reuse(event: gr.EventData, request: gr.Request) -> list[Any]:
        return tab.reuse(form, event, request)

    changes = [component.change for component in (*inputs, form.recording)]
    gr.on(changes, show_given, trigger_mode="always_last", **shown)
    form.editing.expand(lambda: True, None, opened, **private).then(show_given, **shown)
    form.editing.collapse(lambda: False, None, opened, **private)
    taken = player.reuse(reuse, None, form.outputs(), **private)
    unfolded = taken.then(lambda: (gr.update(open=True), True), None, [form.editing, opened], **private)
    unfolded.then(show_given, **shown)
