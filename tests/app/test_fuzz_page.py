"""The page's functions on anything that a client may send: a result, or an error with words of its own.

`MMDEMO_FUZZ` sets how many calls each function gets (CI: 15).
"""

from __future__ import annotations

import base64
import inspect
import itertools
import os
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl

import gradio as gr
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from mmdemo.errors import InputError
from mmdemo.ui.audio.handlers import AudioHandlers
from mmdemo.ui.audio.session import start as start_sound
from mmdemo.ui.codebook.handlers import CodebookHandlers
from mmdemo.ui.generate import inputs, mask
from mmdemo.ui.generate.handlers import GenerateHandlers
from mmdemo.ui.generate.settings import NAMES, Choices, Settings, from_query
from mmdemo.ui.image.handlers import ImageHandlers
from mmdemo.ui.image.session import encode_picture, load_picture
from mmdemo.ui.shared.i18n import tr
from mmdemo.ui.shared.state import Context
from mmdemo.ui.text.handlers import TextHandlers
from mmdemo.ui.text.session import start as start_text

EXAMPLES = int(os.environ.get("MMDEMO_FUZZ", "15"))
FEW = settings(deadline=None, max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
UNFORESEEN = tr("common.failed", "en")

WORDS = st.sampled_from(
    ["<img src=x onerror=a()>", "javascript:a()", "/etc/passwd", "../x", "http://a/b", "\0", "\ud800"]
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 9), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=12), WORDS
)
FIELDS = ("level", "levels", "row", "column", "code", "index", "model", "background", "request_id", "name", "data")
FIELDS += ("position", "chip", "edit", "text", "image", "audio", "samples", "step", "steps", "x", "modality", "seed")


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    tables = st.dictionaries(st.one_of(st.sampled_from(FIELDS), st.text(max_size=4)), inner, max_size=4)
    return st.one_of(st.lists(inner, max_size=3), tables)


VALUES = st.recursive(SCALARS, nested, max_leaves=6)
TABLES = st.one_of(st.none(), st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=6))
# Steps of the token editor: nearly right, or anything.
EDITS = st.one_of(
    TABLES,
    st.fixed_dictionaries(
        {
            "do": st.sampled_from(["paint", "paint", "undo", "redo", "reset", 5]),
            "runs": st.one_of(st.lists(st.lists(st.integers(-1, 9), max_size=3), max_size=3), VALUES),
            "levels": st.one_of(st.lists(st.integers(-1, 9), max_size=3), VALUES),
            "paint": st.sampled_from(["code", "near", "random", "nothing", "other", "<b>", None]),
        },
        optional={"code": SCALARS, "seed": SCALARS, "shown": st.one_of(st.integers(1, 3), SCALARS), "other": VALUES},
    ),
)


@pytest.fixture(scope="module")
def context() -> Context:
    return Context("cpu")


def request() -> Any:
    return SimpleNamespace(session_hash="me", query_params={}, cookies={}, headers={})


def event(data: Any) -> Any:
    return SimpleNamespace(_data=data, **{str(k): v for k, v in data.items()} if isinstance(data, dict) else {})


def tried(function: Any, *values: Any) -> None:
    """Call; what a generator yields is taken too."""
    try:
        result = function(*values)
        if inspect.isgenerator(result):
            list(itertools.islice(result, 20))
    except InputError as error:
        said = str(error)
    except gr.Error as error:
        said = str(error.message)
        assert "<" not in said  # the page takes it for HTML
    else:
        return
    assert said and said != UNFORESEEN and "\n" not in said and "Traceback" not in said


def test_image_functions(context: Context, tmp_path_factory: pytest.TempPathFactory):
    path = tmp_path_factory.mktemp("picture") / "a.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (16, 24, 4), dtype=np.uint8)).save(path)
    codec = context.codec("image")
    picture = encode_picture(codec, load_picture(codec, str(path), "en"), "a", str(path))
    handlers = ImageHandlers(context, [path])

    @FEW
    @given(TABLES, VALUES, EDITS)
    def run(asked: dict[str, Any] | None, value: Any, step: dict[str, Any] | None) -> None:
        # What was asked comes through `ask`, which numbers it.
        asked = asked if asked is None else {k: v for k, v in asked.items() if k != "request_id"}
        tried(handlers.code_sheet, value)
        tried(handlers.background, picture, asked, request())
        for function in (handlers.edit, handlers.warm):
            tried(function, picture, event(step), request())
        tried(handlers.png, picture, asked)
        tried(handlers.want, picture, event(asked))

    run()


def test_text_functions(context: Context):
    handlers = TextHandlers(context)
    session = start_text(handlers.codec, "Good morning.", "en")

    @FEW
    @given(VALUES, st.one_of(st.integers(1, 3), VALUES), TABLES, EDITS)
    def run(text: Any, levels: Any, data: dict[str, Any] | None, step: dict[str, Any] | None) -> None:
        tried(handlers.typed, text, session, levels, False, request())
        tried(handlers.relevelled, session, levels, bool(text), request())
        tried(handlers.picked, session, levels, event(data), request())
        for function in (handlers.edit, handlers.warm):
            tried(function, session, event(step), request())
        tried(handlers.opened, levels, False, event(data), request())

    run()


def test_audio_functions(context: Context):
    handlers = AudioHandlers(context)
    clip = start_sound(handlers.codec, (16_000, np.random.default_rng(0).uniform(-0.1, 0.1, 4_000).astype(np.float32)))

    @FEW
    @given(st.one_of(st.integers(1, 8), VALUES), TABLES, EDITS)
    def run(levels: Any, data: dict[str, Any] | None, step: dict[str, Any] | None) -> None:
        for function in (handlers.edit, handlers.warm):
            tried(function, clip, event(step), request())
        tried(handlers.relevelled, clip, levels, request())
        tried(handlers.dropped, levels, event(data), request())

    run()


def test_codebook_functions(context: Context):
    handlers = CodebookHandlers(context)
    models = st.fixed_dictionaries(
        {"model": st.sampled_from(["image", "audio", "text", "digits", 5]), "level": SCALARS}
    )

    @FEW
    @given(st.one_of(VALUES, models), TABLES)
    def run(asked: Any, table: dict[str, Any] | None) -> None:
        for function in (handlers.level, handlers.sheet, handlers.sounds, handlers.place, handlers.examples):
            tried(function, asked)
        tried(handlers.near, asked)
        for function in (handlers.choose, handlers.formulas):
            tried(function, event(table), request())

    run()


def test_generate_functions(context: Context):
    handlers = GenerateHandlers(context)
    functions = [*handlers.player_functions(), handlers.text_function(), handlers.look_function()]

    @FEW
    @given(VALUES, st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=5))
    def run(value: Any, fields: dict[str, Any]) -> None:
        for function in functions:
            tried(function, value)
        tried(handlers.settings, {"image": "", "audio": "", "want": ["image"], **fields}, None)

    run()


# ------------------------------------------------------------------------------------------- addresses

PICTURE = inputs.pack_picture(inputs.example_picture())
SOUND = inputs.pack_sound((16_000, 0.1 * np.sin(np.arange(4_000, dtype=np.float32))))
NUMBERS = ["8", "0.5", "1e999", "nan", "-1", "4072"]
PLAUSIBLE = st.sampled_from(
    [*NUMBERS, "seven", "七", "image,text", "heun", "guidance:1", "seed:x", "image:0f", PICTURE, SOUND]
)


@settings(deadline=None, max_examples=10 * EXAMPLES)
@given(st.dictionaries(st.sampled_from([*NAMES, "run", "tab"]), st.one_of(PLAUSIBLE, st.text(max_size=20)), max_size=8))
def test_addresses_are_settings_or_refused(params: dict[str, str]):
    try:
        found = from_query(params, Choices(samplers=("euler", "heun")))
    except InputError as error:
        assert str(error).endswith(".")
        return
    again = dict(parse_qsl(found.query()[1:], keep_blank_values=True))
    idle = {} if found.edit else {"strength": Settings.strength}  # an address leaves out what changes nothing
    idle |= {} if found.mix else {"weight": Settings.weight}
    assert from_query(again, Choices(samplers=("euler", "heun"))) == replace(found, **idle)


@settings(deadline=None, max_examples=10 * EXAMPLES)
@given(st.text("image:audiotextf0,9Zé ", max_size=30), st.integers(1, 9))
def test_masks_are_read_or_refused(text: str, side: int):
    shapes = {"image": (side, side), "audio": (side,), "text": (4,)}
    try:
        masks = mask.parse(text, shapes)
    except InputError:
        return
    assert {k: m.tolist() for k, m in mask.parse(mask.written(masks), shapes).items()} == {
        k: m.tolist() for k, m in masks.items()
    }


EDIT = st.tuples(st.integers(0, 1 << 16), st.binary(max_size=5), st.integers(0, 5))


@settings(deadline=None, max_examples=10 * EXAMPLES)
@given(st.sampled_from([PICTURE, SOUND]), st.lists(EDIT, min_size=1, max_size=5))
def test_inputs_in_addresses_are_read_or_refused(code: str, edits: list[tuple[int, bytes, int]]):
    raw = bytearray(base64.urlsafe_b64decode(code + "=" * (-len(code) % 4)))
    for place, put, out in edits:
        at = place % (len(raw) or 1)
        raw[at : at + out] = put
    altered = base64.urlsafe_b64encode(bytes(raw)).decode().rstrip("=")
    for function in (inputs.unpack_picture, inputs.unpack_sound, inputs.picture_uri):
        tried(function, altered)
    tried(inputs.pack_uri, "data:image/png;base64," + base64.b64encode(bytes(raw)).decode())


@settings(deadline=None, max_examples=10 * EXAMPLES)
@given(st.one_of(st.text(max_size=60), st.text("AQgw-_=", max_size=30)))
def test_other_texts_in_their_place_are_refused(code: str):
    for function in (inputs.unpack_picture, inputs.unpack_sound, inputs.picture_uri, inputs.pack_uri):
        tried(function, code)
