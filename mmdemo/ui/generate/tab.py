"""The Generate tab: give any of a picture, a recording, a word; watch the rest being made, step by step."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.context import Context as GradioContext

from mmdemo.errors import InputError
from mmdemo.ui.generate import form as forms
from mmdemo.ui.generate.api import add_api, add_drafts
from mmdemo.ui.generate.form import Form, signal
from mmdemo.ui.generate.handlers import GenerateHandlers
from mmdemo.ui.generate.inside.inside import Inside
from mmdemo.ui.generate.maths import explain
from mmdemo.ui.generate.noise_panel import NoisePanel
from mmdemo.ui.generate.player.player import Player
from mmdemo.ui.shared.common import how_it_works, intro
from mmdemo.ui.shared.i18n import lang_of, t
from mmdemo.ui.shared.state import QUIET, Context

# A link may open this tab (`shell/address.js`): nothing is filled in before the player is there.
WAIT_FOR_TAB = """async () => {
  const asked = new URLSearchParams(location.search);
  if (asked.get("tab") !== "generate" && !asked.has("run")) return [];
  for (let i = 0; i < 6000 && !document.querySelector(".mp"); i++) await new Promise((go) => setTimeout(go, 50));
  return [];
}"""
LINK_READ = """() => { document.body.dataset.linkRead = "1"; return []; }"""
RUN_IF_ASKED = """() => {
  document.body.dataset.linkRead = "1";
  const asked = new URLSearchParams(location.search);
  if (asked.get("run") === "1") document.getElementById("mm-generate")?.click();
  return [];
}"""
# Who opens a link and clicks at once wants the link's settings, not the usual ones that they are about to replace.
RUN = """async () => {
  for (let i = 0; i < 1200 && !document.body.dataset.linkRead; i++) await new Promise((go) => setTimeout(go, 50));
  document.getElementById("mm-run").click();
  return [];
}"""

DRAFT = """() => { document.getElementById("mm-draft").click(); return []; }"""


def build(ctx: Context) -> None:
    """Build the tab inside the current `gr.Tab`."""
    intro("generate.intro")
    try:
        handlers = GenerateHandlers(ctx)
    except InputError as error:
        gr.Markdown(str(error))
        return
    for why in handlers.left_out.values():
        gr.Markdown(str(why))
    ctx.at_start(handlers.prepare)
    ctx.remake = handlers.remake
    form = Form()
    with gr.Row(elem_classes=["mm-gen"]):
        with gr.Column(elem_classes=["mm-gen-ask"]):
            forms.ask(form, handlers.models)
        with gr.Column(elem_classes=["mm-gen-show"]):
            player = Player(*handlers.player_functions(), elem_id="mm-player")
        with gr.Column(elem_classes=["mm-gen-more"]):
            forms.manner(form, handlers.choices)
            forms.more(form, handlers.choices)
    maths = how_it_works(explain(forms.first_settings(handlers.choices), [], "en"))
    with gr.Accordion(t("generate.inside"), open=False, elem_id="mm-inside"):
        Inside(handlers.look_function(), elem_id="mm-inside-panel")
    with gr.Accordion(t("generate.noise"), open=False, elem_id="mm-noise"):
        NoisePanel(handlers.text_function(), elem_id="mm-noise-panel")
    _connect(handlers, form, player, maths)


def _connect(handlers: GenerateHandlers, form: Form, player: Player, maths: gr.Markdown) -> None:
    running, drafting = add_api(handlers, form, player, maths), add_drafts(handlers, form, player, maths)
    for run in (running, drafting):
        for ended in (run.then, run.failure):
            ended(None, js=signal("over"))
    # A new run takes the place of one's own unfinished run; those of other visitors are not touched.
    private: dict[str, Any] = {**QUIET, "queue": False}
    # What may be refused goes through the queue: the page shows the sentence of no other event, nor goes on after it.
    refusable: dict[str, Any] = {**private, "queue": True, "concurrency_id": "controls", "concurrency_limit": 4}
    mine = [running, drafting]
    suggestions, word, want, pad = form.suggestions, *(form.fields[name] for name in ("text", "want", "image"))
    asked = [form.generate.click, word.submit, form.fields["mix"].submit]

    def ask(request: gr.Request) -> None:
        handlers.newest.bump(request)  # a run too young to be cancelled ends by this

    # While somebody types, the newest prompt is drawn in a few steps, and the one before it is given up.
    ending: dict[str, Any] = {"cancels": mine, "js": signal("stop"), **private}
    gr.on(asked, ask, **ending).then(None, js=RUN)
    suggestions.settled(ask, **ending).then(None, js=RUN)
    suggestions.draft(ask, **ending).then(None, js=DRAFT)
    form.stop.click(None, cancels=mine, js=signal("stop"))
    for chip, changed, choices in form.chips:
        fill = forms.preset_js(form, changed, choices)
        chip.click(None, None, form.outputs(), cancels=mine, js=fill).then(None, js=RUN)
    made, model = {name: choices.modalities for name, choices in handlers.models.items()}, form.fields["model"]
    pad.drawn(None, [pad, word, want, model], [word, want], js=forms.given_js("image", made))
    spoken = [form.recording, word, want, model]
    form.recording.input(None, spoken, [word, want], js=forms.given_js("audio", made))

    def choose(model: str) -> list[Any]:
        return handlers.choose(form, model)

    model.input(
        choose,
        model,
        [*form.outputs(), *form.parts()],
        cancels=mine,
        js=signal("stop", passes=True),
        **{**refusable, "trigger_mode": "always_last"},
    )
    voice, kept = form.fields["audio"], form.kept_row
    for gone in (form.forget.click, form.recording.input):
        gone(lambda: ["", gr.update(visible=False)], None, [voice, kept], **private)

    _connect_editing(handlers, form, player, private, refusable)

    def open_link(request: gr.Request) -> list[Any]:
        return handlers.open_link(form, request)

    def restore(event: gr.EventData, request: gr.Request) -> list[Any]:
        return handlers.restored(form, event, request)

    def restyle(model: str, event: gr.EventData) -> list[Any]:
        return handlers.restyle(form, model, event)

    everything = [*form.outputs(), *form.parts()]
    player.restore(restore, None, everything, **refusable)
    player.reopen(restore, None, everything, cancels=mine, **refusable).then(None, js=RUN)

    def remake(event: gr.EventData, request: gr.Request) -> list[Any]:
        return handlers.reuse(form, event, request)

    player.remake(remake, None, form.outputs(), cancels=mine, **refusable).then(None, js=RUN)
    player.restyle(restyle, model, form.outputs(), cancels=mine, **refusable).then(None, js=RUN)

    page = GradioContext.root_block
    opened = page.load(open_link, None, [*form.outputs(), *form.parts()], js=WAIT_FOR_TAB, **refusable)
    opened.success(None, js=RUN_IF_ASKED)
    opened.failure(None, js=LINK_READ)  # nobody waits for it, and nothing runs that was not asked for

    def greet(request: gr.Request) -> str:
        return explain(forms.first_settings(handlers.choices), [], lang_of(request))

    page.load(greet, None, maths, **private)


def _connect_editing(
    handlers: GenerateHandlers, form: Form, player: Player, private: dict[str, Any], refusable: dict[str, Any]
) -> None:
    """What is given is shown for marking while the fold-out is open; a sample can become what is given."""
    marks, opened = form.fields["edit"], gr.State(False)
    inputs = [form.fields[name] for name in ("model", "text", "image", "audio")]
    shown: dict[str, Any] = {"inputs": [opened, marks, *inputs, form.recording], "outputs": marks, **private}

    def show_given(opened: bool, edit: str, model: str, text: str, image: str, audio: str, recording: Any) -> Any:
        # Not `gr.skip()`: a skipped output would lose the properties of our own component.
        return handlers.given(edit, model, text, image, audio, recording) if opened else edit

    def reuse(event: gr.EventData, request: gr.Request) -> list[Any]:
        return handlers.reuse(form, event, request)

    changes = [component.change for component in (*inputs, form.recording)]
    gr.on(changes, show_given, **{**shown, "trigger_mode": "always_last"})
    form.editing.expand(lambda: True, None, opened, **private).then(show_given, **shown)
    form.editing.collapse(lambda: False, None, opened, **private)
    taken = player.reuse(reuse, None, form.outputs(), **refusable)
    unfolded = taken.then(lambda: (gr.update(open=True), True), None, [form.editing, opened], **private)
    unfolded.then(show_given, **shown)
