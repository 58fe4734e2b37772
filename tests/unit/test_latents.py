"""The scale, and the directions, in which the transformer sees a tokenizer's latents."""

import pytest
import torch

from mmdemo.diffusion.latents import LatentNormalizer
from mmdemo.diffusion.streams import Stream


def latents():
    """Six channels that are mixtures of two, and a little noise."""
    generator = torch.Generator().manual_seed(0)
    of = torch.randn(6, 2, generator=generator) * torch.tensor([3.0, 1.0])
    z = torch.randn(500, 2, 4, 4, generator=generator)
    return torch.einsum("cd,ndhw->nchw", of, z) + 5 + 0.01 * torch.randn(500, 6, 4, 4, generator=generator)


@pytest.mark.parametrize("shared", [False, True])
def test_first_directions_hold_nearly_all_and_lead_back(shared):
    z, normalizer = latents(), LatentNormalizer([Stream("image", 2, [4, 4], latent_dim=6)])
    normalizer.measure("image", z, shared=shared)
    seen = normalizer.normalize("image", z)
    assert seen.shape == (500, 2, 4, 4)
    flat = seen.transpose(0, 1).flatten(1)
    assert torch.allclose(flat.mean(1), torch.zeros(2), atol=1e-3)
    covariance = torch.cov(flat)
    assert covariance[0, 1].abs() < 1e-2  # principal directions have nothing in common
    assert covariance.diagonal().mean() == pytest.approx(1, abs=0.01)
    assert (
        (covariance[0, 0] > covariance[1, 1] + 0.5) if shared else torch.allclose(covariance, torch.eye(2), atol=0.01)
    )
    assert torch.allclose(normalizer.restore("image", seen), z, atol=0.08)  # all but the noise


def test_all_directions_lose_nothing():
    z, normalizer = latents(), LatentNormalizer([Stream("image", 6, [4, 4], latent_dim=6)])
    normalizer.measure("image", z)
    assert torch.allclose(normalizer.restore("image", normalizer.normalize("image", z)), z, atol=1e-3)


def test_more_directions_than_channels_are_refused():
    with pytest.raises(ValueError, match="'image' cannot have 8 directions of 6 channels"):
        Stream("image", 8, [4, 4], latent_dim=6)
