"""Tokens of several positions along both axes, and vector conditions."""

import pytest
import torch

from mmdemo.diffusion.dit import Condition, DiT, DiTConfig, Stream, from_tokens, to_tokens

PICTURE = Stream("image", 3, [8, 6], patch=[2, 3])
SOUND = Stream("audio", 5, [12], patch=4)


@pytest.mark.parametrize("stream", [PICTURE, SOUND])
def test_tokens_hold_neighbouring_positions_and_lead_back(stream):
    x = torch.randn(2, stream.dim, *stream.shape, generator=torch.Generator().manual_seed(0))
    tokens = to_tokens(x, stream)
    assert tokens.shape == (2, stream.tokens, stream.token_dim)
    assert torch.equal(from_tokens(tokens, stream), x)
    first = x[0, :, :2, :3] if len(stream.shape) == 2 else x[0, :, :4]
    assert torch.equal(tokens[0, 0].sort().values, first.flatten().sort().values)


def test_a_patch_must_not_change_what_one_position_a_token_gives():
    flat, listed = Stream("image", 3, [4, 4]), Stream("image", 3, [4, 4], patch=[1, 1])
    x = torch.randn(1, 3, 4, 4)
    assert torch.equal(to_tokens(x, flat), to_tokens(x, listed))


def small(conditions=True):
    torch.manual_seed(0)
    config = DiTConfig([PICTURE, SOUND], width=32, depth=2, heads=2, conditions=[Condition("prompt", 7)] * conditions)
    model = DiT(config).eval()
    for p in model.parameters():  # past the zeros that training starts from
        torch.nn.init.normal_(p, std=0.1)
    return model


def inputs(batch=2):
    g = torch.Generator().manual_seed(1)
    x = {s.name: torch.randn(batch, s.dim, *s.shape, generator=g) for s in (PICTURE, SOUND)}
    return x, {name: torch.full((batch,), 0.5) for name in x}


@torch.no_grad()
def test_a_vector_reaches_every_stream_and_only_its_own_row():
    model, (x, t) = small(), inputs()
    vectors = torch.randn(2, 7, generator=torch.Generator().manual_seed(2))
    out = model(x, t, vectors={"prompt": vectors})
    moved = model(x, t, vectors={"prompt": torch.stack([vectors[0], vectors[1] + 1])})
    for name in x:
        assert torch.equal(out[name][0], moved[name][0]) and not torch.allclose(out[name][1], moved[name][1])


@torch.no_grad()
def test_an_unknown_vector_is_no_vector():
    model, (x, t) = small(), inputs()
    vectors = torch.randn(2, 7, generator=torch.Generator().manual_seed(2))
    none = model(x, t)
    some = model(x, t, vectors={"prompt": vectors}, known={"prompt": torch.tensor([True, False])})
    for name in x:
        assert torch.allclose(some[name][1], none[name][1], atol=1e-6)
        assert not torch.allclose(some[name][0], none[name][0])


def test_one_scale_for_all_channels_keeps_their_relative_sizes():
    from mmdemo.diffusion.latents import LatentNormalizer

    sizes = torch.tensor([4.0, 1.0, 0.25])
    z = 3 + sizes[:, None, None] * torch.randn(64, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    normalizer = LatentNormalizer([Stream("image", 3, [8, 8])])
    normalizer.measure("image", z, shared=True)
    scaled = normalizer.normalize("image", z)
    assert scaled.square().mean().item() == pytest.approx(1, abs=0.02)  # 4096 values a channel
    spread = scaled.std((0, 2, 3))
    assert (spread / spread[1]).tolist() == pytest.approx(sizes.tolist(), rel=0.05)
    assert torch.allclose(normalizer.restore("image", scaled), z, atol=1e-4)


def test_sizes_of_streams_in_patches_of_two_axes_are_bounded_too():
    from mmdemo.config import from_dict

    streams = [{"name": "image", "dim": 8000, "shape": [64, 64], "patch": [64, 64]}]
    with pytest.raises(ValueError, match="weights"):
        from_dict(DiTConfig, {"streams": streams, "width": 8192})
