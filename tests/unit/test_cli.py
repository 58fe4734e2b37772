"""The command line, as a person or a script uses it, on a small tokenizer trained in the test."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from small import SMALL, run, saved

from mmdemo import checkpoints
from mmdemo.cli import main
from mmdemo.tokenizers import build_tokenizer


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("small"), "image")


@pytest.fixture
def pictures(tmp_path):
    for name in ("a", "b"):
        pixels = np.random.default_rng(0).integers(0, 255, (40, 33, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    (tmp_path / "bad.png").write_text("not a picture at all")
    return tmp_path


def test_encode_then_decode_equals_reconstruct(pictures, model):
    run("encode", pictures / "a.png", "-o", pictures / "a.mmt", "--model", model)
    run("decode", pictures / "a.mmt", "-o", pictures / "decoded.png")
    run("reconstruct", pictures / "a.png", "-o", pictures / "again.png", "--model", model)
    decoded, again = (np.array(Image.open(pictures / n)) for n in ("decoded.png", "again.png"))
    assert decoded.shape == (40, 33, 3) and np.array_equal(decoded, again)


def test_fewer_levels_make_smaller_files_and_other_pictures(pictures, model):
    one = json.loads(
        run("encode", pictures / "a.png", "-o", pictures / "1.mmt", "--model", model, "--levels", 1, "--json").stdout
    )
    two = json.loads(run("encode", pictures / "a.png", "-o", pictures / "2.mmt", "--model", model, "--json").stdout)
    item = one["items"][0]
    assert item["levels"] == 1 and item["bytes"] == (pictures / "1.mmt").stat().st_size
    assert item["bytes"] < two["items"][0]["bytes"] and item["rate_unit"] == "bpp"
    run("decode", pictures / "2.mmt", "-o", pictures / "coarse.png", "--levels", 1)
    run("decode", pictures / "1.mmt", "-o", pictures / "one.png")
    assert np.array_equal(np.array(Image.open(pictures / "coarse.png")), np.array(Image.open(pictures / "one.png")))


def test_one_bad_file_among_many_is_reported_and_the_rest_done(pictures, model):
    names = [pictures / n for n in ("a.png", "bad.png", "b.png", "absent.png")]
    result = run("reconstruct", *names, "-o", pictures / "out", "--model", model, "--json", code=1)
    printed = json.loads(result.stdout)
    assert [i["input"] for i in printed["items"]] == [str(names[0]), str(names[2])]
    assert [f["input"] for f in printed["failed"]] == [str(names[1]), str(names[3])]
    assert sorted(p.name for p in (pictures / "out").iterdir()) == ["a.png", "b.png"]
    assert {"psnr", "ms_ssim", "tokens", "bytes", "rate"} <= set(printed["items"][0])


def test_wrong_usage_is_2(pictures, model):
    run("reconstruct", code=2)
    run("encode", pictures / "a.png", pictures / "b.png", "-o", pictures / "x.mmt", "--model", model, code=2)
    run("no-such-command", code=2)


def test_errors_are_one_sentence_and_status_1(monkeypatch, capsys, pictures):
    monkeypatch.setattr("sys.argv", ["mmdemo", "evaluate", "no-such-model"])
    with pytest.raises(SystemExit) as stop:
        main()
    printed = capsys.readouterr().err
    assert stop.value.code == 1 and printed.startswith("mmdemo: There is no checkpoint") and printed.count("\n") == 1


def test_tokens_of_other_weights_are_refused(pictures, model, tmp_path_factory):
    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("other")
    other = build_tokenizer("image", SMALL["image"])
    other.bottleneck.init_codebooks(torch.randn(500, 4))
    config = {"kind": "tokenizer", "name": "other", "modality": "image", "model": SMALL["image"]}
    checkpoints.save(folder, other, config)
    run("encode", pictures / "a.png", "-o", pictures / "a.mmt", "--model", model)
    result = run("decode", pictures / "a.mmt", "-o", pictures / "x.png", "--model", folder, "--json", code=1)
    assert "other weights" in json.loads(result.stdout)["failed"][0]["error"]
