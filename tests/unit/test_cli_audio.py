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


def test_a_sound_longer_than_the_page_takes_is_coded_and_decoded(tmp_path, model):
    half_an_hour_and_more = np.zeros(31 * 60 * 4_000, np.int16)
    half_an_hour_and_more[5_000] = 20_000
    soundfile.write(tmp_path / "long.flac", half_an_hour_and_more, 4_000)
    run("encode", tmp_path / "long.flac", "-o", tmp_path / "long.mmt", "--model", model)
    run("decode", tmp_path / "long.mmt", "-o", tmp_path / "long.wav", "--original")
    assert soundfile.info(tmp_path / "long.wav").frames == len(half_an_hour_and_more)


def test_what_was_done_to_an_input_is_said(tmp_path, model):
    wave = np.full((16_000, 2), 0.5, np.float32)
    wave[100] = np.nan
    soundfile.write(tmp_path / "a.wav", wave, 16_000, subtype="FLOAT")
    done = run("encode", tmp_path / "a.wav", "-o", tmp_path / "a.mmt", "--model", model, "--json")
    notes = json.loads(done.stdout)["items"][0]["notes"]
    assert notes and all(isinstance(n, str) for n in notes)
    plain = run("encode", tmp_path / "a.wav", "-o", tmp_path / "a.mmt", "--model", model)
    assert all(n in plain.stderr for n in notes) and notes[0] not in plain.stdout


def test_a_refused_decoding_leaves_the_file_that_was_there(sound, model):
    kept = sound.with_name("kept.wav")
    kept.write_bytes(b"what was there")
    run("encode", sound, "-o", sound.with_suffix(".mmt"), "--model", model)
    run("decode", sound.with_suffix(".mmt"), "-o", kept, "--levels", "99", code=1)
    assert kept.read_bytes() == b"what was there"
