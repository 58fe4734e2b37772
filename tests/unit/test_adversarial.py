"""Refining a decoder alone, and against discriminators: what must hold still does, and the rest learns."""

import json

import numpy as np
import pytest
import soundfile
import torch

from mmdemo import checkpoints
from mmdemo.codec import Codec
from mmdemo.errors import InputError
from mmdemo.tokenizers import build_tokenizer
from mmdemo.tokenizers.autoencoder import ENCODER_PARTS
from mmdemo.training import make_task, tokenizer_task, train
from mmdemo.training.discriminators import Critic, CriticConfig
from mmdemo.training.loop import Trainer
from mmdemo.training.losses import adversarial_loss, discriminator_loss, feature_loss
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

{critic}
"""
FROZEN = 'freeze = "encoder"'
CRITIC = """[critic]
windows = [512, 256]
channels = 2
rows = 2
alone_steps = 3
"""
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


def recipe_file(folder, steps=8, top="", critic=""):
    path = folder / "tiny.toml"
    path.write_text(RECIPE.format(steps=steps, top=top, critic=critic))
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
    return name.split(".")[0] in ENCODER_PARTS


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
        def batch(self, generator):
            raise NotImplementedError

    Task.modality = modality
    task = Task(read_recipe(path), torch.device("cpu"))
    assert all(p.requires_grad != is_encoder(k) for k, p in task.model.named_parameters())


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
    old, new = Codec(first, "cpu"), Codec(tmp_path / "out", "cpu")  # as stored, in half precision
    assert old.fingerprint == new.fingerprint  # old files and a diffusion model on the latents stay valid
    wave = fixed["x"][:1]
    assert torch.equal(old.tokenizer.encode(wave), new.tokenizer.encode(wave))
    assert json.loads((tmp_path / "out" / "config.json").read_text())["training"]["frozen"] == "encoder"


def test_mistakes_are_one_sentence(tmp_path, data_dir):
    with pytest.raises(InputError, match="--init"):
        train(str(recipe_file(tmp_path, top=FROZEN)), data_dir, tmp_path / "out", device="cpu", quiet=True)
    with pytest.raises(InputError, match="cannot freeze 'decoder'"):
        make_task(read_recipe(recipe_file(tmp_path, top='freeze = "decoder"')), data_dir, "cpu")
    with pytest.raises(InputError, match="windos"):
        make_task(read_recipe(recipe_file(tmp_path, critic="[critic]\nwindos = [512]")), data_dir, "cpu")
    path = tmp_path / "image.toml"
    path.write_text('name = "x"\ntask = "image"\n[critic]\nchannels = 4\n')
    with pytest.raises(InputError, match="no discriminators for image"):
        make_task(read_recipe(path), data_dir, "cpu")


# -------------------------------------------------------------------------------------- adversarial losses


def test_hinge_losses_have_their_margins():
    def verdict(*logits):
        return [[torch.zeros(1), torch.tensor([v])] for v in logits]

    assert discriminator_loss(verdict(1.5, 2.0), verdict(-1.0, -3.0)).item() == 0
    assert discriminator_loss(verdict(0.0), verdict(0.0)).item() == 2
    assert discriminator_loss(verdict(0.0, 3.0), verdict(0.5, -3.0)).item() == pytest.approx((1 + 1.5) / 2)
    assert adversarial_loss(verdict(2.0)).item() == 0
    assert adversarial_loss(verdict(-1.0, 0.0)).item() == pytest.approx(1.5)


def test_feature_matching_is_relative_and_zero_for_the_same_sound():
    critic = Critic(CriticConfig(windows=(256,), channels=2))
    x = torch.randn(2, 1600, generator=torch.Generator().manual_seed(0)) * 0.1
    with torch.no_grad():
        real = critic(x)
        assert feature_loss(real, critic(x)).item() == 0
        assert feature_loss(real, critic(x.flip(1))).item() > 0.05
    nothing = [[torch.zeros_like(f) for f in real[0]]]
    assert feature_loss(real, nothing).item() == pytest.approx(1.0)  # all of it is missing


def test_the_critic_hears_phase_which_magnitude_losses_cannot():
    """Clicks against the same magnitudes in disorder: only the phase tells them apart."""
    torch.manual_seed(0)
    critic = Critic(CriticConfig(windows=(256,), channels=4))
    optimizer = torch.optim.AdamW(critic.parameters(), 3e-3)
    losses = []
    for _ in range(60):
        real = torch.zeros(8, 1600)
        for row in real:
            row[int(torch.randint(80, (1,))) :: 80] = 0.5
        spectrum = torch.fft.rfft(real)
        turn = 2 * torch.pi * torch.rand(8, spectrum.shape[1])
        fake = torch.fft.irfft(torch.polar(spectrum.abs(), turn), 1600)
        loss = discriminator_loss(critic(real), critic(fake))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] > 1.5 and losses[-1] < 0.5


def test_silence_gives_finite_gradients():
    critic = Critic(CriticConfig(windows=(256,), channels=2))
    x = torch.zeros(1, 1600, requires_grad=True)
    adversarial_loss(critic(x)).backward()
    assert x.grad is not None and x.grad.isfinite().all()


# ---------------------------------------------------------------------------------------- the whole stage


@pytest.fixture
def stage(tmp_path, data_dir, first):
    """(task, trainer) of an adversarial stage, ready for single steps."""

    def make(name, steps=8):
        recipe = read_recipe(recipe_file(tmp_path, steps, f"{FROZEN}\nema = 0.9", CRITIC))
        task = make_task(recipe, data_dir, "cpu")
        checkpoints.load_into(task.model, first)
        trainer = Trainer(task, tmp_path / name, quiet=True)
        trainer.autocast = False
        task.model.train()
        return task, trainer

    return make


def test_the_critic_trains_alone_first_then_both_do(stage):
    task, trainer = stage("out")
    start, judge = state_of(task), {k: v.clone() for k, v in task.critic.state_dict().items()}
    shown = [trainer._step() for _ in range(3)]
    assert all(torch.equal(v, start[k]) for k, v in task.model.state_dict().items())
    assert any(not torch.equal(v, judge[k]) for k, v in task.critic.state_dict().items())
    assert all(set(s) == {"critic"} for s in shown)
    judge = {k: v.clone() for k, v in task.critic.state_dict().items()}
    shown = [trainer._step() for _ in range(2)]
    assert {"loss", "mel", "adv", "feat", "critic"} <= set(shown[0])
    for k, v in task.model.state_dict().items():
        assert torch.equal(v, start[k]) == is_encoder(k), k
    # The last bias has no gradient while all logits are within the margin: real and fake pull it alike.
    changed = {k for k, v in task.critic.state_dict().items() if not torch.equal(v, judge[k])}
    assert set(judge) - changed <= {f"parts.{i}.logits.bias" for i in range(2)}


def test_the_decoders_loss_gives_the_critic_no_gradient_and_the_critics_none_to_the_decoder(stage):
    task, _ = stage("out")
    batch = task.batch(torch.Generator().manual_seed(1))
    task.loss(batch, 5)[0].backward()
    assert all(p.grad is None for p in task.critic.parameters())
    reached = {k: p.grad.clone() for k, p in task.model.named_parameters() if p.grad is not None}
    assert reached and not any(is_encoder(k) for k in reached)
    task.critic_loss(batch, 5)[0].backward()
    assert all(p.grad is not None for p in task.critic.parameters())
    assert all(torch.equal(p.grad, reached[k]) for k, p in task.model.named_parameters() if k in reached)


def test_resuming_changes_nothing_for_either_network(stage):
    task, trainer = stage("whole")
    while trainer.step < 8:
        trainer._step()
    for cut in (2, 5):  # while the critic is alone, and later
        _, early = stage(f"cut{cut}")
        while early.step < cut:
            early._step()
        early.save()
        other, late = stage(f"cut{cut}")
        late.resume()
        assert late.step == cut
        while late.step < 8:
            late._step()
        for a, b in ((task.model, other.model), (task.critic, other.critic)):
            for k, v in a.state_dict().items():
                assert torch.equal(v, b.state_dict()[k]), (cut, k)
        assert all(torch.equal(v, late.average[k]) for k, v in trainer.average.items())


def test_the_exported_checkpoint_holds_only_the_tokenizer_with_averaged_weights(stage, tmp_path, first):
    task, trainer = stage("out")
    trainer.run()
    stored = checkpoints.load_state(tmp_path / "out")
    assert set(stored) == set(checkpoints.load_state(first))
    name = "project_out.weight"
    assert torch.allclose(stored[name], trainer.average[name], atol=1e-3)
    assert not torch.allclose(stored[name], task.model.state_dict()[name], atol=1e-4)
    codec = Codec(tmp_path / "out", "cpu")
    rate, wave = codec.decode(codec.encode((16_000, np.zeros(5000, np.float32))))
    assert rate == 16_000 and len(wave) == 5000


def test_a_snapshot_without_a_critic_is_refused(stage, tmp_path, data_dir, first):
    plain = read_recipe(recipe_file(tmp_path, 2, FROZEN))
    task = make_task(plain, data_dir, "cpu")
    checkpoints.load_into(task.model, first)
    Trainer(task, tmp_path / "out", quiet=True).run()
    _, trainer = stage("out")
    with pytest.raises(InputError, match="another recipe"):
        trainer.resume()


def test_the_shipped_stage_fits_the_shipped_tokenizer():
    recipe = read_recipe("audio-gan")
    assert recipe.freeze == "encoder" and recipe.critic["alone_steps"] >= 100
    assert recipe.model == read_recipe("audio").model
