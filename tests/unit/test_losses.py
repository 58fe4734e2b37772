"""The speech tokenizer's losses hear what they are meant to hear."""

import pytest
import torch

from mmdemo.training.losses import EnvelopeLoss, SpectralLoss, picture_loss


@pytest.fixture(scope="module")
def speech():
    """(1, 16000): noise in syllables, four a second."""
    t = torch.arange(16_000) / 16_000
    noise = torch.randn(16_000, generator=torch.Generator().manual_seed(0))
    return (0.2 * noise * torch.sin(2 * torch.pi * 2 * t).abs().square())[None]


def test_envelopes_agree_with_themselves_at_any_loudness(speech):
    loss = EnvelopeLoss()
    assert loss(speech, speech).abs() < 1e-3
    # A floor keeps silence from counting; at a tenth of the loudness it is felt a little.
    assert loss(0.1 * speech, speech) < 0.01
    assert loss(torch.zeros_like(speech), torch.zeros_like(speech)) == 0


def test_the_more_noise_the_less_envelopes_agree(speech):
    stoi = pytest.importorskip("pystoi").stoi
    loss = EnvelopeLoss()
    noise = torch.randn(speech.shape, generator=torch.Generator().manual_seed(1))
    values, measured = [], []
    for level in (0.0, 0.01, 0.03, 0.1, 0.2):
        values.append(float(loss(speech + level * noise, speech)))
        measured.append(stoi(speech[0].numpy(), (speech + level * noise)[0].numpy(), 16_000))
    assert values == sorted(values) and values[-1] > 0.3
    # It is not STOI (which leaves silent frames out, and limits what one frame can spoil), but near it.
    assert max(abs(1 - v - m) for v, m in zip(values, measured, strict=True)) < 0.15


def test_envelopes_have_a_gradient_at_silence_and_in_short_clips(speech):
    for wave in (torch.zeros(2, 16_000), speech[:, :3000].repeat(2, 1)):
        y = torch.zeros_like(wave, requires_grad=True)
        EnvelopeLoss()(y, wave).backward()
        assert y.grad is not None and y.grad.isfinite().all()


def test_envelopes_forgive_phases_and_spectra_do_not_forgive_loudness(speech):
    """An all-pass delay of 2 ms changes every sample, and next to nothing that one hears."""
    late = torch.nn.functional.pad(speech, (32, 0))[:, :-32]
    assert EnvelopeLoss()(late, speech) < 0.05
    mel, magnitude = SpectralLoss()(0.5 * speech, speech)
    assert mel == pytest.approx(0.30, abs=0.03)  # log10 of 2
    assert magnitude == pytest.approx(1 - 0.5**0.5, abs=0.03)


def test_pictures_in_decibels_gain_in_proportion():
    """Halving an error is worth the same at any size to the logarithm, and four times less at half the size to MSE."""
    x = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    far, near = 0.1 * torch.ones_like(x), 0.05 * torch.ones_like(x)
    only = {"l1": 0.0, "mse": 0.0, "gradient": 0.0}
    gains = [
        float(picture_loss(x + a, x, **only, psnr=1.0) - picture_loss(x + a / 2, x, **only, psnr=1.0))
        for a in (far, near)
    ]
    assert gains == pytest.approx([0.602, 0.602], abs=0.01)  # 6 dB
    assert picture_loss(x, x, **only, psnr=1.0) == pytest.approx(-5)  # no error at all: finite
