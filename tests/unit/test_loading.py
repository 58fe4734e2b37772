"""What a name of a checkpoint means: the shipped one, a folder, the Hub's; and that names in files fetch nothing."""

import logging
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small import saved

from mmdemo import checkpoints
from mmdemo.errors import InputError, MissingError
from mmdemo.loading import load, load_for_tokens, load_tokenizer
from mmdemo.tokens import Tokens


@pytest.fixture
def asked(monkeypatch, tmp_path) -> list[tuple[str, str | None]]:
    """The Hub, which writes down what it is asked for and has nothing; in an empty current folder."""
    names: list[tuple[str, str | None]] = []

    def snapshot_download(repo_id, revision=None, **_):
        names.append((repo_id, revision))
        raise ImportError("Using SOCKS proxy, but the 'socksio' package is not installed.")

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    monkeypatch.chdir(tmp_path)
    return names


def test_the_hub_is_asked_for_what_was_typed_alone(asked):
    for name, wanted in {"me/codec": ("me/codec", None), "me/codec@v1.2": ("me/codec", "v1.2")}.items():
        with pytest.raises(InputError, match=r"could not be fetched from the Hub \(ImportError: Using SOCKS"):
            load(name)
        assert asked.pop() == wanted
    Path("mine").mkdir()
    for name in (
        "runs/typo",
        "checkpoints/typo",
        "./me/codec",
        "/me/codec",
        "~/codec",
        "mine/typo",
        "a/b/c",
        "../a/b",
        "typo",
        "a" * 3000,
        "a\0b/c",
        Path("me/codec"),
    ):
        with pytest.raises(MissingError, match="no checkpoint"):
            load(name)
    for name in ("evil/repo", "evil/repo@main", "https://evil/repo"):
        with pytest.raises(MissingError, match="no checkpoint"):
            load(name, hub=False)
    assert asked == []


def test_a_folder_does_not_stand_in_for_a_shipped_checkpoint(asked, caplog):
    Path("text").mkdir()
    Path("text/config.json").write_text('{"format": 1, "kind": "somebody else\'s"}')
    with caplog.at_level(logging.WARNING):
        assert checkpoints.find("text").samefile(checkpoints.roots()[0] / "text")
    assert "./text" in caplog.text
    assert checkpoints.find("./text") == Path("text") == checkpoints.find(Path("text"))


def tokens_of(codec, model: str) -> Tokens:
    return replace(codec.encode(torch.rand(3, 20, 20)), model=model)


def test_tokens_find_their_tokenizer_in_runs_and_nowhere_else(asked):
    saved(Path("runs/mine").absolute(), "image")
    codec = load(Path("runs/mine"))
    assert load_for_tokens(tokens_of(codec, "mine")).fingerprint == codec.fingerprint
    shutil.copytree("runs/mine", "runs/image")  # of the shipped one's name, but other weights
    assert load_for_tokens(tokens_of(codec, "image")).fingerprint == codec.fingerprint
    with pytest.raises(InputError, match=r"other weights .* give --model"):
        load_for_tokens(replace(tokens_of(codec, "mine"), fingerprint="00000000"))
    for name in ("evil/repo", "absent", "//server/share", "\\\\server\\share", "a" * 255):
        with pytest.raises(MissingError, match="not here: give --model"):
            load_for_tokens(tokens_of(codec, name))
    assert asked == []


def test_tokens_of_an_earlier_tokenizer_find_it_where_a_diffusion_model_has_kept_it(asked, monkeypatch):
    root = Path("shipped").absolute()
    now, before = root / "mine", root / "faces" / "tokenizers" / "mine"
    saved(now, "image")
    saved(before, "image", seed=1)
    monkeypatch.setattr(checkpoints, "roots", lambda: [root])
    for folder in (now, before):
        codec = load(folder)
        assert load_for_tokens(tokens_of(codec, "mine")).fingerprint == codec.fingerprint
    assert load(now).fingerprint != load(before).fingerprint
    assert checkpoints.list_checkpoints() == ["mine"]


def test_a_diffusion_model_is_no_tokenizer():
    with pytest.raises(InputError, match="tokenizer is needed"):
        load_tokenizer("digits", "cpu")


@pytest.mark.parametrize("device", ["gpu", "cuda:x", "cpu:7", "meta", "", "cuda:99", "cpu;rm"])
def test_a_device_that_is_not_here_is_one_sentence(device):
    with pytest.raises(InputError, match=r"(no|The) device .*\.$"):
        checkpoints.auto_device(device)


def test_devices():
    assert checkpoints.auto_device("CPU") == torch.device("cpu") == checkpoints.auto_device(torch.device("cpu"))
    assert checkpoints.auto_device().type in ("cpu", "cuda", "mps")
