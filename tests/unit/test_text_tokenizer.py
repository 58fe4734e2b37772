"""The text tokenizer's unit latents: what they are, and that checkpoints made without them stay what they were."""

from __future__ import annotations

import torch

from mmdemo.tokenizers import build_tokenizer

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
