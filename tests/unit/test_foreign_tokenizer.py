"""A tokenizer of somebody else's, which shares nothing with ours but the protocol: every door takes it."""

from __future__ import annotations

import pickle
import zlib

import numpy as np
import pytest
import torch
from torch import Tensor

from mmdemo import api
from mmdemo.codec import Codec, streaming, tiling
from mmdemo.codec.code_sheet import SHEETS, Sheet, decoded, draw
from mmdemo.codec.codebook import TONES, by_tone
from mmdemo.entropy.prior import CodePrior, PriorConfig
from mmdemo.errors import InputError
from mmdemo.modalities import MODALITIES
from mmdemo.modalities.registry import AudioModality
from mmdemo.tokenizers import ReceptiveField, Tokenizer
from mmdemo.tokens import Tokens


class Steps:
    """Sounds in steps of 100 samples: of each its mean, by a coarse scale of 21 values and a fine one of 5.

    No network, no weights; levels of different sizes; and it does not say how far it sees.
    """

    modality, stride, axes, dim, levels, codebook_sizes = "audio", 100, 1, 1, 2, (21, 5)
    receptive_field = ReceptiveField(None, None)
    scales = (torch.linspace(-1, 1, 21), torch.linspace(-0.04, 0.04, 5))

    def fingerprint(self) -> str:
        return f"{zlib.crc32(b'steps'):08x}"

    def pad(self, x: Tensor) -> Tensor:
        return torch.nn.functional.pad(x, (0, -x.shape[-1] % self.stride))

    def encode(self, x: Tensor, levels: int | None = None) -> Tensor:
        return self.codes(self.pad(x).unflatten(-1, (-1, self.stride)).mean(-1)[:, None], levels)

    def codes(self, z: Tensor, levels: int | None = None) -> Tensor:
        found, left = [], z[:, 0]
        for scale in self.scales[: levels or self.levels]:
            found.append((left[..., None] - scale).abs().argmin(-1))
            left = left - scale[found[-1]]
        return torch.stack(found, 1)

    def latent(self, codes: Tensor, num_levels: Tensor | None = None) -> Tensor:
        return sum(scale[codes[:, i]] for i, scale in enumerate(self.scales[: codes.shape[1]]))[:, None]

    def decode(self, codes: Tensor) -> Tensor:
        return self.decode_latent(self.latent(codes))

    def decode_latent(self, z: Tensor, levels: int | None = None, codes: Tensor | None = None) -> Tensor:
        return z[:, 0].repeat_interleave(self.stride, -1)

    def to_canonical(self, y: Tensor) -> Tensor:
        return y.clamp(-1, 1)

    def describe(self, level: int, codes: Tensor) -> list[str | None]:
        return [None] * len(codes)

    def codebook(self, level: int) -> Tensor | None:
        return self.scales[level][:, None]


@pytest.fixture
def codec() -> Codec:
    return Codec(Steps(), "steps")


def sound(samples: int = 2050) -> tuple[int, np.ndarray]:
    return 16_000, (0.5 * np.sin(np.arange(samples) / 200)).astype(np.float32)


def test_every_door_takes_it(codec, tmp_path):
    assert isinstance(codec.tokenizer, Tokenizer)
    tokens = codec.encode(sound())
    assert tokens.codes.shape == (2, 21) and codec.codebook_size == 21
    back = Tokens.load(tokens.save(tmp_path / "a.mmt"), codec.priors)
    assert back == tokens and pickle.loads(pickle.dumps(codec)).encode(sound()) == tokens
    rate, y = codec.decode(back)
    assert rate == 16_000 and y.shape == (2050,) and np.abs(y - sound()[1]).max() < 0.27
    assert np.array_equal(torch.cat(list(streaming.decode(codec, back))).numpy(), y)
    coarse = codec.decode(back, levels=1)[1]
    assert np.abs(coarse - sound()[1]).mean() > np.abs(y - sound()[1]).mean()
    assert [len(codec.codebook(level)) for level in range(2)] == [21, 5] == list(codec.tokenizer.codebook_sizes)
    (shown,) = codec.show_codes(0, torch.tensor([15]))
    assert np.allclose(shown[1], 0.5)
    figures = api.reconstruct(sound(), codec).figures
    assert figures["tokens"] == 42 and figures["rate_unit"] == "kbps" and figures["snr"] > 10


def test_what_its_levels_do_not_hold_is_refused_by_level(codec):
    tokens = codec.encode(sound())
    with pytest.raises(InputError, match="Level 2 of 'steps' has codes 0 to 4"):
        codec.decode(tokens.with_code(1, (3,), 5))
    assert codec.decode(tokens.with_code(0, (3,), 20))[1].max() > 0.9


def test_a_prior_takes_codebooks_of_different_sizes(codec):
    books = codec.codebooks
    assert [len(book) for book in books] == [21, 5]
    prior = CodePrior(PriorConfig("steps", codec.fingerprint, 1, 2, 21, 1, 8, [[-1]], [[0]]))
    prior.use_codebooks(books)
    scale = books[0].square().mean().sqrt()
    assert torch.allclose(prior.words[0], books[0] / scale) and torch.allclose(prior.words[1, :5], books[1] / scale)
    assert not prior.words[1, 5:].any()
    codes = codec.encode(sound()).codes[None].flatten(2)
    assert torch.isfinite(prior.bits(codes, prior.layout((codes.shape[-1],)))).all()


def test_it_is_never_cut_as_nobody_knows_how_far_it_sees(codec, monkeypatch):
    seen, own = [], Steps.encode
    monkeypatch.setattr(Steps, "encode", lambda self, x, levels=None: seen.append(x.shape) or own(self, x, levels))
    monkeypatch.setattr(type(codec.processor), "tile", (4,))
    codec.encode(sound(9950))
    assert seen == [(1, 10_000)]
    monkeypatch.setattr(tiling, "MAX_WHOLE", 99)
    with pytest.raises(InputError, match="cannot take its input in parts"):
        codec.encode(sound(9950))


def test_codes_of_a_modality_without_a_sheet_or_an_order_are_refused(monkeypatch):
    class Series(Steps):
        modality = "series"

    monkeypatch.setitem(MODALITIES._parts, "series", type("SeriesModality", (AudioModality,), {"name": "series"})())
    codec = Codec(Series(), "series")
    with pytest.raises(InputError, match="There is no sheet of codes of the modality 'series'; choose one of image"):
        draw(codec, 0)
    with pytest.raises(InputError, match="There is no order of codes of the modality 'series'; choose one of image"):
        by_tone("series", torch.zeros(3, 100))
    monkeypatch.setitem(TONES._parts, "series", lambda outputs: outputs.mean(1).argsort().tolist())
    monkeypatch.setitem(
        SHEETS._parts,
        "series",
        lambda codec, level, codes: Sheet(b"", (), 1, 1.0, tuple(by_tone("series", decoded(codec, level, codes)))),
    )
    assert draw(codec, 1).tone == (0, 1, 2, 3, 4)


def test_a_fingerprint_that_no_file_could_hold_is_refused():
    class Nameless(Steps):
        def fingerprint(self) -> str:
            return "v1"

    with pytest.raises(ValueError, match="8 hex digits, and not 'v1'"):
        Codec(Nameless())
