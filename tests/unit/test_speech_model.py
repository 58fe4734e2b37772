"""Speech from a small model: data on one axis of time, saying a text by blocks, changing a recording by its text."""

import json

import numpy as np
import pytest
import soundfile
import torch
from small import run
from speaking import FRAMES, Durations, heard, speaking_model

from mmdemo import checkpoints
from mmdemo.datasets.encoders import Encoders
from mmdemo.datasets.spoken import align_clips, paired_speech, read_list
from mmdemo.diffusion.joint import JointDiffusion
from mmdemo.diffusion.settings import SamplingSettings
from mmdemo.errors import InputError
from mmdemo.loading import load
from mmdemo.speech.alphabet import collapse, letters, spread, units, word_spans
from mmdemo.speech.editing import MARGIN, change_text
from mmdemo.speech.frames import SpeechFrame
from mmdemo.speech.say import PREFIX, Voice, say, sentences
from mmdemo.speech.symbols import save_symbols
from mmdemo.training import make_task, read_recipe
from mmdemo.training.loop import Trainer
from mmdemo.training.recipe import changed

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def durations():
    return Durations()


@pytest.fixture(scope="module")
def model():
    return speaking_model()


SETTINGS = SamplingSettings(n=1, steps=2, guidance=2, sampler="euler", seed=3)


def test_the_shipped_symbols_are_those_of_the_alphabet(tmp_path):
    save_symbols(tmp_path / "symbols")
    own, shipped = load(tmp_path / "symbols", "cpu"), load("symbols", "cpu")
    assert own.tokenizer.config == shipped.tokenizer.config and own.fingerprint == shipped.fingerprint


# ------------------------------------------------------------------------------------------- saying


def test_a_text_is_said_by_blocks_that_go_on_from_one_another(model, durations):
    text = "one two three four. five six, seven eight nine ten eleven? twelve"
    blocks = sentences(text, durations, None, seed=0, pace=1, most=FRAMES)
    assert len(blocks) == 3 and max(map(len, blocks)) <= FRAMES
    assert " ".join(collapse(b) for b in blocks) == text
    steps = list(say(model, blocks, SETTINGS))
    assert [s.block for s in steps] == [0, 0, 1, 1, 2, 2] and [s.last for s in steps] == [False] * 5 + [True]
    assert steps[-1].nfe == 6 and steps[-1].frames == "".join(blocks)
    whole = steps[-1].tokens("audio")[0]
    assert whole.codes.shape[1] == len("".join(blocks))
    for step in steps[1::2]:  # what was there stays, token by token
        so_far = step.tokens("audio")[0].codes
        assert torch.equal(so_far, whole.codes[:, : so_far.shape[1]])
    rate, wave = model.codecs["audio"].decode(whole)
    assert rate == 16_000 and len(wave) == 320 * whole.codes.shape[1]
    assert [s.start for s in steps[1::2]] == [
        0,
        *(min(PREFIX, FRAMES - len(b), len(blocks[0])) for b in blocks[1:2]),
        steps[-1].start,
    ]


def test_a_voice_is_gone_on_in_and_not_said_again(model, durations):
    codes = torch.randint(0, 256, (model.codecs["audio"].levels, 60))
    voice = Voice(spread("hi.", [20, 20, 20]), codes)
    (block,) = sentences("you", durations, None, 0, 1, FRAMES)
    *_, with_voice = say(model, [block], SETTINGS, voice)
    *_, without = say(model, [block], SETTINGS)
    assert with_voice.tokens("audio")[0].codes.shape[1] == len(block) == without.tokens("audio")[0].codes.shape[1]
    assert torch.equal(with_voice.step.codes("audio")[0][:, :60], codes)
    assert not torch.equal(with_voice.tokens("audio")[0].codes, without.tokens("audio")[0].codes)


def test_one_voice_at_a_time_and_words_that_fit(model, durations):
    with pytest.raises(InputError, match="ask for one sample"):
        next(say(model, ["  aa"], SamplingSettings(n=2)))
    with pytest.raises(InputError, match="alone would take longer than 4 s"):
        sentences("a" + "bc" * 40, durations, None, 0, 1, FRAMES)
    with pytest.raises(InputError, match="up to 2000 can be said"):
        sentences("word " * 500, durations, None, 0, 1, FRAMES)


# ------------------------------------------------------------------------------------------- editing


def recording(durations, text: str) -> str:
    return " " * 10 + spread(units(text), durations.durations(text)) + " " * 15


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("the cat sat here", "the dog sat here"),
        ("the cat sat here", "the very old cat sat here"),
        ("the cat sat here", "the cat here"),
        ("the cat sat here", "a cat sat here"),
        ("the cat sat here", "the cat sat down there"),
        ("the cat sat here", "and the cat sat here too"),
        ("no, the cat", "yes, the cat."),
    ],
)
def test_only_changed_words_are_made_anew(durations, old, new):
    frames = recording(durations, old)
    edit = change_text(frames, new, durations)
    assert [w for w, _, _ in word_spans(edit.frames)] == letters(new).split()
    assert len(edit.frames) == len(edit.source) == len(edit.keep)
    kept = edit.keep.nonzero()[:, 0]
    assert all(edit.frames[i] == frames[edit.source[i]] for i in kept.tolist())
    common = set(letters(old).split()) & set(letters(new).split())
    for word, start, end in word_spans(edit.frames):
        inside = edit.keep[start:end]
        assert (inside[MARGIN:-MARGIN].all() and len(inside) > 2 * MARGIN) if word in common else not inside.any()
    changed = (~edit.keep).nonzero()[:, 0]
    assert 0 < len(changed) < len(edit.keep)


def test_an_edited_recording_keeps_its_other_codes(model, durations):
    frames = recording(durations, "the cat sat here")
    old = torch.randint(0, 256, (model.codecs["audio"].levels, len(frames)))
    edit = change_text(frames, "the dog sat here", durations)
    source = model.decoder.tokens("audio", edit.codes(old))
    given = {"text": edit.frames}
    *_, last = model.sample(given, ("audio",), SETTINGS, edit={"audio": source}, keep={"audio": edit.keep.numpy()})
    made = last.codes("audio")[0]
    assert torch.equal(made[:, edit.keep], old[:, edit.source[edit.keep]])
    assert not torch.equal(made[:, ~edit.keep], source.codes[:, ~edit.keep])


def test_edits_that_are_none_or_leave_nothing_are_refused(durations):
    frames = recording(durations, "the cat")
    with pytest.raises(InputError, match="says already"):
        change_text(frames, "The cat!", durations)
    with pytest.raises(InputError, match="No word of the recording is left"):
        change_text(frames, "dogs bark", durations)


# ------------------------------------------------------------------------------------------- data and training


@pytest.fixture
def spoken_folder(tmp_path):
    """Twelve recordings of tones, and what they say."""
    root = tmp_path / "spoken"
    root.mkdir()
    generator = np.random.default_rng(0)
    lines = []
    for i, text in enumerate(["hello you", "all right.", "who, me?"] * 4):
        samples = 16_000 + 320 * i
        wave = 0.3 * np.sin(np.arange(samples) * (0.05 + 0.02 * i)) + 0.01 * generator.standard_normal(samples)
        soundfile.write(root / f"{i}.flac", wave, 16_000)
        split = "train" if i < 9 else "validation"
        lines.append(json.dumps({"file": f"{i}.flac", "text": text, "voice": "ann" if i % 2 else "", "split": split}))
    (root / "clips.jsonl").write_text("\n".join(lines))
    return tmp_path


class Hears:
    """A recogniser that hears what is written, wherever."""

    def __init__(self, texts):
        self.texts = iter(texts)

    def posteriors(self, wave):
        return heard(next(self.texts), 5, 3, len(wave) // 320)


def test_from_recordings_to_a_trained_model(spoken_folder, tmp_path, model):
    root = spoken_folder / "spoken"

    def trained(name, *changes):
        recipe = changed(read_recipe(name), ["steps=2", "warmup_steps=1", "validate_every=1", *changes])
        Trainer(make_task(recipe, spoken_folder, "cpu"), tmp_path / name, quiet=True).run()
        return checkpoints.read_config(tmp_path / name)

    small = ["batch_size=4", "model.width=16", "model.depth=1"]
    assert trained("judge-speech", *small, "model.bands=16")["kind"] == "recognizer"
    with pytest.raises(InputError, match="no aligned recording"):
        trained("durations", *small)
    aligned = run("data", "align", tmp_path / "judge-speech", "--out", root)  # hardly trained, it hears nothing
    assert "12 are left out" in aligned.output
    texts = [c.text for c in read_list(root)]
    assert align_clips(root, Hears([*texts[:-1], "something else"])) == {"aligned": 11, "left out": 1}
    clips = read_list(root)
    assert [len(c.frames) for c in clips[:11]] == [50 + i for i in range(11)] and not clips[11].frames
    assert trained("durations", *small, 'model.voices=["ann"]')["kind"] == "durations"
    config = trained("speech", *small, "model.heads=2", 'model.styles=["ann"]', "data.cache=false")
    assert config["kind"] == "joint" and config["interface"]["style"] == "voice"
    made = JointDiffusion.from_folder(tmp_path / "speech", CPU)
    assert isinstance(made.frames["audio"], SpeechFrame)
    *_, last = say(made, ["  hheelLoo  "], SETTINGS)
    assert last.tokens("audio")[0].codes.shape[1] == 12


def test_sound_and_text_of_a_row_are_on_one_axis(spoken_folder, model):
    root = spoken_folder / "spoken"
    align_clips(root, Hears([c.text for c in read_list(root)]))
    encoders = Encoders(model.codecs, model.frames, {}, model.styles)
    data = paired_speech(encoders, spoken_folder, "train")
    batch = data.take(torch.arange(9), torch.Generator().manual_seed(0))
    assert batch.latents["audio"].shape[2] == batch.latents["text"].shape[2] == 58
    assert torch.equal(batch.masks["audio"], batch.masks["text"])
    assert batch.style.tolist() == [-1, 0, -1, 0, -1, 0, -1, 0, -1]
    codes = model.codecs["text"].tokenizer.codes(batch.latents["text"])
    frames = bytes(model.codecs["text"].tokenizer.decode(codes)[0].tolist()).decode()
    assert frames[:50] == read_list(root)[0].frames
    with pytest.raises(InputError, match="no recording of the split 'test'"):
        paired_speech(encoders, spoken_folder, "test")
