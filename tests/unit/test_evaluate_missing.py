"""Evaluation without some of its data measures the rest and says what is missing."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small import run, saved

from mmdemo.errors import InputError, MissingError
from mmdemo.evaluation import emoji_report, report
from mmdemo.evaluation.tokenizer_report import evaluate_tokenizer
from mmdemo.loading import load


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("small"), "image")


def test_what_is_missing_is_said_and_the_rest_is_measured(tmp_path, model):
    nothing = json.loads(run("evaluate", model, "--data-dir", tmp_path / "none", "--limit", 1, "--json").stdout)
    assert len(nothing["missing"]) == 3  # Kodak, emoji, MNIST; what programs draw is there
    assert not any(word in f["name"] for f in nothing["figures"] for word in ("kodak", "emoji", "MNIST"))
    (tmp_path / "kodak").mkdir()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (32, 48, 3), dtype=np.uint8)).save(
        tmp_path / "kodak" / "a.png"
    )
    some = json.loads(run("evaluate", model, "--data-dir", tmp_path, "--limit", 1, "--json").stdout)
    names = [f["name"] for f in some["figures"]]
    assert "kodak, 1 level: PSNR" in names and "level 1 usage, kodak + BSDS test" in names
    assert len(some["missing"]) == 2 and "kodak" not in "".join(some["missing"])
    printed = run("evaluate", model, "--data-dir", tmp_path, "--limit", 1).stdout
    assert printed.startswith("| figure") and printed.count("Not measured: ") == 2


def test_a_program_may_rather_want_an_error(tmp_path, model):
    with pytest.raises(MissingError, match="kodak"):
        evaluate_tokenizer(load(Path(model), "cpu"), tmp_path, limit=1)


def test_half_a_report_does_not_take_the_place_of_a_whole_one(tmp_path, model):
    shutil.copytree(model, tmp_path / "mine")
    card = tmp_path / "mine" / "README.md"
    card.write_text(f"# Card\n{report.START}\nfull\n{report.END}\n")
    found = report.evaluate(tmp_path / "mine", tmp_path, limit=1)
    with pytest.raises(InputError, match="card is left as it is"):
        report.write_into_card(tmp_path / "mine", found)
    assert "full" in card.read_text()
    assert report.write_into_card(tmp_path / "mine", {**found, "missing": []}) and "full" not in card.read_text()


@pytest.mark.parametrize("limit", [0, -3])
def test_a_limit_counts_something(model, limit):
    with pytest.raises(InputError, match="The limit must be"):
        report.evaluate(model, Path("data"), limit)


def test_a_group_that_there_is_not_is_refused(model):
    with pytest.raises(InputError, match="leave --group out"):
        report.evaluate(model, Path("data"), group="samplers")
    with pytest.raises(InputError, match="one of directions, validation"):
        emoji_report.evaluate_group(None, Path("data"), 1, "samplers")
