"""A codec as a library's part: copies, other processes, what a host program has set; rates and clipping; its prior."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
import threading

import numpy as np
import pytest
import torch
from PIL import Image
from small import run, saved
from torch import nn

from mmdemo import api, checkpoints
from mmdemo.codec import Codec, streaming, tiling
from mmdemo.config import to_dict
from mmdemo.entropy.prior import CodePrior, PriorConfig
from mmdemo.errors import InputError
from mmdemo.loading import load
from mmdemo.modalities import MODALITIES
from mmdemo.tokenizers import Tokenizer, build_tokenizer
from mmdemo.tokenizers.layers import stack
from mmdemo.tokenizers.receptive_field import receptive_field
from mmdemo.tokens import Tokens

NAMES = ("image", "audio", "text")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return {name: saved(tmp_path_factory.mktemp("codec") / name, name) for name in NAMES}


@pytest.fixture(scope="module")
def codecs(folders) -> dict[str, Codec]:
    return {name: load(folder, "cpu") for name, folder in folders.items()}


def source(name: str):
    generator = np.random.default_rng(0)
    if name == "image":
        return Image.fromarray(generator.integers(0, 255, (61, 45, 3), dtype=np.uint8))
    if name == "audio":
        return 16_000, generator.uniform(-0.5, 0.5, 3000).astype(np.float32)
    return "Zwölf Boxkämpfer jagen Viktor."


def same(a, b) -> bool:
    if isinstance(a, tuple):
        return np.array_equal(a[1], b[1])
    return a == b if isinstance(a, str) else np.array_equal(np.asarray(a), np.asarray(b))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_made_is_ordinary_tensors_also_under_inference_mode(codecs, name):
    codec = codecs[name]
    with torch.inference_mode():
        inside = codec.encode(source(name))
        z = codec.latent(inside)
    outside = codec.encode(source(name))
    assert inside == outside
    for made in (inside.codes, z, outside.codes, codec.decode_tensor(outside), codec.decode_latent(z)):
        assert not made.is_inference() and not made.requires_grad
    inside.codes.add_(0)  # a person may go on with them, in a graph of their own too
    assert (z * nn.Parameter(torch.ones(()))).sum().requires_grad
    assert not Tokens.from_bytes(inside.to_bytes()).codes.is_inference()


@pytest.mark.parametrize("name", NAMES)
def test_copies_and_pickles_are_equal_and_do_the_same(codecs, name):
    codec = codecs[name]
    tokens = codec.encode(source(name))
    for other in (copy.deepcopy(codec), pickle.loads(pickle.dumps(codec)), copy.copy(codec)):
        assert other == codec and hash(other) == hash(codec) and other.processor is codec.processor
        assert other.encode(source(name)) == tokens
        assert same(other.decode(tokens), codec.decode(tokens))
    for other in (copy.deepcopy(tokens), pickle.loads(pickle.dumps(tokens))):
        assert other == tokens and other.to_bytes() == tokens.to_bytes()
    changed = copy.deepcopy(codec)
    with torch.no_grad():  # of the decoder, which no fingerprint covers
        changed.tokenizer.level_embedding.weight.add_(1)
    assert changed != codec and changed.fingerprint == codec.fingerprint and codec != "image"


@pytest.mark.parametrize("name", NAMES)
def test_a_loaded_tokenizer_never_changes(codecs, name):
    codec = codecs[name]
    host = nn.Sequential(nn.Linear(2, 2))
    host.add_module("tokenizer", codec.tokenizer)
    before = copy.deepcopy(codec.tokenizer.state_dict())
    host.train()
    assert not any(m.training for m in codec.tokenizer.modules())
    trained = [p for p in host.parameters() if p.requires_grad]
    assert len(trained) == 2
    x = codec.load(source(name)).tensor[None]
    codec.tokenizer(x)
    codec.decode(codec.encode(source(name)))
    assert all(torch.equal(v, before[k]) for k, v in codec.tokenizer.state_dict().items())
    assert copy.deepcopy(codec).tokenizer.train().training is False


@pytest.mark.parametrize("name", NAMES)
def test_settings_of_the_host_program_change_nothing(codecs, folders, name):
    codec = codecs[name]
    expected = codec.encode(source(name))
    data, output = expected.to_bytes(), codec.decode(expected)

    def check(other: Codec) -> None:
        tokens = other.encode(source(name))
        assert tokens == expected and tokens.to_bytes() == data and Tokens.from_bytes(data) == expected
        assert same(other.decode(tokens), output)
        assert other.decode_latent(other.latent(tokens)).dtype == codec.decode_latent(codec.latent(expected)).dtype

    with torch.autocast("cpu", torch.bfloat16):
        check(codec)
    torch.set_default_dtype(torch.float64)
    try:
        check(codec)
        check(load(folders[name], "cpu"))  # loaded so, too
    finally:
        torch.set_default_dtype(torch.float32)
    torch.set_default_device("meta")  # what a default GPU would do to tensors that say no device
    try:
        check(codec)
        check(load(folders[name], "cpu"))
    finally:
        torch.set_default_device(None)


def test_numbers_of_numpy_are_numbers(codecs):
    codec = codecs["image"]
    tokens = codec.encode(source("image"), np.int64(1))
    assert tokens.levels == 1 and same(codec.decode(tokens, np.int32(1)), codec.decode(tokens))
    assert torch.equal(codec.codebook(np.int64(1)), codec.codebooks[1])
    with pytest.raises(InputError, match="must be 1 to 2, not 3"):
        codec.encode(source("image"), np.int64(3))


def _bytes(codec: Codec) -> bytes:
    return codec.encode(source("image")).to_bytes()


def test_other_processes_and_threads_do_the_same(codecs):
    codec = codecs["image"]
    expected = _bytes(codec)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(_bytes, [codec]) == [expected]
    made: list[bytes] = []
    threads = [threading.Thread(target=lambda: made.append(_bytes(codec))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [expected] * 4


def test_a_codec_needs_no_folder():
    torch.manual_seed(0)
    tokenizer = build_tokenizer("text", {"byte_width": 8, "width": 16, "bottleneck": {"kind": "fsq", "grid": [5, 5]}})
    codec = Codec(tokenizer.eval(), "mine")
    tokens = codec.encode("hello")
    assert isinstance(tokenizer, Tokenizer) and codec.card == "" and tokens.model == "mine"
    assert isinstance(codec.decode(tokens), str) and codec.check_levels(None) == 1
    with pytest.raises(InputError, match="up to 1 x 2 of 25"):
        codec.check(Tokens(torch.full((1, 2), 25), "mine", "text", 26, codec.fingerprint, {"bytes": 5}))


def test_levels_may_have_codebooks_of_different_sizes():
    class Uneven(type(build_tokenizer("text", {"bottleneck": {"levels": 2, "codebook_size": 8}}))):
        codebook_sizes = (8, 3)

    small = build_tokenizer("text", {"bottleneck": {"levels": 2, "codebook_size": 8}})
    codec = Codec(Uneven(small.config).eval())
    meta, made_by = {"bytes": 8}, ("text", "text", 8, codec.fingerprint)
    codec.check(Tokens(torch.tensor([[7, 0], [2, 2]]), *made_by, meta))
    with pytest.raises(InputError, match="Level 2 of 'text' has codes 0 to 2"):
        codec.check(Tokens(torch.tensor([[7, 0], [3, 2]]), *made_by, meta))
    with pytest.raises(InputError, match="Level 1 of 'text' has codes 0 to 7"):
        codec.check(Tokens(torch.tensor([[-1, 0]]), *made_by, meta))
    with pytest.raises(InputError, match="Level 2 of 'text' has codes 0 to 2"):
        codec.show_codes(1, torch.tensor([3]))
    with pytest.raises(InputError, match="has levels 1 to 2"):
        codec.show_codes(2, torch.tensor([0]))


# ------------------------------------------------------------------------------------------ outputs and rates


def test_outputs_are_within_what_the_modality_holds(codecs):
    """Where a decoder overshoots, no door lets that through."""
    for name, low in (("image", 0.0), ("audio", -1.0)):
        codec = copy.deepcopy(codecs[name])
        last = [m for m in codec.tokenizer.decoder.modules() if isinstance(m, nn.Conv1d | nn.Conv2d)][-1]
        last.weight.mul_(50)
        tokens = codec.encode(source(name))
        raw = codec.tokenizer.decode(tokens.codes[None])
        assert raw.min() < low and raw.max() > 1
        expected = codec.processor.crop(raw.clamp(low, 1), tokens.meta)[0]
        assert torch.equal(codec.decode_tensor(tokens), expected)
        assert torch.equal(codec.canonical(raw, tokens.meta)[0], expected)
        z = codec.latent(tokens)
        assert torch.equal(codec.decode_latent(z), codec.tokenizer.decode_latent(z).clamp(low, 1))
        if name == "audio":
            assert torch.equal(torch.cat(list(streaming.decode(codec, tokens))), expected)


def test_rates_are_of_pixels_seconds_and_characters(codecs):
    """A file of so many bits: for each pixel; each second, in thousands; each character, of any number of bytes."""
    rate = {name: MODALITIES[name].rate for name in NAMES}
    assert rate["image"](6000, {"height": 30, "width": 20}) == 10
    assert rate["audio"](6000, {"samples": 32_000}) == pytest.approx(3.0)  # 2 s
    assert rate["text"](80, {"bytes": 10}, "çé日".encode()) == pytest.approx(80 / 3)
    assert rate["text"](80, {"bytes": 10}) == 8  # bytes, where the text is not known
    for name in NAMES:
        codec = codecs[name]
        result = api.reconstruct(source(name), codec)
        bits, figures = 8 * len(result.tokens.to_bytes()), result.figures
        per = {"image": 61 * 45, "audio": 3000 / 16_000 * 1000, "text": len(source("text"))}[name]
        assert figures["rate"] == pytest.approx(bits / per) and figures["rate_unit"] == MODALITIES[name].rate_unit
        if name == "text":  # whose tokens know their characters only where the text is kept with them
            exact = codec.encode(source("text"), lossless=True)
            assert codec.rate(exact) == (pytest.approx(8 * len(exact.to_bytes()) / per), "bpc")
        else:
            assert codec.rate(result.tokens)[0] == pytest.approx(figures["rate"])


def test_a_file_that_says_so_is_believed_only_what_would_be_taken():
    takes = {name: MODALITIES[name].takes for name in NAMES}
    assert takes["image"]({"height": 1, "width": 16_384}) and not takes["image"]({"height": 1, "width": 16_385})
    assert not takes["image"]({"height": 0, "width": 5}) and not takes["image"]({"height": 8000, "width": 8000})
    sound = {"samples": 1, "sample_rate": 44_100, "channels": 2}
    assert takes["audio"](sound)
    for wrong in ({"samples": 0}, {"sample_rate": 1}, {"channels": 0}, {"channels": 99}):
        assert not takes["audio"]({**sound, **wrong})
    assert takes["text"]({"bytes": 1}) and not takes["text"]({"bytes": 0}) and not takes["text"]({"bytes": 10**8})


# ------------------------------------------------------------------------------------------ receptive fields


def test_the_receptive_field_is_what_the_gradient_says():
    """Positions that an output really depends on lie within it, for convolutions of any kernel, dilation and stride."""
    torch.manual_seed(0)
    for layers in (
        [nn.Conv1d(1, 1, 201, padding=100)],
        [nn.Conv1d(1, 2, 5, dilation=3, padding=6), nn.GELU(), nn.Conv1d(2, 1, 3, padding=1)],
        [nn.Conv1d(1, 8, 5, padding="same"), *stack(8, 2, 1, 7), nn.Conv1d(8, 1, 1)],
        [nn.Conv1d(1, 1, 9, padding=0), nn.Conv1d(1, 1, 3, padding=1, padding_mode="reflect")],
    ):
        field = receptive_field(nn.Sequential(*layers))
        x = torch.randn(1, 1, 700, requires_grad=True)
        nn.Sequential(*layers)(x)[0, 0, 350].backward()
        seen = x.grad[0, 0].nonzero()[:, 0]
        assert field is not None and (seen - 350).abs().max() <= field <= seen.max() - seen.min()


@pytest.mark.parametrize(
    "part",
    [
        nn.LSTM(4, 4),
        nn.MultiheadAttention(4, 2),
        nn.GroupNorm(1, 4),
        nn.Linear(4, 4),
        nn.Conv1d(4, 4, 3, padding=1, padding_mode="circular"),
    ],
)
def test_what_is_not_known_is_not_guessed(part):
    assert receptive_field(nn.Sequential(nn.Conv1d(4, 4, 3), part)) is None


def test_a_model_that_cannot_be_cut_takes_its_input_whole_or_refuses_it(monkeypatch):
    gru = {"encoder": "gru", "byte_width": 8, "width": 16, "encoder_depth": 1, "decoder_depth": 1}
    text = build_tokenizer("text", {**gru, "bottleneck": {"dim": 4, "levels": 2, "codebook_size": 16}}).eval()
    assert text.receptive_field.encoder is None and text.receptive_field.decoder is not None
    x = torch.randint(256, (1, 400))
    text.bottleneck.init_codebooks(text.to_latent(x).movedim(1, -1).reshape(-1, 4).detach())
    monkeypatch.setattr(type(MODALITIES["text"]), "tile", (10,))
    assert torch.equal(tiling.encode(text, x), text.encode(x))
    monkeypatch.setattr(tiling, "MAX_WHOLE", 99)
    with pytest.raises(InputError, match="cannot take its input in parts, and 100 positions are too many"):
        tiling.encode(text, x)


# ------------------------------------------------------------------------------------------ priors


@pytest.mark.parametrize("where", ["{}/priors/any", "{}/priors", "{}/../priors/any"])
def test_a_tokenizer_of_ones_own_has_a_prior_of_its_own(tmp_path, monkeypatch, where):
    """Found by what its config says, in the tokenizer's folder (and so in a snapshot of the Hub) or beside it."""
    folder = tmp_path / "mine" / "mytok"
    codec = load(saved(folder, "image"), "cpu")
    config = PriorConfig(str(folder), codec.fingerprint, 2, 2, 16, 4, 8, [[0, -1], [-1, 0]], [[0, 0]])
    prior = CodePrior(config)
    prior.use_codebooks(codec.codebooks)
    checkpoints.save(tmp_path / "mine" / where.format("mytok"), prior, {"kind": "prior", "model": to_dict(config)})
    (tmp_path / "mine" / "priors" / "broken").mkdir(parents=True)
    (tmp_path / "mine" / "priors" / "broken" / "config.json").write_text("{")  # somebody else's trouble
    flat = Image.new("RGB", (96, 64), "teal")
    flat.save(tmp_path / "a.png")
    run("encode", tmp_path / "a.png", "-o", tmp_path / "a.mmt", "--model", folder)
    data = (tmp_path / "a.mmt").read_bytes()
    with pytest.raises(InputError, match="coded under another prior"):
        Tokens.from_bytes(data)  # proof that it was used
    assert Tokens.from_bytes(data, codec.priors) == codec.encode(flat)
    run("decode", tmp_path / "a.mmt", "-o", tmp_path / "b.png", "--model", folder)
    assert same(Image.open(tmp_path / "b.png"), codec.decode(codec.encode(flat)))
    run("decode", tmp_path / "a.mmt", "-o", tmp_path / "c.png")  # its name in the file is its folder
    assert (tmp_path / "c.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_prior_of_other_weights_is_not_taken_for_ones_own(tmp_path):
    folder = tmp_path / "mytok"
    codec = load(saved(folder, "image"), "cpu")
    config = PriorConfig("mytok", "0123abcd", 2, 2, 16, 4, 8, [[0, -1]], [])
    checkpoints.save(folder / "priors", CodePrior(config), {"kind": "prior", "model": to_dict(config)})
    assert codec.priors.for_codes(codec.fingerprint) is None
    assert codec.priors.for_codes("0123abcd") is not None and codec.priors.for_codes("") is None
