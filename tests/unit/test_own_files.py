"""Training on anybody's own files: any folder, through the loaders of `encode`."""

from __future__ import annotations

import json
import shlex
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image
from small import run

import mmdemo
from mmdemo import checkpoints
from mmdemo.datasets.folder import hold_out, list_files, read_folder
from mmdemo.datasets.photographs import at_scales
from mmdemo.errors import InputError
from mmdemo.modalities import image
from mmdemo.training import read_recipe, tokenizer_task, train
from mmdemo.training.card import card
from mmdemo.training.own_files import on_own_files
from mmdemo.training.recipe import FOLDER, changed, shipped_recipes
from mmdemo.training.stages import new_stage

SMALL = {
    "image": ["model.width4=8", "model.width8=16", "model.depth4=1", "model.depth8=1"],
    "audio": ["model.width=16", "model.encoder_depth=1", "model.decoder_depth=1", "data.segment=4000"],
    "text": ["model.width=16", "model.decoder_depth=1", "model.encoder=conv", "model.fallback=0", "data.window=32"],
}
SHORT = ["steps=6", "batch_size=2", "model.bottleneck.levels=2", "model.bottleneck.codebook_size=8", "validate_every=3"]
LEVELS = {"text": ["loss.level_shares=[0.5, 0.5]", "model.bottleneck.dim=8"]}


def picture(phase=0.0, size=(160, 140)):
    y, x = np.mgrid[0 : size[1], 0 : size[0]] / 160
    rgb = np.stack([np.sin(6 * x + phase), np.cos(5 * y), np.sin(4 * (x + y))], -1) * 0.5 + 0.5
    return Image.fromarray((rgb * 255).astype(np.uint8))


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "data"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / ".cache").mkdir()
    for i, suffix in enumerate(("png", "jpg", "gif", "bmp", "tiff")):
        picture(i).save(folder / "deep" / "er" / f"{i}.{suffix}")
    picture().save(folder / ".cache" / "hidden.png")
    whole = (folder / "deep" / "er" / "0.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[:60])
    (folder / "half.png").write_bytes(whole[: len(whole) // 2])  # the loader fills in what is missing
    (folder / "._photo.jpg").write_bytes(b"\0\5\x16\7" + bytes(100))
    picture(size=(40, 200)).save(folder / "small.png")
    (folder / "notes.txt").write_text("no picture")
    return folder


@pytest.fixture
def recordings(tmp_path):
    folder = tmp_path / "data"
    (folder / "deep").mkdir(parents=True)
    t = np.arange(12_000) / 16_000
    for i, suffix in enumerate(("wav", "flac", "ogg")):
        soundfile.write(
            folder / "deep" / f"{i}.{suffix}", 0.3 * np.sin(2 * np.pi * (200 + 90 * i) * t * (1 + t)), 16_000
        )
    soundfile.write(folder / "word.wav", 0.2 * np.sin(900 * t[:2000]), 8_000)  # shorter than a segment
    soundfile.write(folder / "click.wav", np.ones(100) * 0.1, 16_000)
    soundfile.write(folder / "nothing.wav", np.zeros(9000), 16_000)
    return folder


@pytest.fixture
def texts(tmp_path):
    folder = tmp_path / "data"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.txt").write_text("The quick brown fox jumps over the lazy dog.\n" * 90)
    (folder / "deep" / "b.md").write_text("Ein schöner Tag in 北京。\n" * 90, "utf-8")
    picture().save(folder / "c.png")
    return folder


def test_a_fault_in_one_file_leaves_out_that_file_alone(pictures):
    def convert(tensor):
        if tensor.shape[-1] == 40:
            raise RuntimeError("nobody foresaw this")
        return tensor

    files = read_folder([pictures], "image", convert)
    assert len(files.items) == 5
    assert files.left_out[pictures / "small.png"] == "RuntimeError: nobody foresaw this"
    assert "cut short or damaged" in files.left_out[pictures / "half.png"]


@pytest.mark.parametrize(
    ("modality", "left_out"),
    [
        ("image", {"cut.png", "half.png", "._photo.jpg", "small.png", "notes.txt"}),
        ("audio", {"click.wav", "nothing.wav"}),
        ("text", {"c.png"}),
    ],
)
def test_any_folder_becomes_a_model(modality, left_out, tmp_path, request, monkeypatch, capsys):
    folder = request.getfixturevalue({"image": "pictures", "audio": "recordings", "text": "texts"}[modality])
    monkeypatch.setattr(tokenizer_task, "KMEANS_VECTORS", 200)
    settings = [*SHORT, *SMALL[modality], *LEVELS.get(modality, [])]
    out = train(modality, folder, tmp_path / "mine", changes=settings, device="cpu")
    said = capsys.readouterr().out
    assert left_out == {name for name in (p.name for p in folder.rglob("*")) if f"{name} (" in said}
    config = checkpoints.read_config(out)
    (stage,) = config["training"]["stages"]
    assert config["name"] == "mine" and stage["recipe"] == modality and stage["changes"]["steps"] == 6
    assert stage["validation"]["step"] in (3, 6) and stage["data"]
    codec = mmdemo.load(out, "cpu")
    source = next(p for p in list_files([folder]) if p.name not in left_out)
    assert codec.encode(source).levels == 2
    made = (out / "README.md").read_text("utf-8")
    assert f"mmdemo train {modality} " in made and "--set steps=6" in made
    # The command of the card, on the same folder, makes the very same weights.
    name, again = asked_by(made)
    twin = train(name, folder, tmp_path / "twin", changes=again, device="cpu", quiet=True)
    a, b = checkpoints.load_state(out), checkpoints.load_state(twin)
    assert all(torch.equal(a[k], b[k]) for k in a)


def asked_by(text: str) -> tuple[str, list[str]]:
    """The recipe and the changes of it in a card's command."""
    words = shlex.split(next(row for row in text.splitlines() if row.startswith("mmdemo train")))
    return words[2], [change for option, change in pairwise(words) if option == "--set"]


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize(
    "change",
    [
        'data.photographs=["bsds500/train", "a folder"]',
        "data.shares={photographs = 0.5, emoji = 0.5}",
        "data.crop=96",
        "data.emoji=false",
        "name=it's mine",
        "model.bottleneck={dim = 8, levels = 2}",
    ],
)
def test_the_command_of_a_card_asks_for_what_was_trained(own, change, tmp_path):
    source = str(shutil.copy(FOLDER / "image.toml", tmp_path)) if own else "image"
    trained = changed(read_recipe(source), [change])
    stage = new_stage(trained, source, {}, None, None, [change])
    name, again = asked_by(card({"name": "x", "kind": "tokenizer", "training": {"stages": [stage]}}))
    assert again and changed(read_recipe(source), again) == trained and name == Path(source).name


def test_training_sees_what_encode_sees(tmp_path):
    """16 bits, transparency and a turned photograph, as the loader of pictures brings them to its form."""
    deep = Image.fromarray(np.full((130, 130), 32768, np.uint16))
    deep.save(tmp_path / "deep.png")
    Image.new("RGBA", (130, 130), (0, 0, 0, 64)).save(tmp_path / "clear.png")
    turned = Image.Exif()
    turned[0x0112] = 6
    picture(size=(200, 130)).save(tmp_path / "turned.jpg", exif=turned)
    files = read_folder([tmp_path], "image", lambda x: at_scales(x, 64)[0])
    assert len(files.items) == 3 and not files.left_out
    for path, pixels in files.items.items():
        expected = image.load(path).tensor
        assert pixels.shape == expected.shape
        assert (pixels.float() / 255 - expected).abs().max() < 1 / 255
    assert files.items[tmp_path / "turned.jpg"].shape == (3, 200, 130)


def test_files_are_held_out_by_name_whatever_is_added(tmp_path):
    names = [tmp_path / f"{i}.png" for i in range(40)]
    train_files, held = hold_out(names, 0.1)
    assert len(held) == 4 and sorted([*train_files, *held]) == sorted(names)
    _, more = hold_out([*names, tmp_path / "another.png"], 0.1)
    assert len(set(held) & set(more)) >= 3
    assert hold_out(names[:1], 0.1) == (names[:1], [])  # the only one is to train on
    assert len(hold_out(names[:2], 0.1)[1]) == 1


def test_hidden_folders_are_not_looked_into(pictures):
    assert not any(".cache" in str(path) for path in list_files([pictures]))


def test_a_folder_with_nothing_in_it_is_a_sentence(tmp_path):
    with pytest.raises(InputError, match="There is no folder"):
        train("image", tmp_path / "nowhere", tmp_path / "out", device="cpu")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="not a picture that can be trained on"):
        train("image", tmp_path / "empty", tmp_path / "out", device="cpu")
    (tmp_path / "empty" / "a.txt").write_text("short")
    with pytest.raises(InputError, match="5 bytes of text"):
        train("text", tmp_path / "empty", tmp_path / "out", device="cpu")


def test_the_recipes_own_data_sets_are_used_where_they_are(tmp_path):
    recipe = read_recipe("audio")
    (tmp_path / "fsdd").mkdir()
    assert on_own_files(recipe, tmp_path, "x") == recipe  # whose speech is then said to be missing
    (tmp_path / "fsdd").rmdir()
    assert on_own_files(recipe, tmp_path, "x").data["folders"] == ["."]
    assert on_own_files(recipe, tmp_path, "audio").name == "my-audio"
    assert on_own_files(read_recipe("digits"), tmp_path, "x") == read_recipe("digits")


def test_a_run_is_not_replaced_unasked(tmp_path, pictures, monkeypatch):
    monkeypatch.setattr(tokenizer_task, "KMEANS_VECTORS", 200)
    settings = [*SHORT, *SMALL["image"]]
    out = train("image", pictures, tmp_path / "out", changes=settings, device="cpu", quiet=True)
    before = (out / "config.json").read_bytes()
    with pytest.raises(InputError, match="--resume goes on with it, --force replaces it"):
        train("image", pictures, out, changes=settings, device="cpu", quiet=True)
    assert (out / "config.json").read_bytes() == before
    train("image", pictures, out, changes=[*settings, "seed=5"], device="cpu", quiet=True, force=True)
    assert json.loads((out / "config.json").read_text())["training"]["stages"][0]["seed"] == 5


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("steps=0", "steps must be at least 1"),
        ("steps=-5", "steps must be at least 1"),
        ('steps="2"', 'steps must be a whole number, not "2"'),
        ("stepz=3", 'no setting "stepz"; did you mean "steps"'),
        ("data.crpo=32", r'\[data\] has no setting "crpo"; did you mean "crop"'),
        ("data.crop=60", "crop must be a multiple of 8"),
        ("loss.unquantized_steps=0", 'did you mean "unquantised_steps"'),
        ("model.widht4=8", r'\[model\] has no setting "widht4"; did you mean "width4"'),
        ("data.shares.emojy=1.0", "shares has 'emojy'"),
        ("crop", "changed by NAME=VALUE"),
        ("steps.more=3", "steps has no settings"),
        ("quantizer=vqq", "no quantizer 'vqq'"),
    ],
)
def test_slips_are_one_sentence_before_the_first_step(change, said, pictures, tmp_path):
    with pytest.raises(InputError, match=said):
        train("image", pictures, tmp_path / "out", changes=[*SHORT, change], device="cpu", quiet=True)
    assert not (tmp_path / "out" / "config.json").exists()


def test_a_recipe_may_begin_with_a_byte_order_mark(tmp_path):
    (tmp_path / "own.toml").write_bytes(b'\xef\xbb\xbfname = "own"\ntask = "image"\nsteps = 3\n')
    assert read_recipe(tmp_path / "own.toml").steps == 3
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe4"')
    with pytest.raises(InputError, match=r"latin\.toml cannot be used"):
        read_recipe(tmp_path / "latin.toml")


def test_settings_are_changed_as_in_toml():
    recipe = changed(
        read_recipe("image"), ["data.crop=96", "freeze=encoder", "loss.l1=2.5", "model.bottleneck.levels=3"]
    )
    assert recipe.data["crop"] == 96 and recipe.freeze == "encoder" and recipe.loss["l1"] == 2.5
    assert recipe.model["bottleneck"]["levels"] == 3 and recipe.model["width4"] == read_recipe("image").model["width4"]


def test_too_short_a_budget_starts_the_codebooks_in_time(pictures, tmp_path, monkeypatch):
    """2 steps, where the recipe has 250 before its codebooks begin: they begin all the same."""
    monkeypatch.setattr(tokenizer_task, "KMEANS_VECTORS", 200)
    settings = [*SHORT, *SMALL["image"], "steps=4", "loss.unquantised_steps=250"]
    out = train("image", pictures, tmp_path / "out", changes=settings, device="cpu", quiet=True)
    assert checkpoints.load_state(out)["bottleneck.codebooks"].abs().sum() > 0
    with pytest.raises(InputError, match="its codebooks have not begun"):
        train("image", pictures, tmp_path / "one", changes=[*settings, "steps=1"], device="cpu", quiet=True)
    assert not (tmp_path / "one" / "config.json").exists()


@pytest.mark.parametrize(
    ("recipe", "options", "says"),
    [
        ("compare", ["--resume"], "leave --resume and --init out"),
        ("compare", ["--init", "image"], "leave --resume and --init out"),
        ("compare", ["--compile"], "leave --compile out"),
        ("image", ["--patience", 3, "--validate-every", 0], "leave --patience out"),
        ("image", ["--set", 'reinit=["decoder"]'], "leave reinit out"),
    ],
)
def test_options_that_would_do_nothing_are_refused(recipe, options, says, tmp_path):
    result = run("train", recipe, "--data-dir", tmp_path, "--out", tmp_path / "out", *options, code=1)
    assert says in str(result.exception) + result.output


def test_every_shipped_recipe_fits_its_settings():
    from mmdemo.training.audio_task import AudioData, AudioLoss
    from mmdemo.training.image_task import ImageData, ImageLoss
    from mmdemo.training.prior_task import PriorData
    from mmdemo.training.text_task import TextData

    tables = {
        "image": {"data": ImageData, "loss": ImageLoss},
        "audio": {"data": AudioData, "loss": AudioLoss},
        "text": {"data": TextData, "loss": tokenizer_task.TokenizerLoss},
        "prior": {"data": PriorData},
    }
    for name in shipped_recipes():
        recipe = read_recipe(name)
        for section, cls in tables.get(recipe.task, {}).items():
            assert recipe.section(cls, section)


def test_what_joint_recipes_name_is_there():
    from mmdemo.diffusion.interface import JointInterface
    from mmdemo.diffusion.reports import REPORTS
    from mmdemo.diffusion.streams import DiTConfig

    recipes = [r for r in map(read_recipe, shipped_recipes()) if r.task == "joint"]
    assert len(recipes) >= 3
    for recipe in recipes:
        interface = recipe.section(JointInterface, "interface")
        interface.check(recipe.section(DiTConfig, "model"))
        assert interface.figures in ("", *REPORTS)
    for field, wrong, says in (
        ("suggestions", "emojy", "no list of suggestions 'emojy'; did you mean 'emoji'"),
        ("form", "digitss", "no form 'digitss'; did you mean 'digits'"),
        ("figures", "x", "no report 'x'; choose one of digits, emoji"),
    ):
        with pytest.raises(InputError, match=says):
            replace(interface, **{field: wrong}).check(recipe.section(DiTConfig, "model"))


@pytest.mark.parametrize(
    ("usual", "says"),
    [
        ({"steps": 150}, "offers steps from 2 to 100, not 150"),
        ({"steps": 1}, "offers steps from 2"),
        ({"n": 16}, "offers n from 1 to 8"),
        ({"guidance": 12.0}, "offers guidance from 0 to 10, not 12"),
        ({"sampler": "magic"}, "no sampler 'magic'"),
    ],
)
def test_a_page_can_begin_with_what_a_model_says_is_usual(usual, says):
    from mmdemo.config import from_dict
    from mmdemo.diffusion.interface import JointInterface

    with pytest.raises(InputError, match=says):
        from_dict(JointInterface, {"usual": usual}, "[interface]")
