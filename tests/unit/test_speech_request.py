"""What a model that speaks can be asked: texts, voices, recordings that are changed; and the command line's files."""

from collections import deque
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch
from small import run
from speaking import FRAMES, Ear, speaking
from typer.testing import CliRunner

from mmdemo import generation
from mmdemo.cli import app
from mmdemo.diffusion.settings import SamplingSettings
from mmdemo.errors import InputError
from mmdemo.speech.alphabet import collapse, word_spans
from mmdemo.speech.editing import FADE, MARGIN
from mmdemo.speech.request import SpeechRequest
from mmdemo.speech.speech import Speech

SETTINGS = SamplingSettings(n=1, steps=2, guidance=2, sampler="euler", seed=3)
SECONDS = 2.4


@pytest.fixture(scope="module")
def speech():
    return speaking("hello you all")


@pytest.fixture(scope="module")
def recording():
    wave = np.sin(np.arange(int(16_000 * SECONDS)) * 0.05) * np.hanning(int(16_000 * SECONDS))
    return 16_000, (0.5 * wave).astype(np.float32)


def last(plan):
    return deque(plan.steps(), maxlen=1)[0]


def test_a_text_is_said_and_its_frames_are_known_before(speech):
    plan = SpeechRequest(text="Well, hello there.").plan(speech, SETTINGS)
    assert collapse(plan.frames) == "well, hello there." and plan.blocks == 1
    ((rate, wave),) = last(plan).preview("audio")
    assert rate == 16_000 and len(wave) == 320 * len(plan.frames)
    quick = SpeechRequest(text="Well, hello there.", pace=2).plan(speech, SETTINGS)
    assert 0.4 < len(quick.frames.strip()) / len(plan.frames.strip()) < 0.6
    assert SpeechRequest(text="one two three. four five six seven. eight nine ten").plan(speech, SETTINGS).blocks == 3


def test_blocks_are_steps_of_one_whole(speech):
    plan = SpeechRequest(text="one two three four. five six seven eight nine ten").plan(speech, SETTINGS)
    steps = list(plan.steps())
    assert [(s.block, s.index, s.steps) for s in steps] == [(0, 1, 4), (0, 2, 4), (1, 3, 4), (1, 4, 4)]
    parts = [s.part("audio")[0][1] for s in steps[1::2]]
    assert len(parts[1]) == 320 * len(steps[-1].said[1]) == 320 * steps[-1].x["audio"].shape[2]
    assert sum(map(len, parts)) == len(steps[-1].preview("audio")[0][1])


def test_a_recording_speaks_only_for_who_may_use_its_voice(speech, recording):
    asked = SpeechRequest(text="good morning", voice=recording)
    with pytest.raises(InputError, match="may use that voice: tick that you may"):
        asked.plan(speech, SETTINGS)
    plan = replace(asked, allowed=True).plan(speech, SETTINGS)
    assert collapse(plan.frames) == "good morning"
    with_voice = last(plan).tokens("audio")[0].codes
    without = last(SpeechRequest(text="good morning").plan(speech, SETTINGS)).tokens("audio")[0].codes
    assert with_voice.shape == without.shape and not torch.equal(with_voice, without)


def test_a_recording_is_changed_where_its_words_change_and_nowhere_else(speech, recording):
    """To the sample, but for a short fade in what is made anew."""
    asked = SpeechRequest(text="hello who all", recording=recording, allowed=True)
    plan = asked.plan(speech, SETTINGS)
    assert collapse(plan.frames).strip(".,") == "hello who all"
    step = last(plan)
    ((rate, wave),) = step.preview("audio")
    assert rate == 16_000 and len(wave) == 320 * len(plan.frames)
    old, edit = recording[1], step.edit
    kept = np.repeat(edit.keep.numpy(), 320)
    at = (edit.source.numpy()[:, None] * 320 + np.arange(320)).ravel()
    assert np.array_equal(wave[kept], old[at[kept]]) and 0.5 < kept.mean() < 1
    made = step.step.preview("audio")[0][1]
    far = np.convolve(kept, np.ones(2 * FADE + 1), "same") == 0
    assert far.any() and np.array_equal(wave[far], made[far])
    assert np.abs(np.diff(wave)).max() <= 2 * max(np.abs(np.diff(made)).max(), np.abs(np.diff(old)).max())


def test_a_word_is_made_again_in_its_place(speech, recording):
    heard = speech.hear(recording)
    word, start, end = word_spans(heard.frames)[1]
    assert word == "you"
    asked = SpeechRequest(recording=recording, again=(start, end), allowed=True)
    waves = [last(asked.plan(speech, replace(SETTINGS, seed=s))).preview("audio")[0][1] for s in (1, 2)]
    outside = np.ones(len(heard.wave), bool)
    outside[320 * start : 320 * end] = False
    for wave in waves:
        assert np.array_equal(wave[outside], heard.wave.numpy()[outside])
    assert not np.array_equal(waves[0], waves[1])
    for wrong in ((0, len(heard.frames)), (5, 5), (-1, 3), (0, 10_000)):
        with pytest.raises(InputError, match="a part of the recording, and not all of it"):
            replace(asked, again=wrong).plan(speech, SETTINGS)


def test_a_recording_is_written_down_and_nothing_babbles(speech, recording):
    step = last(SpeechRequest(want=("text",), recording=recording).plan(speech, SETTINGS))
    assert isinstance(step.preview("text")[0], str)
    both = last(SpeechRequest(want=("audio", "text")).plan(speech, replace(SETTINGS, n=2)))
    assert len(both.preview("audio")) == len(both.preview("text")) == 2


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"want": ()}, "makes audio, text or both"),
        ({"want": ("image",)}, "makes audio, text or both"),
        ({"text": "hello", "want": ("audio", "text")}, "A text is given"),
        ({"text": "hello", "pace": 3}, r"0\.5 to 2, not 3"),
        ({"text": "hello", "pace": "fast"}, r"0\.5 to 2, not fast"),
        ({"text": "你好"}, "speaks English"),
        ({"voice": "R", "allowed": True}, "what the voice of the recording is to say"),
        ({"recording": "R", "allowed": True}, "what the recording is to say"),
        ({"recording": "R", "voice": "R", "text": "hello", "allowed": True}, "Give one recording"),
        ({"recording": "R", "says": "quite another thing", "text": "x", "allowed": True}, "does not seem to say"),
        ({"recording": (16_000, np.zeros(90_000, np.float32)), "text": "hello", "allowed": True}, "takes up to 4 s"),
    ],
)
def test_what_cannot_be_made_is_refused(speech, recording, asked, sentence):
    asked = {name: recording if isinstance(value, str) and value == "R" else value for name, value in asked.items()}
    with pytest.raises(InputError, match=sentence):
        SpeechRequest(**asked).plan(speech, SETTINGS)


def test_a_recording_in_which_nobody_speaks_has_no_voice(speech, recording):
    deaf = Speech(speech.model, speech.durations, Ear("").eval())
    with pytest.raises(InputError, match="No word can be heard"):
        SpeechRequest(text="hello", voice=recording, allowed=True).plan(deaf, SETTINGS)


def test_new_words_that_make_it_too_long_are_refused(speech, recording):
    text = "hello you " + "and you " * 6 + "all"
    with pytest.raises(InputError, match=r"lasts [\d.]+ s; this model makes up to 4 s"):
        last(SpeechRequest(text=text, recording=recording, allowed=True).plan(speech, SETTINGS))
    assert FRAMES == 200 and MARGIN < 5


# ------------------------------------------------------------------------------------------- files


def refusal(*arguments):
    """What the command line says to arguments that it refuses."""
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code and isinstance(result.exception, InputError | SystemExit), result.output
    return " ".join(f"{result.output} {result.exception}".split())


@pytest.fixture
def speaks(monkeypatch, speech):
    monkeypatch.setattr(generation, "_joint", lambda name, device: speech.model)
    monkeypatch.setattr(Speech, "of", classmethod(lambda cls, model: speech))


def test_the_command_line_says_a_text_in_each_voice(speaks, tmp_path):
    out = tmp_path / "out"
    asked = ["--model", "speech", "--text", "hello there", "--want", "audio", "--voice", "all", "--steps", "2"]
    run("generate", *asked, "--pace", "1.5", "-o", out)
    files = sorted(p.name for p in out.glob("*.wav"))
    assert files == ["sample-0.wav", "sample-1.wav"]
    with soundfile.SoundFile(out / files[0]) as file:
        assert file.samplerate == 16_000 and "Made by a model" in file.comment
    record = (out / "settings.json").read_text("utf-8")
    assert '"pace": 1.5' in record and '"voice": [' in record


def test_the_command_line_changes_and_writes_down_a_recording(speaks, recording, tmp_path):
    soundfile.write(tmp_path / "r.wav", recording[1], 16_000)
    given = ["--model", "speech", "--audio", tmp_path / "r.wav", "-n", "1", "--steps", "2"]
    changes = ["generate", *given, "--text", "hello who all", "--want", "audio"]
    assert "--may-use-voice" in refusal(*changes, "-o", tmp_path / "a") and not (tmp_path / "a").exists()
    run(*changes, "--may-use-voice", "-o", tmp_path / "a")
    assert (tmp_path / "a" / "sample-0.wav").is_file()
    run("generate", *given, "--want", "text", "-o", tmp_path / "b")
    assert (tmp_path / "b" / "sample-0.txt").is_file()
    voice = ["--model", "speech", "--text", "good day", "--voice", tmp_path / "r.wav", "--says", "hello you all"]
    run("generate", *voice, "--may-use-voice", "-n", "1", "--steps", "2", "-o", tmp_path / "c")
    assert '"says": "hello you all"' in (tmp_path / "c" / "settings.json").read_text("utf-8")


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (["--text", "hi", "--voice", "nobody"], "There is no voice 'nobody'; choose one of ann, ben."),
        (["--text", "hi", "--voice", "ann", "--speaker", "ben"], "name the same thing"),
        (["--mix", "hi", "ho"], "says one text at a time"),
        (["--text", "hi", "--image", "pyproject.toml"], "takes no picture"),
    ],
)
def test_the_command_line_refuses_what_a_voice_cannot_do(speaks, tmp_path, asked, sentence):
    assert sentence in refusal("generate", "--model", "speech", *asked, "-o", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_models_that_do_not_speak_take_no_pace(tmp_path):
    asked = ["generate", "--text", "seven", "--pace", "2"]
    assert "does not speak" in refusal(*asked, "-o", tmp_path / "out")
