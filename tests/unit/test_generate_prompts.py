"""Behind the Generate tab for prompts: mixtures, films, styles, sketches, suggestions; files saved and dropped back."""

from __future__ import annotations

import base64
import io
import json
from urllib.parse import parse_qsl

import numpy as np
import pytest
from generate_model import PROMPTED_STYLES, random_prompted
from PIL import Image, ImageDraw

from mmdemo.diffusion.joint import JointDiffusion
from mmdemo.errors import InputError
from mmdemo.ui.generate import export, reopen
from mmdemo.ui.generate.form import first_settings, general_presets, preset
from mmdemo.ui.generate.inputs import example_picture, pack_picture
from mmdemo.ui.generate.maths import explain
from mmdemo.ui.generate.messages import listed_steps
from mmdemo.ui.generate.run import caption, choices_of, run
from mmdemo.ui.generate.settings import DRAFT_STEPS, Choices, Settings, from_query, says_no_digit
from mmdemo.ui.shared.payload import data_uri


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> JointDiffusion:
    return JointDiffusion.from_folder(random_prompted(tmp_path_factory.mktemp("model") / "prompted"), "cpu")


@pytest.fixture(scope="module")
def choices(model) -> Choices:
    return choices_of(model)


def of(choices: Choices, **changed) -> Settings:
    return Settings(**{**choices.usual, "want": ("image",), **changed}, choices=choices)


# ------------------------------------------------------------------ settings


def test_what_a_model_offers_follows_from_its_interface(choices):
    assert choices.form == "" and choices.mixes and choices.style == "style" and choices.model == "prompted"
    assert choices.speakers == tuple(PROMPTED_STYLES) and choices.usual["steps"] == 16
    assert ("🐙", ("octopus", "章鱼")) in choices.suggestions and len(choices.suggestions) > 1500


def test_two_texts_from_one(choices):
    mixed = of(choices, text="sun + moon", weight=0.3)
    assert (mixed.text, mixed.mix, mixed.shares) == ("sun", "moon", [0.3] * mixed.n)
    assert of(choices, text="", mix="moon").text == "moon" and of(choices, text="C++ + ").mix == ""
    assert Settings(text="one + two").mix == ""  # a model of digits reads it as it stands
    film = of(choices, text="sun", mix="moon", film="1", n=5, to=3)
    assert film.shares == [0, 0.25, 0.5, 0.75, 1] and film.to == ""
    assert not of(choices, text="sun", film=True).film  # a film leads somewhere
    assert "(1-s)" in explain(film, [], "zh")


def test_all_styles_are_one_batch(choices):
    every = of(choices, text="sun", speaker="all", n=8)
    assert every.in_all_styles and every.n == 3
    with pytest.raises(InputError, match="one style"):
        of(choices, text="sun", mix="moon", film=True, speaker="all")
    with pytest.raises(InputError, match="speaker has to be"):
        Settings(text="one", speaker="all", choices=Choices(speakers=("ann",)))


@pytest.mark.parametrize(
    "changed",
    [
        {"text": "sun", "mix": "moon", "weight": 0.35, "speaker": "clay"},
        {"text": "sun", "mix": "moon", "film": True, "n": 6},
        {"text": "sun", "speaker": "all"},
    ],
)
def test_links_come_back(choices, changed):
    settings = of(choices, **changed)
    params = dict(parse_qsl(settings.query()[1:]))
    assert params["model"] == "prompted" and from_query(params, choices) == settings


def test_a_link_by_hand_needs_no_more_than_a_text(choices):
    settings = from_query({"text": "sun"}, choices)
    assert (settings.steps, settings.sampler, settings.want) == (16, "euler", ("image",))


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("weight", 1.5, "a number from 0 to 1"),
        ("weight", "half", "a number from 0 to 1"),
        ("film", "yes", "switched on by film=1"),
        ("speaker", "oil", "one of all, ink, clay, flat"),
    ],
)
def test_what_cannot_be_is_said(choices, name, value, says):
    with pytest.raises(InputError, match=says):
        of(choices, **{"text": "sun", "mix": "moon", name: value})


def test_a_sketch_is_the_same_in_a_few_steps(choices):
    sketch = of(choices, text="sun", mix="moon", film=True, n=2, vs="guidance:1").draft()
    assert (sketch.steps, sketch.film, sketch.vs, sketch.mix) == (DRAFT_STEPS, False, "", "moon")


def test_presets_and_the_first_settings_are_possible(choices):
    assert first_settings(choices).want == ("image",)
    presets = general_presets(choices)
    assert len(presets) == 6 and all(preset(changed, choices) for _, changed in presets)
    assert len(general_presets(Choices(form="", suggestions=()))) == 1


def test_a_word_that_is_no_digit_is_warned_of(choices):
    assert says_no_digit(Settings(text="hello world")) and not says_no_digit(of(choices, text="hello world"))
    assert not any(says_no_digit(Settings(text=text)) for text in ("Seven", "七", "4072", ""))


def test_what_how_it_works_tells_depends_on_the_number_of_steps_alone():
    assert listed_steps(16) == [1, 5, 9, 12, 16] and listed_steps(2) == [1, 2] and listed_steps(1) == [1]


# ------------------------------------------------------------------ runs


def final(model, choices, **changed) -> list[str]:
    messages = list(run(model, of(choices, **{"steps": 2, **changed}), "CPU"))
    assert json.loads(json.dumps(messages)) == messages
    return [frame for message in messages for frame in message["frames"]][-1]["image"]["x0"]


def apart(a: str, b: str) -> float:
    """Mean difference of two pictures of the player, in grey levels."""
    first, second = (
        np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))), float) for uri in (a, b)
    )
    return float(np.abs(first - second).mean())


def test_shares_lead_from_one_text_to_the_other(model, choices):
    """The ends of a film are the two texts alone, each with the film's noise."""
    film = final(model, choices, text="sun", mix="moon", film=True, n=3)
    whole = apart(film[0], film[2])
    for place, text in ((0, "sun"), (2, "moon")):  # other batches round otherwise, and a code may be another for it
        assert apart(film[place], final(model, choices, text=text, n=1)[0]) < 0.1 * whole
    assert min(apart(film[1], film[0]), apart(film[1], film[2])) > 0.1 * whole


def test_a_result_in_each_style(model, choices):
    every = final(model, choices, text="sun", speaker="all")
    assert every[1] == final(model, choices, text="sun", speaker="clay", n=3)[1] and len(set(every)) == 3


def test_a_picture_has_a_name_even_of_a_model_that_knows_nothing(model):
    assert isinstance(caption(model, pack_picture(example_picture())), str)


def test_an_unseen_word_and_a_long_text_break_nothing(model, choices):
    for text in ("zxqv\u0301 ﷽", "a very long prompt that no frame of forty-eight bytes can hold as it stands"):
        assert len(final(model, choices, text=text, n=1)) == 1


# ------------------------------------------------------------------ files


def disc(side: int = 64) -> Image.Image:
    """A red disc with a white middle, on white, its edge smooth."""
    page = Image.new("RGB", (4 * side, 4 * side), "white")
    draw = ImageDraw.Draw(page)
    draw.ellipse((2 * 16, 2 * 16, 4 * side - 32, 4 * side - 32), fill=(200, 30, 40))
    draw.ellipse((2 * side - 24, 2 * side - 24, 2 * side + 24, 2 * side + 24), fill="white")
    return page.resize((side, side), Image.Resampling.BOX)


def test_the_ground_is_cleared_and_the_white_within_stays():
    picture = disc()
    clear = export.cutout(picture)
    alpha = np.asarray(clear)[..., 3]
    assert alpha[0].max() == 0 and alpha[32, 32] == 255 and alpha[32, 20] == 255
    on_white = Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear).convert("RGB")
    assert np.abs(np.asarray(on_white, int) - np.asarray(picture, int)).max() <= 16  # nearly white ground is all clear
    ink = np.asarray(clear)[..., :3][alpha > 40].astype(int)
    inner = np.abs(ink - (200, 30, 40)).sum(1) < 60
    white = ink.min(1) > 200
    assert (inner | white).mean() > 0.9  # no pale seam around the drawing: its edge has its colour


@pytest.mark.parametrize(("side", "clear", "mode"), [(64, False, "RGB"), (512, False, "RGB"), (256, True, "RGBA")])
def test_a_picture_is_saved_in_any_size(side, clear, mode):
    request = {"kind": "png", "settings": "{}", "side": side, "clear": clear, "frames": [[data_uri(disc())]]}
    suffix, data = export.write(request)
    with Image.open(io.BytesIO(data)) as saved:
        assert suffix == "png" and saved.size == (side, side) and saved.mode == mode
    with pytest.raises(InputError, match="64, 128"):
        export.write({**request, "side": 9999})


@pytest.mark.parametrize("kind", ["png", "webp", "gif"])
def test_a_saved_file_says_what_it_was_made_from(choices, kind):
    settings = of(choices, text="sun", mix="moon", weight=0.3, seed=9, image="")
    about = json.dumps({"link": "http://here/" + settings.query(), **settings.plain()})
    _, data = export.write({"kind": kind, "settings": about, "frames": [[data_uri(disc())], [data_uri(disc())]]})
    params = reopen.params_of({"data": base64.b64encode(data).decode()})
    assert from_query(params, choices) == settings


def test_a_sound_and_a_record_are_read_too():
    link = json.dumps({"link": "http://here/?text=seven&seed=3"})
    sounds = [{"rate": 16_000, "pcm": base64.b64encode(np.ones(800, "<i2").tobytes()).decode()}]
    _, wav = export.write({"kind": "wav", "settings": link, "sounds": sounds})
    for data in (wav, link.encode()):
        assert reopen.params_of({"data": base64.b64encode(data).decode()}) == {"text": "seven", "seed": "3"}


def test_files_of_the_command_line_are_read_too(choices):
    record = {"model": "prompted", "settings": {"n": 3, "steps": 4, "guidance": 2.0, "sampler": "heun", "seed": 5,
              "style": PROMPTED_STYLES}, "given": {"text": "sun"}, "mix": {"text": "moon", "weight": 0.2},
              "want": ["image"]}  # fmt: skip
    params = reopen.params_of({"data": base64.b64encode(json.dumps(record).encode()).decode()})
    settings = from_query(params, choices)
    assert (settings.mix, settings.weight, settings.speaker, settings.steps) == ("moon", 0.2, "all", 4)


BROKEN = (b"{}", b"[1]", b"RIFF0000WAVEjunk", b"\x89PNG\r\n")


@pytest.mark.parametrize("data", [None, 5, "%%%", "AAAA", *(base64.b64encode(raw).decode() for raw in BROKEN)])
def test_other_files_are_refused_in_one_sentence(data):
    with pytest.raises(InputError) as error:
        reopen.params_of({"data": data})
    assert str(error.value).endswith(".") and "\n" not in str(error.value)
