"""The Image tab without the page: one endpoint for programs (`gradio_client`, HTTP)."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import gradio as gr

from mmdemo.errors import InputError
from mmdemo.metrics import bits_per_pixel
from mmdemo.ui.image.picture_input import PictureInput
from mmdemo.ui.image.session import encode_picture, load_picture
from mmdemo.ui.shared.i18n import lang_of
from mmdemo.ui.shared.state import PROGRAMS_ID, Context, friendly, parse_int


def add_api(ctx: Context) -> None:
    """Add `/reconstruct_image` (picture, levels) -> (reconstruction, figures, .mmt file)."""

    @friendly
    def reconstruct_image(
        picture: str | None, levels: float | None, background: str, request: gr.Request
    ) -> tuple[Any, Any, Any]:
        """Encode a picture to tokens on so many levels (0: all), decode it, measure both ways.

        The figures include notes: sentences about what was done to the picture before.
        """
        if picture is None:
            raise InputError("A picture is needed.")
        codec, lang = ctx.codec("image"), lang_of(request)
        shown = encode_picture(codec, load_picture(codec, picture, lang, background), "picture")
        wanted = parse_int(levels or 0, 0, codec.levels) or codec.levels
        output, quality = shown.reconstruct(wanted)
        data, (height, width) = shown.file(wanted), shown.size
        notes = [str(note) for note in shown.notes]
        rate = {"bytes": len(data), "bpp": bits_per_pixel(len(data), width, height)}
        figures = {**rate, "tokens": shown.tokens.truncate(wanted).count, **quality, "notes": notes}
        folder = Path(tempfile.mkdtemp(dir=outputs[2].GRADIO_CACHE))  # where Gradio cleans up
        (folder / "picture.mmt").write_bytes(data)
        return output, figures, str(folder / "picture.mmt")

    with gr.Row(visible=False):
        inputs = [
            PictureInput(type="filepath", label="picture"),
            gr.Number(0, precision=0, label="levels"),
            gr.Textbox("auto", label="background"),  # of transparent parts: auto, white, black or checker
        ]
        outputs = [
            gr.Image(format="png", label="reconstruction"),
            gr.JSON(label="figures"),
            gr.File(label="tokens"),
        ]
        gr.Button().click(
            reconstruct_image,
            inputs,
            outputs,
            api_name="reconstruct_image",
            concurrency_id=PROGRAMS_ID,
            concurrency_limit=1,
        )
