"""Behind the Generate tab: what is made anew of something given, numbers of several digits, and noised text."""

from __future__ import annotations

import base64
import io
import json
from urllib.parse import parse_qsl

import numpy as np
import pytest
from generate_model import random_joint
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mmdemo.diffusion import decoding
from mmdemo.diffusion.joint import JointDiffusion
from mmdemo.errors import InputError
from mmdemo.ui.generate import export, messages, noise_panel
from mmdemo.ui.generate import mask as mask_text
from mmdemo.ui.generate.inputs import example_picture, pack_picture, pack_sound, picture_uri
from mmdemo.ui.generate.mask_editor import MaskEditor
from mmdemo.ui.generate.maths import explain
from mmdemo.ui.generate.run import as_the_model_sees, choices_of, reused, run
from mmdemo.ui.generate.settings import Choices, Settings, from_query

SHAPES = {"image": (4, 4), "audio": (40,), "text": (4,)}
CHOICES = Choices(("image", "audio", "text"), ("euler", "heun"), ("ann", "ben"), SHAPES)
DRAWN = pack_picture(example_picture())


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> JointDiffusion:
    return JointDiffusion.from_folder(random_joint(tmp_path_factory.mktemp("model") / "digits"), "cpu")


def opened(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def voice() -> str:
    return pack_sound((16_000, np.sin(np.arange(8_000) * 0.1).astype(np.float32)))


def frames_of(model: JointDiffusion, **changed) -> tuple[list[dict], dict]:
    """All steps of a run, and its last message."""
    messages = list(run(model, Settings(**changed, choices=choices_of(model)), "CPU"))
    assert json.loads(json.dumps(messages)) == messages
    return [frame for message in messages for frame in message["frames"]], messages[-1]


# ------------------------------------------------------------------ masks


@given(st.dictionaries(st.sampled_from(sorted(SHAPES)), st.integers(1, 2**40 - 1)))
def test_masks_come_back_from_their_text(bits):
    masks = {}
    for name, value in bits.items():
        flat = np.array([value >> i & 1 for i in range(int(np.prod(SHAPES[name])))], bool)
        if flat.any():
            masks[name] = flat.reshape(SHAPES[name])
    again = mask_text.parse(mask_text.written(masks), SHAPES)
    assert set(again) == set(masks) and all(np.array_equal(again[name], masks[name]) for name in masks)


def test_a_mask_names_positions_row_by_row():
    masks = mask_text.parse("image:8001,text:", SHAPES)
    assert masks["image"].nonzero()[0].tolist() == [0, 3] and masks["image"].nonzero()[1].tolist() == [0, 3]
    assert masks["text"].all() and mask_text.written(masks) == "image:8001,text:"


@pytest.mark.parametrize(
    "text",
    ["image", "image:xyz", "image:0", "image:0000", "image:00ff0", "video:1", "text:8,text:8", "image:" + "f" * 300],
)
def test_what_is_no_mask_is_refused(text):
    with pytest.raises(InputError, match=r"What to make anew|A mask names"):
        mask_text.parse(text, SHAPES)


@pytest.mark.parametrize("size", [1, 5, 7, 9, 10])
def test_bits_beyond_the_last_position_are_refused(size):
    """A digit is four bits, and positions need not be a multiple of them: what is over means nothing."""
    digits, last = -(-size // 4), -size % 4  # digits, and bits that are over
    only = {"text": np.arange(size) == size - 1}
    assert np.array_equal(mask_text.parse(mask_text.written(only), {"text": (size,)})["text"], only["text"])
    for extra in range(1, 1 << last):
        for value in (extra, extra | 1 << last):  # alone, and beside the last position
            with pytest.raises(InputError, match=f"at least one of {size} positions"):
                mask_text.parse(f"text:{value:0{digits}x}", {"text": (size,)})


def test_the_page_hands_back_the_text_of_the_marks():
    editor = MaskEditor(SHAPES, 16)
    assert editor.preprocess('{"edit": "image:00ff", "shown": {}}') == editor.preprocess("image:00ff") == "image:00ff"
    assert editor.preprocess(None) == editor.preprocess('{"edit": null}') == ""
    assert json.loads(editor.postprocess("text:8")) == {"edit": "text:8"}
    with pytest.raises(InputError, match="What to make anew looks like"):
        mask_text.parse(editor.preprocess("{broken"), SHAPES)


# ------------------------------------------------------------------ settings


def test_what_is_marked_is_made_and_the_rest_is_given():
    settings = Settings(image=DRAWN, text="eight", want=("audio",), edit="image:00ff,audio:", choices=CHOICES)
    assert settings.want == ("image", "audio") and settings.edit == "image:00ff"  # no sound is given
    params = dict(parse_qsl(settings.query()[1:]))
    del params["run"], params["tab"]
    assert from_query(params, CHOICES) == settings


def test_a_variation_makes_only_what_is_marked():
    varied = Settings(image=DRAWN, want=("audio",), edit="image:", strength=0.5, choices=CHOICES)
    assert varied.want == ("image",) and "strength=0.5" in varied.query()
    pair = Settings(image=DRAWN, want=("audio",), edit="image:", vs="strength:0.4", choices=CHOICES)
    assert pair.want == pair.second().want == ("image",) and pair.second().strength == 0.4


def test_what_is_given_alone_is_varied_as_a_whole():
    """Who takes a result and clicks Generate has marked nothing and asks for nothing."""
    settings = Settings(text="seven", image=DRAWN, want=(), choices=CHOICES)
    assert (settings.edit, settings.want, settings.strength) == ("image:", ("image",), 0.6)
    assert Settings(image=DRAWN, want=(), strength=0.3, choices=CHOICES).strength == 0.3
    assert Settings(image=DRAWN, want=("text",), choices=CHOICES).edit == ""
    assert from_query(dict(parse_qsl(settings.query()[1:])), CHOICES) == settings
    with pytest.raises(InputError, match="not given"):
        Settings(text="seven", want=(), choices=CHOICES)


@pytest.mark.parametrize("text", ["4072", " 10 ", "四零七二", "12345678"])
def test_several_digits_are_a_number(text):
    settings = Settings(text=text, to=7, edit="text:", choices=CHOICES)
    assert settings.number and settings.want == ("image", "audio") and settings.to == "" and settings.edit == ""


@pytest.mark.parametrize("text", ["7", "七", "seven", "4o72", ""])
def test_other_words_are_no_number(text):
    assert not Settings(text=text, choices=CHOICES).number


@pytest.mark.parametrize(
    "changed",
    [{"text": "123456789"}, {"text": "4072", "image": DRAWN}, {"to": -1}, {"to": "x"}, {"strength": 0}, {"edit": 5}],
)
def test_wrong_edits_and_numbers_are_refused_in_one_sentence(changed):
    with pytest.raises(InputError) as error:
        Settings(**changed, choices=CHOICES)
    assert str(error.value).endswith(".") and "\n" not in str(error.value)


# ------------------------------------------------------------------ runs


def test_what_is_not_marked_stays_token_by_token(model):
    anew = np.zeros((4, 4), bool)
    anew[2:] = True
    edit = mask_text.written({"image": anew})
    _, last = frames_of(model, image=DRAWN, text="eight", want=("image",), edit=edit, n=2, steps=3)
    source = model.frame("image", opened(picture_uri(DRAWN)).convert("RGB")).codes.numpy()
    for tokens in last["end"]["tokens"]["a"]["image"]:
        made = np.array(tokens["codes"]).reshape(tokens["shape"])
        assert np.array_equal(made[:, ~anew], source[:, ~anew]) and not np.array_equal(made, source)


def test_a_weak_variation_stays_closer_than_a_strong_one(model):
    source = np.asarray(opened(as_the_model_sees(model, {"image": DRAWN})["image"]), float)
    distances = []
    for strength in (0.05, 1.0):
        frames, _ = frames_of(model, image=DRAWN, want=("image",), edit="image:", strength=strength, n=1, steps=4)
        distances.append(np.abs(np.asarray(opened(frames[-1]["image"]["x0"][0]), float) - source).mean())
    assert distances[0] < distances[1]


def test_samples_lead_from_one_seed_to_the_other(model):
    both = [frames_of(model, want=("image",), n=1, steps=2, seed=seed)[1]["end"]["tokens"]["a"] for seed in (3, 9)]
    _, last = frames_of(model, want=("image",), n=3, steps=2, seed=3, to=9)
    between = last["end"]["tokens"]["a"]["image"]
    assert between[0] == both[0]["image"][0] and between[2] == both[1]["image"][0]
    assert between[1] not in (between[0], between[2])


def test_a_number_grows_digit_by_digit(model):
    frames, last = frames_of(model, text="407", n=1, steps=2, sampler="euler")
    assert [frame["block"] for frame in frames] == [0, 0, 1, 1, 2, 2]
    strips = [np.asarray(opened(frame["image"]["x0"][0])) for frame in frames]
    assert (
        {strip.shape for strip in strips} == {(32, 96, 3)} and not strips[0][:, 32:].any() and strips[-1][:, 64:].any()
    )
    sounds = [frame["audio"]["x0"][0] for frame in frames]
    assert [bool(sound.get("part")) for sound in sounds] == [True, False] * 3
    lengths = [len(export.sound_from(sound)[1]) for sound in sounds]
    assert lengths[1] < lengths[3] < lengths[5] and lengths[0] == lengths[2] == lengths[4] == 12_800
    assert last["end"]["tokens"]["a"]["image"][0]["shape"][1:] == [4, 12]


def test_a_strip_can_be_saved(model):
    frames, _ = frames_of(model, text="40", want=("image",), n=2, steps=2, sampler="euler")
    cells = [frame["image"]["x0"] for frame in frames]
    _, data = export.write({"kind": "gif", "columns": 1, "frames": cells})
    assert Image.open(io.BytesIO(data)).size == (2 * 128 + 12, 2 * 128 + 18)


# ------------------------------------------------------------------ what is shown and handed back


def test_inputs_are_shown_as_the_model_sees_them(model):
    seen = as_the_model_sees(model, {"image": DRAWN, "audio": voice(), "text": "seven"})
    assert opened(seen["image"]).size == (32, 32) and seen["text"] == "seven"
    assert len(export.sound_from(seen["audio"])[1]) == 12_800
    assert as_the_model_sees(model, {"image": "AAAA", "audio": "", "text": "x" * 50}) == {}


def test_a_sample_becomes_what_is_given(model):
    frames, _ = frames_of(model, n=1, steps=2, sampler="euler")
    sample = {name: frames[-1][name]["x0"][0] for name in ("image", "audio", "text")}
    given_again = reused(sample)
    assert np.array_equal(
        np.asarray(opened(picture_uri(given_again["image"])).convert("RGB")), np.asarray(opened(sample["image"]))
    )
    assert given_again["audio"] and given_again["text"] == sample["text"]
    assert reused(None) == {"text": "", "image": "", "audio": ""}


@pytest.mark.parametrize(
    "sample", [{"image": 5}, {"image": "data:image/png;base64,AAAA"}, {"audio": 5}, {"audio": {"rate": 1}}]
)
def test_what_is_no_sample_is_refused(sample):
    with pytest.raises(InputError, match=r"data URI|kind of file is not known|needs a sampling rate"):
        reused(sample)


# ------------------------------------------------------------------ noise


def test_noised_text_starts_as_itself_and_ends_the_same_for_every_text(model):
    tables = [noise_panel.text_table(model, {"text": text, "seed": 4}) for text in ("seven", "eight")]
    for table in tables:
        assert set(table) == {"flow", "vp", "ve"}
        assert all(len(row["text"]) == len(row["confidence"]) for rows in table.values() for row in rows)
        assert all(len(rows) == noise_panel.TEXT_POINTS for rows in table.values())
    codec = model.codecs["text"]
    assert tables[0]["flow"][0]["text"] == codec.decode(codec.encode("seven"))
    # At t = 1 nothing is left of the data in "flow" and "vp".
    assert tables[0]["flow"][-1] == tables[1]["flow"][-1] and tables[0]["flow"][-1]["text"] != "seven"
    assert tables[0]["vp"][-1]["text"] == tables[1]["vp"][-1]["text"] == tables[0]["flow"][-1]["text"]


def test_a_decoder_that_does_not_say_how_sure_it_is_shows_its_text_all_the_same(model, monkeypatch):
    table = noise_panel.text_table(model, {"text": "seven", "seed": 4})
    monkeypatch.setattr(decoding, "Confident", Image.Image)  # as no tokenizer is
    silent = noise_panel.text_table(model, {"text": "seven", "seed": 4})
    assert [row["text"] for row in silent["flow"]] == [row["text"] for row in table["flow"]]
    assert all(row["confidence"] is None for row in silent["flow"])
    (step,) = model.sample({}, want=("text",), n=1, steps=1)
    assert "x0" in messages.modality(step, "text") and "confidence" not in messages.modality(step, "text")


@pytest.mark.parametrize(
    "request_",
    [
        None,
        {},
        {"text": "", "seed": 1},
        {"text": "a", "seed": -1},
        {"text": "a", "seed": True},
        {"text": "a" * 61, "seed": 1},
    ],
)
def test_what_is_no_short_text_is_refused(model, request_):
    with pytest.raises(InputError, match=r"text of 1 to 60 bytes|seed has to be"):
        noise_panel.text_table(model, request_)


# ------------------------------------------------------------------ mathematics


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"image": DRAWN, "edit": "image:00ff"}, r"\odot"),
        ({"image": DRAWN, "edit": "image:", "strength": 0.35}, "s = 0.35"),
        ({"seed": 3, "to": 9}, r"\theta"),
        ({"text": "4072"}, r"\varepsilon_{k-1}"),
    ],
)
def test_the_mathematics_tells_what_is_different_in_this_run(changed, says):
    plain = Settings(choices=CHOICES)
    for lang in ("en", "zh"):
        assert says in explain(Settings(**changed, choices=CHOICES), [], lang) and says not in explain(plain, [], lang)
