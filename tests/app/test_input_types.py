"""Every endpoint takes values of the types that it names, and nothing that Gradio would turn into them."""

from __future__ import annotations

import asyncio
import inspect
import json
from typing import Any

import gradio as gr
import httpx
import load
import pytest
from generate_model import RandomContext, served

from mmdemo.ui import app
from mmdemo.ui.serving.inputs import FULL, check_types

WRONG = {
    "text": [True, 1.5, ["a"], {"a": 1}],
    "whole number": [True, 1.5, "3", [1], {}, float("nan"), float("inf")],
    "number": [True, "3", [1]],
    "true or false": [1, 0, "true", []],
    "list of texts": ["image", True, [1], {}, [["image"]]],
}
KINDS = {gr.Textbox: "text", gr.Checkbox: "true or false", gr.CheckboxGroup: "list of texts"}
KINDS |= {gr.Radio: "text", gr.Dropdown: "text"}


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> gr.Blocks:
    return app.build(RandomContext(tmp_path_factory.mktemp("model") / "digits"))


def kind_of(place: Any) -> str:
    if isinstance(place, gr.Number):
        return "whole number" if place.precision == 0 else "number"
    if isinstance(place, gr.Slider):
        return "whole number" if place.step == 1 else "number"
    return next((kind for type_, kind in KINDS.items() if isinstance(place, type_)), "")


def test_every_endpoint(page):
    seen = set()
    for fn in page.fns.values():
        if fn.api_visibility != "public":
            continue
        names = [p for p in inspect.signature(fn.fn).parameters if p != "request"]
        for i, place in enumerate(fn.inputs):
            kind = kind_of(place)
            right: list[Any] = [None] * len(fn.inputs)
            check_types(fn.fn, fn.inputs, right)
            for value in WRONG.get(kind, []):
                if names[i] == "to" and value == 1.5:
                    continue  # a second seed, which may be a number
                values = [*right[:i], value, *right[i + 1 :]]
                with pytest.raises(gr.Error) as refused:
                    asyncio.run(page.preprocess_data(fn, values, None))
                said = str(refused.value.message)
                assert said.startswith(f"“{names[i]}” takes a {kind}, not ".replace("a true", "true")), said
                seen.add((fn.api_name, names[i]))
    assert {("reconstruct_text", "text"), ("reconstruct_text", "lossless"), ("codebook", "level")} <= seen
    assert {("generate", name) for name in ("text", "want", "steps", "audio", "weight", "film", "seed")} <= seen


def test_a_seed_may_be_a_number_or_a_text(page):
    fn = next(fn for fn in page.fns.values() if fn.api_name == "generate")
    names = [p for p in inspect.signature(fn.fn).parameters if p != "request"]
    for value in (7, "7"):
        check_types(fn.fn, fn.inputs, [value if name == "to" else None for name in names[: len(fn.inputs)]])


def test_programs_are_told(tmp_path):
    with served(RandomContext(tmp_path / "digits")) as url:
        for data, sentence in (
            ([True, 0, False], "“text” takes a text, not true."),
            ([["a"], 0, False], "“text” takes a text, not a list."),
            (["a", 1.5, False], "“levels” takes a whole number, not 1.5."),
            (["a", 0, "yes"], "“lossless” takes true or false, not a text."),
        ):
            begun = httpx.post(f"{url}/gradio_api/call/reconstruct_text", json={"data": data}, timeout=60).json()
            answer = httpx.get(f"{url}/gradio_api/call/reconstruct_text/{begun['event_id']}", timeout=60).text
            assert json.loads(answer.split("data: ", 1)[1])["error"] == sentence


def test_null_stands_for_what_is_left_out(page):
    seen = set()
    for fn in page.fns.values():
        if not any(isinstance(place, FULL) for place in fn.inputs):
            continue
        values = asyncio.run(page.preprocess_data(fn, [None] * len(fn.inputs), None))
        for place, value in zip(fn.inputs, values, strict=True):
            if isinstance(place, FULL):
                assert value == place.value
                seen.add(type(place))
    assert seen == set(FULL)


def test_a_run_with_null_for_every_default(tmp_path):
    with served(RandomContext(tmp_path / "digits")) as url:
        begun = httpx.post(
            f"{url}/gradio_api/call/generate", json={"data": load.run(weight=None, film=None)}, timeout=60
        )
        answer = httpx.get(f"{url}/gradio_api/call/generate/{begun.json()['event_id']}", timeout=60).text
        assert '"end"' in answer.replace('\\"', '"') and "event: error" not in answer
