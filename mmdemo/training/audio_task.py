"""The speech tokenizer's batches (read speech, spoken digits) and loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from pathlib import Path
from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from ..config import Share, Weight, settings
from ..datasets.folder import hold_out, read_folder
from ..datasets.place import need
from ..datasets.speech import fsdd_files, read_clips, speech_files
from ..errors import InputError, MissingError
from .draws import draw_int
from .losses import EnvelopeLoss, SpectralLoss
from .recipe import Recipe
from .tokenizer_task import HELD_OUT, TokenizerLoss, TokenizerTask

WINDOWS = 3  # of the spectral loss, drawn anew at each step
SHORTEST = 800  # samples of a recording that can be trained on, 50 ms


@settings
class AudioData:
    """The table ``[data]`` of a speech tokenizer's recipe."""

    segment: Annotated[int, Field(ge=1600, le=960_000)] = 16_000  # samples at 16 kHz
    speech: bool = True  # speechocean762
    fsdd: bool = True  # spoken digits
    folders: list[str] = field(default_factory=list)  # in --data-dir, with recordings of any format
    digit_share: Share = 0.25  # how often a recording shorter than a segment is drawn, set among silence


@settings
class AudioLoss(TokenizerLoss):
    """The table ``[loss]``: weights of its parts."""

    mel: Weight = 10.0
    magnitude: Weight = 6.0
    envelope: Weight = 0.0


class Segments:
    """Draws segments at random gain.

    Args:
        clips: recordings (T,). Those shorter than a segment are set among stretches of silence, as spoken digits are
            used later.
    """

    def __init__(self, settings: AudioData, clips: Sequence[Tensor]) -> None:
        self.segment = settings.segment
        self.long = [c for c in clips if len(c) >= self.segment]
        self.short = [c for c in clips if len(c) < self.segment]
        self.short_share = (settings.digit_share if self.long else 1.0) if self.short else 0.0

    def __len__(self) -> int:
        return len(self.long) + len(self.short)

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """(count, segment), each with its peak at a random level between 0.05 and 0.95."""
        return torch.stack([self._segment(generator) for _ in range(count)])

    def _segment(self, generator: torch.Generator) -> Tensor:
        short = torch.rand(1, generator=generator) < self.short_share
        wave = self._among_silence(generator) if short else self._piece(generator)
        peak = 0.05 + 0.9 * torch.rand(1, generator=generator)
        return wave * (peak / wave.abs().max().clamp(min=1e-3)).clamp(max=20)

    def _piece(self, generator: torch.Generator) -> Tensor:
        clip = self.long[draw_int(len(self.long), generator)]
        start = draw_int(len(clip) - self.segment + 1, generator)
        return clip[start : start + self.segment]

    def _among_silence(self, generator: torch.Generator) -> Tensor:
        clip = self.short[draw_int(len(self.short), generator)]
        room = self.segment - len(clip)
        before = draw_int(room + 1, generator) if draw_int(2, generator) else 0  # half the time from the first sample
        return F.pad(clip, (before, room - before))


class AudioTask(TokenizerTask):
    """Segments of recordings at random gain."""

    modality = "audio"
    settings: AudioLoss

    def __init__(self, recipe: Recipe, device: torch.device, data_dir: Path) -> None:
        data = recipe.section(AudioData, "data")
        super().__init__(recipe, device, AudioLoss)
        clips: dict[Path, Tensor] = {}
        if data.speech:
            files = speech_files(data_dir, "train")
            clips |= dict(zip(files, read_clips(files), strict=True))
        if data.fsdd:
            files = fsdd_files(data_dir, train=True)
            clips |= dict(zip(files, read_clips(files), strict=True))
        if data.folders:
            own = read_folder([need(data_dir / f, f) for f in data.folders], "audio", _long_enough)
            clips |= own.items
            self.notes.append(own.note())
            self.data_summary |= {"recordings left out": len(own.left_out)} if own.left_out else {}
        if not clips:
            raise MissingError("[data] asks for no recordings: give speech, fsdd or folders.")
        train, held = hold_out(list(clips), HELD_OUT)
        self.segments = Segments(data, [clips[path] for path in train])
        self.held_out = Segments(data, [clips[path] for path in held]) if held else None
        seconds = sum(len(c) for c in clips.values()) / 16_000
        self.data_summary |= {
            "recordings": len(train),
            "recordings held out": len(held),
            "minutes of sound": round(seconds / 60, 1),
        }
        self.spectral = SpectralLoss().to(device)
        self.envelope = EnvelopeLoss().to(device)

    def batch(self, generator: torch.Generator) -> dict[str, Tensor]:
        windows = torch.randperm(len(self.spectral.windows), generator=generator)
        return {"x": self.segments.draw(self.recipe.batch_size, generator), "windows": windows}

    def held_out_batch(self, generator: torch.Generator) -> dict[str, Tensor] | None:
        return {"x": self.held_out.draw(self.recipe.batch_size, generator)} if self.held_out else None

    def reconstruction(self, y: Tensor, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        y = y[..., : batch["x"].shape[-1]]  # of a segment that is not whole frames
        with torch.autocast(self.device.type, enabled=False):
            # Some of the windows: the gradient is right on average, and their transforms are half of a step.
            some = batch["windows"][:WINDOWS].tolist() if "windows" in batch else None
            mel, magnitude = self.spectral(y.float(), batch["x"], some)
            envelope = self.envelope(y.float(), batch["x"])
        weights = self.settings
        loss = weights.mel * mel + weights.magnitude * magnitude + weights.envelope * envelope
        return loss, {"mel": mel.item(), "magnitude": magnitude.item(), "envelope": envelope.item()}


def _long_enough(wave: Tensor) -> Tensor:
    if len(wave) < SHORTEST:
        raise InputError(f"{len(wave) / 16:.0f} ms, where {SHORTEST // 16} are needed")
    if not wave.any():
        raise InputError("silence")
    return wave
