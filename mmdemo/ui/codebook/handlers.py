"""What happens when something is chosen in the Codebook tab. No layout here, and no model logic."""

from __future__ import annotations

import base64
import binascii
from contextlib import suppress
from typing import Any

import gradio as gr

from mmdemo.codec import Codec
from mmdemo.codec.places import is_residual
from mmdemo.errors import InputError
from mmdemo.ui.codebook import view
from mmdemo.ui.codebook.kinds import KINDS, NOT_SEARCHED
from mmdemo.ui.codebook.maths import explain
from mmdemo.ui.codebook.session import Inputs
from mmdemo.ui.shared import code_sheet, splash
from mmdemo.ui.shared.i18n import DEFAULT, LANGUAGES, lang_of
from mmdemo.ui.shared.state import Context, friendly, parse_int

MODELS = tuple(KINDS)
MOST_SOUNDS = 64  # of one request


class CodebookHandlers:
    """Handlers of the Codebook tab."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self.inputs = Inputs(ctx)

    # ------------------------------------------------------------------ functions of the page's script

    @friendly
    def level(self, asked: Any) -> dict[str, Any]:
        """All there is to show of a level, {"model", "level"}."""
        return view.level_view(*self.codec(asked))

    @friendly
    def sheet(self, asked: Any) -> dict[str, Any]:
        """The codes of a level, {"model", "level"}, drawn."""
        return code_sheet.sheet(*self.codec(asked))

    @friendly
    def sounds(self, asked: Any) -> dict[str, str]:
        """The sounds of codes {"model", "level", "codes"} of a tokenizer whose codes are heard."""
        codec, level = self.codec(asked)
        if not KINDS[codec.modality].heard:
            raise InputError(f"Codes of {codec.name!r} are no sounds.")
        codes = _table(asked).get("codes")
        if not isinstance(codes, list) or not 0 < len(codes) <= MOST_SOUNDS:
            raise InputError(f"A list of 1 to {MOST_SOUNDS} codes is needed.")
        return code_sheet.sounds(codec, level, [parse_int(code, 0, self._last(codec, level)) for code in codes])

    @friendly
    def place(self, asked: Any) -> dict[str, Any]:
        """How the codes of a place {"model", "input", "place"} were chosen, level by level."""
        asked = _table(asked)
        codec, _ = self.codec({**asked, "level": 0})
        chosen = self.inputs.known(asked.get("input"))
        place, sizes = asked.get("place"), chosen.tokens.positions
        if not isinstance(place, list) or len(place) != len(sizes) or chosen.tokens.modality != codec.modality:
            raise InputError("This is no place in that input.")
        return {"levels": view.place_view(codec, chosen, [parse_int(p, 0, n - 1) for p, n in zip(place, sizes)])}

    @friendly
    def examples(self, asked: Any) -> list[dict[str, Any]]:
        """Where in the shipped examples a code {"model", "level", "code", "lang"} fits best."""
        asked = _table(asked)
        codec, level = self.codec(asked)
        lang = str(asked.get("lang"))
        code = parse_int(asked.get("code"), 0, self._last(codec, level))
        return view.example_views(codec, level, code, lang if lang in LANGUAGES else DEFAULT)

    @friendly
    def near(self, asked: Any) -> list[int]:
        """Codes by their distance to a patch of pixels or a clip of samples, {"model", "level", "data"}."""
        asked = _table(asked)
        codec, level = self.codec(asked)
        if not is_residual(codec):
            raise InputError(NOT_SEARCHED)
        return view.nearest_codes(codec, level, KINDS[codec.modality].sample(_decoded(asked.get("data"))))

    # ------------------------------------------------------------------ events

    @friendly
    def choose(self, event: gr.EventData, request: gr.Request) -> tuple[Any, str]:
        """Show how an input uses the codes of a model, {"model", "level", "input"}."""
        return self.show(dict(event._data or {}), request)

    @friendly
    def formulas(self, event: gr.EventData, request: gr.Request) -> str:
        """The fold-out of another level, {"model", "level", "input"}."""
        asked = dict(event._data or {})
        codec, level = self.codec(asked)
        chosen = self.inputs.known(asked["input"]) if asked.get("input") else None
        return explain(codec, chosen, level, lang_of(request))

    def show(self, asked: dict[str, Any], request: gr.Request | None) -> tuple[Any, str]:
        """The input's view and the fold-out of the level."""
        codec, level = self.codec(asked)
        lang = lang_of(request)
        try:
            chosen = self.inputs.choose(codec, asked.get("input"), request)
        except InputError as error:  # it was kept for a day: what there is is shown, and this is said
            gr.Warning(str(error))
            chosen = self.inputs.choose(codec, None, request)
        if chosen is None:
            return None, explain(codec, None, level, lang)
        value = view.input_view(codec, chosen, self.inputs.own(codec, request), lang)
        return {**value, "asked": asked.get("serial")}, explain(codec, chosen, level, lang)

    def codec(self, asked: Any) -> tuple[Codec, int]:
        """The codec and the level of a request from the page; anybody can post one."""
        asked = _table(asked)
        model = asked.get("model")
        if model not in MODELS:
            raise InputError(f"There is no codebook {model!r}; take one of {', '.join(MODELS)}.")
        codec = self.ctx.codec(str(model))
        return codec, parse_int(asked.get("level", 0), 0, codec.levels - 1)

    @staticmethod
    def _last(codec: Codec, level: int) -> int:
        return int(codec.tokenizer.codebook_sizes[level]) - 1


def _table(asked: Any) -> dict[str, Any]:
    return asked if isinstance(asked, dict) else {}


def _decoded(data: Any) -> bytes:
    """Base64 from the page; nothing where it is none."""
    try:
        return base64.b64decode(data, validate=True)
    except (TypeError, ValueError, binascii.Error):
        return b""


def warm(ctx: Context) -> None:
    """Load the models and read what the tab shows of them; where that is not shipped, draw it and keep it.

    The codes of pictures move while the page starts.
    """
    for model in MODELS:
        with suppress(InputError):  # who opens the tab is told
            codec = ctx.codec(model)
            for level in range(codec.levels):
                view.level_view(codec, level)
            if sheets := view.code_pictures(codec):
                ctx.splashes.setdefault("codebook", splash.of_pictures(sheets))
