"""The controls of the Generate tab: what to give, what to make, how, and presets that fill them in."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from mmdemo.ui.generate.inputs import example_picture, pack_picture, picture_uri
from mmdemo.ui.generate.mask_editor import MaskEditor
from mmdemo.ui.generate.pad import Pad
from mmdemo.ui.generate.settings import COUNT, GUIDANCE, MODALITIES, SEED, STEPS, STRENGTH, Choices, Settings
from mmdemo.ui.shared.i18n import t

# (key of the text on the chip, what differs from the usual settings); "example" stands for our drawn digit
PRESETS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("preset_word", {"text": "seven", "want": ["image", "audio"]}),
    ("preset_zh", {"text": "七", "want": ["image", "audio"], "seed": 7}),
    ("preset_picture", {"image": "example", "want": ["audio", "text"]}),
    ("preset_nothing", {"want": ["image", "audio", "text"]}),
    ("preset_number", {"text": "4072", "want": ["image", "audio"], "n": 2, "steps": 12}),
    ("preset_blend", {"text": "three", "want": ["image"], "n": 8, "seed": 1, "to": 6}),
    ("preset_guidance", {"text": "four", "want": ["image"], "guidance": 4.0, "vs": "guidance:0"}),
    ("preset_sampler", {"text": "two", "want": ["image"], "steps": 8, "vs": "sampler:euler"}),
)
SAMPLER_NAMES = {
    "euler": "Euler",
    "heun": "Heun",
    "dpmpp_2m": "DPM-Solver++(2M)",
    "ddim": "DDIM",
    "ancestral": "Ancestral (DDPM)",
}
DICE = f"() => Math.floor(Math.random() * {SEED[1]})"


@dataclass
class Form:
    """The controls by the names of `Settings`; a new recording goes before the voice in `fields["audio"]`."""

    fields: dict[str, gr.components.Component] = field(default_factory=dict)
    recording: Any = None
    kept: Any = None  # plays a voice that came with a link
    chips: list[tuple[gr.Button, dict[str, Any]]] = field(default_factory=list)
    generate: Any = None
    stop: Any = None
    forget: Any = None
    editing: Any = None  # the fold-out with the marks
    kept_row: Any = None

    def outputs(self) -> list[Any]:
        """All that a link or a preset sets, in the order of `filled`."""
        return [*self.fields.values(), self.recording, self.kept_row, self.kept]


def ask(form: Form, choices: Choices) -> None:
    """What is wanted most: presets, a word, what to make, Generate and Stop."""
    usual = Settings(text="seven", want=("image", "audio"), choices=choices)
    with gr.Row(elem_classes=["mm-presets"]):
        for key, changed in PRESETS:
            name = f"mm-{key.replace('_', '-')}"
            chip = gr.Button(t(f"generate.{key}"), size="sm", min_width=0, elem_id=name)
            form.chips.append((chip, changed))
    with gr.Row(elem_classes=["mm-give"]):
        form.fields["text"] = gr.Textbox(
            usual.text,
            label=t("generate.word"),
            info=t("generate.word_info"),
            placeholder=t("generate.word_hint"),
            max_lines=1,
            elem_id="mm-word",
        )
        form.fields["image"] = Pad("", elem_id="mm-pad", min_width=140, elem_classes=["mm-pad"])
    form.fields["want"] = gr.CheckboxGroup(
        [(t(f"generate.{m}"), m) for m in choices.modalities],
        value=list(usual.want),
        label=t("generate.want"),
        elem_id="mm-want",
    )
    with gr.Row(elem_classes=["mm-go"]):
        form.generate = gr.Button(t("generate.generate"), variant="primary", scale=3, elem_id="mm-generate")
        form.stop = gr.Button(t("generate.stop"), scale=1, min_width=80, elem_id="mm-stop")


def more(form: Form, choices: Choices) -> None:
    """A voice to start from, and the settings of the sampler."""
    with gr.Row(visible=False, elem_classes=["mm-kept"]) as form.kept_row:
        form.kept = gr.HTML()
        form.forget = gr.Button(t("generate.forget"), size="sm", scale=0, min_width=90)
    with gr.Accordion(t("generate.give_voice"), open=False, elem_id="mm-give-voice"):
        form.recording = gr.Audio(
            label=t("generate.voice_label"),
            show_label=False,
            sources=["microphone", "upload"],
            type="numpy",
            elem_id="mm-recording",
        )
    with gr.Accordion(t("generate.edit"), open=False, elem_id="mm-edit") as form.editing:
        form.fields["edit"] = MaskEditor(choices.shapes, choices.text_bytes, elem_id="mm-mask")
        form.fields["strength"] = gr.Slider(
            *STRENGTH,
            Settings.strength,
            step=0.05,
            label=t("generate.strength"),
            info=t("generate.strength_info"),
            elem_id="mm-strength",
        )
    with gr.Accordion(t("generate.how_made"), open=False, elem_id="mm-settings"):
        _settings(form, choices)


def _settings(form: Form, choices: Choices) -> None:
    usual = Settings(choices=choices)
    form.fields["steps"] = gr.Slider(*STEPS, usual.steps, step=1, label=t("generate.steps"), elem_id="mm-steps")
    form.fields["sampler"] = gr.Dropdown(
        [(SAMPLER_NAMES.get(name, name), name) for name in choices.samplers],
        value=usual.sampler,
        label=t("generate.sampler"),
        elem_id="mm-sampler",
    )
    form.fields["guidance"] = gr.Slider(
        *GUIDANCE, usual.guidance, step=0.1, label=t("generate.guidance"), info=t("generate.guidance_info")
    )
    speakers = [("—", ""), *((name, name) for name in choices.speakers)]
    form.fields["speaker"] = gr.Dropdown(
        speakers, value="", label=t("generate.speaker"), visible=bool(choices.speakers), elem_id="mm-speaker"
    )
    with gr.Row(equal_height=True, elem_classes=["mm-seed"]):
        form.fields["seed"] = gr.Number(
            usual.seed,
            label=t("generate.seed"),
            precision=0,
            minimum=SEED[0],
            maximum=SEED[1],
            elem_id="mm-seed",
        )
        dice = gr.Button(t("generate.dice"), size="sm", min_width=124, scale=0, elem_id="mm-dice")
        dice.click(None, None, form.fields["seed"], js=DICE, api_visibility="private")
    # Not a number field: an empty one becomes 0 in the page as soon as its fold-out is opened.
    form.fields["to"] = gr.Textbox("", label=t("generate.to"), info=t("generate.to_info"), max_lines=1, elem_id="mm-to")
    form.fields["n"] = gr.Slider(*COUNT, usual.n, step=1, label=t("generate.count"))
    form.fields["vs"] = gr.Dropdown(
        compared(choices),
        value="",
        label=t("generate.compare"),
        info=t("generate.compare_info"),
        allow_custom_value=True,  # a link may name any other value
        elem_id="mm-vs",
    )
    form.fields["audio"] = gr.Textbox("", visible=False, label="audio")


def compared(choices: Choices) -> list[tuple[str, str]]:
    """Second runs to choose from; the names are those of the settings, the same in every language."""
    guidance = [(f"guidance {g:g}", f"guidance:{g:g}") for g in (0, 1, 2, 4, 7)]
    samplers = [(f"sampler {name}", f"sampler:{name}") for name in choices.samplers]
    steps = [(f"steps {s}", f"steps:{s}") for s in (4, 8, 16, 24, 48)]
    strength = [(f"strength {s:g}", f"strength:{s:g}") for s in (0.3, 0.5, 0.7, 0.9)]
    return [("—", ""), *guidance, *samplers, *steps, *((f"seed {s}", f"seed:{s}") for s in (1, 2, 3)), *strength]


def filled(form: Form, values: dict[str, Any], kept: str) -> list[Any]:
    """Values for `form.outputs()` from the plain form of settings."""
    values = {**values, "image": picture_uri(values["image"]), "to": str(values["to"])}
    return [*(values[name] for name in form.fields), None, gr.update(visible=bool(kept)), kept]


def preset(changed: dict[str, Any], choices: Choices) -> dict[str, Any]:
    """The plain settings behind a chip."""
    changed = dict(changed)
    if changed.get("image") == "example":
        changed["image"] = pack_picture(example_picture())
    want = [m for m in changed.pop("want") if m in choices.modalities] or list(choices.modalities[:1])
    sampler = changed.pop("sampler", Settings.sampler)
    sampler = sampler if sampler in choices.samplers else choices.samplers[0]
    return Settings(**changed, sampler=sampler, want=tuple(want), choices=choices).plain()


def preset_js(form: Form, changed: dict[str, Any], choices: Choices) -> str:
    """JavaScript that ends the run before and gives the values of all controls for a chip: no round trip."""
    plain = preset(changed, choices)
    hidden = {"__type__": "update", "visible": False}
    plain = {**plain, "edit": json.dumps({"edit": plain["edit"]})}  # as `MaskEditor` hands it to the page
    values = [*filled(form, plain, "")[: len(form.fields)], None, hidden, ""]
    return f"() => {{ {_tell('stop')}; return {json.dumps(values)}; }}"


def signal(word: str, passes: bool = False) -> str:
    """JavaScript that tells the player what happens ("start", "stop", "over") and hands on its arguments."""
    return f"(...args) => {{ {_tell(word)}; return {'args' if passes else '[]'}; }}"


def _tell(word: str) -> str:
    return f"window.dispatchEvent(new CustomEvent('mm-player', {{detail: {json.dumps(word)}}}))"


def given_js(name: str) -> str:
    """JavaScript for (what is given, word, what to make) -> (word, what to make).

    Who draws or speaks wants that to be what is given: the word goes, and everything else is made.
    """
    return f"""(given, word, want) => {{
      const others = {json.dumps(list(MODALITIES))}.filter((name) => name !== {json.dumps(name)});
      const rest = want.filter((name) => name !== {json.dumps(name)});
      return given ? ["", word || !rest.length ? others : rest] : [word, want];
    }}"""
