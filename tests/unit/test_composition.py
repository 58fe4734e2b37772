"""Conditions of a run: vectors of texts, several composed in the score, and what the unconditional half is told."""

from pathlib import Path

import pytest
import torch

from mmdemo.config import from_dict
from mmdemo.datasets.paired import PAIRED
from mmdemo.diffusion.conditions import CONDITION_ENCODERS, HashedNgrams
from mmdemo.diffusion.denoiser import Conditions, JointDenoiser, Packer
from mmdemo.diffusion.dit import DiT
from mmdemo.diffusion.interface import JointInterface
from mmdemo.diffusion.joint import JointDiffusion
from mmdemo.diffusion.latents import LatentNormalizer
from mmdemo.diffusion.schedule import SCHEDULES
from mmdemo.diffusion.streams import Condition, DiTConfig, Stream
from mmdemo.errors import InputError
from mmdemo.loading import load

PROMPT = {"encoder": "ngrams", "stream": "text", "options": {"dim": 12}}
STREAMS = {"image": [2, 2], "text": [2]}


@pytest.fixture(scope="module")
def codecs():
    return {name: load(name, "cpu") for name in STREAMS}


@pytest.fixture
def build(codecs):
    """A model with random weights over a small picture and a text of eight bytes, with a vector of the text."""

    def make(streams=("image", "text"), anchor="", **condition):
        torch.manual_seed(0)
        chosen = [Stream(k, codecs[k].tokenizer.dim, STREAMS[k]) for k in streams]
        config = DiTConfig(chosen, ["a", "b"], [Condition("prompt", 12)], width=32, depth=2, heads=2)
        network = DiT(config).eval().requires_grad_(False)
        for parameter in network.parameters():  # adaLN-Zero and the output start at zero: such a net predicts nothing
            torch.nn.init.normal_(parameter, std=0.2)
        interface = from_dict(JointInterface, {"conditions": {"prompt": {**PROMPT, **condition}}, "anchor": anchor})
        normalizer = LatentNormalizer(chosen)
        return JointDiffusion("tiny", network, normalizer, {k: codecs[k] for k in streams}, interface)

    return make


def made(model, given, **settings):
    settings = {"n": 2, "steps": 3, "sampler": "euler", **settings}
    return list(model.sample(given, ("image",), **settings))[-1].x0["image"]


# ------------------------------------------------------------------------------ what the network is told


class Listening:
    """A network that notes what it is given, and says that everything stands still."""

    def __init__(self, network):
        self.network, self.config, self.any_style, self.calls = network, network.config, network.any_style, []

    def __call__(self, x, t, style, vectors=None, known=None):
        self.calls.append((x, t, style, vectors, known))
        return self.network(x, t, style, vectors=vectors, known=known)


def test_the_unconditional_half_knows_nothing_and_what_is_absent_is_pure_noise(build):
    """Neither style, nor vector, nor given stream; in both halves absent streams are at t = 1, given ones at t = 0."""
    model = build()
    heard = Listening(model.network)
    g = torch.Generator().manual_seed(0)
    noise = {s.name: torch.randn(2, s.dim, *s.shape, generator=g) for s in model.streams.values()}
    clean = {"text": torch.randn(noise["text"].shape, generator=g)}
    given = Conditions(torch.tensor([1, 1]), clean, {"prompt": torch.ones(2, 12)})
    pack = Packer(noise, ["image"])
    JointDenoiser(heard, SCHEDULES["flow"], noise, [given], pack, 3.0)(pack.flat(noise), 0.6)
    ((x, t, style, vectors, known),) = heard.calls
    assert style.tolist() == [1, 1, 2, 2] and known["prompt"].tolist() == [True, True, False, False]
    assert (vectors["prompt"][:2] == 1).all() and t["text"].tolist() == [0, 0, 1, 1]
    assert torch.equal(x["text"], torch.cat([clean["text"], noise["text"]]))
    assert torch.allclose(t["image"], torch.full((4,), 0.6)) and torch.equal(x["image"][:2], x["image"][2:])
    # With the style alone, the text is absent in both halves.
    JointDenoiser(heard, SCHEDULES["flow"], noise, [Conditions(torch.tensor([1, 1]))], pack, 3.0)(pack.flat(noise), 0.6)
    assert heard.calls[1][1]["text"].tolist() == [1] * 4 and not heard.calls[1][4]["prompt"].any()
    assert torch.equal(heard.calls[1][0]["text"], torch.cat([noise["text"]] * 2))


def test_nothing_given_needs_no_second_half(build):
    model = build()
    heard = Listening(model.network)
    model.network = heard
    heard.parameters = heard.network.parameters
    made(model, {})
    assert all(len(x["image"]) == 2 for x, *_ in heard.calls)


# ------------------------------------------------------------------------------ vectors of texts


def test_texts_that_share_words_lie_near_each_other_in_any_language():
    encode = HashedNgrams(64)
    cat, cats, dog, hongxin, xin = encode(["red cat", "cat red", "blue dog", "红心", "红 心"])
    near = torch.nn.functional.cosine_similarity
    assert near(cat, cats, 0) == pytest.approx(1) and near(cat, dog, 0) < 0.5
    assert near(hongxin, xin, 0) > 0.4 > near(hongxin, dog, 0)
    assert encode(["kitty"]).shape == (1, 64) and encode(["kitty"]).square().mean() == pytest.approx(1)
    assert encode([""]).isfinite().all()


def test_a_given_text_reaches_the_network_as_latents_and_as_vector(build):
    base = made(build(), {"text": "cat"})
    assert not torch.allclose(base, made(build(), {"text": "dog"}), atol=1e-3)
    alone = made(build(alone=True), {"text": "cat"})
    assert not torch.allclose(base, alone, atol=1e-3)
    assert not torch.allclose(alone, made(build(alone=True), {}), atol=1e-3)


def test_a_text_too_long_for_its_stream_is_read_as_a_vector(build):
    long = "a cat with a crown on a hill"
    assert torch.equal(made(build(), {"text": long}), made(build(alone=True), {"text": long}))
    with pytest.raises(InputError, match="0 bytes long"):
        made(build(), {"text": "  "})


def test_a_model_may_take_text_as_a_condition_only(build):
    model = build(streams=("image",))
    assert not torch.allclose(made(model, {"text": "cat"}), made(model, {"text": "dog"}), atol=1e-3)
    with pytest.raises(InputError, match="has no 'text'"):
        next(model.sample({}, ("text",)))


def test_a_label_that_is_made_first_is_read_for_what_follows(build):
    """From there on it is as if it had been given."""
    model = build(anchor="text")
    steps = list(model.sample({}, n=1, steps=8, sampler="euler", seed=4))
    label = steps[1].tokens("text")[0]
    assert model.text_of("text", label)
    given = made(model, {"text": label}, n=1, steps=6, seed=4)
    assert torch.allclose(given, steps[-1].x0["image"], atol=1e-3)


# ------------------------------------------------------------------------------ composition


def test_two_of_the_same_are_one(build):
    model = build()
    pair = made(model, {"text": "cat"}, compose=[({"text": "cat"}, 0.3)])
    assert torch.allclose(pair, made(model, {"text": "cat"}), atol=1e-4)


def test_a_share_leads_from_one_to_the_other(build):
    model = build()
    cat, dog = (made(model, {"text": text}) for text in ("cat", "dog"))
    all_cat, all_dog = (made(model, {"text": "cat"}, compose=[({"text": "dog"}, s)]) for s in (0.0, 1.0))
    assert torch.allclose(all_cat, cat, atol=1e-4) and torch.allclose(all_dog, dog, atol=1e-4)
    half = made(model, {"text": "cat"}, compose=[({"text": "dog"}, 0.5)])
    assert not torch.allclose(half, cat, atol=1e-3) and not torch.allclose(half, dog, atol=1e-3)


def test_the_composed_score_is_the_weighted_sum_of_the_guided_ones(build):
    """v_u + w Σ s_i (v_i - v_u), from separate evaluations of the network."""
    model = build()
    g = torch.Generator().manual_seed(3)
    noise = {s.name: torch.randn(2, s.dim, *s.shape, generator=g) for s in model.streams.values()}
    pack, style = Packer(noise, ["image"]), torch.tensor([2, 2])
    prompts = [{"prompt": torch.randn(2, 12, generator=g)} for _ in range(2)]
    shares = [torch.tensor([0.7, 0.2]), torch.tensor([0.3, 0.8])]

    def predicted(conditions, guidance):
        return JointDenoiser(model.network, SCHEDULES["flow"], noise, conditions, pack, guidance)(pack.flat(noise), 0.5)

    one, two = (predicted([Conditions(style, vectors=p)], 1.0) for p in prompts)
    none = predicted([Conditions(style)], 1.0)
    composed = predicted([Conditions(style, vectors=p, share=s) for p, s in zip(prompts, shares, strict=True)], 2.5)
    expected = none + 2.5 * (shares[0][:, None] * (one - none) + shares[1][:, None] * (two - none))
    assert torch.allclose(composed, expected, atol=1e-4)


def test_a_film_has_a_share_for_each_sample(build):
    model = build()
    film = made(model, {"text": "cat"}, n=3, to_seed=0, compose=[({"text": "dog"}, [0.0, 0.5, 1.0])])
    ends = [made(model, {"text": text}, n=1)[0] for text in ("cat", "dog")]
    assert torch.allclose(film[0], ends[0], atol=1e-3) and torch.allclose(film[2], ends[1], atol=1e-3)
    assert not torch.allclose(film[1], film[0], atol=1e-3)


@pytest.mark.parametrize(
    "compose, reason",
    [
        ([({"text": "dog"}, 1.5)], "number from 0 to 1"),
        ([({"text": "dog"}, "half")], "number from 0 to 1"),
        ([({"text": "dog"}, [0.1, 0.2, 0.3])], "one for each sample"),
        ([({"text": "dog"}, 0.6), ({"text": "fox"}, 0.6)], "more than 1 together"),
        ([({"video": 1}, 0.5)], "has no 'video'"),
        ([({"image": 1}, 0.5)], "both given and wanted"),
    ],
)
def test_what_cannot_be_composed_is_refused_in_one_sentence(build, compose, reason):
    with pytest.raises(InputError, match=reason):
        made(build(), {"text": "cat"}, compose=compose)


@pytest.mark.parametrize(
    ("registry", "name", "options"),
    [
        *((CONDITION_ENCODERS, "ngrams", {"dim": wrong}) for wrong in ("128", 128.5, True, None, [128], {1, 2})),
        (CONDITION_ENCODERS, "prompt", {"width": "wide"}),
        (PAIRED, "emoji", {"limit": "64"}),
        (PAIRED, "emoji", {"keywords": 1}),
        (PAIRED, "speech", {"seconds": "long"}),
    ],
)
def test_options_of_another_type_are_refused_before_anything_is_read(registry, name, options):
    needs = (None, Path("nowhere"), "train") if registry is PAIRED else ()
    with pytest.raises(InputError, match=f"The option '{next(iter(options))}' of the .* '{name}' is wrong: "):
        registry.make(name, *needs, **options)


def test_an_interface_that_names_what_the_network_has_not_is_refused(build):
    config = build().network.config
    with pytest.raises(InputError, match="no stream 'imag'; did you mean 'image'"):
        from_dict(JointInterface, {"streams": {"imag": {}}}).check(config)
    with pytest.raises(InputError, match="no condition 'promt'; did you mean 'prompt'"):
        from_dict(JointInterface, {"conditions": {"promt": {"encoder": "ngrams"}}}).check(config)
    with pytest.raises(InputError, match="gives 9 numbers, and the network takes 12"):
        from_dict(JointInterface, {"conditions": {"prompt": {**PROMPT, "options": {"dim": 9}}}}).condition_encoders(
            config
        )
    with pytest.raises(InputError, match="The condition encoder 'ngrams' has no option 'dims'; did you mean 'dim'"):
        from_dict(JointInterface, {"conditions": {"prompt": {**PROMPT, "options": {"dims": 9}}}}).condition_encoders(
            config
        )
    with pytest.raises(InputError, match="Nothing says how the condition 'prompt'"):
        JointInterface().condition_encoders(config)
    with pytest.raises(InputError, match="no stream 'sound'"):
        from_dict(JointInterface, {"anchor": "sound"}).check(config)
