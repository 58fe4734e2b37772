"""Sounds on the command line: at 16 kHz mono, or in the form they came in, on a small tokenizer made in the test."""

import json

import numpy as np
import pytest
import soundfile
from small import run, saved


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("small"), "audio")


@pytest.fixture
def sound(tmp_path):
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, (22_050, 2))
    soundfile.write(tmp_path / "a.flac", wave, 22_050)
    return tmp_path / "a.flac"


@pytest.mark.parametrize("original, rate, shape", [(False, 16_000, (16_000,)), (True, 22_050, (22_050, 2))])
def test_a_sound_comes_back_as_it_is_asked_for(sound, model, original, rate, shape):
    options = ["--original"] if original else []
    run("encode", sound, "-o", sound.with_suffix(".mmt"), "--model", model)
    run("decode", sound.with_suffix(".mmt"), "-o", sound.with_name("decoded.wav"), *options)
    done = run("reconstruct", sound, "-o", sound.with_name("again.wav"), "--model", model, "--json", *options)
    assert json.loads(done.stdout)["items"][0]["rate_unit"] == "kbps"
    for name in ("decoded.wav", "again.wav"):
        wave, got = soundfile.read(sound.with_name(name))
        assert got == rate and wave.shape == shape
    decoded, again = (soundfile.read(sound.with_name(name))[0] for name in ("decoded.wav", "again.wav"))
    assert np.array_equal(decoded, again)
