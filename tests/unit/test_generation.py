"""Files of a generation: all that it takes to make them again is in them, and nothing of another run beside them."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image
from small import run
from typer.testing import CliRunner

from mmdemo.cli import app
from mmdemo.diffusion.settings import SamplingSettings
from mmdemo.errors import InputError
from mmdemo.generation import generate_files
from mmdemo.loading import load
from tests.generate_model import random_joint, random_prompted


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(random_joint(tmp_path_factory.mktemp("joint") / "joint"))


@pytest.fixture(scope="module")
def prompted(tmp_path_factory):
    return str(random_prompted(tmp_path_factory.mktemp("joint") / "prompted"))


def made(model, folder: Path, *options) -> dict:
    done = run("generate", "--model", model, "-o", folder, "--steps", 1, "--json", *options)
    return json.loads(done.stdout)


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_what_is_recorded_makes_it_again(tmp_path, model):
    first = made(model, tmp_path / "a", "--text", "seven", "--want", "image", "-n", 2, "--seed", 5)
    record = json.loads((tmp_path / "a" / "settings.json").read_text())
    assert record["want"] == ["image"] and record["given"] == {"text": "seven"} and first["files"] == record["files"]
    settings = SamplingSettings(**{k: record["settings"][k] for k in ("n", "steps", "guidance", "sampler", "seed")})
    generate_files(model, record["given"], record["want"], tmp_path / "b", settings, "cpu")
    for name in record["files"]:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    other = made(model, tmp_path / "c", "--text", "seven", "-n", 2, "--seed", 5)
    assert set(other["want"]) == {"image", "audio"} and other["checkpoint"] == first["checkpoint"]


def test_pictures_and_sounds_hold_the_settings_themselves(tmp_path, model):
    given = tmp_path / "given.png"
    Image.fromarray(np.zeros((28, 28), np.uint8)).save(given)
    made(model, tmp_path / "out", "--image", given, "--want", "audio,text", "-n", 1)
    with soundfile.SoundFile(tmp_path / "out" / "sample-0.wav") as sound:
        told = json.loads(sound.comment)
    assert set(told["want"]) == {"audio", "text"} and told["settings"]["seed"] == 0 and told["sample"] == 0
    assert told["given"]["image"]["file"] == str(given) and len(told["given"]["image"]["sha256"]) == 64
    made(model, tmp_path / "out", "--text", "七", "--want", "image", "-n", 1)
    assert json.loads(Image.open(tmp_path / "out" / "sample-0.png").text["Comment"])["given"] == {"text": "七"}


def test_what_was_done_to_what_is_given_is_told(tmp_path, model):
    sound = tmp_path / "two.wav"
    soundfile.write(sound, np.random.default_rng(0).uniform(-0.2, 0.2, (8_000, 2)), 16_000)
    (note,) = made(model, tmp_path / "out", "--audio", sound, "--want", "text", "-n", 1)["notes"]
    assert "2 channels" in note
    assert made(model, tmp_path / "out", "--text", "seven", "--want", "image", "-n", 1)["notes"] == []
    told = run("generate", "--model", model, "-o", tmp_path / "b", "--steps", 1, "-n", 1, "--audio", sound)
    assert "2 channels" in told.stderr


def test_an_earlier_run_leaves_nothing_behind(tmp_path, model):
    made(model, tmp_path, "-n", 3)
    assert len(names(tmp_path)) == 10
    (tmp_path / "notes.txt").write_text("mine")
    made(model, tmp_path, "-n", 1, "--want", "image")
    assert names(tmp_path) == ["notes.txt", "sample-0.png", "settings.json"]


def test_a_run_that_cannot_be_written_leaves_the_earlier_one_whole(tmp_path, model, monkeypatch):
    made(model, tmp_path, "-n", 2)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}

    def full(*_):
        raise InputError("No space left on device")

    monkeypatch.setattr("mmdemo.generation.write_bytes", full)  # of the record, which comes after the samples
    with pytest.raises(InputError, match="No space left"):
        generate_files(model, {}, None, tmp_path, SamplingSettings(n=1, steps=1, seed=7), "cpu")
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_two_streams_of_one_kind_have_files_of_their_own(tmp_path):
    """A model whose streams are not called as their modalities: two texts, and a picture that is given as one."""
    folder = random_joint(tmp_path / "joint", streams={"drawing": "image", "word": "text", "other": "text"})
    picture = tmp_path / "given.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)).save(picture)
    result = made(folder, tmp_path / "out", "--image", picture, "-n", 2)
    texts = ["sample-0-other.txt", "sample-0.txt", "sample-1-other.txt", "sample-1.txt"]
    assert names(tmp_path / "out") == [*texts, "settings.json"] and result["files"] == texts
    assert list(result["given"]) == ["drawing"] and result["want"] == ["word", "other"]
    made(folder, tmp_path / "out", "--image", picture, "--want", "other", "-n", 1)
    assert names(tmp_path / "out") == ["sample-0.txt", "settings.json"]
    refused = run("generate", "--model", folder, "-o", tmp_path / "out", "--text", "seven", code=1)
    assert "has no 'text'; it knows drawing, word, other" in str(refused.exception)


def test_files_of_other_origin_are_not_replaced_unasked(tmp_path, model, monkeypatch):
    (tmp_path / "sample-0.png").write_bytes(b"a photograph")
    monkeypatch.setattr("mmdemo.generation._joint", lambda *_: pytest.fail("the model was loaded before"))
    with pytest.raises(InputError, match="not of an earlier run"):
        generate_files(model, {}, None, tmp_path, SamplingSettings(n=1), "cpu")
    (tmp_path / "settings.json").write_text('{"files": ["../../precious.txt"], "settings": {"n": 1}}')
    with pytest.raises(InputError, match="not of an earlier run"):
        generate_files(model, {}, None, tmp_path, SamplingSettings(n=1), "cpu")
    assert (tmp_path / "sample-0.png").read_bytes() == b"a photograph"
    monkeypatch.undo()
    made(model, tmp_path, "-n", 1, "--want", "image", "--force")
    assert Image.open(tmp_path / "sample-0.png").size == (32, 32)


def test_samples_of_the_version_before_are_known(tmp_path, model):
    (tmp_path / "settings.json").write_text('{"model": "digits", "settings": {"n": 2}, "given": {}}')
    for name in ("sample-0.wav", "sample-1.wav"):
        (tmp_path / name).write_bytes(b"before")
    made(model, tmp_path, "-n", 1, "--want", "image")
    assert names(tmp_path) == ["sample-0.png", "settings.json"]


def test_a_place_that_cannot_be_written_to_is_found_before_the_work(tmp_path, model, monkeypatch):
    monkeypatch.setattr("mmdemo.generation._joint", lambda *_: pytest.fail("the model was loaded before"))
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file is in its place"):
        generate_files(model, {}, None, tmp_path / "file", SamplingSettings(), "cpu")


def test_two_texts_are_mixed_in_every_style(tmp_path, prompted):
    first = made(
        prompted, tmp_path / "a", "--mix", "sun", "moon", "--weight", 0.25, "--want", "image", "--style", "all"
    )
    assert first["settings"]["style"] == ["ink", "clay", "flat"] and len(first["items"]) == first["settings"]["n"] == 3
    assert first["given"] == {"text": "sun"} and first["mix"] == {"text": "moon", "weight": 0.25}
    record = json.loads(Image.open(tmp_path / "a" / "sample-1.png").text["Comment"])
    settings = SamplingSettings(**record["settings"])
    mix = (record["mix"]["text"], record["mix"]["weight"])
    generate_files(prompted, record["given"], record["want"], tmp_path / "b", settings, "cpu", mix=mix)
    made(prompted, tmp_path / "c", "--text", "sun", "--want", "image", "--style", "all")
    a, b, c = ([(tmp_path / k / f"sample-{i}.png").read_bytes() for i in range(3)] for k in "abc")
    pixels = lambda files: [Image.open(io.BytesIO(data)).tobytes() for data in files]  # noqa: E731
    assert a == b and all(x != y for x, y in zip(pixels(a), pixels(c), strict=True))


def test_what_a_mix_cannot_be(tmp_path, prompted):
    for options, says in (
        (("--mix", "sun", "moon", "--weight", 1.5), "0 to 1"),
        (("--mix", "sun", "moon", "--text", "star"), "leave --text out"),
        (("--text", "sun", "--weight", 0.5), "it goes with --mix"),
    ):
        done = CliRunner().invoke(app, ["generate", "--model", prompted, "-o", str(tmp_path), *map(str, options)])
        assert done.exit_code and says in " ".join(f"{done.output} {done.exception}".replace("│", " ").split())


def test_samples_take_styles_in_turn(prompted):
    model = load(prompted, "cpu")
    settings = {"steps": 1, "seed": 3, "sampler": "euler"}
    turns = list(model.sample({"text": "sun"}, ("image",), n=4, style=["clay", None], **settings))[-1].x0["image"]
    for style, rows in (("clay", [0, 2]), (None, [1, 3])):
        alone = list(model.sample({"text": "sun"}, ("image",), n=4, style=style, **settings))[-1].x0["image"]
        assert np.allclose(turns[rows], alone[rows], atol=1e-5)
    with pytest.raises(InputError, match="'oil'"):
        list(model.sample({"text": "sun"}, ("image",), style=["clay", "oil"], **settings))
