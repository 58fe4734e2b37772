"""The sound tokenizer's batches (speech in many voices, spoken digits, made sounds) and loss."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from ..config import Natural, Share, Weight, settings
from ..datasets.bank import WaveBank
from ..datasets.folder import hold_out, read_folder
from ..datasets.place import need
from ..datasets.sounds import make_many
from ..datasets.sounds.voices import varied
from ..datasets.speech import fsdd_files, read_clips, speech_files
from ..errors import InputError, MissingError
from ..modalities.audio import SAMPLE_RATE
from .losses import EnvelopeLoss, SpectralLoss, level_loss, tone_loss
from .recipe import Recipe
from .tokenizer_task import HELD_OUT, TokenizerLoss, TokenizerTask

WINDOWS = 3  # of the spectral loss, drawn anew at each step
SHORTEST = 800  # samples of a recording that can be trained on, 50 ms
MADE_HELD_OUT = 1_000_000  # seed from which made sounds for validation are numbered; those to train on begin at 0


@settings
class AudioData:
    """The table ``[data]`` of a sound tokenizer's recipe."""

    segment: Annotated[int, Field(ge=1600, le=960_000)] = 16_000  # samples at 16 kHz
    speech: bool = True  # speechocean762
    fsdd: bool = True  # spoken digits
    folders: list[str] = field(default_factory=list)  # in --data-dir, with recordings of any format
    digit_share: Share = 0.25  # how often a recording shorter than a segment is drawn, set among silence
    varied: Share = 0.0  # of the long recordings that are there a second time: other voices, noise, rooms, telephone
    made: Natural = 0  # how many sounds of 4 s programs make, see `datasets.sounds`
    made_share: Share = 0.35  # how often one of them is drawn
    quiet: Share = 0.0  # of the segments whose peak is anywhere from 60 dB below full scale, as often in each decibel


@settings
class AudioLoss(TokenizerLoss):
    """The table ``[loss]``: weights of its parts."""

    mel: Weight = 10.0
    magnitude: Weight = 6.0
    envelope: Weight = 0.0
    level: Weight = 0.0  # of how far the level is off, in tens of decibels
    tone: Weight = 0.0  # of what is lost of each frame's strongest bins


class Segments:
    """Draws segments at random gain.

    Args:
        clips: recordings (T,). Those shorter than a segment are set among stretches of silence, as spoken digits are
            used later.
        made: sounds made by programs.
    """

    def __init__(
        self,
        settings: AudioData,
        clips: Sequence[Tensor],
        made: Sequence[Tensor] = (),
        device: torch.device | str = "cpu",
    ) -> None:
        self.segment, self.quiet = settings.segment, settings.quiet
        long = [c for c in clips if len(c) >= self.segment]
        short = [c for c in clips if len(c) < self.segment]
        shares = [1 - settings.digit_share if long else 0.0, (settings.digit_share if long else 1.0)]
        rest = 1 - (settings.made_share if made and clips else float(bool(made)))
        banks = [(long, rest * (shares[0] if short else 1.0)), (short, rest * shares[1]), (made, 1 - rest)]
        self.banks = [WaveBank(waves, device) for waves, _ in banks if waves]
        self.weights = torch.tensor([share for waves, share in banks if waves])

    def __len__(self) -> int:
        return sum(map(len, self.banks))

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """(count, segment), each with its peak at a random level between 0.05 and 0.95."""
        picks = torch.multinomial(self.weights, count, True, generator=generator)
        counts = torch.bincount(picks, minlength=len(self.banks)).tolist()
        x = torch.cat([b.segments(n, self.segment, generator) for b, n in zip(self.banks, counts) if n])
        level, low, chance = torch.rand(3, count, generator=generator)
        peak = torch.where(chance < self.quiet, 10 ** (-3 * low), 0.05 + 0.9 * level).to(x.device)
        return x * (peak / x.abs().amax(1).clamp(min=1e-3)).clamp(max=20)[:, None]


class AudioTask(TokenizerTask):
    """Segments of recordings at random gain."""

    modality = "audio"
    Data, Loss = AudioData, AudioLoss
    settings: AudioLoss

    def __init__(
        self,
        recipe: Recipe,
        device: torch.device,
        train: Segments,
        held_out: Segments | None = None,
        summary: Mapping[str, object] | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        super().__init__(recipe, device, summary, notes)
        self.segments, self.held_out = train, held_out
        self.spectral = SpectralLoss().to(device)
        self.envelope = EnvelopeLoss().to(device)

    @classmethod
    def from_recipe(cls, recipe: Recipe, device: torch.device, data_dir: Path) -> AudioTask:
        data = recipe.section(AudioData, "data")
        clips: dict[Path, Tensor] = {}
        summary: dict[str, object] = {}
        notes: list[str] = []
        if data.speech:
            files = speech_files(data_dir, "train")
            clips |= dict(zip(files, read_clips(files), strict=True))
        if data.fsdd:
            files = fsdd_files(data_dir, train=True)
            clips |= dict(zip(files, read_clips(files), strict=True))
        if data.folders:
            own = read_folder([need(data_dir / f, f) for f in data.folders], "audio", _long_enough)
            clips |= own.items
            notes.append(own.note())
            summary |= {"recordings left out": len(own.left_out)} if own.left_out else {}
        if not clips and not data.made:
            raise MissingError("[data] asks for no recordings: give speech, fsdd, folders or made.")
        train, held = hold_out(list(clips), HELD_OUT)
        made = [make_many(n, seed) for n, seed in cls._made(data)]
        kept = [clips[path] for path in train]
        kept += [varied(kept[i], np.random.default_rng(i)) for i in cls._varied(data, kept)]
        apart = Segments(data, [clips[path] for path in held], made[1], device)
        summary |= {"made sounds": data.made} if data.made else {}
        seconds = sum(len(c) for c in clips.values()) / SAMPLE_RATE
        summary |= {
            "recordings": len(train),
            "recordings held out": len(held),
            "minutes of sound": round(seconds / 60, 1),
        }
        segments = Segments(data, kept, made[0], device)
        return cls(recipe, device, segments, apart if len(apart) else None, summary, notes)

    @staticmethod
    def _made(data: AudioData) -> list[tuple[int, int]]:
        """(how many, first seed) of made sounds to train on and of those held out."""
        return [(data.made, 0), (math.ceil(HELD_OUT * data.made), MADE_HELD_OUT)]

    @staticmethod
    def _varied(data: AudioData, clips: Sequence[Tensor]) -> list[int]:
        """Which recordings there are a second time: long enough to stay so when they are made faster."""
        long = [i for i, c in enumerate(clips) if len(c) >= 2 * data.segment]
        return long[: round(data.varied * len(long))]

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
            level = level_loss(y.float(), batch["x"]) if self.settings.level else mel.new_zeros(())
            tone = tone_loss(y.float(), batch["x"]) if self.settings.tone else mel.new_zeros(())
        weights = self.settings
        loss = weights.mel * mel + weights.magnitude * magnitude + weights.envelope * envelope
        loss = loss + weights.level * level + weights.tone * tone
        shown = {"mel": mel, "magnitude": magnitude, "envelope": envelope}
        shown |= {k: v for k, v in {"level": level, "tone": tone}.items() if getattr(weights, k)}
        return loss, {k: v.item() for k, v in shown.items()}


def _long_enough(wave: Tensor) -> Tensor:
    if len(wave) < SHORTEST:
        raise InputError(f"{1000 * len(wave) / SAMPLE_RATE:.0f} ms, where {1000 * SHORTEST // SAMPLE_RATE} are needed")
    if not wave.any():
        raise InputError("silence")
    return wave
