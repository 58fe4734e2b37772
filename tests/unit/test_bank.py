"""Banks: what is cut for a batch at once is what is cut one by one."""

import pytest
import torch

from mmdemo.datasets.bank import PictureBank, WaveBank


def _pictures():
    """Pixels that say where they are: picture, row, column."""
    found = []
    for i, (height, width) in enumerate(((20, 33), (16, 16), (40, 17))):
        y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        found.append(torch.stack([torch.full_like(y, i), y, x]).to(torch.uint8))
    return found


@pytest.mark.parametrize("mirrored", [False, True])
def test_crops_are_pieces_of_the_pictures(mirrored):
    pictures = _pictures()
    crops = PictureBank(pictures).crops(200, 16, torch.Generator().manual_seed(0), mirrored)
    assert crops.shape == (200, 3, 16, 16) and crops.dtype == torch.uint8
    flipped = 0
    for crop in crops:
        picture, top, left = int(crop[0, 0, 0]), int(crop[1, 0, 0]), int(crop[2, 0].min())
        piece = pictures[picture][:, top : top + 16, left : left + 16]
        assert torch.equal(crop, piece) or (mirrored and torch.equal(crop, piece.flip(-1)))
        flipped += not torch.equal(crop, piece)
    assert (60 < flipped < 140) if mirrored else not flipped
    assert set(crops[:, 0, 0, 0].tolist()) == {0, 1, 2}
    assert {int(c[1, 0, 0]) for c in crops if c[0, 0, 0] == 0} == set(range(5))  # all places, the last too


def test_segments_are_pieces_of_recordings_or_whole_ones_among_silence():
    long, short = torch.linspace(-0.9, 0.9, 1000), torch.full((30,), 0.5)
    rows = WaveBank([long, short]).segments(200, 100, torch.Generator().manual_seed(1))
    assert rows.shape == (200, 100)
    step = 1.8 / 999
    starts = set()
    for row in rows:
        if row.diff().abs().max() < 2 * step:  # of the long one
            assert row.diff() == pytest.approx(torch.full((99,), step), abs=1e-4)
        else:
            assert int((row > 0.4).sum()) == 30 and int((row == 0).sum()) == 70
            starts.add(int((row > 0.4).float().argmax()))
    assert 0 in starts and len(starts) > 15 and max(starts) == 70
