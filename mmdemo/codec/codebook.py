"""The codes of a level, to look at: what each adds to the output, how often it was used, orders, neighbours, a map."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from ..registry import Registry
from ..tokenizers.base import Counted

if TYPE_CHECKING:
    from .codec import Codec

RARE, DEAD = 0.1, 0.001  # of the mean use of a code in training


@torch.no_grad()
def added(codec: Codec, level: int, codes: Tensor) -> Tensor:
    """What codes (N,) of a level add: each decoded among copies of itself, less the decoder's output of zero.

    Returns:
        (N, 3, stride, stride) of a picture tokenizer, (N, samples) of one of sounds; signed, in canonical units.

    Raises:
        InputError: no such codes. ValueError: bytes cannot be subtracted.
    """
    codewords = codec.codewords(level, codes)  # (N, D)
    outputs = codec.decode_alone(codewords, level)
    if not outputs.is_floating_point():
        raise ValueError(f"What a code of {codec.name!r} adds is not a difference of numbers.")
    return outputs - codec.decode_alone(torch.zeros_like(codewords[:1]), level)


def gain(difference: Tensor, reach: float = 0.5) -> float:
    """The factor, 1 or more, that brings all but the largest 0.5 % of a level's values within ``reach``."""
    largest = float(np.quantile(difference.abs().cpu().numpy(), 0.995))
    return max(1.0, reach / largest) if largest > 0 else 1.0


def reference_counts(codec: Codec, level: int) -> Tensor | None:
    """(K,) how often each code of a level was chosen late in training, in any unit; None where nobody counted."""
    counts = codec.tokenizer.code_counts() if isinstance(codec.tokenizer, Counted) else []
    return counts[level].detach().float().cpu() if level < len(counts) else None


def rarity(counts: Tensor) -> list[str]:
    """For each of K codes with counts (K,): "dead", "rare" or "" (below 0.1 % and 10 % of the mean)."""
    share = counts / counts.mean().clamp(min=1e-12)
    return ["dead" if s < DEAD else "rare" if s < RARE else "" for s in share.tolist()]


def orders(codec: Codec, level: int, tone: Sequence[int] = ()) -> dict[str, list[int]]:
    """Ways to lay out a level's codes, each all of 0..K-1 once.

    "reference": most used in training first (where it is known); "energy": longest codeword first; "similar": every
    code is followed by the nearest that is left; "tone": as given, see `by_tone`.
    """
    book = codec.codebook(level).float().cpu()
    found = {"energy": _by(-book.norm(dim=1)), "similar": chain(book)}
    if tone:
        found["tone"] = list(tone)
    counts = reference_counts(codec, level)
    return found if counts is None else {"reference": _by(-counts), **found}


def chain(vectors: Tensor) -> list[int]:
    """Vectors (K, D) in a row: from the shortest, always on to the nearest that is left."""
    distance = torch.cdist(vectors, vectors)
    at = int(vectors.norm(dim=1).argmin())
    row = [at]
    for _ in range(len(vectors) - 1):
        distance[:, at] = torch.inf  # taken
        at = int(distance[at].argmin())
        row.append(at)
    return row


def _by(keys: Tensor) -> list[int]:
    return torch.argsort(keys, stable=True).tolist()


def by_tone(modality: str, outputs: Any) -> list[int]:
    """Codes in the order of what they look, sound or read like, as `TONES` has it for the modality.

    Args:
        outputs: of each code: pictures or what they add (N, 3, H, W); sounds (N, samples); texts.

    Raises:
        InputError: codes of that modality have no such order.
    """
    return TONES[modality](outputs)


def _by_hue(outputs: Tensor) -> list[int]:
    """Pictures (N, 3, H, W) by hue, greys last by lightness."""
    return _by(hue_key(_colours(outputs)))


def _by_pitch(outputs: Tensor) -> list[int]:
    """Sounds (N, samples) by the centre of their spectrum."""
    return _by(centroid(outputs))


def _by_alphabet(outputs: Sequence[str]) -> list[int]:
    return sorted(range(len(outputs)), key=lambda code: (outputs[code].casefold(), outputs[code]))


def _colours(outputs: Tensor) -> Tensor:
    """(N, 3) mean colours, as they are to be compared: what a later level adds is amplified first."""
    means = outputs.mean((2, 3))
    return means * gain(outputs) if (outputs < 0).any() else means


def hue_key(colours: Tensor, grey: float = 0.04) -> Tensor:
    """Differences of colour (N, 3) -> (N,) keys: hue in [-pi, pi], behind it the greys by lightness."""
    red, green, blue = colours.unbind(1)
    yellow_blue, red_green = (red + green) / 2 - blue, red - green
    hue = torch.atan2(yellow_blue, red_green)
    return torch.where(torch.hypot(yellow_blue, red_green) < grey, 10 + colours.mean(1), hue)


def centroid(waves: Tensor) -> Tensor:
    """Waves (N, samples) -> (N,) the centre of each one's power spectrum, as a share of half the sample rate."""
    power = torch.fft.rfft(waves * torch.hann_window(waves.shape[1])).abs().square()  # (N, bins)
    return (power * torch.linspace(0, 1, power.shape[1])).sum(1) / power.sum(1).clamp(min=1e-12)


Tone: TypeAlias = Callable[[Any], list[int]]
"""What the codes of a level look, sound or read like -> the codes in that order."""

TONES: Registry[Tone] = Registry(
    "order of codes of the modality", {"image": _by_hue, "audio": _by_pitch, "text": _by_alphabet}
)


def neighbours(book: Tensor, count: int = 8) -> tuple[Tensor, Tensor]:
    """Codewords (K, D) -> the nearest other codes of each, and how far they are by Euclid, (K, min(count, K - 1))."""
    distance = torch.cdist(book, book, compute_mode="donot_use_mm_for_euclid_dist")
    distance.fill_diagonal_(torch.inf)  # a code is no neighbour of itself, however many lie at the same place
    found = distance.topk(min(count, len(book) - 1), largest=False)
    return found.indices, found.values


def pca(vectors: Tensor) -> tuple[Tensor, list[float]]:
    """(K, D) -> the first two principal components and their shares of the variance.

    The components are (K, 2), centred and scaled into [-1, 1]. The sign of each is fixed (its largest
    coordinate is positive), so that the map always looks the same.
    """
    centred = vectors - vectors.mean(0)
    u, s, _ = torch.linalg.svd(centred, full_matrices=False)
    places = torch.zeros(len(vectors), 2)
    parts = min(2, s.numel())
    places[:, :parts] = u[:, :parts] * s[:parts]
    extreme = places.abs().argmax(0)
    places = places * torch.where(places[extreme, torch.arange(2)] < 0, -1.0, 1.0)
    total = s.square().sum().clamp(min=1e-12)
    return framed(places), [float(x) for x in (s.square() / total)[:2]]


def framed(places: Tensor) -> Tensor:
    """Places (K, 2) in the middle of [-1, 1]², as large as they get there."""
    places = places - (places.amax(0) + places.amin(0)) / 2
    return places / places.abs().max().clamp(min=1e-12)
