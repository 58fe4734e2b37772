"""The Audio tab without the page: one endpoint for programs (`gradio_client`, HTTP)."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import gradio as gr

from mmdemo import api
from mmdemo.errors import InputError
from mmdemo.modalities import audio
from mmdemo.modalities.note import Note
from mmdemo.ui.shared.state import MAX_AUDIO_SECONDS, PROGRAMS_ID, Context, friendly, parse_int


def add_api(ctx: Context) -> None:
    """Add `/reconstruct_audio` (sound, levels, original) -> (reconstruction, figures, .mmt file)."""

    @friendly
    def reconstruct_audio(
        sound: str | None, levels: float | None, original: bool, request: gr.Request
    ) -> tuple[str, dict[str, Any], str]:
        """Encode a sound to tokens on so many levels (0: all) and decode it; gives rate, STOI, PESQ.

        The reconstruction is 16 kHz mono, or has the sample rate and channels of the input with `original`. The figures
        include notes: sentences about what was done to the sound before.
        """
        if sound is None:
            raise InputError("A sound is needed: a WAV, FLAC, OGG or MP3 file.")
        codec = ctx.codec("audio")
        item = audio.load(Path(sound), first=MAX_AUDIO_SECONDS)
        if any(isinstance(note, Note) and note.key in ("cut", "cut_of") for note in item.notes):
            raise InputError(
                f"The sound is over {MAX_AUDIO_SECONDS:.0f} seconds long, the most accepted here; "
                "the command line takes up to 30 minutes."
            )
        result = api.reconstruct(item, codec, parse_int(levels or 0, 0, codec.levels) or None, original is True)
        folder = Path(tempfile.mkdtemp(dir=outputs[2].GRADIO_CACHE))  # where Gradio cleans up
        wav = audio.save(result.output, folder / "reconstruction.wav")
        figures = {**result.figures, "notes": [str(note) for note in item.notes]}
        return str(wav), figures, str(result.tokens.save(folder / "audio.mmt"))

    with gr.Row(visible=False):
        inputs = [
            gr.Audio(type="filepath", label="sound"),
            gr.Number(0, precision=0, label="levels"),
            gr.Checkbox(False, label="original"),
        ]
        outputs = [gr.Audio(label="reconstruction"), gr.JSON(label="figures"), gr.File(label="tokens")]
        gr.Button().click(reconstruct_audio, inputs, outputs, api_name="reconstruct_audio", concurrency_id=PROGRAMS_ID)
