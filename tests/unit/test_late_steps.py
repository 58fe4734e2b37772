"""Steps that there was no time to show: they come as latents, and are decoded afterwards."""

from __future__ import annotations

import base64
import math

import numpy as np
import pytest
from generate_model import random_joint
from PIL import Image

from mmdemo.diffusion.joint import JointDiffusion
from mmdemo.diffusion.previews import PreviewBudget
from mmdemo.digits.number import sample_number
from mmdemo.errors import InputError
from mmdemo.ui.generate import messages

ALL = ("image", "audio", "text")


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> JointDiffusion:
    return JointDiffusion.from_folder(random_joint(tmp_path_factory.mktemp("model") / "digits"), "cpu")


def frames_of(monkeypatch, lanes, want=ALL, share=0.0, **kwargs):
    """All frames of some runs whose previews may take this share of their time."""
    monkeypatch.setattr(messages, "PreviewBudget", lambda clock: PreviewBudget(share, clock))
    return [frame for message in messages.messages(lanes, {}, want, "CPU", **kwargs) for frame in message["frames"]]


def test_steps_without_time_come_as_latents_and_decode_to_what_they_would_have_shown(model, monkeypatch):
    start = lambda: model.sample({}, want=ALL, n=2, steps=8, sampler="euler")  # noqa: E731
    whole = frames_of(monkeypatch, {"a": start}, share=math.inf)
    frames = frames_of(monkeypatch, {"a": start})
    assert [frame["i"] for frame in frames if frame.get("pending")] == [2, 3, 4, 5, 6, 7]
    assert frames[-1] == whole[-1]
    for late, full in zip(frames[1:-1], whole[1:-1], strict=True):
        wait = [m for m in ALL if "clean" in late[m]]
        assert "image" in wait and "audio" in wait
        [step] = messages.decode_clean(model, {"latents": {m: [late[m]["clean"]] for m in wait}})
        for name in ALL:
            assert late[name]["latent"] == full[name]["latent"]
            if name not in wait:
                assert late[name] == full[name] and late["distance"][name] == full["distance"][name]
                continue
            # Rounded to fp16, a latent may lie nearer to another codeword, and that one a little nearer or farther.
            assert step["distance"][name] == pytest.approx(full["distance"][name], abs=1e-2)
            agree = [a == b for a, b in zip(unpacked(step[name]), unpacked(full[name]), strict=True)]
            assert np.mean(agree) > 0.9, name
        assert late["t"] == full["t"] and late["change"] == full["change"]
    # The word is made first; what it has become is shown at once, as it is no longer read from its latent.
    assert ["clean" in frame["text"] for frame in frames[1:-1]] == [True, False, False, False, False, False]


def test_several_pending_steps_are_decoded_in_one_request(model, monkeypatch):
    start = lambda: model.sample({"text": "two"}, want=("image", "audio"), n=2, steps=4)  # noqa: E731
    late = frames_of(monkeypatch, {"a": start}, ("image", "audio"))[1:3]
    latents = {m: [frame[m]["clean"] for frame in late] for m in ("image", "audio")}
    together = messages.decode_clean(model, {"latents": latents})
    alone = [messages.decode_clean(model, {"latents": {m: [f[m]["clean"]] for m in latents}})[0] for f in late]
    assert together == alone
    assert [len(step["audio"]["x0"]) for step in together] == [2, 2]


def unpacked(views) -> list[int]:
    codes = [tokens["packed"] for tokens in views["tokens"]]
    return [code for packed in codes for code in np.frombuffer(base64.b64decode(packed), "<u2").tolist()]


def test_what_an_edit_keeps_is_shown_at_every_step(model, monkeypatch):
    picture, mask = Image.linear_gradient("L").resize((32, 32)), Image.new("L", (32, 32))
    mask.paste(255, (0, 0, 16, 32))
    edited = {"edit": {"image": picture}, "keep": {"image": mask}}
    start = lambda: model.sample({}, want=("image", "audio"), n=1, steps=4, **edited)  # noqa: E731
    for frame in frames_of(monkeypatch, {"a": start}, ("image", "audio"))[1:-1]:
        assert frame["pending"] and "x0" in frame["image"] and "clean" in frame["audio"]


def test_a_step_of_which_nothing_is_open_is_complete(model, monkeypatch):
    """It was once announced as pending, and the page asked to have nothing decoded."""
    picture = Image.new("L", (28, 28))
    edited = {"edit": {"image": picture}, "keep": {"image": np.arange(16).reshape(4, 4) < 8}}
    start = lambda: model.sample({}, want=("image",), n=1, steps=5, sampler="euler", **edited)  # noqa: E731
    frames = frames_of(monkeypatch, {"a": start}, ("image",))
    assert len(frames) == 5 and not any("pending" in frame for frame in frames)
    assert all(frame["image"]["x0"] and frame["image"]["tokens"] for frame in frames)


def test_a_number_is_shown_at_every_step(model, monkeypatch):
    start = lambda: sample_number(model, "40", ("image",), n=1, steps=3)  # noqa: E731
    assert not any("pending" in frame for frame in frames_of(monkeypatch, {"a": start}, ("image",)))


def test_the_first_step_of_each_run_and_the_last_before_the_limit_are_shown(model, monkeypatch):
    start = lambda: model.sample({}, want=("text",), n=1, steps=3, sampler="euler")  # noqa: E731
    frames = frames_of(monkeypatch, {"a": start, "b": start}, ("text",))
    assert [(f["lane"], f["i"]) for f in frames if "pending" in f] == [("a", 2), ("b", 2)]
    assert not any("pending" in frame for frame in frames_of(monkeypatch, {"a": start}, ("text",), limit=0.0))


@pytest.mark.parametrize(
    "request_",
    [
        None,
        {},
        {"latents": []},
        {"latents": {}},
        {"latents": {"video": ["AAAA"]}},
        {"latents": {"image": ["AAAA"]}},
        {"latents": {"image": [""]}},
    ],
)
def test_what_is_no_pending_step_is_refused(model, request_):
    with pytest.raises(InputError, match=r"1 to 16 latents|latent of this run is damaged|1 to 8 samples"):
        messages.decode_clean(model, request_)


def test_pending_steps_with_fewer_samples_of_one_modality_are_refused(model):
    steps = [next(model.sample({}, want=("image", "text"), n=n, steps=2)) for n in (1, 2)]
    latents = {m: [messages.fp16_base64(step.x0[m])] for m, step in zip(("image", "text"), steps, strict=True)}
    with pytest.raises(InputError, match="as many samples"):
        messages.decode_clean(model, {"latents": latents})
