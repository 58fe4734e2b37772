"""Training of the joint transformer: the digit is read from its tokens at the end, and what reads it is not shipped."""

from dataclasses import replace

import pytest
import torch

from mmdemo import checkpoints
from mmdemo.datasets.paired import UNKNOWN, Choices, Column, Mixture, PairedColumns
from mmdemo.diffusion.dit import DiT
from mmdemo.diffusion.streams import DiTConfig, Stream
from mmdemo.errors import InputError
from mmdemo.training.joint_task import JointTask
from mmdemo.training.loop import Trainer
from mmdemo.training.recipe import Recipe, read_recipe
from mmdemo.training.warm_start import warm_start

STREAMS = [
    {"name": "image", "dim": 6, "shape": [2, 2]},
    {"name": "audio", "dim": 4, "shape": [4], "patch": 2},
    {"name": "text", "dim": 4, "shape": [2]},
]


def recipe(aux: float, steps: int = 60, **loss) -> Recipe:
    model = {"streams": STREAMS, "styles": ["a", "b"], "width": 32, "depth": 4, "heads": 2}
    return Recipe(
        "digits", "joint", steps=steps, batch_size=48, learning_rate=3e-3, warmup_steps=5, seed=2,
        model=model, loss={"aux": {"digit": aux}, "p_condition": 0.8, **loss},
    )  # fmt: skip


def points(**changed) -> PairedColumns:
    """Digits as ten points in each latent space, with a little spread."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(10).repeat_interleave(20)
    columns = {}
    for s in STREAMS:
        centres = torch.randn(10, s["dim"], *s["shape"], generator=generator)
        z = centres[labels] + 0.1 * torch.randn(len(labels), s["dim"], *s["shape"], generator=generator)
        columns[s["name"]] = Column(Choices.by_label(labels, 10), z)
    columns["audio"].style = torch.zeros(len(labels), dtype=torch.long)
    for name, fields in changed.items():
        columns[name] = replace(columns[name], **fields)
    return PairedColumns(columns, {"digit": torch.arange(10)}, {"digit": 10})


@pytest.fixture
def task():
    return lambda aux, data=None, **loss: JointTask(recipe(aux, **loss), torch.device("cpu"), data or points())


def test_labels_are_read_and_what_reads_them_is_not_shipped(task, tmp_path):
    trained = task(0.5)
    losses = []
    plain = trained.loss
    trained.loss = lambda batch, step: losses.append(plain(batch, step)) or losses[-1]
    Trainer(trained, tmp_path / "run", quiet=True).run()
    read = [shown["digit"] / 0.5 for _, shown in losses]
    assert read[0] == pytest.approx(torch.tensor(10.0).log(), abs=0.5)  # at first nothing is known
    assert sum(read[-5:]) / 5 < 0.6 * read[0]
    assert not [k for k in checkpoints.load_state(tmp_path / "run") if "aux" in k]
    # A training without them, or with them, starts from it all the same.
    for aux in (0.0, 0.5):
        other = task(aux)
        assert warm_start(other.inference_module, tmp_path / "run") == []
        pairs = zip(other.network.parameters(), trained.network.parameters(), strict=True)
        assert all(torch.allclose(a, b, atol=1e-3, rtol=1e-2) for a, b in pairs)  # files hold half precision


def test_scales_are_those_of_the_tokenizers_at_hand_not_of_the_start(task, tmp_path):
    start, begun = task(0.0), task(0.0)
    start.latents.measure("image", 5 + 3 * start.train.latents("image"))  # as an earlier tokenizer's latents were
    scale = begun.latents.image.mean.clone()
    start.export(tmp_path / "start", {})
    warm_start(begun.inference_module, tmp_path / "start", measured=begun.data_statistics)
    assert torch.equal(begun.latents.image.mean, scale)
    assert torch.allclose(begun.network.modality_embedding.weight, start.network.modality_embedding.weight, atol=1e-3)


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
    network = dit(global_tokens=summaries)
    last = []
    network.blocks[-1].register_forward_hook(lambda module, args, out: last.append(out))
    hidden: list[torch.Tensor] = []
    network(*noisy(network), None, hidden)
    parts = last[0].split([4, 2, 2, 3 * summaries, 1], dim=1)
    expected = parts[3].unbind(1) if summaries else [part.mean(1) for part in parts[:3]]
    assert all(torch.allclose(h, e, atol=1e-5) for h, e in zip(hidden, expected, strict=True))


def test_times_may_be_given_for_each_token_also_where_there_are_summaries():
    network = dit(global_tokens=True)
    x, t = noisy(network)
    each = {s.name: t[s.name][:, None].expand(-1, s.tokens) for s in network.config.streams}
    whole, single = network(x, t), network(x, each)
    assert all(torch.allclose(whole[k], single[k], atol=1e-4) for k in x)


def test_a_model_with_summaries_starts_from_one_without(tmp_path):
    small, large = dit(), dit(global_tokens=True)
    checkpoints.save(tmp_path, small, {"kind": "joint"})
    new = warm_start(large, tmp_path)
    assert set(new) == {
        "modality_embedding.weight",
        *(f"summary_proj.{s['name']}.{p}" for s in STREAMS for p in ("weight", "bias")),
    }
    assert torch.allclose(
        large.modality_embedding.weight[:4], small.modality_embedding.weight, atol=1e-2
    )  # files hold half precision
    assert torch.allclose(large.blocks[1].mlp.fc1.weight, small.blocks[1].mlp.fc1.weight, atol=1e-2)
    with pytest.raises(InputError, match="architecture"):  # but not the other way round
        checkpoints.save(tmp_path, large, {"kind": "joint"})
        warm_start(small, tmp_path)


def test_copies_drawn_otherwise_are_only_ever_given(task):
    z = points().latents("image")
    copies = [torch.full_like(z, 7.0).half(), torch.full_like(z, 8.0).half()]
    batch = task(0.0, points(image={"given": copies})).batch(torch.Generator().manual_seed(0))
    given, changed = batch["t.image"] == 0, (batch["x.image"] >= 7).flatten(1).all(1)
    assert given.sum() > changed.sum() > 0.3 * given.sum()  # two copies of three
    assert not changed[~given].any()


def test_every_row_has_something_to_learn_and_what_it_lacks_is_absent(task):
    """Whatever is given or dropped, and whichever streams a row has."""
    present = torch.tensor([[a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 1)][1:]).bool().repeat(300, 1)
    settings = {"p_condition": 0.9, "p_drop_other": 0.5, "p_second_condition": 0.4, "p_drop_all": 0.2}
    t, dropped = task(0.0, **settings)._times(present, torch.Generator().manual_seed(0))
    learned = (t > 0) & (t < 1)
    assert learned.any(1).all() and not learned[~present].any() and (t[~present] == 1).all()
    assert not (t[dropped] == 0).any() and 0.15 < dropped.float().mean() < 0.25
    assert ((t == 0).sum(1) > 0).float().mean() > 0.25


def test_times_visit_the_corners_as_often_as_the_recipe_says(task):
    weights = {"image": 0.5, "audio": 0.2, "text": 0.3}
    shares = {"p_shared_t": 0.1, "p_condition": 0.8, "p_drop_other": 0.5, "p_second_condition": 0.1, "p_uncond": 0.3}
    trained = task(0.0, **shares, condition_weights=weights, logit_mean={"text": 1.5})
    t, _ = trained._times(torch.ones(20_000, 3, dtype=torch.bool), torch.Generator().manual_seed(0))  # (B, 3)
    shared = (t == t[:, :1]).all(1).float().mean()
    clean, noise = (t == 0).float(), (t == 1).float()
    # Five standard errors of a share of 20,000 are below .018.
    assert abs(shared - 0.1) < 0.018
    assert abs((clean.sum(1) > 0).float().mean() - 0.9 * 0.8) < 0.018
    assert abs((clean.sum(1) == 2).float().mean() - 0.9 * 0.8 * 0.1) < 0.018
    assert abs((noise.sum(1) == 1).float().mean() - 0.9 * (0.8 * 0.5 + 0.2 * 0.3)) < 0.018
    assert ((clean + noise).sum(1) < 3).all()  # something is always left to learn
    first = clean[clean.sum(1) == 1].mean(0)
    assert torch.allclose(first, torch.tensor(list(weights.values())), atol=0.025)
    free = [t[(t[:, i] > 0) & (t[:, i] < 1), i].median() for i in range(3)]
    assert free[2] > 0.7 and abs(free[0] - 0.5) < 0.03 and abs(free[1] - 0.5) < 0.03


def test_of_two_streams_one_is_given_and_the_other_made(task):
    pair = recipe(0.0, p_condition=1.0, p_shared_t=0.0, p_drop_other=0.5, p_second_condition=0.5)
    pair.model = {**pair.model, "streams": STREAMS[:2]}
    trained = JointTask(pair, torch.device("cpu"), points())
    t, _ = trained._times(torch.ones(200, 2, dtype=torch.bool), torch.Generator().manual_seed(0))
    assert ((t == 0).sum(1) == 1).all() and ((t > 0) & (t < 1)).any(1).all()


def test_unpaired_rows_train_what_they_have(task):
    """Pictures without words: the words' prediction gets no gradient from them."""
    pictures = PairedColumns({"image": Column(Choices.of([[0], [1]]), torch.randn(2, 6, 2, 2))})
    mixed = task(0.5, Mixture([points(), pictures], [1, 1]))
    batch = mixed.batch(torch.Generator().manual_seed(1))
    alone = batch["label.digit"] == UNKNOWN
    assert 10 < alone.sum() < 38 and (batch["t.text"][alone] == 1).all()
    assert (batch["style"][alone] == mixed.network.any_style).all()
    loss, shown = mixed.loss(batch, 0)
    assert torch.isfinite(loss) and set(shown) == {"image", "audio", "text", "digit"}
    only = JointTask(recipe(0.0), torch.device("cpu"), Mixture([pictures, points()], [1, 1e-9]))
    only.loss(only.batch(torch.Generator().manual_seed(1)), 0)[0].backward()
    assert (
        not only.network.final_layers["text"].weight.grad.any() and only.network.final_layers["image"].weight.grad.any()
    )


def test_a_style_that_a_row_has_is_dropped_as_often_as_asked(task):
    batch = task(0.0, p_drop_style=0.25).batch(torch.Generator().manual_seed(0))
    assert 0.1 < (batch["style"] == 2).float().mean() < 0.45 and (batch["style"] != 1).all()


def test_validation_is_the_same_every_time_and_leaves_no_trace(task):
    trained = JointTask(recipe(0.5), torch.device("cpu"), points(), points())
    trained.model.train()
    first, again = trained.validate(), trained.validate()
    assert first == again and first["loss"] == pytest.approx(sum(v for k, v in first.items() if k != "loss"))
    assert trained.model.training and all(p.grad is None for p in trained.model.parameters())
    assert task(0.0).validate() == {}


def test_data_without_a_stream_of_the_model_are_refused():
    data = points()
    del data.columns["text"]
    with pytest.raises(InputError, match="no column for the stream 'text'"):
        JointTask(recipe(0.0), torch.device("cpu"), data)


def test_slanted_digits_are_the_same_digits_moved_a_little():
    from mmdemo.datasets.mnist import slant

    stroke = torch.zeros(64, 32, 32, dtype=torch.uint8)
    stroke[:, 6:26, 15:17] = 255
    made = slant(stroke, torch.Generator().manual_seed(0))
    assert made.shape == stroke.shape and made.dtype == torch.uint8
    assert len(made.unique(dim=0)) == 64  # each in its own way
    ink = made.float().sum((1, 2)) / stroke.float().sum((1, 2))
    assert ink.min() > 0.6 and ink.max() < 1.5  # a tenth larger or smaller in each direction, and bent
    rows = torch.arange(32.0)
    middle = (made.float().sum(1) * rows).sum(1) / made.float().sum((1, 2))
    assert (middle - 15.5).abs().max() < 2.5 and middle.std() > 0.3


def test_a_vector_of_a_text_is_never_known_where_the_text_is_made():
    """It would give the answer away; it is known beside a text that is given or absent, as often as asked."""
    data = points(text={"vectors": {"prompt": torch.arange(200.0)[:, None].expand(-1, 3)}})
    asked = recipe(0.0, p_drop_vector=0.25, p_drop_all=0.1, p_condition=0.6)
    asked.model = {**asked.model, "conditions": [{"name": "prompt", "dim": 3}]}
    asked.interface = {"conditions": {"prompt": {"encoder": "ngrams", "options": {"dim": 3}}}}
    asked.batch_size = 4000
    trained = JointTask(asked, torch.device("cpu"), data)
    batch = trained.batch(torch.Generator().manual_seed(0))
    t, known = batch["t.text"], batch["known.prompt"]
    given, absent = t == 0, t == 1
    assert not known[~given & ~absent].any()
    assert abs(known[given].float().mean() - 0.75) < 0.07 and known[absent].float().mean() > 0.4
    assert torch.equal(batch["vector.prompt"][:, 0].long() // 20, batch["label.digit"])  # of the very word
    loss, _ = trained.loss({k: v[:16] for k, v in batch.items()}, 0)
    loss.backward()
    assert trained.network.vector_embedders["prompt"].weight.grad is not None
    # Data that know no vector train the same model.
    trained.train = points()
    assert not trained.batch(torch.Generator().manual_seed(0))["known.prompt"].any()


def test_the_mean_that_a_condition_leads_to_is_that_of_its_pictures(tmp_path):
    told = torch.randn(10, 6, generator=torch.Generator().manual_seed(1)).repeat_interleave(20, dim=0)
    asked = recipe(0.0, 200, mean=1.0, p_condition=0.9, condition_weights={"text": 1.0, "image": 0.0, "audio": 0.0})
    condition = {"name": "prompt", "dim": 6, "mean": ["image"], "hidden": 64}
    asked.model = {**asked.model, "conditions": [condition]}
    asked.interface = {"conditions": {"prompt": {"encoder": "ngrams", "options": {"dim": 6}}}}
    trained = JointTask(asked, torch.device("cpu"), points(text={"vectors": {"prompt": told}}))
    Trainer(trained, tmp_path / "run", quiet=True).run()
    network = trained.network.eval()
    data, nobody = trained.train, torch.full((200,), network.any_style)
    vectors = data.columns["text"].vectors["prompt"]
    with torch.no_grad():
        told = network.means["prompt"](vectors, network.style_embedding(nobody))["image"]  # (200, 4, 6)
    x0 = trained.latents.normalize("image", data.latents("image").float())
    clean = x0.flatten(2).transpose(1, 2)
    centres = clean.unflatten(0, (10, 20)).mean(1).repeat_interleave(20, dim=0)
    assert (told - centres).square().mean() < 0.2 * centres.square().mean()
    assert "network.means.prompt.fc3.weight" in checkpoints.load_state(tmp_path / "run")


def test_a_loss_for_a_mean_that_nothing_tells_of_is_refused(task):
    with pytest.raises(InputError, match="no condition that tells of one"):
        task(0.0, mean=0.5)


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ({"promt": "prompt"}, "no condition with an encoder that is trained 'promt'; did you mean 'prompt'"),
        ({}, "does not name a checkpoint for the encoder of the condition 'prompt'"),
    ],
)
def test_an_encoder_that_is_trained_is_named_by_the_recipe(named, says, tmp_path):
    asked = read_recipe("emoji")
    asked.data = {**asked.data, "conditions": named, "tokenizers": {"image": "image", "text": "text"}}
    with pytest.raises(InputError, match=says):
        JointTask.from_recipe(asked, torch.device("cpu"), tmp_path)
