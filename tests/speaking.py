"""A model that speaks, of random weights, with a clock and an ear that need no training."""

from __future__ import annotations

import torch

from mmdemo.diffusion.dit import DiT
from mmdemo.diffusion.interface import JointInterface, StreamInterface
from mmdemo.diffusion.joint import JointDiffusion
from mmdemo.diffusion.latents import LatentNormalizer
from mmdemo.diffusion.streams import DiTConfig, Stream
from mmdemo.loading import load
from mmdemo.speech.alphabet import letters, units
from mmdemo.speech.duration import DurationConfig, DurationModel
from mmdemo.speech.recognizer import OUTPUTS, Recognizer, RecognizerConfig, targets
from mmdemo.speech.speech import Speech
from mmdemo.ui.shared.state import Context

FRAMES = 200  # of its axis
VOICES = ["ann", "ben"]


class Durations(DurationModel):
    """Every sound lasts 4 frames at pace 1."""

    def __init__(self) -> None:
        super().__init__(DurationConfig(voices=VOICES, width=8, depth=1))

    def durations(self, text, voice=None, seed=0, pace=1.0):
        super().durations(text, voice, seed, pace)  # for what it refuses
        return [round(4 / pace)] * len(units(text))


class Ear(Recognizer):
    """Hears the same words in every recording, a letter every 5 frames from frame 5."""

    def __init__(self, text: str) -> None:
        super().__init__(RecognizerConfig(width=8, depth=1, bands=8))
        self.text = text

    def posteriors(self, wave):
        return heard(self.text, 5, 5, len(wave) // 320)


def heard(text: str, first: int, apart: int, frames: int) -> torch.Tensor:
    """Posteriors of a recogniser that hears a letter every ``apart`` frames, and is sure of it."""
    posteriors = torch.full((frames, len(OUTPUTS)), 0.001)
    posteriors[:, 0] = 1
    for i, letter in enumerate(targets(letters(text)).tolist() if text else []):
        posteriors[first + apart * i] = 0.001
        posteriors[first + apart * i, letter] = 1
    return (posteriors / posteriors.sum(1, keepdim=True)).log()


def speaking_model(form: str = "") -> JointDiffusion:
    """A joint model of sound and the symbols of its frames; its samples are noise, repeatable for a seed."""
    codecs = {"audio": load("audio", "cpu"), "text": load("symbols", "cpu")}
    torch.manual_seed(0)
    audio = Stream("audio", codecs["audio"].tokenizer.dim, [FRAMES], 2)
    streams = [audio, Stream("text", codecs["text"].tokenizer.dim, [FRAMES], 2, "audio")]
    network = DiT(DiTConfig(streams, VOICES, width=32, depth=1, heads=2)).eval().requires_grad_(False)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    frames = {"audio": StreamInterface("speech"), "text": StreamInterface("spoken_frames")}
    interface = JointInterface(streams=frames, style="voice", form=form)
    return JointDiffusion("speech", network, LatentNormalizer(streams), codecs, interface)


def speaking(text: str = "hello you all") -> Speech:
    """With an ear that always hears ``text``."""
    return Speech(speaking_model("speech"), Durations().eval(), Ear(text).eval())


class SpeakingContext(Context):
    """The page's own context with this model alone."""

    def __init__(self, speech: Speech) -> None:
        super().__init__("cpu")
        self.speech = speech

    def joints(self) -> list[str]:
        return ["speech"]

    def joint(self, name: str = "speech") -> JointDiffusion:
        return self.speech.model
