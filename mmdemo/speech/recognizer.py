"""A small speech recogniser: it hears which letter is said when, aligns sentences, and judges what is generated.

Convolutions in time alone (QuartzNet, Kriman et al. 2020), trained with connectionist temporal classification (CTC,
Graves et al. 2006). Its frames are those of the speech model: 50 a second.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
import torchaudio
from torch import Tensor, nn

from .. import checkpoints
from ..config import Depth, Kernel, Width, check_weights, settings
from ..modalities.audio import SAMPLE_RATE
from .alphabet import LETTERS

HOP = 320  # samples a frame
BLANK = 0  # of CTC
OUTPUTS = "_" + " '" + LETTERS  # blank first; a space between words
LOUDNESS = 1e-5  # added to powers: -50 dB below full scale; what is softer is silence


@settings
class RecognizerConfig:
    """Sizes of the recogniser."""

    width: Width = 256
    depth: Depth = 10
    kernel: Kernel = 15
    bands: Width = 64

    def __post_init__(self) -> None:
        check_weights(self.depth * (3 * self.width**2 + self.kernel * self.width) + 6 * self.bands * self.width)


class TimeBlock(nn.Module):
    """Depthwise convolution in time, then a perceptron at every frame, added to what came in."""

    def __init__(self, width: int, kernel: int, dilation: int) -> None:
        super().__init__()
        pad = dilation * (kernel // 2)
        self.depthwise = nn.Conv1d(width, width, kernel, padding=pad, dilation=dilation, groups=width)
        self.norm = nn.BatchNorm1d(width)
        self.wide = nn.Conv1d(width, 2 * width, 1)
        self.narrow = nn.Conv1d(2 * width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T) -> (B, C, T)"""
        return x + self.narrow(F.gelu(self.wide(self.norm(self.depthwise(x)))))


def mel_bands(bands: int) -> torchaudio.transforms.MelSpectrogram:
    """Waveforms (B, samples) -> powers of mel bands, two windows a frame."""
    return torchaudio.transforms.MelSpectrogram(SAMPLE_RATE, n_fft=512, hop_length=HOP // 2, n_mels=bands, center=True)


def log_mel(mel: torchaudio.transforms.MelSpectrogram, wave: Tensor) -> Tensor:
    """Waveforms (B, samples) -> log-mel bands, levelled over the recording, (B, bands, 2 * frames)."""
    frames = wave.shape[1] // HOP
    x = (mel(wave.float())[:, :, : 2 * frames] + LOUDNESS).log()
    return (x - x.mean((1, 2), keepdim=True)) / (x.std((1, 2), keepdim=True) + 0.1)


class Recognizer(nn.Module):
    """Waveforms (B, samples) at 16 kHz -> log-probabilities of `OUTPUTS` (B, frames, outputs)."""

    def __init__(self, config: RecognizerConfig) -> None:
        super().__init__()
        self.config = config
        self.mel = mel_bands(config.bands)
        self.into = nn.Conv1d(config.bands, config.width, 5, stride=2, padding=2)
        dilations = [1, 1, 2, 2, 4]  # together some two seconds
        self.blocks = nn.Sequential(
            *[TimeBlock(config.width, config.kernel, dilations[i % len(dilations)]) for i in range(config.depth)]
        )
        self.dropout = nn.Dropout(0.1)
        self.out = nn.Conv1d(config.width, len(OUTPUTS), 1)

    def spectrum(self, wave: Tensor) -> Tensor:
        """As `log_mel`."""
        return log_mel(self.mel, wave)

    def forward(self, spectrum: Tensor) -> Tensor:
        """What `spectrum` gives (B, bands, 2 * frames) -> (B, frames, outputs)"""
        h = self.dropout(self.blocks(self.into(spectrum)))
        return self.out(h).transpose(1, 2).log_softmax(-1)

    @torch.inference_mode()
    def posteriors(self, wave: Tensor) -> Tensor:
        """A waveform (samples,) at 16 kHz -> (frames, outputs), frames = samples // 320."""
        device = self.out.weight.device
        return self(self.spectrum(wave[None].to(device)))[0].float().cpu()

    def transcribe(self, wave: Tensor) -> str:
        """A waveform (samples,) -> what it says, in lower-case letters, the likeliest path's."""
        return read(self.posteriors(wave))


def read(posteriors: Tensor) -> str:
    """(frames, outputs) -> the text of the likeliest path: repeats and blanks taken out."""
    best = torch.unique_consecutive(posteriors.argmax(1))
    return " ".join("".join(OUTPUTS[i] for i in best.tolist() if i != BLANK).split())


def targets(text: str) -> Tensor:
    """Letters, apostrophes and spaces -> indices into `OUTPUTS`, (N,) int64."""
    return torch.tensor([OUTPUTS.index(c) for c in text], dtype=torch.long)


def load_recognizer(name: str | Path = "judges/speech") -> Recognizer:
    """The trained recogniser. Raises InputError if its checkpoint is missing or damaged."""
    return checkpoints.load_model("recognizer", Recognizer, name)
