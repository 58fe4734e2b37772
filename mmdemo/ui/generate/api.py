"""Running the model: one endpoint, for the page and for programs (`gradio_client`, HTTP)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr
from gradio.events import Dependency

from mmdemo.ui.generate.form import Form, signal
from mmdemo.ui.generate.handlers import GenerateHandlers
from mmdemo.ui.generate.player.player import Player
from mmdemo.ui.generate.settings import Settings

# A queue of its own: a long run must not keep the other tabs waiting, whose requests take a moment each.
SAMPLING_ID = "sampling"
DRAFTS_ID = "drafts"  # a few steps each: what is typed must not wait for another visitor's long run
# fmt: off
ORDER = (
    "text", "want", "image", "steps", "sampler", "guidance", "speaker", "seed", "n", "vs", "edit", "strength", "to",
    "audio", "model", "mix", "weight", "film", "says", "use", "pace", "may_use",
)
# fmt: on


def add_api(handlers: GenerateHandlers, form: Form, player: Player, maths: gr.Markdown) -> Dependency:
    """Add `/generate` (settings) -> (message for the player, mathematics), run by a click on `#mm-run`."""

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
        to: str | int | None = None,  # what may be None has that default: a client then need not give it
        audio: str | None = None,
        model: str | None = None,
        mix: str | None = None,
        weight: float = Settings.weight,
        film: bool = False,
        says: str | None = None,
        use: str = Settings.use,
        pace: float = Settings.pace,
        may_use: bool = False,
        recording: Any = None,
    ) -> Iterator[tuple[Any, Any]]:
        """Generate pictures, sounds and words from any of them, and watch every step.

        Args:
            text: of the model of digits a word such as "seven", "七" or "7"; empty for none.
            want: what to make: any of "image", "audio", "text" that is not given.
            image: a picture as a data URI; empty for none.
            steps: of the sampler.
            sampler: its name.
            guidance: scale of classifier-free guidance.
            speaker: name of the voice, or of the style of a picture; empty for any, "all" for a result in each style.
            seed: of the start noise.
            n: how many results.
            vs: a second run beside the first, for example "guidance:1"; empty for none.
            edit: what of the picture, sound or word given is made anew: "image:00ff" is a mask over the positions of
                its latent in hex, "image:" the whole; empty for nothing.
            strength: of a variation, from 0 (as given) to 1 (from pure noise).
            to: a second seed that the results lead to; none if left out.
            audio: a voice as it stands in a link; none if left out.
            model: name of the diffusion model; digits if left out.
            mix: a second text to make things from at once; none if left out.
            weight: its share, from 0 to 1.
            film: whether the results lead from the first text to the second, all of one noise.
            says: of models that speak: what the recording says; what is heard in it if left out.
            use: of models that speak: "voice", the voice of the recording says the text; "edit", the recording is
                changed so that it says the text.
            pace: of models that speak: how fast, from 0.5 to 2.
            may_use: that you may use the voice of the recording.
            recording: a sound file, used before `audio`; none if left out.
        """
        values = (text, want, image, steps, sampler, guidance, speaker, seed, n, vs, edit, strength, to, audio)
        fields = dict(zip(ORDER, (*values, model, mix, weight, film, says, use, pace, may_use), strict=True))
        yield from handlers.run(request, fields, recording)

    return gr.Button("run", visible="hidden", elem_id="mm-run").click(
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


def add_drafts(handlers: GenerateHandlers, form: Form, player: Player, maths: gr.Markdown) -> Dependency:
    """Add what draws while somebody types, run by a click on `#mm-draft`: as `add_api`, in a few steps."""

    def draft(request: gr.Request, *values: Any) -> Iterator[tuple[Any, Any]]:
        yield from handlers.run(request, dict(zip(ORDER, values, strict=True)), None, draft=True)

    return gr.Button("draft", visible="hidden", elem_id="mm-draft").click(
        draft,
        [form.fields[name] for name in ORDER],
        [player, maths],
        api_visibility="private",
        concurrency_id=DRAFTS_ID,
        concurrency_limit=1,
        show_progress="hidden",
        trigger_mode="multiple",
        js=signal("start", passes=True),
    )
