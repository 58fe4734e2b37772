"""The training loop: it learns, it resumes exactly, and it exports what it trained."""

import json
import math

import numpy as np
import pytest
import torch
from PIL import Image

from mmdemo import checkpoints
from mmdemo.codec import Codec
from mmdemo.errors import InputError
from mmdemo.training import make_task, train
from mmdemo.training import recipe as recipes
from mmdemo.training.log import read_log
from mmdemo.training.loop import Trainer, learning_rate
from mmdemo.training.recipe import Recipe, changed, read_recipe

RECIPE = """
name = "tiny"
task = "image"
quantizer = "{kind}"
steps = {steps}
batch_size = 4
learning_rate = 3e-3
warmup_steps = 2
ema = {ema}
seed = 3

[data]
crop = 32
photographs = ["photos"]

[loss]
unquantised_steps = 4

[model]
width4 = 8
width8 = 16
depth4 = 1
depth8 = 1
bottleneck = {{ dim = 4, levels = 2, codebook_size = 16 }}
"""


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """Two smooth pictures."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "photos").mkdir()
    y, x = np.mgrid[0:160, 0:160] / 160
    for i, phase in enumerate((0.0, 1.5)):
        rgb = np.stack([np.sin(6 * x + phase), np.cos(5 * y), np.sin(4 * (x + y))], -1) * 0.5 + 0.5
        Image.fromarray((rgb * 255).astype(np.uint8)).save(folder / "photos" / f"{i}.png")
    return folder


def recipe_file(tmp_path, steps=30, kind="rvq", ema=0.0):
    path = tmp_path / "tiny.toml"
    path.write_text(RECIPE.format(steps=steps, kind=kind, ema=ema))
    return path


def weights(folder):
    return checkpoints.load_state(folder)


@pytest.mark.parametrize("kind", ["rvq", "vq", "gaussian", "fsq"])
def test_training_learns_with_every_bottleneck(tmp_path, data_dir, kind):

    task = make_task(read_recipe(recipe_file(tmp_path, 60, kind)), data_dir, "cpu")
    fixed = task.batch(torch.Generator().manual_seed(9))
    before = task.loss(fixed, 0)[0].item()
    Trainer(task, tmp_path / "out", quiet=True).run()
    assert task.loss(fixed, 0)[0].item() < 0.5 * before
    assert (task.status() != "") == (kind != "gaussian")


def test_a_recipe_names_its_quantizer_in_one_place(tmp_path, data_dir):
    recipe = changed(read_recipe(recipe_file(tmp_path, 5, "rvq")), ["model.bottleneck.kind=fsq"])
    with pytest.raises(InputError, match="at the top, quantizer = 'fsq'"):
        make_task(recipe, data_dir, "cpu")


@pytest.mark.parametrize(
    "name, change, reason",
    [
        ("judge-image", "loss.smoothing=0.1", r"the task 'judge' has no \[loss\]; it reads \[model\]"),
        ("prior-image", "loss.mse=1", r"the task 'prior' has no \[loss\]"),
        ("image", "interface.style=speaker", r"the task 'image' has no \[interface\]"),
        ("toy-emoji", "freeze=encoder", "the task 'joint' has no 'freeze'"),
        ("toy-emoji", "quantizer=fsq", "the task 'joint' has no 'quantizer'"),
        ("toy-emoji", "loss.p_uncnd=0.1", "p_uncond"),
        ("toy-emoji", "model.stremas=3", "streams"),
        ("toy-emoji", "interface.anchr=text", "anchor"),
        ("toy-emoji", "data.tokenizer=image", "tokenizers"),
    ],
)
def test_what_a_recipe_says_is_heard_or_refused(tmp_path, name, change, reason):
    """Before any data is looked for; a wrong name with the right one."""
    with pytest.raises(InputError, match=reason):
        make_task(changed(read_recipe(name), [change]), tmp_path, "cpu")


@pytest.mark.parametrize("name", recipes.shipped_recipes())
def test_shipped_recipes_say_nothing_that_their_task_does_not_read(name):
    from mmdemo.training import TASKS

    recipe = read_recipe(name)
    if recipe.task != "compare":
        maker = TASKS[recipe.task]
        getattr(maker, "__self__", maker).check(recipe)


def test_the_same_seed_gives_the_same_weights_and_resuming_changes_nothing(tmp_path, data_dir):
    path = recipe_file(tmp_path, 12)
    whole = train(str(path), data_dir, tmp_path / "whole", device="cpu", quiet=True)
    again = train(str(path), data_dir, tmp_path / "again", device="cpu", quiet=True)
    for k, v in weights(whole).items():
        assert torch.equal(v, weights(again)[k]), k

    # Cut after 7 steps by hand, as a killed session would be, then resume.

    task = make_task(read_recipe(path), data_dir, "cpu")
    trainer = Trainer(task, tmp_path / "cut", quiet=True)
    torch.manual_seed(task.recipe.seed)
    task.model.train()
    while trainer.step < 7:
        trainer.take_step()
    trainer.save()
    cut = train(str(path), data_dir, tmp_path / "cut", resume=True, device="cpu", quiet=True)
    assert [e["step"] for e in read_log(cut) if e["event"] == "end"] == [12]
    for k, v in weights(whole).items():
        assert torch.allclose(v, weights(cut)[k], atol=2e-3), k  # half precision at rest


def test_averaged_weights_are_exported_and_training_goes_on_with_its_own(tmp_path, data_dir):

    task = make_task(read_recipe(recipe_file(tmp_path, 8, ema=0.9)), data_dir, "cpu")
    trainer = Trainer(task, tmp_path / "out", quiet=True)
    trainer.run()
    live = {k: v.clone() for k, v in task.model.named_parameters()}
    stored = weights(tmp_path / "out")
    name = "project_out.weight"
    assert torch.allclose(stored[name], trainer.average.values[name], atol=1e-3)
    assert not torch.allclose(stored[name], live[name], atol=1e-4)


def test_warm_start_begins_from_the_given_weights(tmp_path, data_dir):
    path = recipe_file(tmp_path, 10)
    first = train(str(path), data_dir, tmp_path / "first", device="cpu", quiet=True)

    task = make_task(read_recipe(path), data_dir, "cpu")
    checkpoints.load_into(task.model, first)
    assert task.model.bottleneck.initialized  # no second k-means start
    assert torch.equal(task.model.state_dict()["project_out.weight"], weights(first)["project_out.weight"])


def test_an_exported_checkpoint_is_a_codec(tmp_path, data_dir):
    folder = train(str(recipe_file(tmp_path, 10)), data_dir, tmp_path / "out", device="cpu", quiet=True)
    codec = Codec.from_folder(folder, "cpu")
    picture = Image.open(data_dir / "photos" / "0.png").crop((0, 0, 61, 45))
    tokens = codec.encode(picture)
    assert tokens.codes.shape == (2, 6, 8) and codec.decode(tokens).size == (61, 45)
    config = json.loads((folder / "config.json").read_text())
    assert config["kind"] == "tokenizer" and config["training"]["stages"][-1]["steps"] == 10


def test_schedule_warms_up_and_ends_at_zero():
    recipe = Recipe("x", "image", steps=100, learning_rate=1.0, warmup_steps=10)
    assert learning_rate(0.0, 0, recipe) == pytest.approx(0.1)
    assert learning_rate(0.5, 50, recipe) == pytest.approx(0.5)
    assert learning_rate(1.0, 99, recipe) == pytest.approx(0.0)
    assert math.isclose(learning_rate(0.1, 9, recipe), 0.5 * (1 + math.cos(0.1 * math.pi)))


def test_mistakes_in_recipes_and_folders_are_one_sentence(tmp_path, data_dir):
    with pytest.raises(InputError, match="shipped ones"):
        read_recipe("no-such-recipe")
    bad = tmp_path / "bad.toml"
    bad.write_text('name = "x"\ntask = "image"\nstepz = 3\n')
    with pytest.raises(InputError, match="stepz"):
        read_recipe(bad)
    with pytest.raises(InputError, match="rvq, vq, gaussian"):
        train(str(recipe_file(tmp_path, kind="lfq")), data_dir, tmp_path / "no", device="cpu", quiet=True)
    with pytest.raises(InputError, match="nothing to resume"):
        train(str(recipe_file(tmp_path)), data_dir, tmp_path / "none", resume=True, device="cpu", quiet=True)
    with pytest.raises(InputError, match="--data-dir"):
        train(str(recipe_file(tmp_path)), tmp_path / "nowhere", tmp_path / "out", device="cpu", quiet=True)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"minutes": 0}, "cannot take 0 minutes"),
        ({"minutes": math.nan}, "cannot take nan minutes"),
        ({"init": "no-such-checkpoint"}, "no checkpoint 'no-such-checkpoint'"),
        ({"resume": True}, "nothing to resume"),
        ({"resume": True, "force": True}, "give one of them"),
    ],
)
def test_what_cannot_be_is_refused_before_the_data_is_read(tmp_path, monkeypatch, wrong, says):
    monkeypatch.setattr("mmdemo.training.make_task", lambda *_: pytest.fail("the data was read"))
    with pytest.raises(InputError, match=says):
        train(str(recipe_file(tmp_path)), tmp_path, tmp_path / "out", device="cpu", quiet=True, **wrong)
    assert not (tmp_path / "out").exists()


def test_a_run_that_has_saved_nothing_yet_keeps_its_folder(tmp_path, data_dir):
    (tmp_path / "log.jsonl").write_text('{"event": "step", "step": 1}\n')
    with pytest.raises(InputError, match="has begun and saved nothing yet: --force"):
        train(str(recipe_file(tmp_path)), data_dir, tmp_path, device="cpu", quiet=True)


def test_all_shipped_recipes_are_readable():
    names = recipes.shipped_recipes()
    assert {"image", "audio", "text", "digits", "compare"} <= set(names)
    for name in ("digits-vp", "digits-ve"):  # short trainings from the shipped weights, which must fit
        assert read_recipe(name).model == read_recipe("digits").model
    for name in names:
        assert read_recipe(name).steps > 0
