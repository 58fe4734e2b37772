"""Long outputs by blocks: a number of several digits as one recording and one strip picture.

The model's frame holds one digit, so a number is made digit by digit, diffusion within a block and autoregression
over blocks. A block takes these from the one before it:

- the voice: the style token is the same for all blocks (chosen by the seed where no speaker is named);
- the manner: the start noise is correlated with that of the block before (`NOISE_CORRELATION`), so that what the model
  draws from noise, such as the slant of the pen or the pitch of the voice, drifts from digit to digit;
- the seam: blocks are joined as tokens and decoded as a whole, so each block's first samples are decoded with the end
  of the block before in sight, and no click can arise where two waveforms would meet.

What it does not do: the network does not look at the block before itself; it was trained on single digits.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..diffusion.blocks import BlockStep
from ..diffusion.seeds import sample_generator
from ..diffusion.settings import SamplingSettings
from ..diffusion.step import SamplingStep
from ..errors import InputError
from ..modalities.audio import SAMPLE_RATE
from ..tokens import Tokens
from .frames import frame_sound
from .words import CHINESE, ENGLISH

if TYPE_CHECKING:
    from ..diffusion.joint import JointDiffusion

MAX_DIGITS = 8
NOISE_CORRELATION = 0.6  # correlation of a block's start noise with the block before
PAUSE = 0.1  # seconds of silence kept after each word
QUIET = 0.02  # of the loudest frame: quieter frames after the last louder one are silence


def read_number(number: str) -> list[int]:
    """The digits of a number as typed ("4072", "４０７２", "四零七二"). Raises InputError for anything else."""
    digits = []
    for character in str(number).strip():
        value = CHINESE.index(character) if character in CHINESE else unicodedata.decimal(character, None)
        if value is None:
            raise InputError(f"{str(number).strip()[:20]!r} is no number: give 1 to {MAX_DIGITS} digits, such as 4072.")
        digits.append(int(value))
    if not 1 <= len(digits) <= MAX_DIGITS:
        raise InputError(f"Give a number of 1 to {MAX_DIGITS} digits, such as 4072, not {len(digits)}.")
    return digits


Blocks = dict[str, list[list[Tensor]]]  # modality -> per sample, codes (L, *positions) of its blocks in turn


class NumberStep(BlockStep):
    """One step of one digit, and the whole number so far.

    Attributes:
        digits: the number.
    """

    def __init__(self, step: SamplingStep, block: int, digits: Sequence[int], before: Blocks, nfe: int) -> None:
        super().__init__(step, block, len(digits), nfe)
        self.digits, self._before = tuple(digits), before

    @cached_property
    def parts(self) -> Blocks:
        """Codes of all blocks so far; an unfinished one is not trimmed yet."""
        out = {}
        for name in self.x0:
            now = _cut(self.step, name) if self.step.last else list(self.step.codes(name))
            before = self._before.get(name, [[] for _ in now])
            out[name] = [[*row, part] for row, part in zip(before, now, strict=True)]
        return out

    @property
    def text(self) -> str:
        """The digits so far, this block's included."""
        return "".join(map(str, self.digits[: self.block + 1]))

    def tokens(self, stream: str) -> list[Tokens]:
        """Per sample the whole strip (32 pixels a digit) or recording so far."""
        return [self.step.decoder.tokens(stream, torch.cat(row, dim=-1)) for row in self.parts[stream]]

    def pieces(self, modality: str) -> list[list[Tensor]]:
        """Per sample, the decoded whole cut where its blocks meet and brought back to one block's frame.

        For judging block by block what is seen and heard in the whole: pictures (3, H, W) in [0, 1], and recordings
        (T,) that are framed as an input would be.
        """
        codec, frame = self.step.decoder.codecs[modality], self.step.decoder.frames[modality]
        rows = []
        for tokens, blocks in zip(self.tokens(modality), self.parts[modality], strict=True):
            cut = codec.decode_tensor(tokens).split([frame.stride * part.shape[-1] for part in blocks], dim=-1)
            rows.append([_framed(c, frame.size[0]) if modality == "audio" else c for c in cut])
        return rows


def sample_number(
    model: JointDiffusion,
    number: str,
    want: Sequence[str] = ("image", "audio"),
    settings: SamplingSettings | None = None,
    *,
    noise_correlation: float = NOISE_CORRELATION,
    **changes: Any,
) -> Iterator[NumberStep]:
    """Make a number of up to 8 digits, block by block, yielding every step. A plain generator: close it to stop.

    Args:
        number: its digits, 1 to 8 of them. want: "image" (a strip), "audio" (one recording) or both.
        settings: as of `JointDiffusion.sample`, or as keyword arguments; steps are those of each block. Where no
            speaker is named, the seed chooses one, the same for the whole number.
        noise_correlation: of each block's start noise with the block before, 0 (none) to 1 (the same noise).

    Raises:
        InputError: it is no such number, or a setting cannot be used.
    """
    digits, want = read_number(number), tuple(want)
    settings = SamplingSettings.of(model.interface.style, settings, **changes)
    model.check({"text": number}, want, settings)
    if not 0 <= noise_correlation <= 1:
        raise InputError(f"The correlation of one block's noise with the next is 0 to 1, not {noise_correlation:g}.")
    n, seed, kept = settings.n, settings.seed, noise_correlation
    if settings.style is None and model.styles:
        drawn = torch.randint(len(model.styles), (1,), generator=sample_generator(seed, purpose="speaker"))
        settings = replace(settings, style=model.styles[int(drawn)])
    noise: dict[str, Tensor] = {}
    blocks: Blocks = {}
    spent = 0
    for block, digit in enumerate(digits):
        word = model.conditions_of({"text": ENGLISH[digit]}, settings)
        own = model.start_noise(n, seed, block)
        noise = {k: kept * noise[k] + (1 - kept**2) ** 0.5 * eps for k, eps in own.items()} if noise else own
        way = [sample_generator(seed, i, block, "way") for i in range(n)]
        for step in model.run([word], want, noise, way, settings):
            state = NumberStep(step, block, digits, blocks, spent + step.nfe)
            yield state
        blocks, spent = state.parts, state.nfe


def _framed(wave: Tensor, samples: int) -> Tensor:
    try:
        return frame_sound(wave, samples)
    except InputError:  # silent
        return torch.zeros(samples)


def _cut(step: SamplingStep, modality: str) -> list[Tensor]:
    """Codes (L, *positions) of a finished block, per sample: words end a short pause after their last sound."""
    codes = list(step.codes(modality))
    if modality != "audio":
        return codes
    stride = step.decoder.frames[modality].stride
    waves = step.decoded(modality)  # (n, T)
    level = waves.unflatten(1, (-1, stride)).square().mean(2).sqrt()  # (n, frames)
    pause = round(PAUSE * SAMPLE_RATE / stride)
    rows = []
    for row, part in zip(level, codes, strict=True):
        sounding = (row > QUIET * row.max()).nonzero()[:, 0]
        end = int(sounding[-1]) + 1 if len(sounding) else len(row)
        rows.append(part[:, : end + pause])
    return rows
