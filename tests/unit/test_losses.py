"""The speech tokenizer's losses hear what they are meant to hear."""

import pytest
import torch

from mmdemo.training import losses
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


def test_beyond_the_ends_of_the_range_is_right_where_clipping_makes_it_so():
    x = torch.tensor([1.0, 1.0, 0.0, 0.0, 0.5])
    y = torch.tensor([1.3, 0.8, -0.2, 0.1, 1.2])
    assert losses.clipped_right(y, x).tolist() == pytest.approx([1.0, 0.8, 0.0, 0.1, 1.2])


def test_chroma_loss_sees_colour_alone():
    x = torch.rand(2, 1, 16, 16).expand(-1, 3, -1, -1)
    assert losses.chroma_loss(x + 0.1, x) == pytest.approx(0, abs=1e-6)
    assert losses.chroma_loss(x + torch.tensor([0.1, 0, 0]).view(3, 1, 1), x) > 0.05


def test_flat_loss_sees_flat_areas_alone():
    x = torch.zeros(1, 3, 32, 32)
    x[..., 16:] = torch.rand(1, 3, 32, 16)
    wrong_there, wrong_here = x.clone(), x.clone()
    wrong_there[..., 20:] += 0.2
    wrong_here[..., :8] += 0.2
    assert losses.flat_loss(wrong_here, x) > 20 * losses.flat_loss(wrong_there, x)


def test_level_and_tone_losses_hear_what_is_missing():
    t = torch.arange(16_000) / 16_000
    x = 0.3 * torch.sin(2 * torch.pi * 1000 * t)[None]
    assert losses.level_loss(x, x) == 0 and losses.level_loss(x / 10, x) == pytest.approx(2.0, abs=0.05)
    hiss = 0.3 * torch.randn(1, 16_000, generator=torch.Generator().manual_seed(0))
    assert losses.tone_loss(x, x) == 0 and losses.tone_loss(hiss, x) > 1 > losses.tone_loss(0.8 * x, x)
    silent = torch.zeros(1, 16_000)
    assert losses.level_loss(1e-5 * hiss, silent) < 1e-3 and losses.tone_loss(hiss, silent) == 0
