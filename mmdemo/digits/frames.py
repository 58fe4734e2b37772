"""Bringing a person's picture or recording of a digit to the frame the digit model was trained on.

It knows white strokes centred in 32x32 pixels (as MNIST is made), spoken words that begin at the first
sample and last 0.8 s, and short words. A photo of a pencil digit or a long recording must be brought there first.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..diffusion.frames import PictureFrame, SoundFrame
from ..errors import InputError

PEAK = 0.7  # level recordings are brought to
QUIET = 0.02  # of the peak: below this is silence before or after a word


def fit_picture(picture: Tensor, side: int = 32) -> Tensor:
    """Any picture of one digit, (3, H, W) in [0, 1] -> (3, side, side), bright strokes on black, centred by mass.

    MNIST's own recipe: the strokes' box is scaled to 20 of 28 pixels and its centre of mass put in the middle.

    Raises:
        InputError: the picture is blank.
    """
    grey = picture.mean(0)  # (H, W)
    border = torch.cat([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    ink = (grey - border.median()).abs()  # works for dark on bright and bright on dark
    if ink.max() < 0.1:
        raise InputError("The picture is blank: draw or photograph one digit, in a clear contrast to its background.")
    ink = (ink / ink.max() - 0.15).clamp(min=0) / 0.85  # paper is never quite even
    rows, columns = (ink > 0.2).any(1).nonzero()[:, 0], (ink > 0.2).any(0).nonzero()[:, 0]
    box = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = 20 / max(box.shape)
    size = [max(1, round(n * scale)) for n in box.shape]
    small = F.interpolate(box[None, None], size, mode="bilinear", antialias=True, align_corners=False)[0, 0]
    small = (small / small.max().clamp(min=1e-3)).clamp(0, 1)
    mass = small / small.sum()
    cy = (mass.sum(1) * torch.arange(size[0])).sum()
    cx = (mass.sum(0) * torch.arange(size[1])).sum()
    top = min(max(0, round(side / 2 - 0.5 - float(cy))), side - size[0])
    left = min(max(0, round(side / 2 - 0.5 - float(cx))), side - size[1])
    out = torch.zeros(side, side, dtype=torch.float32)
    out[top : top + size[0], left : left + size[1]] = small
    return out.expand(3, -1, -1).clone()


def looks_like_mnist(picture: Tensor, side: int = 32) -> bool:
    """Whether a picture is already in the frame (28x28 or 32x32, black border): then it is left as it is."""
    return picture.shape[1] == picture.shape[2] and picture.shape[1] in (28, side) and float(picture[:, 0].max()) < 0.1


def frame_picture(picture: Tensor, side: int = 32) -> Tensor:
    """(3, H, W) -> (3, side, side): digits already in the frame are padded only, all else is fitted."""
    if looks_like_mnist(picture, side):
        pad = (side - picture.shape[1]) // 2
        return F.pad(picture, (pad, pad, pad, pad))
    return fit_picture(picture, side)


def frame_sound(wave: Tensor, samples: int) -> Tensor:
    """A recording of one word, (T,) at 16 kHz -> (samples,): from its onset, at a fixed level, silence after it.

    Raises:
        InputError: the recording is silent.
    """
    peak = wave.abs().max() if len(wave) else torch.tensor(0.0, dtype=torch.float32)
    if peak < 1e-3:
        raise InputError("The recording is silent: say one digit, from zero to nine.")
    wave = wave * (PEAK / peak)
    # Short-time level, so that a single click does not count as the word's onset.
    level = F.max_pool1d(wave.abs()[None, None], 161, stride=1, padding=80)[0, 0]
    level = F.avg_pool1d(level[None, None], 161, stride=1, padding=80)[0, 0]
    loud = (level > QUIET * PEAK * 2).nonzero()[:, 0]
    start = max(0, int(loud[0]) - 160) if len(loud) else 0
    end = min(len(wave), int(loud[-1]) + 480) if len(loud) else len(wave)
    piece = wave[start : min(end, start + samples)].clone()
    fade = min(160, len(piece))
    piece[len(piece) - fade :] *= torch.linspace(1, 0, fade, dtype=torch.float32)  # no click where it is cut
    return F.pad(piece, (0, samples - len(piece)))


class DigitPicture(PictureFrame):
    """`frame_picture` as a frame."""

    def fit(self, x: Tensor) -> Tensor:
        return frame_picture(x, self.size[0])


class SpokenWord(SoundFrame):
    """`frame_sound` as a frame."""

    def fit(self, x: Tensor) -> Tensor:
        return frame_sound(x, self.size[0])
