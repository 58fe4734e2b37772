"""Settings: what a recipe or a checkpoint's config.json may hold, and the sentence where it holds something else."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle

import pytest

from mmdemo import checkpoints
from mmdemo.config import from_dict, to_dict
from mmdemo.diffusion.streams import DiTConfig
from mmdemo.digits.classifier import JudgeConfig
from mmdemo.emoji.matching import MatchingJudgeConfig
from mmdemo.entropy.prior import PriorConfig
from mmdemo.errors import InputError
from mmdemo.tokenizers import REGISTRY

IMAGE = REGISTRY["image"].Config
STREAM = {"name": "a", "dim": 4, "shape": [2]}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"widht4": 8}, r'\[model\] has no setting "widht4"; did you mean "width4"\?'),
        ({"zzz": 8}, r'no setting "zzz"; it has width4, width8'),
        ({"bottleneck": {"dmi": 8, "beam": 0}}, r'\[model\].bottleneck has no setting "dmi"; did you mean "dim"\?'),
        ({"bottleneck": {"dim": "16"}}, r'\[model\].bottleneck.dim must be a whole number, not "16"'),
        ({"width4": 0}, "width4 must be at least 1, not 0"),
        ({"width4": -256}, "width4 must be at least 1"),
        ({"width4": 10**12}, "width4 must be at most 8192"),
        ({"width4": 10**400}, "width4 must be at most 8192"),
        ({"width4": 1.5}, "width4 must be a whole number, not 1.5"),
        ({"width4": True}, "width4 must be a whole number, not true"),
        ({"width4": None}, "width4 must be a whole number, not null"),
        ({"width4": "x" * 10**6}, r'width4 must be a whole number, not "x{56}…'),
        ({"depth8": 10**6}, "depth8 must be at most 64"),
        ({"kernel": 4}, "kernel must be odd, not 4"),
        ({"bottleneck": 5}, "bottleneck must be a table, not 5"),
        ({"bottleneck": {"beam": 0}}, "beam must be at least 1"),
        ({"bottleneck": {"beam": 2000}}, "beam must be at most 64"),
        ({"bottleneck": {"levels": 10**6}}, "levels must be at most 64"),
        ({"bottleneck": {"levels": 0}}, "one level at least"),
        ({"bottleneck": {"codebook_size": 10**7}}, "codebook_size must be at most 65536"),
        ({"bottleneck": {"kind": "fqs"}}, "did you mean 'fsq'"),
        ({"bottleneck": {"decay": float("nan")}}, "decay must be a finite number"),
        ({"width4": {1, 2}}, "numbers, texts, lists and tables only"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(values, said):
    with pytest.raises(InputError, match=said) as caught:
        from_dict(IMAGE, values, "[model]")
    assert len(str(caught.value)) < 300 and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "streams is missing"),
        ({"streams": []}, "needs a stream"),
        ({"streams": [{**STREAM, "pach": 2}]}, 'streams.0 has no setting "pach"; did you mean "patch"'),
        ({"streams": [{**STREAM, "shape": [10**6, 10**6]}]}, "cannot have the shape"),
        ({"streams": [{**STREAM, "shape": [3], "patch": 2}]}, "cannot have the shape"),
        ({"streams": [STREAM], "width": 30, "heads": 4}, "even share for each of 4 heads"),
    ],
)
def test_transformers_out_of_proportion_are_refused(values, said):
    with pytest.raises(InputError, match=said):
        from_dict(DiTConfig, values)


def test_a_prior_looks_along_its_axes_and_not_too_far():
    known = {"tokenizer": "", "fingerprint": "", "axes": 1, "levels": 1, "codebook_size": 256, "dim": 4}
    assert from_dict(PriorConfig, {**known, "before": [[-1], [-2]]}).before == [[-1], [-2]]
    for offsets in ([[-1, 0]], [[]], [[-100_000]], [[-1]] * 300):
        with pytest.raises(InputError, match="offsets along 1 axes"):
            from_dict(PriorConfig, {**known, "before": offsets})


def test_settings_are_ordinary_dataclasses():
    config = IMAGE(width4=16)
    assert config == copy.deepcopy(config) == pickle.loads(pickle.dumps(config)) == dataclasses.replace(config)
    assert from_dict(IMAGE, json.loads(json.dumps(to_dict(config)))) == config
    with pytest.raises(ValueError, match="width4"):  # the constructor checks, too
        IMAGE(width4=0)


@pytest.mark.parametrize("name", checkpoints.list_checkpoints())
def test_the_shipped_configurations_fit(name):
    config = json.loads((checkpoints.find(name) / "config.json").read_text("utf-8"))
    kinds = {"joint": DiTConfig, "prior": PriorConfig, "judge": JudgeConfig, "matching": MatchingJudgeConfig}
    cls = (
        REGISTRY[config.get("network") or config["modality"]].Config
        if config["kind"] == "tokenizer"
        else kinds[config["kind"]]
    )
    again = to_dict(from_dict(cls, config["model"]))
    assert {k: again[k] for k in config["model"] if k != "bottleneck"} == {
        k: v for k, v in config["model"].items() if k != "bottleneck"
    }
    told, kept = config["model"].get("bottleneck", {}), again.get("bottleneck", {})
    told.pop("kl", None)  # once, every quantizer had the settings of all
    assert told.items() <= kept.items()
