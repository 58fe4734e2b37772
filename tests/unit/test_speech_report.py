"""Figures of models that speak: counted right, on a folder of recordings and a model of random weights."""

import json

import numpy as np
import pytest
import soundfile
import torch
from speaking import VOICES, Durations, Ear, speaking_model

from mmdemo.errors import InputError, MissingError
from mmdemo.evaluation import speech_report
from mmdemo.evaluation.judges import edits
from mmdemo.evaluation.sections import Request
from mmdemo.speech.speech import Speech

TEXTS = ("hello you all", "good old times", "one fine day", "we are here")


class Hears(Ear):
    """Hears what the recording's pitch says, so that every sentence is heard in its own recording."""

    def __init__(self):
        super().__init__("")

    def posteriors(self, wave):
        pitch = float(torch.fft.rfft(wave).abs().argmax()) * 16_000 / len(wave)
        self.text = TEXTS[min(len(TEXTS) - 1, int(pitch / 80))]
        return super().posteriors(wave)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Recordings of two voices: hums of different colour, whose pitch stands for the sentence, one with a whistle."""
    folder = tmp_path_factory.mktemp("data")
    root, lines = folder / "spoken", []
    root.mkdir()
    generator = np.random.default_rng(0)
    for i in range(24):
        voice, text = i % 2, i // 2 % len(TEXTS)
        t = np.arange(320 * (100 + i % 5)) / 16_000
        pitch = 40 + 80 * text + 2 * generator.random()
        wave = np.sin(2 * np.pi * pitch * t) + 0.3 * voice * np.sin(2 * np.pi * 3000 * t)
        soundfile.write(root / f"{i}.wav", 0.3 * wave, 16_000)
        split = "train" if i < 16 else "test"
        lines.append(json.dumps({"file": f"{i}.wav", "text": TEXTS[text], "voice": VOICES[voice], "split": split}))
    (root / "clips.jsonl").write_text("\n".join(lines))
    return folder


@pytest.fixture
def model(monkeypatch):
    speech = Speech(speaking_model("speech"), Durations().eval(), Hears().eval())
    monkeypatch.setattr(Speech, "of", classmethod(lambda cls, model: speech))
    monkeypatch.setattr(
        speech_report, "SETTINGS", speech_report.SamplingSettings(n=1, steps=2, guidance=2.0, sampler="euler")
    )
    return speech.model


def test_all_figures_are_counted(data, model, monkeypatch):
    monkeypatch.setattr(speech_report, "listener", lambda: lambda wave: "hello you all")
    monkeypatch.setattr(speech_report, "naturalness", lambda: lambda wave: 3.0)
    missing: list[str] = []
    found = {f.name: f for f in speech_report.evaluate_group(model, data, None, "directions", missing)}
    assert len(missing) == 1 and "speechocean762" in missing[0]
    words = [f for name, f in found.items() if name.endswith("word error rate") and "words" not in name.split(":")[0]]
    heard = sum(edits(t.split(), ["hello", "you", "all"]) for t in TEXTS) / sum(len(t.split()) for t in TEXTS)
    assert len(words) == 2 and all(f.value == pytest.approx(heard) for f in words)
    assert found["the source: voice judged right"].value == 1
    assert 0 <= found["voice judged right"].value <= 1 and found["voice judged right"].n == 8
    assert found["naturalness of generated speech, DistillMOS"].target == pytest.approx(2.6)
    assert found["recordings changed by their text: samples outside that changed"].value == 0
    assert found["recordings changed by their text: samples outside that changed"].n >= 4
    assert 0 <= found["recordings changed by their text: word error rate inside"].value <= 1
    transcript = next(f for name, f in found.items() if name.startswith("speech -> text, sentences"))
    assert transcript.value > 0.5 and not transcript.met  # the model is of random weights
    assert any("blocks judged in the voice" in name for name in found)
    assert any("the first preview" in name and f.value > 0 for name, f in found.items())


def test_for_choices_there_is_validation_alone(data, model):
    with pytest.raises(MissingError, match="no recording of the split 'validation'"):
        speech_report.evaluate_group(model, data, None, "validation")
    with pytest.raises(InputError, match="no group of figures 'samplers'"):
        speech_report.evaluate_group(model, data, None, "samplers")


def test_judges_that_are_not_installed_are_said_so(data, model, monkeypatch):
    monkeypatch.setattr(speech_report, "listener", lambda: None)
    monkeypatch.setattr(speech_report, "naturalness", lambda: None)
    found = speech_report.evaluate_group(model, data, 2, "directions", [])
    undefined = [f.name for f in found if f.value is None]
    assert len(undefined) == 3 and all("words" in n or "naturalness" in n or "word error" in n for n in undefined)


def test_letters_are_counted_without_marks():
    assert speech_report.character_errors("Hello, you!", "hello you") == (0, 9)
    assert speech_report.character_errors("hello", "helo") == (1, 5)
    assert speech_report.character_errors("hello", " ,.") == (5, 5)


def test_the_models_beside_it_have_figures_of_their_own(data, tmp_path, monkeypatch):
    monkeypatch.setattr(speech_report, "load_recognizer", lambda folder: Hears())
    found = speech_report.measure_recognizer(tmp_path, Request(data))
    (figure,) = found.figures
    assert figure.value == 0 and figure.n == 8 and len(found.missing) == 1
    monkeypatch.setattr(speech_report, "load_duration_model", lambda folder: Durations())
    assert "no aligned recording" in speech_report.measure_durations(tmp_path, Request(data)).missing[0]
