"""The controls of the Generate tab: which model, what to give, what to make, how, and presets that fill them in.

All models share them; which are shown, and what they offer, follows from the interface in a model's checkpoint.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from mmdemo.speech.duration import PACES
from mmdemo.ui.generate.inputs import example_picture, pack_picture, picture_uri
from mmdemo.ui.generate.mask_editor import MaskEditor
from mmdemo.ui.generate.pad import Pad
from mmdemo.ui.generate.settings import (
    ALL,
    COUNT,
    GUIDANCE,
    MODALITIES,
    SEED,
    STEPS,
    STRENGTH,
    USES,
    WEIGHT,
    Choices,
    Settings,
)
from mmdemo.ui.generate.suggestions import Suggestions
from mmdemo.ui.shared.i18n import t

# (key of the text on the chip, what differs from the usual settings); "example" stands for our drawn digit
Preset = tuple[str, dict[str, Any]]
PRESETS: tuple[Preset, ...] = (
    ("preset_word", {"text": "seven", "want": ["image", "audio"]}),
    ("preset_zh", {"text": "七", "want": ["image", "audio"], "seed": 7}),
    ("preset_picture", {"image": "example", "want": ["audio", "text"]}),
    ("preset_nothing", {"want": ["image", "audio", "text"]}),
    ("preset_number", {"text": "4072", "want": ["image", "audio"], "n": 2, "steps": 12}),
    ("preset_blend", {"text": "three", "want": ["image"], "n": 8, "seed": 1, "to": 6}),
    ("preset_guidance", {"text": "four", "want": ["image"], "guidance": 4.0, "vs": "guidance:0"}),
    ("preset_sampler", {"text": "two", "want": ["image"], "steps": 8, "vs": "sampler:euler"}),
)
# Of a model that speaks: (text on the chip, or its key, and what differs); the voices are taken in turn.
SAYINGS: tuple[Preset, ...] = (
    ("Hello! How are you today?", {"text": "Hello! How are you today?", "voice": 0}),
    ("The train leaves at ten fifteen.", {"text": "The train to Paris leaves at ten fifteen.", "voice": 1}),
    ("Slowly: one, two, three.", {"text": "One, two, three, and then we wait.", "voice": 2, "pace": 0.7}),
    ("preset_nothing", {"text": "", "seed": 4}),
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
    """The controls by the names of `Settings`, and "model"; a new recording goes before the voice in `fields["audio"]`.

    Attributes:
        chips: buttons with the settings behind them, and the model that they are of. rows: of chips, by model.
        drawing, voice, mixing, pacing: what only models of pictures, of sounds, of prompts, or that speak have.
    """

    fields: dict[str, gr.components.Component] = field(default_factory=dict)
    recording: Any = None
    kept: Any = None  # plays a voice that came with a link
    chips: list[tuple[gr.Button, dict[str, Any], Choices]] = field(default_factory=list)
    rows: dict[str, Any] = field(default_factory=dict)
    suggestions: Any = None
    drawing: Any = None
    voice: Any = None
    mixing: Any = None
    pacing: Any = None
    lending: Any = None  # what is asked of a recording whose voice is used
    generate: Any = None
    stop: Any = None
    forget: Any = None
    editing: Any = None  # the fold-out with the marks
    kept_row: Any = None

    def outputs(self) -> list[Any]:
        """All that a link or a preset sets, in the order of `filled`."""
        return [*self.fields.values(), self.recording, self.kept_row, self.kept]

    def parts(self) -> list[Any]:
        """What is shown of some models only, in the order of `parts`."""
        shown = [self.drawing, self.voice, self.mixing, self.pacing, self.lending, self.editing]
        return [self.suggestions, *shown, *self.rows.values()]


def general_presets(choices: Choices) -> list[Preset]:
    """Of a model that draws any text, from what it is known to know; the first part is the text on the chip itself."""
    presets: list[Preset] = []
    if len(choices.suggestions) >= 6 and choices.mixes:
        known = [(sign, names) for sign, names in choices.suggestions[:6]]
        (a, one), (b, two), (c, _), (d, _), (e, _), (f, five) = known
        presets = [
            (f"{a} {one[0]}", {"text": one[0]}),
            (f"{b} {two[-1]}", {"text": two[-1], "seed": 1}),
            (f"{c} + {d}", {"text": c, "mix": d, "seed": 2}),
            (f"{a} → {e}", {"text": a, "mix": e, "film": True, "n": 8, "seed": 3}),
        ]
        presets += [(f"{f} × {len(choices.speakers)}", {"text": five[0], "speaker": ALL})] if choices.speakers else []
    return [*presets, ("preset_nothing", {"want": list(choices.modalities), "text": "", "seed": 4})]


def first_settings(choices: Choices) -> Settings:
    """What the controls say when a model is chosen."""
    example = choices.suggestions[0][1][0] if choices.suggestions else ""
    first: dict[str, Any] = {"text": "seven", "want": ("image", "audio")}
    example = SAYINGS[0][1]["text"] if choices.speaks else example
    first = first if choices.form == "digits" else {**choices.usual, "text": example}
    want = tuple(m for m in first.get("want", ()) if m in choices.modalities) or choices.modalities[:1]
    return Settings(**{**first, "want": want}, choices=choices)


def ask(form: Form, models: Mapping[str, Choices]) -> None:
    """What is wanted most: the model, presets, a word, what to make, Generate and Stop."""
    choices = next(iter(models.values()))
    usual = first_settings(choices)
    form.fields["model"] = gr.Radio(
        [(name, name) for name in models],
        value=None,  # the page fills it in: a program that names no model means that of links which name none
        label=t("generate.model"),
        visible=len(models) > 1,
        elem_id="mm-model",
    )
    for name, own in models.items():
        with gr.Row(visible=name == choices.model, elem_classes=["mm-presets"]) as form.rows[name]:
            _chips(form, own)
    with gr.Row(elem_classes=["mm-give"]):
        form.fields["text"] = gr.Textbox(
            usual.text, **_words_for(choices), max_lines=1, elem_id="mm-word", interactive=True
        )
        with gr.Column(
            visible="image" in choices.modalities, min_width=140, elem_classes=["mm-drawing"]
        ) as form.drawing:
            form.fields["image"] = Pad("", elem_id="mm-pad", min_width=140, elem_classes=["mm-pad"])
    lists = {name: [[sign, *names] for sign, names in own.suggestions] for name, own in models.items()}
    form.suggestions = Suggestions(_live(choices), lists=lists, elem_id="mm-suggestions")
    form.fields["want"] = gr.CheckboxGroup(
        wanted(choices),
        value=list(usual.want),
        label=t("generate.want"),
        elem_id="mm-want",
        visible=not choices.speaks,
    )
    with gr.Row(elem_classes=["mm-go"]):
        form.generate = gr.Button(t("generate.generate"), variant="primary", scale=3, elem_id="mm-generate")
        form.stop = gr.Button(t("generate.stop"), scale=1, min_width=80, elem_id="mm-stop")


def manner(form: Form, choices: Choices) -> None:
    """A second text, and whose style or voice; on a phone below the player, which has to be in sight."""
    with gr.Column(visible=choices.mixes, elem_classes=["mm-mixing"]) as form.mixing:
        with gr.Row(elem_classes=["mm-mix"]):
            form.fields["mix"] = gr.Textbox("", label=t("generate.mix"), max_lines=1, elem_id="mm-mix")
            form.fields["weight"] = gr.Slider(
                *WEIGHT, Settings.weight, step=0.05, label=t("generate.weight"), elem_id="mm-weight"
            )
        form.fields["film"] = gr.Checkbox(False, label=t("generate.film"), elem_id="mm-film")
    form.fields["speaker"] = gr.Radio(
        styles_of(choices),
        value="",
        label=t(f"generate.{_style_key(choices)}"),
        visible=bool(choices.speakers),
        elem_id="mm-speaker",
    )
    with gr.Column(visible=choices.speaks) as form.pacing:
        form.fields["pace"] = gr.Slider(*PACES, Settings.pace, step=0.05, label=t("generate.pace"), elem_id="mm-pace")


def _chips(form: Form, choices: Choices) -> None:
    if choices.form == "digits":
        for key, changed in PRESETS:
            name = f"mm-{key.replace('_', '-')}"
            chip = gr.Button(t(f"generate.{key}"), size="sm", min_width=0, elem_id=name)
            form.chips.append((chip, changed, choices))
        return
    for i, (words, changed) in enumerate(_sayings(choices) if choices.speaks else general_presets(choices)):
        label = t(f"generate.{words}") if words.startswith("preset_") else words
        chip = gr.Button(label, size="sm", min_width=0, elem_id=f"mm-preset-{choices.model}-{i}")
        form.chips.append((chip, changed, choices))


def _sayings(choices: Choices) -> list[Preset]:
    voices = choices.speakers or ("",)
    told = [(words, dict(changed)) for words, changed in SAYINGS]
    for _, changed in told:
        changed["speaker"] = voices[changed.pop("voice") % len(voices)] if "voice" in changed else ""
        changed["want"] = list(choices.modalities)
    return told


def wanted(choices: Choices) -> list[tuple[Any, str]]:
    """What can be made, to choose from."""
    return [(t(f"generate.{m}"), m) for m in choices.modalities]


def styles_of(choices: Choices) -> list[tuple[Any, str]]:
    """Styles or speakers to choose from, with any, and all where that is one batch."""
    every: list[tuple[Any, str]] = [(t("generate.all_styles"), ALL)] if choices.mixes else []
    return [(t("generate.any_style"), ""), *every, *((name, name) for name in choices.speakers)]


def _style_key(choices: Choices) -> str:
    return choices.style if choices.style in ("speaker", "voice") else "style"


def _words_for(choices: Choices) -> dict[str, Any]:
    """Label, explanation and placeholder of the text."""
    kind = {"digits": "word", "speech": "saying"}.get(choices.form, "prompt")
    words = {"label": t(f"generate.{kind}"), "info": t(f"generate.{kind}_info")}
    return {**words, "placeholder": t(f"generate.{kind}_hint")}


def _live(choices: Choices) -> dict[str, Any]:
    return {"model": choices.model, "live": choices.mixes}


def parts(form: Form, choices: Choices, skip: bool = False) -> list[Any]:
    """Values for `form.parts()`: what of the page a model has. ``skip``: all stays as it is."""
    if skip:
        return [_live(choices), *[gr.skip()] * (len(form.parts()) - 1)]
    rows = [gr.update(visible=name == choices.model) for name in form.rows]
    has = choices.modalities
    speaks = choices.speaks
    shown = ["image" in has, "audio" in has, choices.mixes, speaks, speaks, not speaks]
    return [_live(choices), *(gr.update(visible=visible) for visible in shown), *rows]


def more(form: Form, choices: Choices) -> None:
    """A voice to start from, and the settings of the sampler."""
    with gr.Row(visible=False, elem_classes=["mm-kept"]) as form.kept_row:
        form.kept = gr.HTML()
        form.forget = gr.Button(t("generate.forget"), size="sm", scale=0, min_width=90)
    spoken = "audio" in choices.modalities
    with gr.Accordion(t("generate.give_voice"), open=False, visible=spoken, elem_id="mm-give-voice") as form.voice:
        form.recording = gr.Audio(
            label=t("generate.voice_label"),
            show_label=False,
            sources=["microphone", "upload"],
            type="numpy",
            elem_id="mm-recording",
        )
        with gr.Column(visible=choices.speaks, elem_classes=["mm-speaking"]) as form.lending:
            uses = [(t(f"generate.use_{use}"), use) for use in USES]
            form.fields["use"] = gr.Radio(uses, value=USES[0], label=t("generate.use"), elem_id="mm-use")
            form.fields["says"] = gr.Textbox(
                "",
                label=t("generate.says"),
                info=t("generate.says_info"),
                max_lines=1,
                elem_id="mm-says",
                interactive=True,
            )
            form.fields["may_use"] = gr.Checkbox(False, label=t("generate.may_use"), elem_id="mm-may-use")
    with gr.Accordion(t("generate.edit"), open=False, visible=not choices.speaks, elem_id="mm-edit") as form.editing:
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
    usual = Settings(**choices.usual, choices=choices) if choices.usual else Settings(choices=choices)
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


def filled(form: Form, values: dict[str, Any], kept: str, choices: Choices | None = None) -> list[Any]:
    """Values for `form.outputs()` from the plain form of settings.

    Args:
        choices: of the model, where it may be another than the controls are for.
    """
    values = {**values, "image": picture_uri(values["image"]), "to": str(values["to"])}
    if choices is not None:
        offered: dict[str, dict[str, Any]] = {
            "text": _words_for(choices),
            "want": {"choices": wanted(choices), "visible": not choices.speaks},
            "sampler": {"choices": [(SAMPLER_NAMES.get(name, name), name) for name in choices.samplers]},
            "speaker": {
                "choices": styles_of(choices),
                "label": t(f"generate.{_style_key(choices)}"),
                "visible": bool(choices.speakers),
            },
        }
        values |= {name: gr.update(value=values[name], **changed) for name, changed in offered.items()}
        values["model"] = choices.model
    return [*(values[name] for name in form.fields), None, gr.update(visible=bool(kept)), kept]


def preset(changed: dict[str, Any], choices: Choices) -> dict[str, Any]:
    """The plain settings behind a chip."""
    changed = dict(changed)
    if changed.get("image") == "example":
        changed["image"] = pack_picture(example_picture())
    changed = {**choices.usual, **changed}
    want = [m for m in changed.pop("want") if m in choices.modalities] or list(choices.modalities[:1])
    sampler = changed.pop("sampler", Settings.sampler)
    sampler = sampler if sampler in choices.samplers else choices.samplers[0]
    return Settings(**changed, sampler=sampler, want=tuple(want), choices=choices).plain()


def preset_js(form: Form, changed: dict[str, Any], choices: Choices) -> str:
    """JavaScript that ends the run before and gives the values of all controls for a chip: no round trip."""
    plain = preset(changed, choices)
    hidden = {"__type__": "update", "visible": False}
    plain |= {"edit": json.dumps({"edit": plain["edit"]}), "model": choices.model}  # as `MaskEditor` hands it over
    values = [*filled(form, plain, "")[: len(form.fields)], None, hidden, ""]
    return f"() => {{ {_tell('stop')}; return {json.dumps(values)}; }}"


def signal(word: str, passes: bool = False) -> str:
    """JavaScript that tells the player what happens ("start", "stop", "over") and hands on its arguments."""
    return f"(...args) => {{ {_tell(word)}; return {'args' if passes else '[]'}; }}"


def _tell(word: str) -> str:
    return f"window.dispatchEvent(new CustomEvent('mm-player', {{detail: {json.dumps(word)}}}))"


def given_js(name: str, modalities: Mapping[str, Sequence[str]] | None = None) -> str:
    """JavaScript for (what is given, word, what to make, model) -> (word, what to make).

    Who draws or speaks wants that to be what is given: the word goes, and everything else is made.

    Args:
        modalities: model -> what it makes (None: everything).
    """
    made = {model: list(names) for model, names in (modalities or {}).items()}
    return f"""(given, word, want, model) => {{
      const made = {json.dumps(made)}[model] || {json.dumps(list(MODALITIES))};
      const others = made.filter((name) => name !== {json.dumps(name)});
      const rest = want.filter((name) => name !== {json.dumps(name)});
      return given ? ["", word || !rest.length ? others : rest] : [word, want];
    }}"""
