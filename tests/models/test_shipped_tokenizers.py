"""The shipped tokenizers on real files: what users get, held to figures a little below the measured ones."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import mmdemo
from mmdemo import checkpoints, metrics
from mmdemo.codec.atlas import atlas
from mmdemo.codec.local import LocalDecoder
from mmdemo.loading import load_for_tokens
from mmdemo.tokens import Tokens

EXAMPLES = Path(mmdemo.__file__).parent / "ui" / "examples"


@pytest.fixture(scope="module")
def codec():
    loaded = {}

    def get(name):
        if name not in loaded:
            loaded[name] = mmdemo.load(name, "cpu")
        return loaded[name]

    return get


@pytest.mark.parametrize("name", ["image", "audio", "text", "digits"])
def test_a_card_speaks_of_the_weights_that_lie_beside_it(name):
    loaded = mmdemo.load(name, "cpu")
    weights = checkpoints.fingerprint(loaded.network) if name == "digits" else loaded.fingerprint
    assert f"Weights `{weights}`." in (checkpoints.find(name) / "README.md").read_text("utf-8")


# Written by version 0.1.0 as it was on 27 November 2026 (c7b6856), of a picture, a chirp and a text, once with the
# text itself; and what it made of them: mean and spread, peak and level, and the text. "…_wide": of 30 November and
# 1 December, by the tokenizers that came then.
WRITTEN = {
    "picture": [126.6058, 21.0920],
    "picture_wide": [112.7329, 48.3561],
    "sound": [0.290734, 0.026675],
    "sound_wide": [0.689872, 0.269802],
    "text": "prüß\ufffdc 大小 hello",
    "text_wide": "Grüße, zażółć gęślą jaźń, 大小 hello",
    "lossless": "Grüße, 大小 hello",
}


@pytest.mark.parametrize("file", sorted(WRITTEN))
def test_files_that_were_written_before_are_read_as_they_were(file):
    before = (Path(__file__).parent / "written" / f"{file}.mmt").read_bytes()
    tokens, was = Tokens.from_bytes(before), WRITTEN[file]
    now = load_for_tokens(tokens, "cpu").decode(tokens)  # by the tokenizer of that time, which a model may have kept
    if file.startswith("picture"):
        now = [np.asarray(now, float).mean(), np.asarray(now, float).std()]
    elif file.startswith("sound"):
        now = [np.abs(now[1]).max(), np.sqrt(np.square(now[1]).mean())]
    # Another processor's sums differ in the last bits.
    assert now == (was if isinstance(was, str) else pytest.approx(was, rel=1e-3)) and tokens.to_bytes() == before


def test_every_shipped_checkpoint_has_a_card_with_figures_and_its_licence():
    names = checkpoints.list_checkpoints()
    assert {"image", "audio", "text"} <= set(names)
    for name in names:
        folder = checkpoints.find(name)
        card = (folder / "README.md").read_text("utf-8")
        for needed in ("license:", "## Training", "## Data", "## Test results", "| figure | value |"):
            assert needed in card, (name, needed)
        assert all(f.stat().st_size < 10_000_000 for f in folder.iterdir())


@pytest.mark.parametrize("picture", ["coffee.jpg", "dahlia.jpg"])
def test_pictures_get_better_with_every_level(codec, picture):
    item = codec("image").load(EXAMPLES / picture)
    tokens = codec("image").encode(item)
    values = [metrics.psnr(item.tensor, codec("image").decode_tensor(tokens, k)) for k in (1, 2, 4, 8)]
    assert values == sorted(values) and values[-1] - values[0] > 1.0
    assert values[0] > 17  # dB; a grey picture gives about 12


def test_any_size_from_one_pixel_up(codec):
    for size in ((1, 1), (3, 50), (8, 8), (33, 17)):
        picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8))
        assert codec("image").decode(codec("image").encode(picture)).size == size


def test_a_flat_picture_stays_flat(codec):
    out = np.array(codec("image").decode(codec("image").encode(Image.new("RGB", (64, 64), (200, 40, 90)))))
    assert np.abs(out.astype(int) - (200, 40, 90)).mean() < 12


@pytest.mark.parametrize("levels", [1, 4, 16])
def test_a_grey_picture_comes_back_grey_from_its_file_too(codec, levels):
    y, x = np.mgrid[0:40, 0:56]
    checker = Image.fromarray((255 * ((x + y) % 2)).astype(np.uint8))  # the worst for colour fringes
    tokens = codec("image").encode(checker, levels)
    again = Tokens.from_bytes(tokens.to_bytes())
    out = np.asarray(codec("image").decode(again), int)
    assert out.shape == (40, 56, 3) and again.meta == {"height": 40, "width": 56, "grey": 1}
    assert np.ptp(out, axis=2).max() == 0 and out.std() > 0
    follower = LocalDecoder(codec("image"), tokens, levels)
    assert torch.equal(follower.output, codec("image").decode_tensor(tokens))


def test_a_picture_of_colours_is_not_marked_grey(codec):
    picture = np.full((16, 16, 3), 90, np.uint8)
    picture[3, 5, 2] = 91
    assert "grey" not in codec("image").encode(picture).meta


def test_sound_keeps_its_length_and_its_words_envelope(codec):
    item = codec("audio").load(EXAMPLES / "speech_english.flac")
    rate, wave = codec("audio").decode(codec("audio").encode(item))
    assert rate == 16_000 and len(wave) == len(item.tensor)
    level = [np.sqrt(np.convolve(np.square(w), np.ones(800) / 800, "same")) for w in (item.tensor.numpy(), wave)]
    assert np.corrcoef(level[0], level[1])[0, 1] > 0.8  # loudness over time, 50 ms windows


@pytest.mark.parametrize("samples", [1, 100, 320, 16_001])
def test_clips_of_any_length(codec, samples):
    wave = (0.1 * np.sin(np.arange(samples) / 20)).astype(np.float32)
    out = codec("audio").decode(codec("audio").encode((16_000, wave)))[1]
    assert len(out) == samples and np.isfinite(out).all()


@pytest.mark.parametrize(
    "text",
    [
        "Größere Züge fahren über Würzburg, wo es süße Brötchen gibt.",
        "Zażółć gęślą jaźń, rzekł źrebak do żółwia.",
        "Küçük köyümüzün çeşmesi kışın donar.",
        "Mỗi buổi sáng, ông lão chèo chiếc thuyền nhỏ qua dòng sông.",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "TWFueSBoYW5kcyBtYWtlIGxpZ2h0IHdvcmsu/+0aZQ==",
    ],
)
def test_other_languages_and_strings_that_are_none_come_back(codec, text):
    assert codec("text").decode(codec("text").encode(text)) == text


def test_english_comes_back_and_more_levels_help(codec):
    text = "The committee met in the autumn of that year, and its report was read by few of the members."
    raw = text.encode()
    values = [
        metrics.byte_accuracy(raw, codec("text").decode(codec("text").encode(text, k)).encode()) for k in (1, 2, 3)
    ]
    assert values[0] < values[2] and values[2] > 0.9


@pytest.mark.parametrize(
    "text",
    [
        "인간의 존엄성은 모든 사람에게 있으며, 그 누구도 이를 해칠 수 없다.",
        "天色渐渐暗了下来，远处的山只剩下一道轮廓，河边的灯却一盏一盏亮了。",
        "🦔 hedgehog 刺猬 🫖 teapot 茶壶 🍙 rice ball 饭团",
        "Η θάλασσα ήταν ήσυχη και ο ουρανός καθαρός.",
    ],
)
def test_other_scripts_come_back_by_their_codes_alone(codec, text):
    back = codec("text").decode(codec("text").encode(text))
    assert metrics.byte_accuracy(text.encode(), back.encode()) >= 0.97  # the target for whole passages


def test_codes_do_not_depend_on_how_many_threads_run(codec):
    picture = Image.open(sorted(EXAMPLES.glob("*.jpg"))[0]).crop((0, 0, 160, 96))
    before = torch.get_num_threads()
    try:
        codes = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            codes.append(codec("image").encode(picture).codes)
        assert (codes[0] == codes[1]).float().mean() > 0.999  # a tie in fp32 may fall either way
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("name", ["image", "audio", "text"])
def test_every_code_of_every_level_can_be_shown(codec, name):
    for level in range(codec(name).levels):
        shown = codec(name).show_codes(level, torch.arange(0, codec(name).codebook_size, 37))
        assert len(shown) == len(range(0, codec(name).codebook_size, 37))


@pytest.mark.parametrize("name", ["image", "audio", "text"])
def test_every_level_has_its_map_shipped(codec, name):
    for level in range(codec(name).levels):
        kept = atlas(codec(name), level)
        assert kept.umap is not None and kept.umap.shape == (codec(name).codebook_size, 2)
        assert kept.umap.abs().max() == pytest.approx(1) and kept.places is not None


@given(st.text(min_size=1, max_size=60))
@settings(max_examples=60, deadline=None)
def test_any_text_is_exact_in_lossless_mode(text):
    codec = _text_codec()
    item = codec.load(text)
    tokens = mmdemo.Tokens.from_bytes(codec.encode(item, lossless=True).to_bytes())
    assert codec.decode(tokens).encode() == bytes(item.tensor.numpy())


@pytest.mark.parametrize("levels", [1, 3])
def test_lossless_text_from_any_number_of_levels(levels):
    codec = _text_codec()
    text = (EXAMPLES / "prose_chinese.txt").read_text("utf-8")
    tokens = codec.encode(text, levels, lossless=True)
    assert codec.decode(tokens) == text and tokens.levels == levels


def test_lossless_is_for_text_only(codec):
    with pytest.raises(mmdemo.InputError, match="Lossless coding is for text"):
        codec("image").encode(Image.new("RGB", (8, 8)), lossless=True)


@lru_cache(maxsize=1)
def _text_codec():
    return mmdemo.load("text", "cpu")
