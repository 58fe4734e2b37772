"""Paired data: which items rows may take, mixtures of sets, latents of several lengths, the cache of encoded items."""

from types import SimpleNamespace

import pytest
import torch

from mmdemo.datasets.encoders import Encoders
from mmdemo.datasets.paired import PAIRED, UNKNOWN, Choices, Column, Mixture, PairedColumns, SetConfig, load_set
from mmdemo.errors import InputError


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def counted(n, dim=3, shape=(2,)):
    """n items whose values are their index."""
    return torch.arange(n).float().reshape(-1, *[1] * (1 + len(shape))).expand(n, dim, *shape).half()


def test_a_row_takes_one_of_its_items_each_as_often():
    choices = Choices.of([[3], [], [0, 1, 1, 2]])
    rows = torch.tensor([0, 1, 2]).repeat(4000)
    picked = choices.pick(rows, seeded()).reshape(-1, 3)
    assert (picked[:, 0] == 3).all() and (picked[:, 1] == -1).all()
    shares = torch.bincount(picked[:, 2], minlength=3) / 4000
    assert torch.allclose(shares, torch.tensor([0.25, 0.5, 0.25]), atol=0.04)  # five standard errors


def test_rows_by_label_are_those_of_the_label():
    labels = torch.tensor([2, 0, 2, 1, 0, 2])
    choices = Choices.by_label(labels, 4)
    rows = torch.arange(4).repeat(50)
    picked = choices.pick(rows, seeded())
    assert (picked[rows == 3] == -1).all()
    assert (labels[picked[rows < 3]] == rows[rows < 3]).all()
    assert set(picked[rows == 2].tolist()) == {0, 2, 5}


def test_style_and_vectors_are_those_of_the_very_item_that_was_taken():
    image = Column(Choices.of([[0, 1], [2]]), counted(3), style=torch.tensor([5, 6, 7]))
    text = Column(Choices.of([[0, 1], []]), counted(2), vectors={"prompt": torch.tensor([[1.0], [2.0]])})
    batch = PairedColumns({"image": image, "text": text}).draw(64, seeded())
    assert torch.equal(batch.style, batch.latents["image"][:, 0, 0].long() + 5)
    there = batch.present["text"]
    assert torch.equal(there, batch.style < 7) and torch.equal(batch.known["prompt"], there)
    assert torch.equal(batch.vectors["prompt"][there, 0], batch.latents["text"][there, 0, 0] + 1)
    assert (batch.latents["text"][~there] == 0).all()


def test_a_batch_is_a_function_of_its_generator():
    data = PairedColumns({"image": Column(Choices.of([[0, 1], [2]]), counted(3), given=[counted(3) + 10])})
    first, again = (data.draw(16, seeded(4)) for _ in range(2))
    assert torch.equal(first.latents["image"], again.latents["image"])
    assert torch.equal(first.given["image"], again.given["image"])
    assert set((first.given["image"] - first.latents["image"]).unique().tolist()) == {0.0, 10.0}


def test_items_of_several_lengths_are_padded_and_masked():
    z = [torch.ones(3, n) for n in (2, 5, 4)]
    batch = PairedColumns({"audio": Column(Choices.of([[0], [1], [2]]), z)}).take(torch.arange(3), seeded())
    assert batch.latents["audio"].shape == (3, 3, 5) and batch.masks["audio"].sum(1).tolist() == [2, 5, 4]
    assert torch.equal(batch.latents["audio"][:, 0].bool(), batch.masks["audio"])


def test_sets_are_mixed_by_their_shares_and_what_one_lacks_is_absent_in_its_rows():
    paired = PairedColumns(
        {
            "image": Column(Choices.of([[0]]), counted(1) + 1, style=torch.tensor([2])),
            "audio": Column(Choices.of([[0]]), [torch.ones(3, 4)]),
        },
        {"digit": torch.tensor([7])},
        {"digit": 10},
    )
    alone = PairedColumns({"audio": Column(Choices.of([[0]]), [2 * torch.ones(3, 6)])})
    mixed = Mixture([paired, alone], [3, 1])
    batch = mixed.draw(4000, seeded())
    own = batch.present["image"]
    assert abs(own.float().mean() - 0.75) < 0.035  # five standard errors
    assert (batch.latents["image"][own] == 1).all() and (batch.latents["image"][~own] == 0).all()
    assert batch.present["audio"].all() and batch.masks["audio"].sum(1).unique().tolist() == [4, 6]
    assert (batch.masks["audio"].sum(1) == 4).eq(own).all()
    assert (batch.style[own] == 2).all() and (batch.style[~own] == UNKNOWN).all()
    assert (batch.labels["digit"][own] == 7).all() and (batch.labels["digit"][~own] == UNKNOWN).all()
    assert mixed.classes == {"digit": 10} and mixed.latents("image").shape == (1, 3, 2)
    assert mixed.latents("video") is None


def test_columns_of_different_numbers_of_rows_are_refused():
    with pytest.raises(ValueError, match="same number of rows"):
        PairedColumns({"a": Column(Choices.of([[0]]), counted(1)), "b": Column(Choices.of([[0], [0]]), counted(1))})


def test_unknown_sets_and_options_are_refused_with_what_there_is(tmp_path):
    with pytest.raises(InputError, match="did you mean 'emoji'"):
        load_set(SetConfig("emojy"), None, tmp_path, "train")
    with pytest.raises(InputError, match="The paired data set 'emoji' has no option 'limits'; did you mean 'limit'"):
        load_set(SetConfig("emoji", options={"limits": 3}), None, tmp_path, "train")
    assert list(PAIRED) == ["digits", "emoji", "speech"]


class Counting:
    """A codec whose latents are twice its items, and which counts how many it encodes."""

    modality, device, fingerprint = "audio", torch.device("cpu"), "abc"

    def __init__(self):
        self.encoded = 0
        self.tokenizer = SimpleNamespace(encode=self.encode, latent=lambda codes: 2 * codes[:, None].float())

    def encode(self, x):
        self.encoded += len(x)
        return x


def test_encoded_items_are_kept_between_runs_for_the_same_items_and_weights(tmp_path):
    codec = Counting()
    encoders = Encoders({"audio": codec}, {}, {}, (), cache=tmp_path / "cache")
    items = torch.arange(6.0).reshape(3, 2)
    first, again = encoders.latents("audio", items), encoders.latents("audio", items)
    assert torch.equal(first, again) and torch.equal(first[:, 0].float(), 2 * items) and codec.encoded == 3
    encoders.latents("audio", items + 1)
    assert codec.encoded == 6
    codec.fingerprint = "def"  # other weights give other latents
    encoders.latents("audio", items)
    assert codec.encoded == 9
    Encoders({"audio": codec}, {}, {}, ()).latents("audio", items)
    assert codec.encoded == 12
