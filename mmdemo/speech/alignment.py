"""Which symbol is said in which frame: forced alignment of a sentence with its recording.

The likeliest path through a recogniser's posteriors that spells the sentence (Viterbi over CTC states; Kürzinger et al.
2020, "CTC segmentation"), by torchaudio. CTC says a letter in one frame or two and blank in the rest, so the blanks are
shared out among their neighbours.
"""

from __future__ import annotations

import torch
import torchaudio.functional as AF
from torch import Tensor

from ..errors import InputError
from .alphabet import PAUSES, collapse, letters, spoken, units
from .recognizer import BLANK, targets

LEAD, TAIL = 2, 4  # frames of a first and a last letter outside its peak


def align(posteriors: Tensor, text: str) -> tuple[str, float]:
    """A sentence and how a recogniser hears its recording -> the symbol of each frame (see `alphabet`).

    Args:
        posteriors: log-probabilities (frames, outputs). text: what is said, in any spelling that `spoken` takes.

    Returns:
        (frames) symbols, and how likely the path is: the mean log-probability of its letters, 0 at best.

    Raises:
        InputError: the recording is too short for the text.
    """
    text = spoken(text)
    symbols, wanted = units(text), targets(letters(text))
    repeats = int((wanted[1:] == wanted[:-1]).sum())
    if len(posteriors) < len(wanted) + repeats:
        raise InputError(f"A recording of {len(posteriors) / 50:.1f} s is too short to say “{text[:60]}”.")
    path, scores = AF.forced_align(posteriors[None], wanted[None], blank=BLANK)
    spans = AF.merge_tokens(path[0], scores[0].exp(), blank=BLANK)
    peaks = [(span.start, span.end) for span in spans]
    likely = float(torch.tensor([span.score for span in spans]).clamp(min=1e-6).log().mean())
    return _filled(symbols, peaks, len(posteriors)), likely


def _filled(symbols: str, peaks: list[tuple[int, int]], frames: int) -> str:
    """Where each letter or space peaks, (first frame, after its last) each -> the symbol of each frame.

    A mark is where its space peaks. The one after the last word peaks nowhere: it has what is left.
    """
    starts, end = [], 0
    for i, (first, last) in enumerate(peaks):
        starts.append(max(0, first - LEAD) if i == 0 else (end + first + 1) // 2)
        end = last
    stop = min(frames, end + TAIL)
    out = " " * starts[0]
    for symbol, start, after in zip(symbols, starts, [*starts[1:], stop], strict=False):
        out += symbol * (after - start)
    ending = symbols[-1] if symbols[-1] in PAUSES else " "
    out += ending * (frames - stop)
    return out


def agrees(frames: str, text: str) -> bool:
    """Whether frames say the text: what an alignment must fulfil."""
    return collapse(frames).strip(PAUSES) == spoken(text).strip(PAUSES)
