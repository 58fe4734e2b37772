"""What happens when something is clicked in the Generate tab. No layout here, and no model logic."""

from __future__ import annotations

import base64
import html
import logging
import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl

import gradio as gr
import numpy as np
from torch import Tensor

from mmdemo.diffusion.joint import JointDiffusion
from mmdemo.errors import InputError
from mmdemo.threads import free_threads
from mmdemo.tokens import Tokens
from mmdemo.ui.generate import messages
from mmdemo.ui.generate.form import Form, filled, first_settings, parts
from mmdemo.ui.generate.inputs import pack_sound, pack_uri, picture_uri, unpack_sound
from mmdemo.ui.generate.inside.look import Looks
from mmdemo.ui.generate.mask import written
from mmdemo.ui.generate.maths import explain
from mmdemo.ui.generate.noise_panel import text_table
from mmdemo.ui.generate.reopen import params_of
from mmdemo.ui.generate.run import as_the_model_sees, caption, choices_of, pictures_of, remake_query, reused, run
from mmdemo.ui.generate.settings import (
    ALL,
    DEFAULT_MODEL,
    NAMES,
    USES,
    Choices,
    Settings,
    default,
    from_query,
    is_number,
    says_no_digit,
)
from mmdemo.ui.shared import splash, store
from mmdemo.ui.shared.gpu import gpu
from mmdemo.ui.shared.i18n import lang_of, tr
from mmdemo.ui.shared.state import BORROWED_GPU, Context, Latest, friendly

log = logging.getLogger("mmdemo.ui")


class GenerateHandlers:
    """Handlers of the Generate tab, and the server functions of its components.

    Attributes:
        models: name -> what it offers, the one that the page opens with first. left_out: those that cannot be read.
    """

    def __init__(self, ctx: Context) -> None:
        """Raises InputError where there is no joint model."""
        self.ctx = ctx
        self.newest = Latest()
        self.trajectory = gpu(duration=120)(self._trajectory)
        self.seen = gpu(duration=20)(self._seen)
        self.called = gpu(duration=20)(lambda model, picture: caption(self.ctx.joint(model), picture))
        found: dict[str, Choices] = {}
        self.left_out: dict[str, InputError] = {}
        reason = InputError("There is no diffusion model here: bring one into checkpoints/.")
        for name in ctx.joints():
            try:
                model = ctx.joint(name)
                found[name] = choices_of(model, name)
            except InputError as error:  # the others are of use without it
                log.warning("The model %s is left out: %s", name, error)
                self.left_out[name] = reason = error
        if not found:
            raise reason
        # A model that draws whatever one types is the better first sight.
        self.models = dict(sorted(found.items(), key=lambda item: (item[1].form == "digits", item[0])))

    def prepare(self) -> None:
        """A run of the model that the page opens with, as it asks for one: it moves while the page starts."""
        name, choices = next(iter(self.models.items()))
        if BORROWED_GPU:
            return
        if pictures := pictures_of(self.ctx.joint(name), first_settings(choices)):
            self.ctx.splashes["generate"] = splash.of_pictures(pictures, steps=True)

    def remake(self, tokens: Tokens, native: Callable[[], Any], places: Tensor) -> str:
        """The address at which a model that makes latents of this kind and size keeps an input and makes some places of
        it anew; "" where there is none.

        Args:
            native: what the tokens decode to. places: (*positions) bool.
        """
        modality = tokens.modality
        # Of several the one with the least room: made for inputs of this size.
        for name, choices in sorted(self.models.items(), key=lambda m: math.prod(m[1].shapes.get(modality, ()))):
            model = self.ctx.joint(name)
            codec, frame = model.codecs.get(modality), model.frames.get(modality)
            if codec is None or frame is None:
                continue
            # A model may have a tokenizer of its own, which codes the input anew: only places have to be the same.
            if codec.positions(tokens.meta) != tokens.positions:
                continue
            shorter = modality == "text" and tokens.positions <= frame.shape  # what follows it is left empty
            if not (shorter or frame.takes(tokens.positions)):
                continue
            mask = np.zeros(choices.shapes[modality], bool)
            mask[tuple(slice(n) for n in tokens.positions)] = places.numpy()
            with suppress(InputError):  # of a size that no address takes, say
                return remake_query(choices, modality, native(), mask)
        return ""

    @property
    def choices(self) -> Choices:
        """Of the model that the page opens with."""
        return next(iter(self.models.values()))

    def choices_for(self, name: Any) -> Choices:
        """Of the model of this name; "" is the one of links that name none."""
        found = self.models.get(str(name or DEFAULT_MODEL), self.choices if not name else None)
        if found is None:
            raise InputError(f"There is no model {str(name)[:40]!r} here; choose one of {', '.join(self.models)}.")
        return found

    @friendly
    def run(
        self, request: gr.Request, fields: dict[str, Any], recording: Any, draft: bool = False
    ) -> Iterator[tuple[Any, Any]]:
        """Generate; yields (message for the player, mathematics)."""
        notes: list[str] = []
        settings = self.settings(fields, recording, notes)
        settings = settings.draft() if draft else settings
        lang = lang_of(request)
        note = tr("generate.no_digit", lang, text=settings.text) if says_no_digit(settings) else ""
        frames: list[dict[str, Any]] = []
        mine = self.newest.now(request)
        for message in self.trajectory(settings, draft, note):
            if self.newest.now(request) != mine:
                return
            if "open" in message:  # for programs: on the page one sees what became of it
                message["open"]["notes"] = notes
            frames += [f for f in message["frames"] if f["lane"] == "a"]
            yield message, explain(settings, frames, lang) if "end" in message else gr.skip()

    def settings(self, fields: dict[str, Any], recording: Any, notes: list[str] | None = None) -> Settings:
        """Settings from the page: what is recorded now goes before a voice that came with a link.

        Args:
            notes: takes sentences about what was done to what is given.
        """
        choices = self.choices_for(fields.get("model"))
        spoken = pack_sound(recording, notes, choices.seconds) if recording is not None else ""
        given = {"image": pack_uri(fields["image"], notes), "audio": spoken or fields["audio"] or ""}
        asked = {name: value for name, value in fields.items() if name != "model"}
        return Settings(**{**asked, **given}, choices=choices)

    def _trajectory(self, settings: Settings, draft: bool, note: str) -> Iterator[dict[str, Any]]:
        yield from run(self.ctx.joint(settings.choices.model), settings, self.ctx.device_name, draft, note)

    def _asked(self, request: Any) -> JointDiffusion:
        """The model that a request of the player names."""
        return self.ctx.joint(self.choices_for(request.get("model") if isinstance(request, dict) else "").model)

    def player_functions(self) -> list[Callable[[Any], dict[str, Any]]]:
        """The server functions with which the player has x_t, and the x0 of late steps, decoded, and a file read."""
        noisy = gpu(duration=20)(lambda request: messages.decode_noisy(self._asked(request), request))
        clean = gpu(duration=20)(lambda request: messages.decode_clean(self._asked(request), request))

        def decode_noisy(request: Any) -> dict[str, Any]:
            return answered("samples", noisy, request)

        def decode_clean(request: Any) -> dict[str, Any]:
            return answered("steps", clean, request)

        def read_export(request: Any) -> dict[str, Any]:
            return answered("params", params_of, request)

        return [decode_noisy, decode_clean, read_export]

    def text_function(self) -> Callable[[Any], dict[str, Any]]:
        """The server function with which the noise panel has a text noised."""
        table = gpu(duration=20)(lambda request: text_table(self.ctx.joint(self.choices.model), request))

        def noise_text(request: Any) -> dict[str, Any]:
            return answered("rows", table, request)

        return noise_text

    def look_function(self) -> Callable[[Any], dict[str, Any]]:
        """The server function with which the panel "Inside the transformer" looks into a step."""
        looks = Looks()

        def look(request: Any) -> dict[str, Any]:
            choices = self.choices_for(request.get("model") if isinstance(request, dict) else "")
            return looks.look(self.ctx.joint(choices.model), choices, request)

        borrowed = gpu(duration=20)(look)

        def look_inside(request: Any) -> dict[str, Any]:
            return answered("look", borrowed, request)

        return look_inside

    def _seen(self, model: str, codes: dict[str, str]) -> dict[str, Any]:
        return as_the_model_sees(self.ctx.joint(model), codes)

    def given(self, edit: str, model: str, text: str, image: Any, audio: str, recording: Any) -> dict[str, Any]:
        """What is given, as the model sees it, for marking what of it is made anew."""
        choices = self.choices_for(model)
        code_of: dict[str, Callable[[], str]] = {
            "image": lambda: pack_uri(image),
            "audio": lambda: pack_sound(recording, seconds=choices.seconds) if recording is not None else audio or "",
            "text": lambda: "" if choices.form == "digits" and is_number(text or "") else (text or "").strip(),
        }
        codes = {}
        for name, code in code_of.items():
            with suppress(InputError):  # a run says why
                codes[name] = code()
        sizes = {name: list(shape) for name, shape in choices.shapes.items()}
        return {"edit": edit, "sizes": sizes, "bytes": choices.text_bytes, "shown": self.seen(choices.model, codes)}

    @friendly
    def choose(self, form: Form, model: str) -> list[Any]:
        """Values of all controls, and the parts of the page, when another model is chosen."""
        choices = self.choices_for(model)
        return [*filled(form, first_settings(choices).plain(), "", choices), *parts(form, choices)]

    @friendly
    def reuse(self, form: Form, event: gr.EventData, request: gr.Request) -> list[Any]:
        """Values of all controls when a sample of the player becomes what is given."""
        asked = event._data if isinstance(event._data, dict) else {}
        choices = self.choices_for(asked.get("model"))
        sample = reused(asked, choices.seconds)
        changed: dict[str, Any] = {**sample, "image": picture_uri(sample["image"]), "want": []}
        changed |= {name: default(name) for name in ("edit", "strength")}
        if choices.speaks:
            changed |= {**sample, "says": sample["text"], "use": USES[1], **_marked(asked, choices)}
            changed["may_use"] = bool(asked.get("made"))  # of another recording, only its owner says so
            changed.pop("want", None)
        kept = kept_html(sample["audio"], lang_of(request))
        values = [changed.get(name, gr.skip()) for name in form.fields]
        return [*values, None, gr.update(visible=bool(kept)), kept]

    @friendly
    def restored(self, form: Form, event: gr.EventData, request: gr.Request) -> list[Any]:
        """Values of all controls for a result of this visit, or for a file that was exported."""
        data = event._data if isinstance(event._data, dict) else {}
        params, query = data.get("params"), data.get("query")
        if not isinstance(params, dict):
            params = dict(parse_qsl(str(query or "").lstrip("?")))
        return self._from_params({str(name): str(value) for name, value in params.items()}, form, request)

    @friendly
    def restyle(self, form: Form, model: str, event: gr.EventData) -> list[Any]:
        """Values of all controls when a picture is to be made in every style."""
        choices = self.choices_for(model)
        data = event._data if isinstance(event._data, dict) else {}
        text = data.get("text") if isinstance(data.get("text"), str) else ""
        if not text:
            picture = pack_uri(data.get("image"))
            text = self.called(choices.model, picture) if picture else ""
        if not text:
            raise InputError("The model has no name for this picture: type one, and choose the style “all”.")
        usual = {name: default(name) for name in ("image", "audio", "edit", "film", "vs", "strength")}
        changed: dict[str, Any] = {**usual, "text": text, "want": ["image"], "speaker": ALL}
        values = [changed.get(name, gr.skip()) for name in form.fields]
        return [*values, None, gr.update(visible=False), ""]

    @friendly
    def open_link(self, form: Form, request: gr.Request) -> list[Any]:
        """Values of all controls from the page's address; nothing changes when it says nothing."""
        params = dict(request.query_params)
        if params.get("tab", "generate") != "generate":
            params = {}
        params |= {name: store.whole(params[name], lang_of(request)) for name in ("image", "audio") if name in params}
        if not any(name in params for name in (*NAMES, "model")):
            # A skipped output would lose the custom properties of our own components: those get what they have.
            usual = {"image": default("image"), "edit": default("edit"), "model": self.choices.model}
            values = [usual.get(name, gr.skip()) for name in form.fields]
            skipped = [gr.skip()] * (len(form.outputs()) - len(values))
            return [*values, *skipped, *parts(form, self.choices, skip=True)]
        return self._from_params(params, form, request)

    def _from_params(self, params: dict[str, str], form: Form, request: gr.Request) -> list[Any]:
        choices = self.choices_for(params.get("model"))
        settings = from_query(params, choices)
        kept = kept_html(settings.audio, lang_of(request))
        return [*filled(form, settings.plain(), kept, choices), *parts(form, choices)]


def answered(name: str, function: Callable[[Any], Any], request: Any) -> dict[str, Any]:
    """The answer of a server function to the page: {name: result}, or {"error": one sentence}."""
    try:
        with free_threads():
            return {name: function(request)}
    except InputError as error:
        return {"error": str(error)}


def _marked(asked: dict[str, Any], choices: Choices) -> dict[str, Any]:
    """Marks on the frames of a word that is to be made anew, {"again": [first, after the last]}; else nothing."""
    again = asked.get("again")
    if again is None:
        return {}
    length = choices.shapes["audio"][0]
    whole_numbers = isinstance(again, list) and len(again) == 2 and all(type(at) is int for at in again)
    if not whole_numbers or not 0 <= again[0] < again[1] <= length:
        raise InputError("There is no such part of the recording.")
    mask = np.zeros(length, bool)
    mask[again[0] : again[1]] = True
    return {"edit": written({"audio": mask})}


def kept_html(audio: str, lang: str) -> str:
    """A voice that came with a link, to be heard beside the controls; "" for none."""
    if not audio:
        return ""
    unpack_sound(audio)
    code = audio + "=" * (-len(audio) % 4)
    data = base64.b64encode(base64.urlsafe_b64decode(code)).decode("ascii")
    kind = "flac" if base64.b64decode(data[:8])[:4] == b"fLaC" else "ogg"
    player = f'<audio controls src="data:audio/{kind};base64,{data}"></audio>'
    return f'<div class="mm-kept-box">{player}<span>{html.escape(tr("generate.kept", lang))}</span></div>'
