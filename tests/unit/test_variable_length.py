"""Streams whose inputs differ in length: masked in training, as long as what is given or asked in sampling."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmdemo.datasets.paired import Choices, Column, PairedColumns
from mmdemo.diffusion.dit import DiT
from mmdemo.diffusion.frames import FRAMES, SoundFrame
from mmdemo.diffusion.interface import JointInterface, StreamInterface
from mmdemo.diffusion.joint import JointDiffusion
from mmdemo.diffusion.latents import LatentNormalizer
from mmdemo.diffusion.streams import DiTConfig, Stream
from mmdemo.errors import InputError
from mmdemo.loading import load
from mmdemo.training.joint_task import JointTask
from mmdemo.training.recipe import Recipe

STREAMS = [{"name": "audio", "dim": 4, "shape": [12]}, {"name": "text", "dim": 3, "shape": [2]}]


def task(latents):
    columns = {
        "audio": Column(Choices.of([[i] for i in range(len(latents))]), latents),
        "text": Column(Choices.of([[0]] * len(latents)), torch.randn(1, 3, 2)),
    }
    model = {"streams": STREAMS, "width": 32, "depth": 2, "heads": 2}
    recipe = Recipe("speech", "joint", batch_size=32, seed=1, model=model, loss={"p_condition": 0.5})
    trained = JointTask(recipe, torch.device("cpu"), PairedColumns(columns))
    for parameter in trained.network.parameters():  # past the zeros that training starts from
        torch.nn.init.normal_(parameter, std=0.2)
    return trained


def test_padding_changes_neither_the_loss_nor_what_is_learned():
    """The same rows with twice the padding, filled with anything."""
    trained = task([torch.randn(4, n) for n in (3, 6, 5, 4)])
    batch = trained.batch(torch.Generator().manual_seed(0))
    assert batch["x.audio"].shape == (32, 4, 6) and batch["mask.audio"].sum(1).unique().tolist() == [3, 4, 5, 6]
    longer = dict(batch)
    for name in ("x.audio", "eps.audio"):
        longer[name] = F.pad(batch[name], (0, 6), value=99.0)
    longer["mask.audio"] = F.pad(batch["mask.audio"], (0, 6))
    gradients = []
    for rows in (batch, longer):
        trained.model.zero_grad()
        loss, _ = trained.loss(rows, 0)
        loss.backward()
        learned = [p.grad.flatten() for p in trained.network.parameters() if p.grad is not None]
        gradients.append((loss.item(), torch.cat(learned)))
    (short, a), (long, b) = gradients
    assert short == pytest.approx(long, rel=1e-4) and torch.allclose(a, b, atol=1e-3 * float(a.abs().max()))


class AnyLength(SoundFrame):
    """A recording as long as it is, up to the frame's size."""

    variable = True

    def fit(self, x):
        samples = min(self.size[0], -(-len(x) // self.stride) * self.stride)
        return F.pad(x[:samples], (0, max(0, samples - len(x))))


@pytest.fixture(scope="module")
def model():
    FRAMES.register("any_length", AnyLength)
    codecs = {name: load(name, "cpu") for name in ("audio", "text")}
    streams = [Stream(k, codecs[k].tokenizer.dim, shape) for k, shape in (("audio", [40]), ("text", [2]))]
    torch.manual_seed(0)
    network = DiT(DiTConfig(streams, width=32, depth=1, heads=2)).eval().requires_grad_(False)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    interface = JointInterface(streams={"audio": StreamInterface("any_length")})
    return JointDiffusion("speech", network, LatentNormalizer(streams), codecs, interface)


def sound(samples):
    return 16_000, (0.3 * np.sin(np.arange(samples) / 20)).astype(np.float32)


def test_a_sound_is_as_long_as_asked_and_its_tokens_can_be_given_again(model):
    step = list(model.sample({"text": "two"}, ("audio",), n=2, steps=2, lengths={"audio": 25}))[-1]
    assert [len(wave) for _, wave in step.preview("audio")] == [25 * 320] * 2
    again = list(model.sample({"audio": step.tokens("audio")[0]}, ("text",), n=1, steps=2))[-1]
    assert again.preview("text")
    whole = list(model.sample({"text": "two"}, ("audio",), n=1, steps=2))[-1]
    assert len(whole.preview("audio")[0][1]) == 40 * 320


def test_what_is_edited_keeps_its_length_and_what_is_kept_of_it(model):
    edit = {"edit": {"audio": sound(6400)}, "keep": {"audio": [(0.0, 0.2)]}}  # 20 positions, of which 10 stay
    step = list(model.sample(want=("audio",), n=1, steps=2, **edit))[-1]
    source = model.frame("audio", sound(6400))
    assert source.positions == (20,) == step.tokens("audio")[0].positions
    assert torch.equal(step.tokens("audio")[0].codes[:, :10], source.codes[:, :10])
    assert not torch.equal(step.tokens("audio")[0].codes[:, 10:], source.codes[:, 10:])


@pytest.mark.parametrize(
    "settings, reason",
    [
        ({"lengths": {"audio": 41}}, "length of 'audio' must be 1 to 40, not 41"),
        ({"lengths": {"audio": 2.5}}, "length of 'audio' must be 1 to 40"),
        ({"lengths": {"text": 1}}, "no stream 'text' of variable length"),
        ({"lengths": {"audio": 9}, "edit": {"audio": sound(6400)}}, "has 20 positions, not 9"),
    ],
)
def test_lengths_that_cannot_be_are_refused_in_one_sentence(model, settings, reason):
    with pytest.raises(InputError, match=reason):
        next(model.sample(want=("audio",), **settings))


def test_longer_tokens_than_the_frame_are_refused(model):
    long = model.codecs["audio"].encode(sound(16_000))
    with pytest.raises(InputError, match="takes up to 40"):
        next(model.sample({"audio": long}, ("text",)))
