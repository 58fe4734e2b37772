"""A number of several digits, block by block, on a transformer with random weights."""

import json

import numpy as np
import pytest
import torch

from mmdemo import generation
from mmdemo.diffusion.joint import JointDiffusion
from mmdemo.diffusion.settings import SamplingSettings
from mmdemo.digits.number import read_number, sample_number
from mmdemo.errors import InputError
from tests.generate_model import random_joint


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return random_joint(tmp_path_factory.mktemp("joint"))


@pytest.fixture(scope="module")
def model(folder):
    return JointDiffusion.from_folder(folder, "cpu")


def test_every_step_of_every_block_is_there_and_the_result_grows(model):
    steps = list(sample_number(model, "407", n=2, steps=3))
    assert [(s.block, s.index) for s in steps] == [(b, 3 * b + i) for b in range(3) for i in (1, 2, 3)]
    assert {s.steps for s in steps} == {9} and [s.last for s in steps] == [False] * 8 + [True]
    assert [s.text for s in steps[2::3]] == ["4", "40", "407"]
    assert [s.preview("image")[1].size for s in steps[2::3]] == [(32, 32), (64, 32), (96, 32)]
    lengths = [len(s.preview("audio")[0][1]) for s in steps[2::3]]
    assert lengths == sorted(lengths) and lengths[-1] <= 3 * 12_800 and lengths[-1] % 320 == 0
    assert [s.nfe for s in steps[2::3]] == [5, 10, 15]  # Heun


def test_finished_blocks_stay_as_they_are(model):
    steps = list(sample_number(model, "40", n=1, steps=2))
    for name in ("image", "audio"):
        first, whole = steps[1].tokens(name)[0].codes, steps[-1].tokens(name)[0].codes
        assert torch.equal(whole[..., : first.shape[-1]], first) and whole.shape[-1] > first.shape[-1]


def test_the_result_is_one_strip_and_one_recording_that_are_their_tokens(model):
    step = list(sample_number(model, "407", n=1, steps=2))[-1]
    rate, wave = step.preview("audio")[0]
    tokens = step.tokens("audio")[0]
    again = type(tokens).from_bytes(tokens.to_bytes())
    assert rate == 16_000 and np.array_equal(model.codecs["audio"].decode(again)[1], wave)
    assert step.tokens("image")[0].positions == (4, 12)


def test_a_seed_is_a_result_and_blocks_differ(model):
    def run(**settings):
        return list(sample_number(model, "44", want=("image",), n=1, steps=2, **settings))[1::2]

    a, b, other = run(seed=3), run(seed=3), run(seed=4)
    assert torch.equal(a[-1].x0["image"], b[-1].x0["image"])
    assert not torch.allclose(a[-1].x0["image"], other[-1].x0["image"], atol=1e-3)
    assert not torch.allclose(a[0].x0["image"], a[1].x0["image"], atol=1e-3)
    same = run(seed=3, noise_correlation=1.0)
    assert torch.allclose(same[0].x0["image"], same[1].x0["image"], atol=1e-4)  # all of the noise carried over


def test_the_speaker_is_the_same_for_all_blocks(model):
    def run(**settings):
        return [
            s.x0["audio"]
            for s in sample_number(model, "44", want=("audio",), n=1, steps=2, noise_correlation=1.0, **settings)
        ]

    ann, ben = run(speaker="ann"), run(speaker="ben")
    assert not torch.allclose(ann[-1], ben[-1], atol=1e-3)
    drawn = run()  # nobody named: one speaker is drawn for the whole number
    assert any(all(torch.allclose(x, y, atol=1e-5) for x, y in zip(drawn, named, strict=True)) for named in (ann, ben))


def test_numbers_as_people_type_them():
    assert read_number(" 4072 ") == [4, 0, 7, 2] == read_number("４０７２") == read_number("四零七二")


@pytest.mark.parametrize("number", ["", "4o72", "-4", "123456789", "3.5", "²"])
def test_what_is_no_number_is_refused_in_one_sentence(model, number):
    with pytest.raises(InputError, match="digits"):
        next(sample_number(model, number))


def test_settings_are_checked(model):
    with pytest.raises(InputError, match="0 to 1"):
        next(sample_number(model, "4", noise_correlation=2))
    with pytest.raises(InputError, match="no speaker"):
        next(sample_number(model, "4", speaker="nobody"))


def test_files_of_a_number(folder, tmp_path):
    result = generation.generate_number_files(str(folder), "407", None, tmp_path, SamplingSettings(n=1, steps=2), "cpu")
    assert [i["output"] for i in result["items"]] == [str(tmp_path / "sample-0.png"), str(tmp_path / "sample-0.wav")]
    assert all((tmp_path / name).stat().st_size > 100 for name in ("sample-0.png", "sample-0.wav"))
    assert json.loads((tmp_path / "settings.json").read_text("utf-8"))["number"] == "407"
