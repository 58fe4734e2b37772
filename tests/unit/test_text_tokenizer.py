"""The text tokenizer's latents (learned ones of unit variance, and fixed ones) and its decoder's view of the codes."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import pad

from mmdemo.config import from_dict, to_dict
from mmdemo.tokenizers import TextTokenizerConfig, build_tokenizer
from mmdemo.training.alphabet import alphabet, spread

SMALL = {
    "byte_width": 8,
    "width": 16,
    "encoder_depth": 1,
    "decoder_depth": 1,
    "bottleneck": {"dim": 8, "levels": 2, "codebook_size": 16},
}


def test_unit_latents_have_mean_zero_and_variance_one_at_every_position():
    x = torch.randint(0, 256, (2, 41), generator=torch.Generator().manual_seed(0))
    z = build_tokenizer("text", {**SMALL, "unit_latents": True}).to_latent(x)
    assert z.shape == (2, 8, 11)
    torch.testing.assert_close(z.mean(1), torch.zeros(2, 11), atol=1e-5, rtol=0)
    torch.testing.assert_close(z.var(1, unbiased=False), torch.ones(2, 11), atol=1e-2, rtol=0)


def test_without_them_nothing_changes():
    torch.manual_seed(0)
    plain, unit = build_tokenizer("text", SMALL), build_tokenizer("text", {**SMALL, "unit_latents": True})
    assert not plain.config.unit_latents
    assert plain.state_dict().keys() == unit.state_dict().keys()
    unit.load_state_dict(plain.state_dict())
    x = torch.arange(32)[None]
    z, normalised = plain.to_latent(x), unit.to_latent(x)
    assert not torch.allclose(z, normalised)
    torch.testing.assert_close(
        torch.nn.functional.layer_norm(z.transpose(1, 2), (8,)).transpose(1, 2), normalised, atol=1e-5, rtol=1e-5
    )


def test_a_gaussian_bottleneck_keeps_its_means_and_variances():
    gaussian = {**SMALL, "bottleneck": {"kind": "gaussian", "dim": 4}, "unit_latents": True}
    z = build_tokenizer("text", gaussian).to_latent(torch.arange(64)[None])
    assert z.shape[1] == 8 and z.var(1, unbiased=False).sub(1).abs().max() > 0.05


FIXED = {
    **SMALL,
    "encoder": "fixed",
    "code_embeddings": True,
    "bottleneck": {"dim": 60, "levels": 3, "codebook_size": 16, "beam": 4},
}


@pytest.fixture
def fixed():
    """A tokenizer with a fixed encoder, its codebooks fitted to random letters."""
    torch.manual_seed(0)
    model = build_tokenizer("text", FIXED).eval()
    model.embed.weight.copy_(alphabet(torch.ones(256), 15))
    model.rvq.init_codebooks(model.to_latent(torch.randint(97, 123, (1, 8000)))[0].T)
    return model


def test_a_position_of_a_fixed_encoder_is_its_four_bytes_and_nothing_else(fixed):
    x = torch.randint(0, 256, (2, 41), generator=torch.Generator().manual_seed(0))
    z = fixed.to_latent(x)
    assert z.shape == (2, 60, 11)
    assert torch.equal(z.mT.reshape(2, 11, 4, 15), fixed.embed(pad(x, (0, 3)).view(2, 11, 4)))
    assert not any(p.requires_grad for p in fixed.embed.parameters())
    codes = fixed.encode(x)
    assert torch.equal(codes, fixed.rvq.encode(z))  # although each four bytes are searched for once only
    assert torch.equal(fixed.encode(x, 2), codes[:, :2])
    assert fixed.encode(x[:, :0]).shape == (2, 3, 0)
    assert torch.equal(fixed.encode(x[:, 8:16]), codes[:, :, 2:4])  # the same whatever stands beside it


def test_a_fixed_latent_reads_as_the_bytes_it_is_made_of(fixed):
    x = torch.randint(0, 256, (2, 40), generator=torch.Generator().manual_seed(0))
    z = fixed.to_latent(x)
    assert torch.equal(fixed.nearest_bytes(z), x)
    assert torch.equal(fixed.nearest_bytes(z + 0.01 * torch.randn(z.shape)), x)


def test_one_codeword_puts_each_byte_in_each_place(fixed):
    words = fixed.byte_codewords()
    assert words.shape == (4 * 128, 60)
    told = fixed.corrections(words)
    expected = ["◦" * place + chr(byte) + "◦" * (3 - place) for place in range(4) for byte in range(33, 127)]
    shown = [told[128 * place + byte] for place in range(4) for byte in range(33, 127)]
    assert sum(a == b for a, b in zip(shown, expected, strict=True)) > 0.95 * len(expected)


def test_what_a_codeword_changes_is_told_place_by_place(fixed):
    e = fixed.embed.weight[ord("e")]
    still = 0.03 * torch.randn(15)
    words = torch.stack([torch.cat([still, e, still, still]), still.repeat(4)])
    assert fixed.corrections(words) == ["◦e◦◦", "◦◦◦◦"]


def test_each_of_four_bytes_needs_as_many_channels():
    with pytest.raises(ValueError, match="10 channels"):
        build_tokenizer("text", {**FIXED, "bottleneck": {"dim": 10}})


def test_the_decoder_tells_codes_apart_by_vectors_of_its_own(fixed):
    codes = torch.randint(0, 16, (2, 3, 9), generator=torch.Generator().manual_seed(0))
    y = fixed.decode(codes)
    other = codes.clone()
    other[:, 2] = (other[:, 2] + 1) % 16
    assert not torch.equal(fixed.decode(other), y)
    assert torch.equal(fixed.decode(other[:, :2]), fixed.decode(codes[:, :2]))
    z = fixed.rvq.decode(codes)
    num_levels = torch.tensor([3, 3])
    assert torch.equal(fixed.from_latent(z, num_levels, codes), y)
    assert not torch.equal(fixed.from_latent(z, num_levels, other), y)  # where codes are known they are looked at


def test_a_mixed_batch_sees_only_the_levels_each_row_uses(fixed):
    z = fixed.to_latent(torch.randint(97, 123, (2, 36)))
    coded = fixed.quantize_eval(z, torch.tensor([1, 3]))
    y = fixed.from_latent(coded.z, coded.num_levels, coded.codes)
    for row, levels in enumerate((1, 3)):
        alone = fixed.decode(coded.codes[row : row + 1, :levels])
        torch.testing.assert_close(y[row : row + 1], alone, atol=1e-5, rtol=1e-5)


def test_a_latent_between_the_codes_is_read_as_the_nearest(fixed):
    z = fixed.to_latent(torch.randint(97, 123, (2, 36)))
    expected = fixed.from_latent(z, torch.tensor([3, 3]), fixed.rvq.encode(z))
    assert torch.equal(fixed.decode_latent(z), expected)


@torch.no_grad()
def test_a_decoder_that_starts_from_the_latent_has_exact_latents_right_untrained(fixed):
    torch.manual_seed(0)
    reader = build_tokenizer("text", {**FIXED, "latent_logits": True}).eval()
    assert reader.reading.shape == (fixed.levels + 1,)
    reader.load_state_dict(fixed.state_dict(), strict=False)
    x = torch.randint(0, 256, (2, 40), generator=torch.Generator().manual_seed(0))
    z, num_levels = reader.to_latent(x), torch.tensor([2, 3])
    assert torch.equal(reader.from_latent(z, num_levels), fixed.from_latent(z, num_levels))  # it weighs nothing yet
    reader.reading[3] = 5.0
    y = reader.from_latent(z, num_levels).argmax(1)
    assert torch.equal(y[1], x[1]) and not torch.equal(y[0], x[0])  # row 0 has 2 levels, and a weight of its own


def test_common_letters_are_spread_farthest():
    counts = torch.ones(128)
    counts[:20] = 1000
    vectors = spread(counts, 8)
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(128))
    closest = (vectors @ vectors.T).fill_diagonal_(-1).amax(1)
    assert closest[:20].mean() + 0.2 < closest[20:].mean()
    assert torch.equal(vectors, spread(counts, 8))  # the same on every run


def test_no_two_bytes_have_the_same_vector_and_scripts_share_the_letters():
    vectors = alphabet(torch.ones(256), 11)
    assert vectors.shape == (256, 11)
    assert torch.cdist(vectors, vectors).fill_diagonal_(9).min() > 0.1
    assert torch.equal(vectors[ord("A"), :8], vectors[0x81, :8])  # the second byte of Cyrillic "с", say
    assert not torch.equal(vectors[ord("A"), 8:], vectors[0x81, 8:])
    assert not torch.equal(vectors[0xC1, 8:], vectors[0x81, 8:])


def test_names_of_earlier_versions_are_read():
    """Checkpoints that ship, and those that people trained, keep theirs in config.json."""
    earlier = {**FIXED, "encoder": "spell", "read_spelling": True}
    now = {**FIXED, "latent_logits": True}
    assert from_dict(TextTokenizerConfig, earlier) == from_dict(TextTokenizerConfig, now)
    assert to_dict(from_dict(TextTokenizerConfig, earlier))["encoder"] == "fixed"
    assert TextTokenizerConfig(encoder="fixed", latent_logits=True).latent_logits
