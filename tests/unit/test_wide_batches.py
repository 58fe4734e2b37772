"""Batches of the wide tokenizers: every source has its share, greys are grey, quiet sounds are quiet."""

import pytest
import torch

from mmdemo.training.audio_task import AudioData, Segments
from mmdemo.training.image_task import Crops, ImageData

SHARES = {"photographs": 0.4, "drawn": 0.3, "emoji": 0.2, "digits": 0.1}


def crops(**settings):
    """Sources whose pixels say which they are: red photographs, green drawings, blue emoji, white digits."""
    data = ImageData(crop=32, photographs=["x"], drawn=1, emoji=True, mnist=True, shares=SHARES, **settings)
    colours = torch.eye(3, dtype=torch.uint8)[:, :, None, None] * 255
    pictures = {
        "photographs": [colours[0].expand(-1, 40, 50)],
        "drawn": colours[1:2].expand(2, -1, 32, 32),
        "emoji": colours[2:].expand(3, -1, 64, 64),
        "digits": torch.full((5, 32, 32), 255, dtype=torch.uint8),
    }
    return Crops(data, pictures, "cpu")


def test_crops_come_from_every_source_in_its_share():
    x = crops().draw(2000, torch.Generator().manual_seed(0))
    assert x.shape == (2000, 3, 32, 32)
    means = x.mean((2, 3))
    for channel, share in enumerate((0.4, 0.3, 0.2)):
        alone = (means[:, channel] == 1) & (means.sum(1) == 1)
        assert alone.float().mean() == pytest.approx(share, abs=0.04)
    inverted = (means.sum(1) == 0).sum() / ((means.sum(1) == 3).sum() + (means.sum(1) == 0).sum())
    assert inverted == pytest.approx(0.25, abs=0.1)  # one sheet of digits in four


def test_so_many_crops_are_grey_as_asked_for():
    x = crops(grey=0.5).draw(1000, torch.Generator().manual_seed(1))
    grey = (x == x[:, :1]).flatten(1).all(1).float().mean()
    assert grey == pytest.approx(0.5 + 0.5 * 0.1, abs=0.05)  # digits are grey anyway
    assert torch.allclose(x * 255, (x * 255).round(), atol=1e-3)  # as 8-bit pictures are


def test_a_source_without_pictures_leaves_its_share_to_the_others():
    data = ImageData(crop=32, photographs=["x"], drawn=1, shares={"photographs": 0.5, "drawn": 0.5})
    none = torch.zeros(0, 3, 64, 64, dtype=torch.uint8)
    pictures = {"photographs": [torch.ones(3, 40, 40, dtype=torch.uint8)], "drawn": none, "emoji": none}
    assert Crops(data, {**pictures, "digits": none[:, 0]}, "cpu").draw(5, torch.Generator()).shape == (5, 3, 32, 32)


def segments(clips=(), made=(), **settings):
    return Segments(AudioData(segment=1600, **settings), clips, made)


LONG, SHORT, MADE = (
    torch.full((4000,), 0.5),
    torch.full((800,), 0.5),
    torch.ones(3000) * torch.tensor([0.5, -0.5]).repeat(1500),
)


def test_segments_come_from_recordings_and_made_sounds_in_their_shares():
    x = segments([LONG, SHORT], [MADE], digit_share=0.5, made_share=0.4).draw(1000, torch.Generator().manual_seed(0))
    alternating = ((x[:, 1:] * x[:, :-1]) < 0).all(1)
    among_silence = (x == 0).sum(1) == 800
    assert alternating.float().mean() == pytest.approx(0.4, abs=0.05)
    assert among_silence.float().mean() == pytest.approx(0.3, abs=0.05)


@pytest.mark.parametrize(("clips", "made"), [((LONG,), ()), ((SHORT,), ()), ((), (MADE,))])
def test_one_kind_of_sound_is_enough(clips, made):
    x = segments(clips, made, digit_share=0.25).draw(20, torch.Generator().manual_seed(0))
    assert x.shape == (20, 1600) and (x.abs().amax(1) > 0.04).all()


def test_quiet_segments_are_as_often_in_each_decibel():
    x = segments([LONG], quiet=1.0).draw(2000, torch.Generator().manual_seed(0))
    level = 20 * x.abs().amax(1).log10()
    assert level.min() > -60.1 and level.max() <= 0.01
    assert ((level < -40).float().mean(), (level > -20).float().mean()) == pytest.approx((1 / 3, 1 / 3), abs=0.05)
