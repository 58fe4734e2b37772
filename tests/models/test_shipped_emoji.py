"""The shipped emoji model draws what it is asked for, in the style that it is asked for."""

from collections import deque
from typing import Any

import pytest
import torch

import mmdemo
from mmdemo import checkpoints
from mmdemo.emoji.matching import MatchingJudge, load_matching_judge

# Common concepts, English and Chinese, that were trained on: label -> its Chinese one.
CONCEPTS = {
    "red heart": "红心", "cat face": "猫脸", "pizza": "披萨", "rocket": "火箭", "sun": "太阳", "red apple": "红苹果",
    "octopus": "章鱼", "soccer ball": "足球", "rainbow": "彩虹", "snowman": "雪与雪人", "umbrella": "伞",
    "crown": "皇冠",
}  # fmt: skip
WAY: dict[str, Any] = {"steps": 16, "guidance": 3.0, "sampler": "euler"}


@pytest.fixture(scope="module")
def model():
    return mmdemo.load("emoji", "cpu")


@pytest.fixture(scope="module")
def judge() -> MatchingJudge:
    return load_matching_judge()


def drawn(model: Any, prompt: str, n: int = 4, **changes: Any) -> torch.Tensor:
    """Pictures (n, 3, 64, 64) in [0, 1] of a prompt."""
    step = deque(model.sample({"text": prompt}, ("image",), n=n, seed=1, **WAY, **changes), maxlen=1)[0]
    return step.decoded("image")


@pytest.mark.parametrize("language", ["English", "Chinese"])
def test_what_is_drawn_is_what_was_asked_for(model, judge, language):
    rank = []
    for english, chinese in CONCEPTS.items():
        scores, _ = judge.read(drawn(model, english if language == "English" else chinese, n=2, style="noto"))
        own = scores[:, judge.place([english])]
        rank += (scores > own).sum(1).tolist()  # of 1,644 labels
    assert sum(r < 10 for r in rank) >= 0.75 * len(rank), rank


@pytest.mark.parametrize("style", ["noto", "twemoji", "openmoji", "fluent3d", "fluentflat"])
def test_a_style_is_drawn_as_such(model, judge, style):
    made = torch.cat([drawn(model, word, n=2, style=style) for word in list(CONCEPTS)[:8]])
    _, styles = judge.read(made)
    assert (styles == judge.config.styles.index(style)).float().mean() >= 0.4  # chance: 0.2; of real pictures: 0.87


def test_two_prompts_meet_in_a_mixture(model, judge):
    halves = drawn(model, "octopus", compose=[({"text": "crown"}, 0.5)], style="noto")
    alone = drawn(model, "octopus", style="noto")
    crown = judge.place(["crown"])
    (mixed, _), (one, _) = judge.read(halves), judge.read(alone)
    assert mixed[:, crown].mean() > one[:, crown].mean()  # nearer to the other word than without it


@pytest.mark.parametrize("prompt", ["qwxzk", "🦊", "a cat, but of glass!", "凤凰与龙", "é", "x" * 48])
def test_words_that_nobody_taught_it_give_a_picture(model, prompt):
    made = drawn(model, prompt, n=1)
    assert made.shape == (1, 3, 64, 64) and made.isfinite().all() and made.std() > 0.02


def test_it_is_small_and_stored_in_half_precision():
    folder = checkpoints.find("emoji", hub=False)
    files = list(folder.glob("*.safetensors"))
    assert all(file.stat().st_size < 10_000_000 for file in files)
    assert 8e6 <= sum(p.numel() for p in mmdemo.load("emoji", "cpu").network.parameters()) <= 20e6
