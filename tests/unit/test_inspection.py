"""Inside a network evaluation: attention maps, predictions, what time does, and the run gone through again."""

from __future__ import annotations

import base64
import json
from itertools import pairwise

import numpy as np
import pytest
import torch
from generate_model import random_joint, random_prompted

from mmdemo.diffusion.inspection import RecordedRun, predictions, time_curve, trace
from mmdemo.diffusion.joint import JointDiffusion
from mmdemo.errors import InputError
from mmdemo.ui.generate.inside.look import FULL, Looks
from mmdemo.ui.generate.run import choices_of
from mmdemo.ui.generate.settings import Settings


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> dict[str, JointDiffusion]:
    folder = tmp_path_factory.mktemp("models")
    makers = {"digits": random_joint(folder / "digits", depth=2), "prompted": random_prompted(folder / "prompted")}
    return {name: JointDiffusion.from_folder(path, "cpu") for name, path in makers.items()}


RUNS = {
    "digits": ({"text": "seven"}, {"want": ("image", "audio"), "n": 2, "steps": 3, "sampler": "heun"}),
    "prompted": ({"text": "red heart"}, {"want": ("image",), "n": 2, "steps": 3, "style": "clay"}),
}


def recorded(model: JointDiffusion, name: str, **changed) -> RecordedRun:
    given, settings = RUNS[name]
    return RecordedRun(model, lambda listened: listened.sample(given, **{**settings, **changed}))


@pytest.mark.parametrize("name", RUNS)
def test_attention_is_that_of_the_plain_forward(models, name):
    """Rows sum to one; the output is the plain forward's, to the bit; maps times values are what attention gives."""
    model = models[name]
    network, seen = model.network, recorded(model, name).at(2)
    known = {"vectors": seen.vectors, "known": seen.known} if seen.vectors else {}
    with torch.inference_mode():
        plain = network(seen.x, seen.t, seen.style, **known)
    heard = {}
    hook = network.blocks[1].attn.proj.register_forward_hook(lambda _, inputs, __: heard.update(y=inputs[0]))
    inner = trace(network, seen, 1)
    hook.remove()
    assert all(torch.equal(plain[k], inner.velocity[k]) for k in plain)
    tokens = sum(inner.runs)
    assert inner.attention.shape == (seen.batch, network.config.heads, tokens, tokens)
    assert torch.allclose(inner.attention.sum(-1), torch.ones(()), atol=1e-5) and inner.attention.min() >= 0
    # What the block's attention gave out, worked out from the maps and the values alone.
    entered = {}
    hook = network.blocks[1].attn.qkv.register_forward_hook(lambda _, __, out: entered.update(qkv=out))
    trace(network, seen, 0)
    hook.remove()
    values = entered["qkv"].unflatten(-1, (3, network.config.heads, -1))[:, :, 2].transpose(1, 2)
    assert torch.allclose((inner.attention @ values).transpose(1, 2).flatten(2), heard["y"], atol=1e-4)
    with pytest.raises(InputError, match="no block 7"):
        trace(network, seen, 7)


@pytest.mark.parametrize("name", RUNS)
def test_a_run_gone_through_again_sees_what_the_run_saw(models, name):
    """The predictions taken apart are those that the sampler went on with, at every step."""
    model = models[name]
    given, settings = RUNS[name]
    settings = {**settings, "sampler": "euler", "guidance": 2.5}
    steps = list(model.sample(given, **settings))
    again = recorded(model, name, **settings)
    for step in steps:
        for sample in range(2):
            one = again.at(step.index).rows([sample, 2 + sample])
            made = predictions(model, one, trace(model.network, one, 0).velocity, [1.0], 2.5)
            for stream, x0 in step.x0.items():
                assert torch.allclose(made.guided[stream][0], x0[sample], atol=2e-4), (step.index, stream)
                apart = made.conditional[stream] - made.unconditional[stream]
                back = made.unconditional[stream] + 2.5 * apart
                assert apart.abs().max() > 0 and torch.allclose(back, made.guided[stream], atol=1e-4)
    with pytest.raises(InputError, match="steps 1 to 3"):
        again.at(4)


def test_the_model_itself_is_not_touched(models):
    network = models["prompted"].network
    recorded(models["prompted"], "prompted").at(1)
    assert models["prompted"].network is network


def test_what_time_does_is_what_the_block_gets(models):
    """At the step's own time the curve is the root mean square of the block's modulation."""
    model = models["prompted"]
    network, seen = model.network, recorded(model, "prompted").at(1).rows([0])
    curve = time_curve(network, seen, 1, "image")
    heard = []
    hook = network.blocks[1].register_forward_pre_hook(lambda _, inputs: heard.append(inputs[1]))
    trace(network, seen, 0)
    hook.remove()
    m = heard[0] + network.blocks[1].scale_shift_table  # t = 1: the last point
    assert curve["gate_attention"][-1] == pytest.approx(float(m[0, 0, 2].square().mean().sqrt()), rel=1e-4)
    assert curve["scale_mlp"][-1] == pytest.approx(float((1 + m[0, 0, 4]).square().mean().sqrt()), rel=1e-4)
    assert any(a != b for a, b in pairwise(curve["gate_mlp"]))


# ------------------------------------------------------------------ what the page is sent


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("digits", {"text": "seven", "want": ("image", "audio"), "steps": 3}),
        ("digits", {"want": ("image", "audio", "text"), "steps": 4}),
        ("prompted", {"text": "sun + moon", "weight": 0.25, "want": ("image",), "steps": 3}),
        ("prompted", {"text": "sun", "speaker": "all", "want": ("image",), "steps": 3, "vs": "guidance:1"}),
    ],
)
def test_a_look_at_one_step(models, name, changed):
    choices = choices_of(models[name], name)
    settings = Settings(**{**choices.usual, **changed}, choices=choices)
    asked = {"settings": settings.plain(), "step": 2, "block": 1, "sample": settings.n - 1}
    told = Looks().look(models[name], choices, json.loads(json.dumps(asked)))
    assert json.loads(json.dumps(told)) == told
    size = sum(run["count"] for run in told["tokens"])
    maps = np.frombuffer(base64.b64decode(told["attention"]), "<u2").reshape(told["heads"], size, size)
    assert np.abs(maps.sum(-1) / FULL - 1).max() < size / FULL
    assert set(told["predictions"]) <= set(settings.want) and told["shapes"]["tokens"] == size
    assert told["predictions"]["image"]["guided"].startswith("data:image/png;base64,")
    assert 0 < told["time"]["now"] <= 1 and len(told["time"]["gate_mlp"]) > 10


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (None, "settings"),
        ({"settings": {"n": 99}, "step": 1}, "results"),
        ({"settings": {"steps": 2}, "step": 9}, "no step 9"),
        ({"settings": {"steps": 2}, "step": 1, "block": 50}, "no block"),
        ({"settings": {"steps": 2}, "step": "first"}, "whole number"),
        ({"settings": {"text": "42"}, "step": 1}, "single digit"),
    ],
)
def test_a_look_that_cannot_be_is_refused(models, asked, says):
    with pytest.raises(InputError, match=says):
        Looks().look(models["digits"], choices_of(models["digits"]), asked)
