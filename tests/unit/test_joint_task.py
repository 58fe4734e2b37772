"""Training of the joint transformer: the digit is read from its tokens halfway, and what reads it is not shipped."""

import pytest
import torch

from mmdemo import checkpoints
from mmdemo.diffusion.dit import DiT, DiTConfig, Stream
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

    def load(self, data_dir, pictures):
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


def test_digits_are_read_halfway_and_the_readers_are_not_shipped(task, tmp_path):
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


def test_without_reading_the_readers_stay_as_they_are(task, tmp_path):
    trained = task(0.0)
    before = [p.clone() for p in trained.readers.parameters()]
    Trainer(trained, tmp_path / "run", quiet=True).run()
    assert all(torch.equal(a, b) for a, b in zip(before, trained.readers.parameters()))


def test_the_middle_is_what_the_first_half_of_the_blocks_gives():
    torch.manual_seed(0)
    config = DiTConfig([Stream(**s) for s in STREAMS], ["a"], width=32, depth=4, heads=2)
    network = DiT(config).eval()
    for block in network.blocks[2:]:
        block.register_forward_hook(lambda module, args, out: torch.full_like(out, torch.nan))  # the rest plays no part
    x = {s.name: torch.randn(3, s.dim, *s.shape) for s in config.streams}
    t = {s.name: torch.rand(3) for s in config.streams}
    middle: list[torch.Tensor] = []
    network(x, t, None, middle)
    assert [m.shape for m in middle] == [(3, 32)] * 3
    assert all(m.isfinite().all() for m in middle)
