"""Checkpoints: sharding, half precision, finding by name, path and Hub id, and damaged ones."""

import json

import pytest
import torch

from mmdemo import checkpoints
from mmdemo.errors import InputError
from mmdemo.tokenizers import build_tokenizer
from mmdemo.tokenizers.base import ENCODER_PARTS

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
    model.bottleneck.initialise(torch.randn(500, 4))
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
    assert asked == {"repo_id": "someone/small-codec", "allow_patterns": checkpoints.PATTERNS}


def test_hub_failures_are_one_sentence(monkeypatch):
    """Offline (as the tests are), an id that is not in the cache cannot be fetched."""
    with pytest.raises(InputError, match="could not be fetched from the Hub"):
        checkpoints.find("someone/never-downloaded")


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


def test_weights_of_another_shape_are_refused(tmp_path, model):
    checkpoints.save(tmp_path, model, CONFIG)
    with pytest.raises(InputError, match="do not fit"):
        checkpoints.load_into(build_tokenizer("image", {**SMALL, "width8": 32}), tmp_path)


def test_a_new_decoder_keeps_the_fingerprint_and_a_new_encoder_or_codebook_does_not():
    model = build_tokenizer("text", {"width": 16, "byte_width": 8, "encoder_depth": 1, "decoder_depth": 1})

    def mark() -> str:
        return checkpoints.fingerprint(model, ENCODER_PARTS)

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
