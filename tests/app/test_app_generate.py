"""The Generate tab without a browser: its endpoint, as programs call it, and what it refuses."""

from __future__ import annotations

import base64
import io
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
import pytest
import soundfile
from generate_model import RandomContext, random_joint, served
from gradio_client import Client, handle_file
from PIL import Image

from mmdemo.diffusion.joint import JointDiffusion
from mmdemo.errors import InputError
from mmdemo.ui.generate.api import ORDER
from mmdemo.ui.generate.form import Form, given_js
from mmdemo.ui.generate.handlers import GenerateHandlers, kept_html
from mmdemo.ui.generate.inputs import example_picture, pack_picture, pack_sound, picture_uri
from mmdemo.ui.generate.run import choices_of, native_inputs
from mmdemo.ui.generate.settings import Settings

RUN: dict[str, Any] = {
    "text": "seven", "want": ["image"], "image": "", "steps": 3, "sampler": "euler", "guidance": 2.0,
    "speaker": "", "seed": 0, "n": 2, "vs": "", "edit": "", "strength": 1.0, "to": None, "audio": "", "recording": None,
}  # fmt: skip


@pytest.fixture(scope="module")
def context(tmp_path_factory) -> RandomContext:
    return RandomContext(tmp_path_factory.mktemp("model") / "digits")


@pytest.fixture(scope="module")
def url(context) -> Iterator[str]:
    with served(context) as address:
        yield address


@pytest.fixture(scope="module")
def client(url) -> Client:
    return Client(url, verbose=False)


def messages(client: Client, **changed: Any) -> list[dict[str, Any]]:
    """All messages of one run."""
    job = client.submit(**{**RUN, **changed}, api_name="/generate")
    job.result(timeout=120)
    return [json.loads(player) for player, _ in job.outputs()]


def final(client: Client, **changed: Any) -> dict[str, Any]:
    return messages(client, **changed)[-1]["end"]["tokens"]


def test_a_run_through_the_api(client):
    received = messages(client, want=["image", "audio"])
    frames = [frame for message in received for frame in message["frames"]]
    assert [frame["i"] for frame in frames] == [1, 2, 3]
    assert received[0]["open"]["given"] == {"text": "seven"} and received[0]["open"]["device"] == "CPU"
    tokens = received[-1]["end"]["tokens"]["a"]
    assert len(tokens["image"]) == len(tokens["audio"]) == 2


def test_a_program_need_give_nothing_but_what_it_wants(client):
    job = client.submit(text="seven", steps=2, n=1, api_name="/generate")
    job.result(timeout=120)
    tokens = json.loads(job.outputs()[-1][0])["end"]["tokens"]["a"]
    assert len(tokens["image"]) == len(tokens["audio"]) == 1


def test_the_same_settings_give_the_same_result_and_another_seed_another(client):
    assert final(client) == final(client) != final(client, seed=1)


def test_two_runs_side_by_side(client):
    tokens = final(client, want=["image", "text"], text="", vs="sampler:heun", n=1)
    assert set(tokens) == {"a", "b"} and tokens["a"] != tokens["b"]
    assert final(client, vs="seed:1")["b"] == final(client, seed=1)["a"]


def test_given_a_picture_and_a_recording(client, tmp_path):
    tokens = final(client, text="", image=picture_uri(pack_picture(example_picture())), want=["text"])
    assert len(tokens["a"]["text"]) == 2
    path = tmp_path / "voice.wav"
    soundfile.write(path, 0.4 * np.sin(np.arange(12_000) * 0.1), 16_000)
    received = messages(client, text="", recording=handle_file(str(path)), want=["text"])
    assert "audio=" in received[0]["open"]["address"] and "audio" in received[0]["open"]["given"]


def test_programs_are_told_what_was_done_to_what_they_gave(client, tmp_path):
    buffer, path = io.BytesIO(), tmp_path / "voice.wav"
    drawn = Image.new("RGBA", (40, 40), (200, 0, 0, 0))
    drawn.paste((0, 0, 0, 255), (10, 10, 30, 30))
    drawn.save(buffer, "PNG")
    soundfile.write(path, 0.4 * np.sin(np.arange(24_000) * 0.1).reshape(-1, 2), 16_000)
    uri = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    notes = messages(client, text="", image=uri, recording=handle_file(str(path)), want=["text"])[0]["open"]["notes"]
    assert len(notes) == 2 and "2 channels" in notes[0] and "white" in notes[1]
    assert messages(client)[0]["open"]["notes"] == []


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"n": 500}, "maximum"),
        ({"steps": -4}, "minimum"),
        ({"guidance": 1e9}, "maximum"),
        ({"steps": 2.5}, "steps"),
        ({"text": "x" * 60}, "bytes"),
        ({"text": "seven", "want": ["text"]}, "not given"),
        ({"want": []}, "make"),
        ({"vs": "nonsense"}, "second run"),
        ({"image": "hello"}, "picture"),
        ({"image": "data:image/png;base64,AAAA"}, "picture"),
        ({"audio": "AAAA", "text": ""}, "recording"),
        ({"speaker": "nobody"}, "nobody"),
        ({"sampler": "magic"}, "magic"),
        ({"edit": "text:zz"}, "anew"),
        ({"text": "123456789", "want": ["image"]}, "digits"),
        ({"to": 3, "n": 1}, "at least 2"),
        ({"model": "nothing"}, "nothing"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(client, changed, says):
    with pytest.raises(Exception) as error:
        messages(client, **changed)
    text = str(error.value)
    assert says in text and "Traceback" not in text and "\n" not in text.strip()


def test_a_part_is_kept_and_a_number_is_made(client):
    picture = picture_uri(pack_picture(example_picture()))
    edited = messages(client, text="", image=picture, edit="image:00ff", want=[])
    assert "edit=image:00ff" in edited[0]["open"]["address"] and "image" in edited[0]["open"]["given"]
    whole = final(client, text="", image=picture, edit="image:")
    assert edited[-1]["end"]["tokens"]["a"]["image"] != whole["a"]["image"]
    number = messages(client, text="40", want=["image"], n=1)
    assert number[0]["open"]["blocks"] == 2 and number[0]["open"]["lanes"][0]["steps"] == 6


def test_a_long_run_does_not_keep_other_tabs_waiting(client):
    long = client.submit(**{**RUN, "steps": 100, "n": 8, "want": ["image", "audio"], "text": ""}, api_name="/generate")
    while not long.outputs():
        assert not long.done()
        time.sleep(0.05)
    other = client.predict("seven", levels=1, api_name="/reconstruct_text")
    assert other and not long.done()
    long.cancel()


def post(url: str, path: str, body: Any) -> tuple[int, Any]:
    data = json.dumps(body).encode()
    request = urllib.request.Request(url + path, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_server_functions_refuse_nonsense(url, client):
    by_id = {c["props"].get("elem_id"): c for c in client.config["components"]}
    functions = {
        **dict.fromkeys(("save_trajectory", "decode_noisy", "decode_clean", "read_export"), "mm-player"),
        "look_inside": "mm-inside-panel",
        "noise_text": "mm-noise-panel",
    }
    for name, holder in functions.items():
        for data in ({}, {"kind": "exe"}, {"modality": "image", "latents": ["AAAA"]}, "text", 5):
            body = {"component_id": by_id[holder]["id"], "fn_name": name, "session_hash": "me", "data": data}
            status, answer = post(url, "/gradio_api/component_server", body)
            assert status == 200 and answer["error"].endswith("."), (name, data, answer)


# ------------------------------------------------------------------ links


def request(**params: str) -> Any:
    return SimpleNamespace(query_params=params, cookies={}, headers={}, session_hash="me")


@pytest.fixture(scope="module")
def tab(context) -> GenerateHandlers:
    return GenerateHandlers(context)


def form() -> Form:
    return Form(fields=dict.fromkeys(ORDER))


def test_a_link_fills_the_controls(tab):
    code = pack_picture(example_picture())
    settings = Settings(image=code, want=("text",), seed=5, vs="steps:4", choices=tab.choices)
    values = tab.open_link(form(), request(**dict(parse_qsl(settings.query()[1:]))))
    plain = (value["value"] if isinstance(value, dict) and "value" in value else value for value in values)
    filled = dict(zip(form().fields, plain, strict=False))
    assert filled["seed"] == 5 and filled["want"] == ["text"] and filled["vs"] == "steps:4"
    assert filled["image"] == picture_uri(code)
    again = tab.settings({name: filled[name] for name in form().fields}, None)
    assert again == settings


def test_a_page_without_settings_in_its_address_is_left_alone(tab):
    values = tab.open_link(form(), request(lang="en", tab="generate"))
    named = dict(zip(ORDER, values, strict=False))
    assert named.pop("image") == named.pop("edit") == "" and named.pop("model") == "digits"
    assert all(value["__type__"] == "update" for value in named.values())


def test_a_broken_link_is_refused_in_one_sentence(tab):
    with pytest.raises(Exception, match="seed"):
        tab.open_link(form(), request(seed="many"))


def test_a_voice_from_a_link_can_be_heard(tab):
    code = pack_sound((16_000, np.sin(np.arange(8_000) * 0.1).astype(np.float32)))
    settings = Settings(audio=code, want=("text",), choices=tab.choices)
    assert "data:audio/ogg;base64," in kept_html(settings.audio, "zh")
    assert set(native_inputs(settings)) == {"audio"}
    with pytest.raises(InputError, match="recording in this link is damaged"):
        native_inputs(Settings(audio="AAAA", want=("text",), choices=tab.choices))


def test_drawing_takes_the_place_of_the_word():
    assert '"image"' in given_js("image") and '"audio"' in given_js("audio")


def test_a_model_whose_streams_have_other_names_is_left_out_and_says_why(tmp_path: Path):
    folder = random_joint(tmp_path / "joint", streams={"drawing": "image", "word": "text"})
    with pytest.raises(InputError, match="has a stream 'drawing'; this page shows streams by the names image, audio"):
        choices_of(JointDiffusion.from_folder(folder, "cpu"))


def test_a_model_of_another_form_is_left_out_and_says_why(tmp_path: Path):
    model = JointDiffusion.from_folder(random_joint(tmp_path / "joint"), "cpu")
    model.interface.form = "maps"
    with pytest.raises(InputError, match="asks for a form 'maps', which this page does not have"):
        choices_of(model)
