"""Emoji as paired data, on a small folder of the same form: splits, held-out pairs, captions; a toy model trained."""

import hashlib

import numpy as np
import pytest
import torch
from PIL import Image

from mmdemo import checkpoints
from mmdemo.datasets import emoji
from mmdemo.diffusion.frames import PictureFrame, TextFrame
from mmdemo.errors import InputError
from mmdemo.evaluation import report
from mmdemo.loading import load
from mmdemo.training import recipe, train

STYLES = ("noto", "twemoji", "openmoji", "fluent3d", "fluentflat")
COLUMNS = ["hexcode", "emoji", "label_en", "tags_en", "label_zh", "tags_zh", "group", "subgroup", "split", "styles"]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """A folder of 30 concepts, three of them for testing; every fifth is drawn in three styles only."""
    root = tmp_path_factory.mktemp("data") / "emoji"
    lines = ["\t".join(COLUMNS)]
    for i in range(30):
        styles = STYLES[:3] if i % 5 == 4 else STYLES
        code, split = f"1F{i:03X}", "test" if i < 3 else "train"
        row = [code, chr(0x1F600 + i), f"thing {i}", "red,a very long keyword that does not fit", f"东西{i}", "红", "g"]
        lines.append("\t".join([*row, "s", split, ",".join(styles)]))
        for s, style in enumerate(styles):
            (root / "images" / style).mkdir(parents=True, exist_ok=True)
            picture = np.full((64, 64, 3), 255, np.uint8)
            picture[16:48, 16:48] = [8 * i, 50 * s, 128]
            Image.fromarray(picture).save(root / "images" / style / f"{code}.png")
    (root / "annotations.tsv").write_text("\n".join(lines) + "\n", "utf-8")
    return root.parent


def test_splits_share_no_picture_and_test_concepts_are_never_seen(data_dir, monkeypatch):
    monkeypatch.setattr(emoji, "HELD_OUT", 8)
    root = data_dir / "emoji"
    splits = {s: {(p.emoji.hexcode, p.style) for p in emoji.pictures(root, s)} for s in emoji.EMOJI_SPLITS}
    assert sum(map(len, splits.values())) == len(set.union(*splits.values())) == 30 * 5 - 6 * 2
    concepts = {name: {code for code, _ in pairs} for name, pairs in splits.items()}
    assert len(concepts["test_concepts"]) == 3 and not concepts["test_concepts"] & concepts["train"]
    for name in ("validation", "test"):
        assert len(splits[name]) == 8 == len(concepts[name])  # one style a concept
        assert concepts[name] <= concepts["train"]
        for code, style in splits[name]:
            assert len([s for c, s in splits["train"] if c == code]) == 4 and (code, style) not in splits["train"]
    assert len({style for _, style in splits["test"] | splits["validation"]}) > 2  # not always the same style


def test_held_out_pairs_are_the_same_everywhere(data_dir):
    """They follow from a hash of the names alone: not of the order of rows, nor of the machine."""
    rows = emoji.read_annotations(data_dir / "emoji")
    assert emoji.held_out_pairs(rows) == emoji.held_out_pairs(rows[::-1])
    able = [r.hexcode for r in rows if r.split == "train" and len(r.styles) > 3]
    first = min(able, key=lambda code: hashlib.sha256(f"held out:{code}".encode()).digest())
    assert first in {code for code, _ in emoji.held_out_pairs(rows)["test"]}


def test_captions_are_labels_then_keywords_each_once(data_dir):
    first = emoji.read_annotations(data_dir / "emoji")[0]
    assert emoji.captions(first) == ["thing 0", "东西0", "red", "a very long keyword that does not fit", "红"]
    assert emoji.captions(first, languages=(1,)) == ["东西0", "红"]


class Recording:
    """Stands for the encoders: pictures become their mean colour, texts their number."""

    styles, seed = STYLES, 0

    def __init__(self):
        self.conditions = {"prompt": None}
        self.frames = {"image": PictureFrame([8, 8], 8), "text": TextFrame([6], 4)}
        self.texts = []

    def latents(self, stream, items):
        if stream == "image":
            return items.float().mean((2, 3))[:, :, None]
        assert [TextFrame.read(row) for row in items] == self.texts
        return torch.arange(len(items)).float()[:, None, None]

    def vectors(self, condition, texts):
        self.texts = list(texts)
        return torch.arange(len(texts)).float()[:, None]


def test_rows_pair_a_drawing_with_its_style_and_its_captions(data_dir):
    encoders = Recording()
    data = emoji.paired_emoji(encoders, data_dir, "train", label_weight=3)
    batch = data.draw(400, torch.Generator().manual_seed(0))
    colour = batch.latents["image"][:, :, 0]  # of the middle, a quarter of the picture, and white
    concept = ((colour[:, 0] - 191.25) * 4 / 8).round().long()
    assert torch.equal(((colour[:, 1] - 191.25) * 4 / 50).round().long(), batch.style)
    texts = [encoders.texts[int(i)] for i in batch.latents["text"][:, 0, 0]]
    assert torch.equal(batch.vectors["prompt"][:, 0], batch.latents["text"][:, 0, 0])
    labels = sum(text in (f"thing {c}", f"东西{c}") for text, c in zip(texts, concept.tolist(), strict=True))
    assert all(t in (f"thing {c}", f"东西{c}", "red", "红") for t, c in zip(texts, concept.tolist(), strict=True))
    assert abs(labels / 400 - 6 / 8) < 0.11  # two labels three times each, two keywords; one does not fit


def test_without_keywords_and_with_a_limit(data_dir):
    data = emoji.paired_emoji(Recording(), data_dir, "test_concepts", keywords=False, limit=2)
    assert len(data) == 10
    one = Recording()
    one.frames = {"image": one.frames["image"]}  # a model that takes text as a condition only
    batch = emoji.paired_emoji(one, data_dir, "train").draw(8, torch.Generator().manual_seed(0))
    assert set(batch.latents) == {"image"} and batch.known["prompt"].all()


def test_a_joint_model_of_emoji_is_a_recipe_and_a_data_set(data_dir, tmp_path, monkeypatch):
    """From the shipped recipe to samples: nothing of the model package knows of emoji."""
    monkeypatch.setenv("MMDEMO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(emoji, "HELD_OUT", 8)
    text = (recipe.FOLDER / "toy-emoji.toml").read_text("utf-8")
    toml = tmp_path / "toy.toml"
    toml.write_text(text.replace("steps = 300", "steps = 3").replace("batch_size = 32", "batch_size = 4"), "utf-8")
    train(str(toml), data_dir, tmp_path / "toy", quiet=True)
    assert list((tmp_path / "cache" / "latents").glob("*.safetensors"))
    (stage,) = checkpoints.read_config(tmp_path / "toy")["training"]["stages"]
    assert stage["data"]["latents of image"] > stage["data"]["latents of text"] > 0
    model = load(tmp_path / "toy", "cpu")
    assert model.styles == STYLES and set(model.streams) == {"image", "text"} and model.interface.anchor == "text"
    drawn = list(model.sample({"text": "红心"}, n=2, steps=2, style="noto"))[-1]
    assert [p.size for p in drawn.preview("image")] == [(64, 64)] * 2
    named = list(model.sample({"image": Image.new("RGB", (300, 100), "red")}, n=1, steps=2))[-1]
    assert isinstance(named.preview("text")[0], str)
    both = list(model.sample(n=1, steps=4))
    assert len(both) == 4 and both[0].times == {"image": 1.0, "text": 0.0}  # the label first
    with pytest.raises(InputError, match="There is no style 'nobody'; choose one of noto"):
        next(model.sample({"text": "cat"}, style="nobody"))
    with pytest.raises(InputError, match="1 to 48, for example “red heart”"):
        next(model.sample({"text": "cat" * 20}))
    assert report.evaluate(str(tmp_path / "toy"), data_dir)["figures"][0]["name"] == "parameters"


def test_what_is_missing_is_said_in_one_sentence(data_dir, tmp_path):
    with pytest.raises(InputError, match="data set emoji is not in"):
        emoji.read_annotations(tmp_path / "emoji")
    with pytest.raises(InputError, match="no split 'dev'; choose one of train"):
        emoji.pictures(data_dir / "emoji", "dev")
    root = tmp_path / "other"
    root.mkdir()
    (root / "annotations.tsv").write_text("hexcode\temoji\n1F600\t😀\n", "utf-8")
    with pytest.raises(InputError, match="has no column 'label_en'"):
        emoji.read_annotations(root)
