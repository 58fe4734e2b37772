"""The Text tab without the page: one endpoint for programs (`gradio_client`, HTTP)."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import gradio as gr

from mmdemo import api
from mmdemo.errors import InputError
from mmdemo.ui.shared.i18n import lang_of, tr
from mmdemo.ui.shared.state import MAX_TEXT_BYTES, TEXTS_ID, Context, friendly, parse_int
from mmdemo.ui.text.session import MAX_EXACT_BYTES


def add_api(ctx: Context) -> None:
    """Add `/reconstruct_text` (text, levels, lossless) -> (reconstruction, figures, .mmt file)."""

    @friendly
    def reconstruct_text(
        text: str, levels: float | None, lossless: bool | None, request: gr.Request
    ) -> tuple[str, dict[str, Any], str]:
        """Encode a text to tokens on so many levels (0: all) and decode it; gives rate and accuracy too.

        With lossless the file keeps every byte, whatever the levels. The figures include notes: sentences about what
        was done to the text before.
        """
        codec = ctx.codec("text")
        item = codec.load(text)
        if item.meta["bytes"] > MAX_TEXT_BYTES:
            raise InputError(
                f"The text has {item.meta['bytes']:,} bytes; at most {MAX_TEXT_BYTES:,} are accepted here, "
                "any number on the command line."
            )
        notes = [str(note) for note in item.notes]
        folder = Path(tempfile.mkdtemp(dir=outputs[2].GRADIO_CACHE))  # where Gradio cleans up
        if lossless:
            if item.meta["bytes"] > MAX_EXACT_BYTES:
                raise InputError(tr("text.lossless_long", lang_of(request), limit=MAX_EXACT_BYTES))
            tokens = codec.encode(item, lossless=True)
            figures = api.figures("text", item.tensor, codec.decode_tensor(tokens), tokens)
            figures["notes"] = notes
            return codec.decode(tokens), figures, str(tokens.save(folder / "text.mmt"))
        result = api.reconstruct(item, codec, parse_int(levels or 0, 0, codec.levels) or None)
        return result.output, {**result.figures, "notes": notes}, str(result.tokens.save(folder / "text.mmt"))

    with gr.Row(visible=False):
        inputs = [
            gr.Textbox(label="text"),
            gr.Number(0, precision=0, label="levels"),
            gr.Checkbox(False, label="lossless"),
        ]
        outputs = [gr.Textbox(label="reconstruction"), gr.JSON(label="figures"), gr.File(label="tokens")]
        gr.Button().click(reconstruct_text, inputs, outputs, api_name="reconstruct_text", concurrency_id=TEXTS_ID)
