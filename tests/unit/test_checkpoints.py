"""Checkpoints: sharding, half precision, finding by name, path and Hub id, and damaged ones."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch

from mmdemo import checkpoints, hub
from mmdemo.errors import InputError
from mmdemo.tokenizers import build_tokenizer

SMALL = {
    "width4": 8,
    "width8": 16,
    "depth4": 1,
    "depth8": 1,
    "bottleneck": {"dim": 4, "levels": 2, "codebook_size": 16},
}
CONFIG = {"kind": "tokenizer", "name": "small", "modality": "image", "model": SMALL}


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = build_tokenizer("image", SMALL)
    model.bottleneck.init_codebooks(torch.randn(500, 4))
    return model


def test_weights_come_back_and_codebooks_exactly(tmp_path, model):
    checkpoints.save(tmp_path, model, CONFIG)
    other = build_tokenizer("image", SMALL)
    checkpoints.load_into(other, tmp_path)
    assert torch.equal(other.bottleneck.codebooks, model.bottleneck.codebooks)
    for k, v in model.state_dict().items():
        assert torch.allclose(other.state_dict()[k].float(), v.float(), atol=2e-3, rtol=1e-3), k


def test_files_stay_under_the_limit(tmp_path, model, monkeypatch):
    monkeypatch.setattr(checkpoints, "SHARD_BYTES", 4000)
    checkpoints.save(tmp_path, model, CONFIG)
    files = list(tmp_path.glob("model-*.safetensors"))
    assert len(files) > 1
    largest = max(v.nbytes for v in checkpoints.load_state(tmp_path).values())
    assert all(f.stat().st_size < max(4000, largest) + 4000 for f in files)
    checkpoints.load_into(build_tokenizer("image", SMALL), tmp_path)


def test_fingerprint_survives_storage_and_knows_other_weights(tmp_path, model):
    before = checkpoints.fingerprint(model)
    checkpoints.save(tmp_path, model, CONFIG)
    again = checkpoints.load_into(build_tokenizer("image", SMALL), tmp_path)
    assert checkpoints.fingerprint(again) == before
    with torch.no_grad():
        again.project_out.weight[0, 0, 0, 0] += 0.1
    assert checkpoints.fingerprint(again) != before


def test_find_by_path_and_refusals(tmp_path, model):
    checkpoints.save(tmp_path / "mine", model, CONFIG)
    assert checkpoints.find(tmp_path / "mine") == tmp_path / "mine"
    with pytest.raises(InputError, match="shipped name"):
        checkpoints.find("no-such-model")


def test_hub_ids_are_fetched_with_only_the_files_needed(tmp_path, model, monkeypatch):
    """The Hub client is given the id and the patterns; what it returns is used like any folder."""
    import huggingface_hub

    checkpoints.save(tmp_path, model, CONFIG)
    asked = {}

    def snapshot_download(repo_id, allow_patterns):
        asked.update(repo_id=repo_id, allow_patterns=allow_patterns)
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    assert checkpoints.find("someone/small-codec") == tmp_path
    assert asked == {"repo_id": "someone/small-codec", "allow_patterns": hub.PATTERNS}


def test_hub_failures_are_one_sentence(monkeypatch):
    """Offline (as the tests are), an id that is not in the cache cannot be fetched."""
    with pytest.raises(InputError, match="could not be fetched from the Hub"):
        checkpoints.find("someone/never-downloaded")


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("HF_HUB_DOWNLOAD_TIMEOUT", "abc", "'abc'"),
        ("ALL_PROXY", "socks9://127.0.0.1:1", "socks9"),
        ("HF_ENDPOINT", "no-address", "protocol"),
    ],
)
def test_settings_of_the_hub_that_are_wrong_are_one_sentence(name, value, word, repo_root):
    """They are read when its library is imported, or when it is asked."""
    code = "from mmdemo import hub; hub.download('someone/never-downloaded')"
    environment = {**os.environ, name: value, "HF_HUB_OFFLINE": "0", "PYTHONPATH": str(repo_root)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("mmdemo.errors.InputError: ") and "could not be fetched from the Hub (" in last
    assert word in last


def test_damaged_and_newer_checkpoints_are_refused(tmp_path, model):
    checkpoints.save(tmp_path, model, CONFIG)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "format": 99}))
    with pytest.raises(InputError, match="newer mmdemo"):
        checkpoints.read_config(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(InputError, match="no readable config"):
        checkpoints.read_config(tmp_path)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(InputError, match="damaged"):
        checkpoints.load_state(tmp_path)
    weights.unlink()
    with pytest.raises(InputError, match="no weights"):
        checkpoints.load_state(tmp_path)


def alter(folder, **changed):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **changed}))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"format": 0}, "format must be at least 1"),
        ({"format": -1}, "format must be at least 1"),
        ({"format": "1"}, 'format must be a whole number, not "1"'),
        ({"format": True}, "format must be a whole number"),
        ({"name": None}, "name must be a text, not null"),
        ({"name": ""}, "name is missing"),
        ({"name": "n" * 500_000}, "name must have at most 1000 characters"),
        ({"kind": 5}, "kind must be a text"),
        ({"modality": "smell"}, "no tokenizer 'smell'"),
        ({"modality": ["image"]}, "modality must be a text"),
        ({"model": "big"}, "model must be a table"),
        ({"model": {"width4": 0}}, r"model.width4 must be at least 1"),
        ({"model": {"width8": 8192, "depth8": 64, "expansion": 16}}, "at most 300,000,000 are taken"),
        ({"model": {"bottleneck": {"beam": -1}}}, r"model.bottleneck.beam must be at least 1"),
        ({"kind": "joint", "model": {"streams": []}}, "tokenizers is missing"),
        ({"kind": "joint", "tokenizers": {"image": "image"}}, r"tokenizers.image must be a table"),
        ({"weights": ["model.safetensors"]}, "weights must be a table"),
    ],
)
def test_an_altered_configuration_is_refused_by_name(tmp_path, model, changed, said):
    folder = tmp_path / "mine"
    checkpoints.save(folder, model, CONFIG)
    alter(folder, added_by_another_program=1)  # which is no harm
    checkpoints.read_config(folder)
    alter(folder, **changed)
    with pytest.raises(InputError, match=said) as caught:
        checkpoints.read_config(folder)
    assert "“mine”" in str(caught.value) and len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "text", ['{"format": 1e999}', "[" * 100_000, "5", "[]", " " * 2_000_000, "{", '{"format": ' + "9" * 9999 + "}"]
)
def test_what_is_no_configuration_is_refused_at_once(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(InputError, match=r"no readable config|holds no table|format must be|kind is missing"):
        checkpoints.read_config(tmp_path)


def test_a_bit_that_flipped_in_the_weights_is_noticed(tmp_path, model):
    checkpoints.save(tmp_path, model, CONFIG)
    file = tmp_path / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[-7] ^= 1
    file.write_bytes(data)
    with pytest.raises(InputError, match=r"altered or damaged: model\.safetensors"):
        checkpoints.load_state(tmp_path)
    alter(tmp_path, weights={})  # as checkpoints were before they had checksums
    checkpoints.load_state(tmp_path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(tmp_path, model, value):
    with torch.no_grad():
        model.project_out.weight[0, 0, 0, 0] = value
    checkpoints.save(tmp_path, model, CONFIG)
    with pytest.raises(InputError, match=r"not all of project_out\.weight are numbers"):
        checkpoints.load_state(tmp_path)


def test_codebooks_without_their_counts_are_refused(tmp_path, model):
    state = {k: v for k, v in model.state_dict().items() if not k.endswith(("ema_count", "ema_sum"))}
    safetensors.torch.save_file(state, tmp_path / "model.safetensors")
    with pytest.raises(InputError, match=r"bottleneck\.codebooks has no counts"):
        checkpoints.load_state(tmp_path)


def test_tensors_that_the_model_lacks_are_refused_before_they_are_read(tmp_path, model, monkeypatch):
    checkpoints.save(tmp_path, model, CONFIG)
    state = safetensors.torch.load_file(tmp_path / "model.safetensors")
    safetensors.torch.save_file({**state, "extra": torch.zeros(3)}, tmp_path / "model.safetensors")
    monkeypatch.setattr(checkpoints, "load_state", lambda folder: pytest.fail("read"))
    with pytest.raises(InputError, match="do not fit"):
        checkpoints.load_into(build_tokenizer("image", SMALL), tmp_path)


class Killed(BaseException):
    """As `kill -9` would: nothing after it is run."""


def test_whenever_saving_is_cut_a_whole_checkpoint_is_there(tmp_path, model, monkeypatch):
    """The earlier or the new one, at each of the renames and deletions that make up a save."""
    monkeypatch.setattr(checkpoints, "SHARD_BYTES", 4000)
    wide = {**SMALL, "width8": 24}
    other = build_tokenizer("image", wide)  # of another size, and so in another number of files
    new = {**CONFIG, "name": "new", "model": wide}
    seen = []
    for cut in range(100):
        folder = tmp_path / str(cut)
        checkpoints.save(folder, model, {**CONFIG, "name": "old"})
        left = [cut]

        def guarded(operation, left=left):
            def run(*args, **kwargs):
                if not left[0]:
                    raise Killed
                left[0] -= 1
                return operation(*args, **kwargs)

            return run

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", guarded(os.replace))
            patch.setattr(Path, "unlink", guarded(Path.unlink))
            try:
                checkpoints.save(folder, other, new)
            except Killed:
                pass
            else:
                break
        config = checkpoints.read_config(folder)
        seen.append(config["name"])
        checkpoints.load_into(build_tokenizer("image", config["model"]), folder)
        checkpoints.save(folder, other, new)  # the next save tidies up
        assert {f.name for f in folder.glob("model*")} == set(checkpoints.read_config(folder)["weights"])
    assert seen == sorted(seen, reverse=True) and {"old", "new"} == set(seen)


def test_a_full_disk_leaves_the_earlier_checkpoint(tmp_path, model, monkeypatch):
    checkpoints.save(tmp_path, model, CONFIG)
    before = {f.name: f.read_bytes() for f in tmp_path.iterdir()}

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="No space left on device"):
        checkpoints.save(tmp_path, build_tokenizer("image", SMALL), CONFIG)
    assert {f.name: f.read_bytes() for f in tmp_path.iterdir()} == before


def test_weights_of_another_shape_are_refused(tmp_path, model):
    checkpoints.save(tmp_path, model, CONFIG)
    with pytest.raises(InputError, match="do not fit"):
        checkpoints.load_into(build_tokenizer("image", {**SMALL, "width8": 32}), tmp_path)


def test_a_new_decoder_keeps_the_fingerprint_and_a_new_encoder_or_codebook_does_not():
    model = build_tokenizer("text", {"width": 16, "byte_width": 8, "encoder_depth": 1, "decoder_depth": 1})

    def mark() -> str:
        return checkpoints.fingerprint(model, model.encoder_parts)

    first = mark()
    with torch.no_grad():
        for part in (model.project_out, model.decoder, model.logits, model.level_embedding):
            for p in part.parameters():
                p.add_(1.0)
    assert mark() == first
    with torch.no_grad():
        model.rvq.codebooks[0, 0] += 1
    second = mark()
    with torch.no_grad():
        next(model.encoder.parameters()).add_(1.0)
    assert len({first, second, mark()}) == 3


def test_files_larger_than_any_model_are_not_read(tmp_path, model):
    checkpoints.save(tmp_path, model, CONFIG)
    with open(tmp_path / "model.safetensors", "r+b") as file:
        file.truncate(50 * 2**30)  # takes no room on the disk
    for read in (checkpoints.load_state, lambda folder: checkpoints.load_into(model, folder)):
        with pytest.raises(InputError, match=r"weights of checkpoint .* are over \d+ MB"):
            read(tmp_path)


def test_nothing_is_unpickled():
    """Neither by us nor by a default of PyTorch, NumPy or pandas that does it."""
    package = Path(checkpoints.__file__).parent
    harmful = re.compile(
        r"(?<!safetensors\.)torch\.load\(|pickle\.loads?\(|allow_pickle|read_pickle|joblib"
        r"|\bimport pickle\b|shelve|marshal"
    )
    found = [str(path) for path in package.rglob("*.py") if harmful.search(path.read_text("utf-8"))]
    assert found == []
