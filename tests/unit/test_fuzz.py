"""Every reader on altered files: a result, or `InputError` in one sentence, in bounded time and memory.

CI tries some for each target. `MMDEMO_FUZZ=100000` tries so many more of each, from `MMDEMO_FUZZ_SEED` on, and keeps
each in the system's temporary folder as mmdemo-fuzz-TARGET.bin while it is tried, should it take the whole process
down. What was ever found to fail, and what reaches each branch, lies in `corpus/` as TARGET-WHAT.bin.


`tools/fuzz_atheris.py` goes on from there by coverage, for our own parsers.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import fuzzing
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from small import SMALL

from mmdemo import checkpoints
from mmdemo.modalities import image, sound_files
from mmdemo.tokenizers import build_tokenizer

EXAMPLES = 50  # drawn by Hypothesis, which makes small ones of those that fail
LONG = int(os.environ.get("MMDEMO_FUZZ", "0"))
SEED = int(os.environ.get("MMDEMO_FUZZ_SEED", "0"))
TARGETS = ("head", "picture", "sound", "text", "tokens", "config", "weights")


@pytest.fixture(scope="module", autouse=True)
def small_limits():
    """What a file may stand for is less here, so that the bounds on time and memory can be narrow."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(image, "MAX_PIXELS", 1_000_000)
        patch.setattr(sound_files, "MAX_VALUES", 4_000_000)
        yield


@pytest.fixture(scope="module")
def targets(tmp_path_factory):
    """Name -> (function of bytes, valid files)."""
    folder = tmp_path_factory.mktemp("checkpoint")
    model = build_tokenizer("image", SMALL["image"])
    model.bottleneck.init_codebooks(torch.randn(500, 4))
    config = {"kind": "tokenizer", "name": "small", "modality": "image", "model": SMALL["image"]}
    checkpoints.save(folder, model, config)
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "config.json").write_text("{}")  # no checksum: what is altered is to be read
    settings_folder = tmp_path_factory.mktemp("settings")
    pictures, sounds, texts = fuzzing.pictures(), fuzzing.sounds(), fuzzing.texts()
    return {
        "head": (fuzzing.read_head, pictures | sounds | texts),
        "picture": (fuzzing.read_picture, pictures),
        "sound": (fuzzing.read_sound, sounds),
        "text": (fuzzing.read_text, texts),
        "tokens": (fuzzing.read_tokens, fuzzing.tokens()),
        "config": (fuzzing.read_settings(settings_folder), fuzzing.configs(SMALL["image"])),
        "weights": (fuzzing.read_weights(folder, model), {"weights": weights}),
    }


@pytest.mark.parametrize("name", TARGETS)
def test_valid_files_are_taken(name, targets):
    """Otherwise the altered ones would say nothing."""
    target, files = targets[name]
    refused = {"text": {"svg", "pdf"}}.get(name, set())
    for key, data in files.items():
        if key not in refused:
            target(data)


@pytest.mark.parametrize("path", sorted(fuzzing.CORPUS.glob("*.bin")), ids=lambda path: path.stem)
def test_the_corpus(path, targets):
    fuzzing.check(targets[path.name.partition("-")[0]][0], path.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_altered_files_are_read_or_refused(name, targets):
    target, files = targets[name]

    @settings(deadline=None, max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    @given(fuzzing.altered(files))
    def run(data: bytes) -> None:
        fuzzing.check(target, data)

    run()


@pytest.mark.skipif(not LONG, reason="takes hours; MMDEMO_FUZZ=100000 runs it")
@pytest.mark.parametrize("name", TARGETS)
def test_many_altered_files(name, targets):
    target, files = targets[name]
    last = Path(tempfile.gettempdir()) / f"mmdemo-fuzz-{name}.bin"  # should it take the whole process down
    for data in fuzzing.altered_at_random(files, LONG, SEED):
        last.write_bytes(data)
        fuzzing.check(target, data)
