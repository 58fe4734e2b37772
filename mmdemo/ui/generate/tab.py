"""The Generate tab: give any of a picture, a recording, a word; watch the rest being made, step by step."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.context import Context as GradioContext

from mmdemo.errors import InputError
from mmdemo.ui.generate import form as forms
from mmdemo.ui.generate.api import add_api
from mmdemo.ui.generate.form import Form, signal
from mmdemo.ui.generate.handlers import GenerateHandlers
from mmdemo.ui.generate.maths import explain
from mmdemo.ui.generate.noise_panel import NoisePanel
from mmdemo.ui.generate.player.player import Player
from mmdemo.ui.generate.settings import Settings
from mmdemo.ui.shared.common import how_it_works, intro
from mmdemo.ui.shared.i18n import lang_of, t
from mmdemo.ui.shared.state import Context

# A link may open this tab (`shell/address.js`): nothing is filled in before the player is there.
WAIT_FOR_TAB = """async () => {
  const asked = new URLSearchParams(location.search);
  if (asked.get("tab") !== "generate" && !asked.has("run")) return [];
  for (let i = 0; i < 400 && !document.querySelector(".mp"); i++) await new Promise((go) => setTimeout(go, 50));
  return [];
}"""
RUN_IF_ASKED = """() => {
  document.body.dataset.linkRead = "1";
  const asked = new URLSearchParams(location.search);
  if (asked.get("run") === "1") document.getElementById("mm-generate")?.click();
  return [];
}"""
# Who opens a link and clicks at once wants the link's settings, not the usual ones that they are about to replace.
RUN = """async () => {
  for (let i = 0; i < 200 && !document.body.dataset.linkRead; i++) await new Promise((go) => setTimeout(go, 50));
  document.getElementById("mm-run").click();
  return [];
}"""


def build(ctx: Context) -> None:
    """Build the tab inside the current `gr.Tab`."""
    intro("generate.intro")
    try:
        handlers = GenerateHandlers(ctx)
    except InputError as error:
        gr.Markdown(str(error))
        return
    form = Form()
    with gr.Row(elem_classes=["mm-gen"]):
        with gr.Column(elem_classes=["mm-gen-ask"]):
            forms.ask(form, handlers.choices)
        with gr.Column(elem_classes=["mm-gen-show"]):
            player = Player(*handlers.decoding_functions(), elem_id="mm-player")
        with gr.Column(elem_classes=["mm-gen-more"]):
            forms.more(form, handlers.choices)
    maths = how_it_works(explain(Settings(choices=handlers.choices), [], "en"))
    with gr.Accordion(t("generate.noise"), open=False, elem_id="mm-noise"):
        NoisePanel(handlers.text_function(), elem_id="mm-noise-panel")
    _connect(handlers, form, player, maths)


def _connect(handlers: GenerateHandlers, form: Form, player: Player, maths: gr.Markdown) -> None:
    running = add_api(handlers, form, player, maths)
    for ended in (running.then, running.failure):
        ended(None, js=signal("over"))
    # A new run takes the place of one's own unfinished run; those of other visitors are not touched.
    private: dict[str, Any] = {"api_visibility": "private", "queue": False, "show_progress": "hidden"}
    asked = [form.generate.click, form.fields["text"].submit]
    again = gr.on(asked, None, cancels=[running], js=signal("stop"))
    again.then(None, js=RUN)
    form.stop.click(None, cancels=[running], js=signal("stop"))
    for chip, changed in form.chips:
        fill = forms.preset_js(form, changed, handlers.choices)
        chip.click(None, None, form.outputs(), cancels=[running], js=fill).then(None, js=RUN)
    word, want, pad = (form.fields[name] for name in ("text", "want", "image"))
    pad.drawn(None, [pad, word, want], [word, want], js=forms.given_js("image"))
    form.recording.input(None, [form.recording, word, want], [word, want], js=forms.given_js("audio"))
    voice, kept = form.fields["audio"], form.kept_row
    for gone in (form.forget.click, form.recording.input):
        gone(lambda: ["", gr.update(visible=False)], None, [voice, kept], **private)

    _connect_editing(handlers, form, player, private)

    def open_link(request: gr.Request) -> list[Any]:
        return handlers.open_link(form, request)

    page = GradioContext.root_block
    opened = page.load(open_link, None, form.outputs(), js=WAIT_FOR_TAB, **private)
    opened.then(None, js=RUN_IF_ASKED)

    def greet(request: gr.Request) -> str:
        return explain(Settings(choices=handlers.choices), [], lang_of(request))

    page.load(greet, None, maths, **private)


def _connect_editing(handlers: GenerateHandlers, form: Form, player: Player, private: dict[str, Any]) -> None:
    """What is given is shown for marking while the fold-out is open; a sample can become what is given."""
    marks, opened = form.fields["edit"], gr.State(False)
    inputs = [form.fields[name] for name in ("text", "image", "audio")]
    shown: dict[str, Any] = {"inputs": [opened, marks, *inputs, form.recording], "outputs": marks, **private}

    def show_given(opened: bool, edit: str, text: str, image: str, audio: str, recording: Any) -> Any:
        # Not `gr.skip()`: a skipped output would lose the properties of our own component.
        return handlers.given(edit, text, image, audio, recording) if opened else edit

    def reuse(event: gr.EventData, request: gr.Request) -> list[Any]:
        return handlers.reuse(form, event, request)

    changes = [component.change for component in (*inputs, form.recording)]
    gr.on(changes, show_given, trigger_mode="always_last", **shown)
    form.editing.expand(lambda: True, None, opened, **private).then(show_given, **shown)
    form.editing.collapse(lambda: False, None, opened, **private)
    taken = player.reuse(reuse, None, form.outputs(), **private)
    unfolded = taken.then(lambda: (gr.update(open=True), True), None, [form.editing, opened], **private)
    unfolded.then(show_given, **shown)
