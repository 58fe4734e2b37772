"""Speech: the alphabet, symbols as tokens, alignment of a sentence with what is heard, durations."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from speaking import heard

from mmdemo.errors import InputError
from mmdemo.speech.alignment import agrees, align
from mmdemo.speech.alphabet import SYMBOLS, collapse, letters, spoken, spread, units, word_spans
from mmdemo.speech.duration import DurationConfig, DurationModel, duration_loss
from mmdemo.speech.recognizer import OUTPUTS, Recognizer, RecognizerConfig, read
from mmdemo.tokenizers.base import Tokenizer
from mmdemo.tokenizers.symbols import SymbolsTokenizer, SymbolsTokenizerConfig

# ------------------------------------------------------------------------------------------- alphabet


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Hello,   you!", "hello, you!"),
        ("It’s “really” 5 o'clock…", "it's really five o'clock."),
        ("1984, $5.50 & 10%.", "nineteen eighty four, five point five zero dollars and ten percent."),
        ("the 21st of 1,234", "the twenty first of one thousand two hundred thirty four"),
        ("Café naïve — déjà vu", "cafe naive deja vu"),
        ("'quoted' rock 'n' roll's", "quoted rock n roll's"),
        ("what?! no...", "what? no."),
    ],
)  # fmt: skip
def test_a_sentence_as_it_is_said(text, said):
    assert spoken(text) == said and spoken(said) == said


@pytest.mark.parametrize("text", ["", " . ", "…?!", "— —"])
def test_what_holds_no_word_is_refused(text):
    with pytest.raises(InputError, match="no word"):
        spoken(text)


def test_another_script_is_refused_by_its_letter():
    with pytest.raises(InputError, match="cannot say “你”"):
        spoken("hello 你好")


WORDS = st.lists(st.text("abelo'", min_size=1, max_size=6), min_size=1, max_size=6)


@given(WORDS, st.lists(st.sampled_from([" ", ", ", ". ", "? ", "! "]), min_size=6, max_size=6), st.randoms())
def test_frames_say_the_sentence_whatever_the_durations(words, marks, random):
    try:
        text = spoken("".join(word + mark for word, mark in zip(words, marks, strict=False)))
    except InputError:  # apostrophes alone
        return
    symbols = units(text)
    frames = spread(symbols, [random.randint(1, 5) for _ in symbols])
    assert set(frames) <= set(SYMBOLS) and collapse(frames) == text
    assert [word for word, _, _ in word_spans(frames)] == letters(text).split()
    for word, start, end in word_spans(frames):
        assert collapse(frames[start:end]) == word


# ------------------------------------------------------------------------------------------- symbols


def test_symbols_are_a_tokenizer_whose_codes_are_found_again_in_noise():
    tokenizer = SymbolsTokenizer(SymbolsTokenizerConfig(SYMBOLS))
    assert isinstance(tokenizer, Tokenizer)
    x = torch.tensor([list(SYMBOLS.encode())])
    z = tokenizer.latent(tokenizer.encode(x))  # (1, 16, 58)
    assert z.square().mean(1) == pytest.approx(1.0, abs=1e-4)
    noisy = z + 0.3 * torch.randn(z.shape, generator=torch.Generator().manual_seed(0))
    assert torch.equal(tokenizer.decode(tokenizer.codes(noisy)), x)


def test_codewords_are_further_apart_than_random_ones():
    from mmdemo.tokenizers.symbols import spread_vectors

    def nearest(v):
        v = torch.nn.functional.normalize(v, dim=1)
        return (v @ v.T).fill_diagonal_(-1).max()

    random = torch.randn(58, 16, generator=torch.Generator().manual_seed(0))
    assert nearest(spread_vectors(58, 16)) < nearest(random) - 0.05


@pytest.mark.parametrize("symbols", ["", "aab", "é"])
def test_an_alphabet_is_ascii_without_repeats(symbols):
    with pytest.raises(ValueError, match="ASCII symbols, each of them once"):
        SymbolsTokenizerConfig(symbols)


# ------------------------------------------------------------------------------------------- alignment


@pytest.mark.parametrize("text", ["Hello, you! All right.", "no", "Aa, aardvark"])
def test_alignment_says_the_sentence_and_each_letter_where_it_is_heard(text):
    posteriors = heard(text, 10, 4, 120)
    frames, likely = align(posteriors, text)
    assert len(frames) == 120 and agrees(frames, text) and likely > -0.1
    for i, letter in enumerate(letters(text)):
        said = frames[10 + 4 * i].lower()
        assert said == letter or (letter == " " and said in ",.?!")
    assert read(posteriors) == letters(text)
    assert frames[:8] == " " * 8


def test_a_wrong_sentence_is_unlikely():
    assert align(heard("hello you", 10, 4, 120), "good morning")[1] < -1


def test_a_recording_too_short_for_its_text_is_refused():
    with pytest.raises(InputError, match=r"0\.1 s is too short"):
        align(heard("no", 0, 1, 5), "hello you")


def test_the_recogniser_has_a_frame_every_20_ms():
    model = Recognizer(RecognizerConfig(width=16, depth=1, bands=16)).eval()
    assert model.posteriors(torch.randn(16_000)).shape == (50, len(OUTPUTS))
    assert model.posteriors(torch.randn(16_319)).shape == (50, len(OUTPUTS))


# ------------------------------------------------------------------------------------------- durations


@pytest.fixture(scope="module")
def durations():
    torch.manual_seed(0)
    model = DurationModel(DurationConfig(["ann", "bob"], width=16, depth=2)).eval()
    model.out.bias.data[1] = -1.5  # even speech: no pause so long that it is cut
    return model


def test_durations_follow_seed_voice_and_pace(durations):
    say = "hello, you there."
    one = durations.durations(say, "ann", seed=1)
    assert len(one) == len(units(say)) and min(one) >= 1
    assert one == durations.durations(say, "ann", seed=1) != durations.durations(say, "ann", seed=2)
    assert one != durations.durations(say, "bob", seed=1)
    assert sum(durations.durations(say, "ann", seed=1, pace=2)) == pytest.approx(sum(one) / 2, abs=len(one) / 2)


def test_a_sentence_is_read_alike_alone_and_in_a_padded_batch(durations):
    from mmdemo.speech.duration import encoded

    short = encoded("hello")
    both = torch.full((2, 12), len(SYMBOLS))
    both[0, :5], both[1] = short, encoded("how are you.")
    for alone, batched in zip(
        durations(short[None], torch.tensor([0])), durations(both, torch.tensor([0, 1])), strict=True
    ):
        assert torch.allclose(alone[0], batched[0, :5], atol=1e-5)


@pytest.mark.parametrize(
    ("changed", "why"), [({"voice": "eve"}, "no voice 'eve'"), ({"pace": 3.0}, "pace has to be 0.5 to 2")]
)
def test_unknown_voices_and_paces_are_refused(durations, changed, why):
    with pytest.raises(InputError, match=why):
        durations.durations("hello", **changed)


def test_the_loss_is_the_likelihood_of_log_normal_durations():
    mean, spread = torch.tensor([[1.0, 2.0]]), torch.tensor([[-0.5, 0.2]])
    frames, real = torch.tensor([[4, 9]]), torch.tensor([[True, True]])
    normal = torch.distributions.Normal(mean, spread.exp())
    expected = -(normal.log_prob(frames.log())).mean() - 0.5 * torch.log(torch.tensor(2 * torch.pi))
    assert duration_loss(mean, spread, frames, real) == pytest.approx(float(expected), abs=1e-5)
    alone = duration_loss(mean[:, :1], spread[:, :1], frames[:, :1], real[:, :1])
    assert duration_loss(mean, spread, frames, torch.tensor([[True, False]])) == pytest.approx(float(alone))
