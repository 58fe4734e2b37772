"""Training of the joint transformer: the digit is read from its tokens at the end, and what reads it is not shipped."""

import pytest
import torch

from mmdemo import checkpoints
from mmdemo.diffusion.dit import DiT, DiTConfig, Stream
from mmdemo.errors import InputError
from mmdemo.training import joint_task
from mmdemo.training.loop import Trainer
from mmdemo.training.recipe import Recipe
from mmdemo.training.warm_start import warm_start

STREAMS = [
    {"name": "image", "dim": 6, "shape": [2, 2]},
    {"name": "audio", "dim": 4, "shape": [4], "patch": 2},
    {"name": "text", "dim": 4, "shape": [2]},
]


def recipe(reading: float, steps: int = 60) -> Recipe:
    model = {"streams": STREAMS, "styles": ["a", "b"], "width": 32, "depth": 4, "heads": 2}
    return Recipe(
        "digits", "joint", steps=steps, batch_size=48, learning_rate=3e-3, warmup_steps=5, seed=2,
        model=model, data={"tokenizers": {}}, loss={"reading": reading, "clean": 0.8},
    )  # fmt: skip


@pytest.fixture
def task(monkeypatch):
    """Digits as ten points in each latent space, with a little spread."""

    def load(self, data_dir, pictures, slanted):
        generator = torch.Generator().manual_seed(0)
        labels = torch.arange(10).repeat_interleave(20)
        self.speaker = torch.zeros(len(labels), dtype=torch.long)
        self.store, self.by_digit = {}, {}
        for s in self.streams:
            centres = torch.randn(10, s.dim, *s.shape, generator=generator)
            z = centres[labels] + 0.1 * torch.randn(len(labels), s.dim, *s.shape, generator=generator)
            self.store[s.name] = (z, labels)
            self.by_digit[s.name] = [(labels == d).nonzero()[:, 0] for d in range(10)]

    monkeypatch.setattr(joint_task.JointTask, "_load", load)
    return lambda reading: joint_task.JointTask(recipe(reading), torch.device("cpu"), None)


def test_digits_are_read_and_the_readers_are_not_shipped(task, tmp_path):
    trained = task(0.5)
    losses = []
    plain = trained.loss
    trained.loss = lambda batch, step: losses.append(plain(batch, step)) or losses[-1]
    Trainer(trained, tmp_path / "run", quiet=True).run()
    read = [shown["digit"] / 0.5 for _, shown in losses]
    assert read[0] == pytest.approx(torch.tensor(10.0).log(), abs=0.5)  # at first nothing is known
    assert sum(read[-5:]) / 5 < 0.6 * read[0]
    assert not [k for k in checkpoints.load_state(tmp_path / "run") if "reader" in k]
    # A training without them, or with them, starts from it all the same.
    for reading in (0.0, 0.5):
        other = task(reading)
        assert warm_start(other.exported, tmp_path / "run") == []
        pairs = zip(other.network.parameters(), trained.network.parameters(), strict=True)
        assert all(torch.allclose(a, b, atol=1e-3, rtol=1e-2) for a, b in pairs)  # files hold half precision


def test_scales_are_those_of_the_tokenizers_at_hand_not_of_the_start(task, tmp_path):
    start, begun = task(0.0), task(0.0)
    start.latents.measure("image", 5 + 3 * start.store["image"][0])  # as an earlier tokenizer's latents were
    begun.latents.measure("image", begun.store["image"][0])
    scale = begun.latents.image.mean.clone()
    start.export(tmp_path / "start", {})
    warm_start(begun.exported, tmp_path / "start", begun.measured)
    assert torch.equal(begun.latents.image.mean, scale)
    assert torch.allclose(begun.network.kind.weight, start.network.kind.weight, atol=1e-3)


def test_without_reading_the_readers_stay_as_they_are(task, tmp_path):
    trained = task(0.0)
    before = [p.clone() for p in trained.readers.parameters()]
    Trainer(trained, tmp_path / "run", quiet=True).run()
    assert all(torch.equal(a, b) for a, b in zip(before, trained.readers.parameters()))


def dit(**kwargs) -> DiT:
    torch.manual_seed(0)
    network = DiT(DiTConfig([Stream(**s) for s in STREAMS], ["a"], width=32, depth=2, heads=2, **kwargs)).eval()
    for parameter in network.parameters():  # gates and outputs start at 0, which would hide everything
        torch.nn.init.normal_(parameter, std=0.2)
    return network


def noisy(network: DiT) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    streams = network.config.streams
    return {s.name: torch.randn(3, s.dim, *s.shape) for s in streams}, {s.name: torch.rand(3) for s in streams}


@pytest.mark.parametrize("summaries", [False, True])
def test_what_is_hidden_is_what_the_outputs_are_made_of(summaries):
    network = dit(summaries=summaries)
    last = []
    network.blocks[-1].register_forward_hook(lambda module, args, out: last.append(out))
    hidden: list[torch.Tensor] = []
    network(*noisy(network), None, hidden)
    parts = last[0].split([4, 2, 2, 3 * summaries, 1], dim=1)
    expected = parts[3].unbind(1) if summaries else [part.mean(1) for part in parts[:3]]
    assert all(torch.allclose(h, e, atol=1e-5) for h, e in zip(hidden, expected, strict=True))


def test_times_may_be_given_for_each_token_also_where_there_are_summaries():
    network = dit(summaries=True)
    x, t = noisy(network)
    each = {s.name: t[s.name][:, None].expand(-1, s.tokens) for s in network.config.streams}
    whole, single = network(x, t), network(x, each)
    assert all(torch.allclose(whole[k], single[k], atol=1e-4) for k in x)


def test_a_model_with_summaries_starts_from_one_without(tmp_path):
    small, large = dit(), dit(summaries=True)
    checkpoints.save(tmp_path, small, {"kind": "joint"})
    new = warm_start(large, tmp_path)
    assert set(new) == {"kind.weight", *(f"whole.{s['name']}.{p}" for s in STREAMS for p in ("weight", "bias"))}
    assert torch.allclose(large.kind.weight[:4], small.kind.weight, atol=1e-2)  # files hold half precision
    assert torch.allclose(large.blocks[1].mlp[0].weight, small.blocks[1].mlp[0].weight, atol=1e-2)
    with pytest.raises(InputError, match="architecture"):  # but not the other way round
        checkpoints.save(tmp_path, large, {"kind": "joint"})
        warm_start(small, tmp_path)


def test_only_pictures_that_are_given_are_slanted(task):
    trained = task(0.0)
    z, _ = trained.store["image"]
    trained.slanted = [torch.full_like(z, 7.0).half(), torch.full_like(z, 8.0).half()]
    batch = trained.batch(torch.Generator().manual_seed(0))
    given, changed = batch["t_image"] == 0, (batch["image"] >= 7).flatten(1).all(1)
    assert given.sum() > changed.sum() > 0.3 * given.sum()  # two copies of three
    assert not changed[~given].any()


def test_slanted_digits_are_the_same_digits_moved_a_little():
    from mmdemo.training.data import slanted

    stroke = torch.zeros(64, 32, 32, dtype=torch.uint8)
    stroke[:, 6:26, 15:17] = 255
    made = slanted(stroke, torch.Generator().manual_seed(0))
    assert made.shape == stroke.shape and made.dtype == torch.uint8
    assert len(made.unique(dim=0)) == 64  # each in its own way
    ink = made.float().sum((1, 2)) / stroke.float().sum((1, 2))
    assert ink.min() > 0.6 and ink.max() < 1.5  # a tenth larger or smaller in each direction, and bent
    rows = torch.arange(32.0)
    middle = (made.float().sum(1) * rows).sum(1) / made.float().sum((1, 2))
    assert (middle - 15.5).abs().max() < 2.5 and middle.std() > 0.3
