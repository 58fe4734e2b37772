"""What happens when something is clicked in the Generate tab. No layout here, and no model logic."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import gradio as gr

from mmdemo.errors import InputError
from mmdemo.threads import free_threads
from mmdemo.ui.generate import messages
from mmdemo.ui.generate.form import Form, filled
from mmdemo.ui.generate.inputs import pack_sound, pack_uri, picture_uri, unpack_sound
from mmdemo.ui.generate.maths import explain
from mmdemo.ui.generate.noise_panel import text_table
from mmdemo.ui.generate.run import as_the_model_sees, choices_of, reused, run
from mmdemo.ui.generate.settings import NAMES, Settings, from_query, is_number
from mmdemo.ui.shared.gpu import gpu
from mmdemo.ui.shared.i18n import lang_of, tr
from mmdemo.ui.shared.state import Context, friendly

MODEL = "digits"


class GenerateHandlers:
    """Handlers of the Generate tab, and the server functions of its components."""

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
        noisy = gpu(duration=20)(lambda request: messages.decode_noisy(self.ctx.joint(MODEL), request))
        clean = gpu(duration=20)(lambda request: messages.decode_clean(self.ctx.joint(MODEL), request))

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
        return filled(form, settings.plain(), kept_html(settings.audio, lang_of(request)))


def answered(name: str, function: Callable[[Any], Any], request: Any) -> dict[str, Any]:
    """The answer of a server function to the page: {name: result}, or {"error": one sentence}."""
    try:
        with free_threads():
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
