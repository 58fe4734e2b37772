"""The Audio tab without the page: one endpoint for programs (`gradio_client`, HTTP)."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import gradio as gr

from mmdemo import api
from mmdemo.errors import InputError
from mmdemo.modalities import audio
from mmdemo.ui.state import CONCURRENCY_ID, MAX_AUDIO_SECONDS, Context, friendly, whole


def add_audio_api(ctx: Context) -> None:
    """Add `/reconstruct_audio` (sound, levels) -> (reconstruction, figures, .mmt file)."""

    @friendly
    def reconstruct_audio(
        sound: str | None, levels: float | None, request: gr.Request
    ) -> tuple[str, dict[str, Any], str]:
        """Encode a sound to tokens on so many levels (0: all) and decode it; gives rate, STOI, PESQ."""
        if sound is None:
            raise InputError("A sound is needed: a WAV, FLAC, OGG or MP3 file.")
        codec = ctx.codec("audio")
        item = codec.load(Path(sound))
        seconds = len(item.tensor) / audio.SAMPLE_RATE
        if seconds > MAX_AUDIO_SECONDS:
            raise InputError(
                f"The sound has {seconds:.0f} seconds; at most {MAX_AUDIO_SECONDS:.0f} are accepted here, "
                "any length on the command line."
            )
        result = api.reconstruct(item, codec, whole(levels or 0, 0, codec.levels) or None)
        folder = Path(tempfile.mkdtemp(dir=outputs[2].GRADIO_CACHE))  # where Gradio cleans up
        wav = audio.save(result.output, folder / "reconstruction.wav")
        return str(wav), result.figures, str(result.tokens.save(folder / "audio.mmt"))

    with gr.Row(visible=False):
        inputs = [gr.Audio(type="filepath", label="sound"), gr.Number(0, precision=0, label="levels")]
        outputs = [gr.Audio(label="reconstruction"), gr.JSON(label="figures"), gr.File(label="tokens")]
        gr.Button().click(
            reconstruct_audio, inputs, outputs, api_name="reconstruct_audio", concurrency_id=CONCURRENCY_ID
        )
