"""Large pictures in windows: bit for bit what the whole gives, and memory that does not grow with the picture."""

from __future__ import annotations

import pytest
import torch

from mmdemo.codec import tiling
from mmdemo.modalities import MODALITIES
from mmdemo.tokenizers import build_tokenizer, layers

SMALL = {
    "width4": 32,
    "width8": 48,
    "depth4": 1,
    "depth8": 2,
    "bottleneck": {"dim": 4, "levels": 3, "codebook_size": 64},
}


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    model = build_tokenizer("image", SMALL)
    with torch.no_grad():  # away from the near-identity start, so that surroundings really matter
        for p in model.parameters():
            p.add_(0.05 * torch.randn_like(p))
    z = model.to_latent(torch.rand(2, 3, 256, 256))
    model.bottleneck.init_codebooks(z.movedim(1, -1).reshape(-1, 4).detach())
    return model.eval()


@pytest.mark.parametrize("size", [(403, 604), (300, 1100), (1100, 210)])
def test_windows_are_exactly_the_whole(model, size, monkeypatch):
    window = (20, 24)
    monkeypatch.setattr(layers, "ROWS", 128)  # fewer than the positions of the smallest window
    x = torch.rand(1, 3, *size)
    whole = model.encode(x)
    picture = model.to_canonical(model.decode(whole))
    monkeypatch.setattr(type(MODALITIES["image"]), "tile", window)
    assert len(tiling.plan(list(whole.shape[2:]), window, model.receptive_field.encoder)) >= 4
    assert torch.equal(tiling.encode(model, x), whole)
    assert torch.equal(tiling.decode(model, whole), picture)


@pytest.mark.parametrize("encoder", ["conv", "gru"])
def test_text_in_windows_is_exactly_the_whole(encoder, monkeypatch):
    torch.manual_seed(0)
    small = {"byte_width": 8, "width": 16, "encoder": encoder, "encoder_depth": 2, "decoder_depth": 2}
    text = build_tokenizer("text", {**small, "bottleneck": {"dim": 4, "levels": 2, "codebook_size": 16}}).eval()
    x = torch.randint(256, (1, 4001))
    text.bottleneck.init_codebooks(text.to_latent(x).movedim(1, -1).reshape(-1, 4).detach())
    whole = text.encode(x)
    letters = text.decode(whole).argmax(1)
    monkeypatch.setattr(type(MODALITIES["text"]), "tile", (100,))
    monkeypatch.setattr(layers, "ROWS", 64)
    assert torch.equal(tiling.encode(text, x), whole)
    assert torch.equal(tiling.decode(text, whole), letters)


def test_a_window_is_all_that_is_computed_at_once(model, monkeypatch):
    window = (24, 32)
    monkeypatch.setattr(type(MODALITIES["image"]), "tile", window)
    seen = []
    to_latent, from_latent = model.to_latent, model.from_latent
    monkeypatch.setattr(model, "to_latent", lambda x: seen.append(x.shape[-2:]) or to_latent(x))
    monkeypatch.setattr(
        model,
        "from_latent",
        lambda z, num_levels, codes: seen.append([8 * n for n in z.shape[-2:]]) or from_latent(z, num_levels, codes),
    )
    codes = tiling.encode(model, torch.rand(1, 3, 500, 1500))
    tiling.decode(model, codes)
    margin = max(model.receptive_field.encoder, model.receptive_field.decoder)
    limit = [8 * (n + 2 * margin) for n in window]
    assert len(seen) > 10
    assert all(height <= limit[0] and width <= limit[1] for height, width in seen)


@pytest.mark.parametrize("dims", [1, 2])
@pytest.mark.parametrize("side", [5, 33, 70])
def test_blocks_give_the_same_in_training_and_in_parts(dims, side, monkeypatch):
    monkeypatch.setattr(layers, "ROWS", 64)
    block = layers.ConvNeXtBlock(24, dims)
    x = torch.randn(2, 24, *[side] * dims)
    with torch.no_grad():
        parts = block(x)
    assert torch.allclose(parts, block(x), atol=1e-5)
