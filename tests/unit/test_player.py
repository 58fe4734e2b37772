"""What the step player is sent, what it saves, and the settings behind a run."""

from __future__ import annotations

import base64
import io
import json
import math
from types import SimpleNamespace
from urllib.parse import parse_qsl

import numpy as np
import pytest
import soundfile
import torch
from generate_model import random_joint
from PIL import Image

from mmdemo.diffusion.joint import JointDiffusion
from mmdemo.diffusion.previews import PreviewBudget
from mmdemo.diffusion.schedule import SCHEDULES
from mmdemo.errors import InputError
from mmdemo.ui.generate import export, messages, noise_panel
from mmdemo.ui.generate.form import PRESETS, preset
from mmdemo.ui.generate.inputs import (
    example_picture,
    loudest,
    pack_picture,
    pack_sound,
    pack_uri,
    picture_uri,
    unpack_picture,
    unpack_sound,
)
from mmdemo.ui.generate.maths import explain
from mmdemo.ui.generate.settings import NAMES, Choices, Settings, from_query
from mmdemo.ui.shared.payload import data_uri

PNG = "data:image/png;base64,"
CHOICES = Choices(("image", "audio", "text"), ("euler", "heun"), ("ann", "ben"))


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> JointDiffusion:
    return JointDiffusion.from_folder(random_joint(tmp_path_factory.mktemp("model") / "digits"), "cpu")


def tone(seconds: float = 0.5, rate: int = 16_000) -> tuple[int, np.ndarray]:
    return rate, (0.5 * np.sin(np.arange(int(seconds * rate)) * 0.2)).astype(np.float32)


# ------------------------------------------------------------------ messages


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """Every step is shown, however long it takes: late steps are tested in test_late_steps.py."""
    monkeypatch.setattr(messages, "PreviewBudget", lambda clock: PreviewBudget(math.inf, clock))


def run(model: JointDiffusion, want=("image", "audio", "text"), steps=3, n=2, **kwargs):
    start = lambda: model.sample({}, want=want, n=n, steps=steps, sampler="euler")  # noqa: E731
    return list(messages.messages({"a": start}, {"lanes": []}, want, "CPU", **kwargs))


def test_messages_hold_every_step_once_and_are_plain_json(model):
    received = run(model)
    frames = [frame for message in received for frame in message["frames"]]
    assert [frame["i"] for frame in frames] == [1, 2, 3]
    assert "open" in received[0] and "open" not in received[1] and "end" in received[-1]
    assert len({message["run"] for message in received}) == 1
    assert frames[0]["change"] is None and frames[1]["change"] >= 0 and frames[-1]["t"] == 0
    for name in ("image", "audio", "text"):
        assert len(frames[0][name]["x0"]) == 2
    assert json.loads(json.dumps(received)) == received


def test_tokens_at_the_end_decode_to_the_last_picture(model):
    received = run(model, want=("image",))
    tokens = received[-1]["end"]["tokens"]["a"]["image"][0]
    codes = torch.tensor(tokens["codes"]).reshape(tokens["shape"])
    codec = model.codecs["image"]
    height, width = (8 * side for side in tokens["shape"][1:])
    shown = codec.decode(codec.wrap(codes, {"height": height, "width": width}))
    last = [frame for message in received for frame in message["frames"]][-1]["image"]["x0"][0]
    assert np.array_equal(np.asarray(shown), np.asarray(opened(last)))


def test_every_step_has_its_tokens_so_that_a_stopped_run_has_them_too(model):
    received = run(model, want=("image", "text"))
    last = [frame for message in received for frame in message["frames"]][-1]
    for name in ("image", "text"):
        for step, end in zip(last[name]["tokens"], received[-1]["end"]["tokens"]["a"][name], strict=True):
            assert step["shape"] == end["shape"] and step["model"] == end["model"]
            assert np.frombuffer(base64.b64decode(step["packed"]), "<u2").tolist() == end["codes"]


def opened(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def test_a_run_past_its_limit_ends_and_keeps_what_there_is(model):
    received = run(model, want=("text",), steps=50, limit=0.0)
    assert received[-1]["end"]["reason"] == "limit" and sum(len(m["frames"]) for m in received) == 1


def test_two_runs_take_turns_and_are_closed_when_the_visitor_stops():
    closed = []

    def sampler(name, count):
        try:
            yield from range(count)
        finally:
            closed.append(name)

    assert list(messages.in_turn({"a": sampler("a", 2), "b": sampler("b", 3)})) == [
        ("a", 0), ("b", 0), ("a", 1), ("b", 1), ("b", 2),
    ]  # fmt: skip
    closed.clear()
    turns = messages.in_turn({"a": sampler("a", 9), "b": sampler("b", 9)})
    next(turns), next(turns)
    turns.close()
    assert sorted(closed) == ["a", "b"]


def test_messages_are_paced(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(messages.time, "monotonic", lambda: now[0])

    def steps():
        for index in range(1, 101):
            now[0] += 0.01
            yield SimpleNamespace(index=index, steps=100, t=0.0, change=0.0, code_distance={})

    received = list(messages.messages({"a": steps}, {}, (), "CPU"))
    assert 20 <= len(received) <= 30  # 1 s of steps, at least 40 ms apart
    assert [f["i"] for m in received for f in m["frames"]] == list(range(1, 101))


def test_noisy_samples_are_the_models_own(model):
    step = next(iter(model.sample({}, want=("image", "audio", "text"), n=2, steps=4)))
    for name in ("image", "audio", "text"):
        latent = messages.frame("a", step, (name,))[name]["latent"]
        views = messages.decode_noisy(model, {"modality": name, "latents": [latent, latent]})
        assert len(views) == 2 and len(views[0]) == 2 and views[0] == views[1]
    shown = np.asarray(opened(messages.decode_noisy(model, {"modality": "image", "latents": [
        messages.frame("a", step, ("image",))["image"]["latent"]]})[0][0]), np.int16)  # fmt: skip
    assert np.abs(shown - np.asarray(step.preview("image", "x")[0], np.int16)).max() <= 2  # fp16


@pytest.mark.parametrize(
    "request_",
    [
        None,
        {},
        {"modality": "video", "latents": ["AAAA"]},
        {"modality": "image", "latents": []},
        {"modality": "image", "latents": "AAAA"},
        {"modality": "image", "latents": ["AAAA"]},
        {"modality": "image", "latents": ["%%%"]},
        {"modality": "image", "latents": [3]},
        {"modality": "image", "latents": [""]},
        {"modality": "text", "latents": ["AA" * 400_000]},
    ],
)
def test_what_is_no_latent_is_refused(model, request_):
    with pytest.raises(InputError, match=r"1 to 16 latents|latent of this run is damaged|1 to 8 samples"):
        messages.decode_noisy(model, request_)


def test_confidence_is_per_character():
    row = [0.9, 0.8, 0.7, 0.6, 0.5]
    assert messages.confidence("a七b", row) == [0.9, 0.6, 0.5]
    assert messages.confidence("\ufffdb", row) == [0.9, 0.8]
    assert messages.confidence("", row) == []


# ------------------------------------------------------------------ settings


def test_settings_come_back_from_their_address():
    code = pack_picture(example_picture())
    settings = Settings(
        image=code, want=("audio", "text"), n=3, steps=12, sampler="euler", guidance=3.5, speaker="ben",
        seed=99, vs="guidance:1", choices=CHOICES,
    )  # fmt: skip
    params = dict(parse_qsl(settings.query()[1:]))
    assert params.pop("run") == "1" and params.pop("tab") == "generate"
    assert from_query(params, CHOICES) == settings
    assert set(params) <= set(NAMES)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n", 0), ("n", 9), ("n", "many"), ("n", 2.5), ("n", None), ("n", True),
        ("steps", 1), ("steps", 1000), ("steps", float("nan")),
        ("guidance", -1), ("guidance", "inf"), ("guidance", [2]),
        ("seed", -1), ("seed", 2**40),
        ("sampler", "magic"), ("sampler", None), ("speaker", "nobody"),
        ("text", "x" * 65), ("text", 7), ("image", 3),
        ("want", []), ("want", ["video"]), ("want", 3), ("want", ""), ("want", [["image"]]),
        ("vs", "guidance"), ("vs", "text:two"), ("vs", "guidance:99"), ("vs", "sampler:magic"), ("vs", 4),
    ],
)  # fmt: skip
def test_wrong_settings_are_refused_in_one_sentence(field, value):
    with pytest.raises(InputError) as error:
        Settings(**{field: value}, choices=CHOICES)
    assert str(error.value).endswith(".") and "\n" not in str(error.value)


def test_what_is_given_is_not_made():
    assert Settings(text="two", want=("image", "text"), choices=CHOICES).want == ("image",)
    with pytest.raises(InputError, match="make that is not given"):
        Settings(text="two", want=("text",), choices=CHOICES)


def test_the_second_run_differs_in_one_setting():
    settings = Settings(text="two", want=("image",), guidance=4.0, vs="guidance:1", choices=CHOICES)
    other = settings.second()
    assert other.guidance == 1 and other.text == "two" and other.vs == ""
    assert settings.titles() == ("guidance 4", "guidance 1")


@pytest.mark.parametrize("changed", [changed for _, changed in PRESETS])
def test_every_preset_is_a_possible_run(changed):
    plain = preset(changed, CHOICES)
    settings = Settings(**plain, choices=CHOICES)
    assert settings.want and (not plain["image"] or unpack_picture(plain["image"]))
    for lang in ("en", "zh"):
        assert "$$" in explain(settings, [], lang)


# ------------------------------------------------------------------ inputs


def test_a_picture_from_a_link_keeps_its_code():
    code = pack_picture(example_picture())
    assert pack_uri(picture_uri(code)) == code and len(code) < 4000
    assert unpack_picture(code).size == (64, 64)
    assert pack_picture(Image.new("RGB", (200, 200), "white")) == "" and pack_uri("") == ""


@pytest.mark.parametrize("uri", [5, "hello", PNG + "AAAA", PNG + "%%", "data:image/png," + "A" * 5_000_000])
def test_a_damaged_picture_is_refused(uri):
    with pytest.raises(InputError, match=r"data URI|kind of file is not known|in this link is damaged"):
        pack_uri(uri)


@pytest.mark.parametrize("code", ["AAAA", "%%%", "A" * 30_000, "é"])
def test_damaged_codes_in_a_link_are_refused(code):
    with pytest.raises(InputError, match=r"in this link is (damaged|too long)"):
        unpack_picture(code)
    with pytest.raises(InputError, match=r"in this link is (damaged|too long)"):
        unpack_sound(code)


def test_a_voice_travels_in_a_link():
    code = pack_sound(tone())
    rate, wave = unpack_sound(code)
    assert rate == 16_000 and len(wave) == 8_000 and len(code) < 12_000
    assert np.corrcoef(wave, tone()[1])[0, 1] > 0.9
    assert pack_sound((16_000, np.zeros(4_000, np.float32))) == ""


def test_of_a_long_recording_the_loudest_stretch_is_kept():
    wave = np.zeros(1000, np.float32)
    wave[600:700] = 1
    assert loudest(wave, 100).sum() == 100 and len(loudest(wave, 5000)) == 1000


# ------------------------------------------------------------------ files


def pictures(count: int) -> list[str]:
    return [data_uri(Image.new("RGB", (32, 32), (40 * i, 90, 200 - i))) for i in range(count)]


@pytest.mark.parametrize("kind", ["webp", "gif"])
def test_an_animation_has_every_step_and_the_settings(kind):
    frames = [[uri, uri] for uri in pictures(5)]
    suffix, data = export.write({"kind": kind, "settings": '{"seed": 7}', "columns": 0, "frames": frames})
    image = Image.open(io.BytesIO(data))
    assert suffix == kind and image.n_frames == 5 and image.size == (2 * 128 + 18, 128 + 12)
    kept = image.getexif()[export.IMAGE_DESCRIPTION] if kind == "webp" else image.info["comment"].decode()
    assert "seed" in kept
    image.seek(4)
    assert image.convert("RGB").getpixel((60, 60))[0] == pytest.approx(160, abs=8)


def test_one_step_as_png_is_exact_and_carries_the_settings():
    _, data = export.write({"kind": "png", "settings": "种子 7", "frames": [pictures(3)]})
    image = Image.open(io.BytesIO(data))
    assert image.text["Description"] == "种子 7" and image.getpixel((60, 60)) == (0, 90, 200)


def test_sounds_become_one_wav_with_the_settings():
    sound = messages.sound_of(tone())
    _, data = export.write({"kind": "wav_all", "settings": "seed 7", "sounds": [sound, dict(sound)]})
    with soundfile.SoundFile(io.BytesIO(data)) as file:
        assert file.comment == "seed 7" and file.samplerate == 16_000
        wave = file.read(dtype="float32")
    assert len(wave) == 2 * 8_000 + 2_400
    assert np.abs(wave[:8_000] - tone()[1]).max() < 1e-4 and np.abs(wave[-8_000:] - tone()[1]).max() < 1e-4


@pytest.mark.parametrize(
    "request_",
    [
        None, [], {}, {"kind": "exe"}, {"kind": "webp"}, {"kind": "webp", "frames": []},
        {"kind": "gif", "frames": [[]]},
        {"kind": "png", "frames": [["hello"]]}, {"kind": "png", "frames": [[4]]},
        {"kind": "gif", "frames": [[PNG + "AAAA"]]},
        {"kind": "webp", "frames": [["x"]] * 500},
        {"kind": "wav"}, {"kind": "wav", "sounds": [{}]}, {"kind": "wav", "sounds": [{"rate": 16000}]},
        {"kind": "wav", "sounds": [{"rate": 5, "pcm": "AAAA"}]},
        {"kind": "wav", "sounds": [{"rate": 16000, "pcm": ""}]},
    ],
)  # fmt: skip
def test_a_request_that_makes_no_sense_gets_one_sentence(request_):
    answer = export.save_trajectory(request_)
    assert set(answer) == {"error"} and answer["error"].endswith(".")


def test_frames_of_different_sizes_are_refused():
    one, two = pictures(2)
    with pytest.raises(InputError, match="same number and size"):
        export.write({"kind": "gif", "frames": [[one], [one, two]]})


# ------------------------------------------------------------------ noise


def test_the_noise_panel_draws_the_schedules_that_are_trained():
    for name, table in noise_panel.tables().items():
        schedule = SCHEDULES[name]
        assert len(table["alpha"]) == len(table["sigma"]) == noise_panel.POINTS
        assert table["sigma"][0] == 0
        assert table["alpha"][50] == pytest.approx(float(schedule.alpha(0.5)), abs=1e-4)
        assert table["sigma"][50] == pytest.approx(float(schedule.sigma(0.5)), abs=1e-4)
