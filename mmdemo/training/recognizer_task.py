"""Training of the speech recogniser: connectionist temporal classification on recordings with their texts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from torchaudio.transforms import MelSpectrogram
from tqdm import tqdm

from ..config import Positive, from_dict, settings
from ..datasets.spoken import LONGEST, read_list, waves
from ..errors import InputError
from ..metrics.text_diff import character_error
from ..modalities.audio import SAMPLE_RATE
from ..speech.alphabet import letters
from ..speech.recognizer import BLANK, HOP, Recognizer, RecognizerConfig, log_mel, mel_bands, read, targets
from .recipe import Recipe
from .task import Task

VALIDATION_BATCHES = 8
Spoken = tuple[Tensor, str]  # log-mel spectrum (bands, 2 * frames) in half precision, and the letters that are said


@settings
class RecognizerData:
    """The table ``[data]`` of the recipe."""

    seconds: float = LONGEST  # longer recordings are left out
    time_masks: Positive = 2  # SpecAugment (Park et al. 2019): stretches of a recording left out, of up to 0.4 s,
    band_masks: Positive = 2  # and of its bands, up to a fifth of them each


class RecognizerTask(Task):
    """Batches of recordings alike in length."""

    kind = "recognizer"
    tables = ("model", "data")

    model: Recognizer

    def __init__(
        self, recipe: Recipe, device: torch.device, train: Iterable[Spoken], validation: Iterable[Spoken] = ()
    ) -> None:
        """
        Raises:
            InputError: there is nothing to train on.
        """
        self.recipe, self.device = recipe, device
        self.data = from_dict(RecognizerData, recipe.data, "[data]")
        self.sets = {
            split: sorted(found, key=lambda item: item[0].shape[1])
            for split, found in (("train", train), ("validation", validation))
        }
        if not self.sets["train"]:
            raise InputError(f"There is no recording to learn from, at most {self.data.seconds:g} s long.")
        torch.manual_seed(recipe.seed)
        self.model = Recognizer(from_dict(RecognizerConfig, recipe.model, "[model]")).to(device)

    @property
    def data_summary(self) -> dict[str, object]:
        return {"recordings": len(self.sets["train"])}

    @classmethod
    def from_recipe(cls, recipe: Recipe, device: torch.device, data_dir: Path) -> RecognizerTask:
        data = from_dict(RecognizerData, recipe.data, "[data]")
        mel = mel_bands(from_dict(RecognizerConfig, recipe.model, "[model]").bands)
        sets = (_read(data_dir / "spoken", split, data.seconds, mel) for split in ("train", "validation"))
        return cls(recipe, device, *sets)

    def batch(self, generator: torch.Generator) -> dict[str, Tensor]:
        items = self.sets["train"]
        size = min(self.recipe.batch_size, len(items))
        start = int(torch.randint(len(items) - size + 1, (1,), generator=generator))
        batch = _padded(items[start : start + size])
        batch["x"] = self._masked(batch["x"], generator)
        return batch

    def _masked(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """(B, bands, T), some bands and moments replaced by 0, the mean."""
        for axis, count, widest in ((2, self.data.time_masks, 40), (1, self.data.band_masks, x.shape[1] // 5)):
            n = x.shape[axis]
            for _ in range(count):
                width = torch.randint(widest + 1, (len(x), 1), generator=generator)
                first = (torch.rand(len(x), 1, generator=generator) * (n - width).clamp(min=1)).long()
                place = torch.arange(n)
                hidden = (place >= first) & (place < first + width)  # (B, n)
                x = x.masked_fill(hidden[:, None] if axis == 2 else hidden[:, :, None], 0)
        return x

    def loss(self, batch: dict[str, Tensor], step: int) -> tuple[Tensor, dict[str, float]]:
        out = self.model(batch["x"]).float()  # (B, frames, outputs)
        return self._ctc(out, batch), {}

    def _ctc(self, out: Tensor, batch: dict[str, Tensor]) -> Tensor:
        """Mean over recordings of the loss a letter."""
        args = batch["y"], batch["frames"], batch["letters"]
        return F.ctc_loss(out.transpose(0, 1), *args, blank=BLANK, zero_infinity=True)

    def validate(self) -> dict[str, float]:
        """The loss, and the share of letters that the likeliest path has wrong."""
        items = self.sets["validation"]
        size, losses, wrong = self.recipe.batch_size, [], []
        for start in range(0, min(len(items), VALIDATION_BATCHES * size), size):
            rows = items[start : start + size]
            batch = {k: v.to(self.device) for k, v in _padded(rows).items()}
            out = self.model(batch["x"]).float()
            losses.append(self._ctc(out, batch).item())
            heard = [read(row[:n]) for row, n in zip(out, batch["frames"].tolist(), strict=True)]
            wrong += [character_error(text, said) for (_, text), said in zip(rows, heard, strict=True)]
        if not losses:
            return {}
        return {"loss": sum(losses) / len(losses), "letters wrong": sum(wrong) / len(wrong)}


def _read(root: Path, split: str, seconds: float, mel: MelSpectrogram) -> list[Spoken]:
    """The recordings of a split up to so many seconds, which have time to say their text."""
    clips = [c for c in read_list(root) if c.split == split]
    found = []
    for clip, wave in zip(clips, tqdm(waves(root, clips), total=len(clips), desc=split), strict=True):
        text = letters(clip.text)
        if len(text) < len(wave) // HOP and len(wave) <= seconds * SAMPLE_RATE:
            found.append((log_mel(mel, wave[None])[0].half(), text))
    return found


def _padded(items: list[Spoken]) -> dict[str, Tensor]:
    """Spectra (bands, 2 * frames) and texts -> "x" (B, bands, T), "y" (letters of all), and their numbers."""
    spectra, texts = zip(*items, strict=True)
    longest = max(x.shape[1] for x in spectra)
    return {
        "x": torch.stack([F.pad(x.float(), (0, longest - x.shape[1])) for x in spectra]),
        "frames": torch.tensor([x.shape[1] // 2 for x in spectra]),
        "y": torch.cat([targets(text) for text in texts]),
        "letters": torch.tensor([len(text) for text in texts]),
    }
