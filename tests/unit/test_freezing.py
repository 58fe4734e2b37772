"""Refining a decoder alone: what must hold still does, and the rest learns."""

import json

import numpy as np
import pytest
import soundfile
import torch

from mmdemo import checkpoints
from mmdemo.codec import Codec
from mmdemo.errors import InputError
from mmdemo.tokenizers import REGISTRY, ImageTokenizer, build_tokenizer
from mmdemo.tokenizers.text import TextTokenizer
from mmdemo.training import make_task, tokenizer_task, train
from mmdemo.training.loop import Trainer
from mmdemo.training.recipe import read_recipe
from mmdemo.training.tokenizer_task import TokenizerTask

RECIPE = """
name = "tiny"
task = "audio"
steps = {steps}
batch_size = 3
learning_rate = 2e-3
warmup_steps = 1
seed = 5
{top}

[data]
segment = 3200
fsdd = false

[loss]
unquantised_steps = 2

[model]
width = 16
encoder_depth = 1
decoder_depth = 1
bottleneck = {{ dim = 4, levels = 2, codebook_size = 16 }}
"""
FROZEN = 'freeze = "encoder"'
SMALL = {
    "image": {"width4": 8, "width8": 8, "depth4": 1, "depth8": 1},
    "audio": {"width": 8, "encoder_depth": 1, "decoder_depth": 1},
    "text": {"byte_width": 8, "width": 8, "encoder_depth": 1, "decoder_depth": 1},
}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """Half a second of gliding tones, twice."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "speechocean762" / "train").mkdir(parents=True)
    t = np.arange(8000) / 16_000
    for i, low in enumerate((150, 400)):
        wave = sum(np.sin(2 * np.pi * k * (low + 200 * t) * t) / k for k in range(1, 6)) * (0.2 + t) / 3
        soundfile.write(folder / "speechocean762" / "train" / f"{i}.flac", wave, 16_000)
    return folder


def recipe_file(folder, steps=8, top=""):
    path = folder / "tiny.toml"
    path.write_text(RECIPE.format(steps=steps, top=top))
    return path


@pytest.fixture(scope="module")
def first(tmp_path_factory, data_dir):
    """A tokenizer after its first stage, with codebooks."""
    folder = tmp_path_factory.mktemp("first")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokenizer_task, "KMEANS_VECTORS", 500)  # enough for 16 codes
        return train(str(recipe_file(folder)), data_dir, folder / "out", device="cpu", quiet=True)


def state_of(task):
    return {k: v.clone() for k, v in task.model.state_dict().items()}


def is_encoder(name):
    return name.split(".")[0] in TextTokenizer.encoder_parts


# ------------------------------------------------------------------------------------ the frozen encoder


@pytest.mark.parametrize("modality", sorted(SMALL))
def test_the_frozen_part_is_exactly_what_decides_the_codes(modality):
    bottleneck = {"dim": 4, "levels": 2, "codebook_size": 8}
    model = build_tokenizer(modality, {**SMALL[modality], "bottleneck": bottleneck})
    inputs = {
        "image": torch.rand(1, 3, 16, 16),
        "audio": torch.rand(1, 3200) - 0.5,
        "text": torch.randint(256, (1, 32)),
    }
    model.to_latent(inputs[modality]).sum().backward()
    assert all((p.grad is not None) == is_encoder(k) for k, p in model.named_parameters())


@pytest.mark.parametrize("modality", sorted(SMALL))
def test_freezing_trains_the_decoder_alone_in_every_modality(modality, tmp_path):
    path = tmp_path / "x.toml"
    path.write_text(f'name = "x"\ntask = "{modality}"\nfreeze = "encoder"\n[model]\nbottleneck = {{ levels = 2 }}\n')

    class Task(TokenizerTask):
        @classmethod
        def from_recipe(cls, recipe, device, data_dir):
            raise NotImplementedError

        def batch(self, generator):
            raise NotImplementedError

        def reconstruction(self, y, batch):
            raise NotImplementedError

    Task.modality = modality
    task = Task(read_recipe(path), torch.device("cpu"))
    assert all(p.requires_grad != is_encoder(k) for k, p in task.model.named_parameters())


def test_a_network_with_a_name_of_its_own_is_what_is_trained_and_read_again(tmp_path, monkeypatch):
    class Mine(ImageTokenizer):
        pass

    class Task(TokenizerTask):
        modality, network = "image", "mine"

        @classmethod
        def from_recipe(cls, recipe, device, data_dir):
            raise NotImplementedError

        def batch(self, generator):
            raise NotImplementedError

        def reconstruction(self, y, batch):
            raise NotImplementedError

    monkeypatch.setitem(REGISTRY._parts, "mine", Mine)
    path = tmp_path / "x.toml"
    path.write_text('name = "x"\ntask = "image"\n[model]\nwidth4 = 8\nwidth8 = 8\nbottleneck = { levels = 2 }\n')
    task = Task(read_recipe(path), torch.device("cpu"))
    task.export(tmp_path / "run", {})
    assert type(task.model) is Mine and type(Codec.from_folder(tmp_path / "run", "cpu").tokenizer) is Mine


def test_a_frozen_stage_keeps_every_code_and_improves_the_decoder(tmp_path, data_dir, first):
    task = make_task(read_recipe(recipe_file(tmp_path, 25, f"{FROZEN}\nema = 0.9")), data_dir, "cpu")
    checkpoints.load_into(task.model, first)
    with torch.no_grad():  # a zero's sign plays no part in the codes, but in the bytes that a fingerprint is made of
        next(p for k, p in task.model.named_parameters() if is_encoder(k)).view(-1)[0] = -0.0
    first = tmp_path / "first"
    task.export(first, {})
    before, fixed = state_of(task), task.batch(torch.Generator().manual_seed(1))
    loss = task.loss(fixed, 0)[0].item()
    Trainer(task, tmp_path / "out", quiet=True).run()
    assert task.loss(fixed, 0)[0].item() < 0.9 * loss
    for k, v in task.model.state_dict().items():
        assert torch.equal(v, before[k]) == is_encoder(k), k
    # As stored, in half precision.
    old, new = (Codec.from_folder(folder, "cpu") for folder in (first, tmp_path / "out"))
    assert old.fingerprint == new.fingerprint  # old files and a diffusion model on the latents stay valid
    wave = fixed["x"][:1]
    assert torch.equal(old.tokenizer.encode(wave), new.tokenizer.encode(wave))
    assert json.loads((tmp_path / "out" / "config.json").read_text())["training"]["stages"][-1]["frozen"] == "encoder"


def test_mistakes_are_one_sentence(tmp_path, data_dir):
    with pytest.raises(InputError, match="--init"):
        train(str(recipe_file(tmp_path, top=FROZEN)), data_dir, tmp_path / "out", device="cpu", quiet=True)
    with pytest.raises(InputError, match="cannot freeze 'decoder'"):
        make_task(read_recipe(recipe_file(tmp_path, top='freeze = "decoder"')), data_dir, "cpu")
