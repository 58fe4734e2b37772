"""Many pictures, or many sounds, of any sizes in one tensor, of which pieces are cut for a whole batch at once.

A crop by itself costs more in calls than in bytes; on a GPU, where the bank may lie, a batch would take longer to cut
than to train on.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class PictureBank:
    """Pictures (3, H, W) uint8 of any sizes.

    Args:
        device: where they lie, and batches are cut.
    """

    def __init__(self, pictures: Sequence[Tensor], device: torch.device | str = "cpu") -> None:
        shapes = torch.tensor([p.shape[1:] for p in pictures], dtype=torch.long).view(-1, 2)
        self.heights, self.widths = shapes.unbind(1)
        self.starts = shapes.prod(1).cumsum(0) - shapes.prod(1)
        self.pixels = torch.empty(int(shapes.prod(1).sum()), 3, dtype=torch.uint8)
        for start, picture in zip(self.starts.tolist(), pictures):
            rows = picture.permute(1, 2, 0).reshape(-1, 3)
            self.pixels[start : start + len(rows)] = rows
        self.pixels = self.pixels.to(device)
        # Larger pictures hold more crops and are drawn more often, but not so much that small ones vanish.
        self.weights = shapes.prod(1).double().sqrt()

    def __len__(self) -> int:
        return len(self.starts)

    def crops(self, count: int, side: int, generator: torch.Generator, mirrored: bool = False) -> Tensor:
        """(count, 3, side, side) uint8 of random pictures at random places.

        Args:
            mirrored: half of them are.
        """
        picks = torch.multinomial(self.weights, count, True, generator=generator)
        top, left, flip = torch.rand(3, count, generator=generator, dtype=torch.float64)
        heights, widths = self.heights[picks], self.widths[picks]
        top, left = (top * (heights - side + 1)).long(), (left * (widths - side + 1)).long()
        first = self.starts[picks] + top * widths + left  # (B,) pixel in the upper left corner
        across = torch.arange(side).expand(count, -1)
        if mirrored:
            across = torch.where(flip[:, None] < 0.5, across, across.flip(1))
        device = self.pixels.device
        rows = (first[:, None] + torch.arange(side) * widths[:, None]).to(device)  # (B, side)
        index = rows[:, :, None] + across.to(device)[:, None]  # (B, side, side)
        return self.pixels[index.flatten()].view(count, side, side, 3).permute(0, 3, 1, 2)


class WaveBank:
    """Recordings (T,) float in [-1, 1] of any lengths, kept as 16-bit samples."""

    def __init__(self, waves: Sequence[Tensor], device: torch.device | str = "cpu") -> None:
        self.lengths = torch.tensor([len(w) for w in waves], dtype=torch.long)
        self.starts = self.lengths.cumsum(0) - self.lengths
        self.samples = torch.empty(int(self.lengths.sum()), dtype=torch.int16)
        for start, wave in zip(self.starts.tolist(), waves):
            self.samples[start : start + len(wave)] = (wave * 32_767).round().clamp(-32_768, 32_767).to(torch.int16)
        self.samples = self.samples.to(device)

    def __len__(self) -> int:
        return len(self.starts)

    def segments(self, count: int, length: int, generator: torch.Generator) -> Tensor:
        """(count, length) float: pieces of random recordings; of shorter ones all, among silence.

        Half of these begin with the segment, as words do that are spoken when asked for.
        """
        picks = torch.randint(len(self), (count,), generator=generator)
        lengths = self.lengths[picks]
        at, early = torch.rand(2, count, generator=generator, dtype=torch.float64)
        start = (at * (lengths - length + 1).clamp(min=0)).long()  # in the recording
        before = torch.where(early < 0.5, 0, (at * (length - lengths + 1).clamp(min=0)).long())  # of silence
        device = self.samples.device
        place = torch.arange(length, device=device) - before.to(device)[:, None]  # (B, length)
        inside = (place >= 0) & (place < lengths.to(device)[:, None])
        index = (self.starts[picks] + start).to(device)[:, None] + place.where(inside, 0)
        return self.samples[index.flatten()].view(count, length).float() / 32_767 * inside
