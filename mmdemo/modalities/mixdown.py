"""Many channels to one, samples of any scale to [-1, 1], and what a sound's owner should know about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from mmdemo.errors import InputError
from mmdemo.modalities.note import Note

UNUSABLE = 1e30
"""No sample is that large; such values would overflow in sums."""

# ---- channels

_MASK = "FL FR FC LFE BL BR FLC FRC BC SL SR TC TFL TFC TFR TBL TBC TBR"
SPEAKERS = tuple(_MASK.split())
"""The loudspeakers in the order of the bits of WAVEFORMATEXTENSIBLE's channel mask."""

# To one channel as ITU-R BS.775-4, table 2, has it: the centre in full, the front 3 dB below, two surrounds 3 dB below
# the front, a single one like the front, and no LFE. Speakers it does not know count as surrounds.
_BS775 = {"FL": 0.5**0.5, "FR": 0.5**0.5, "FLC": 0.5**0.5, "FRC": 0.5**0.5, "FC": 1.0, "LFE": 0.0}

# The order of FLAC (RFC 9639) and of WAV, and that of Vorbis and Opus.
_FLAC = {
    3: "FL FR FC",
    4: "FL FR BL BR",
    5: "FL FR FC BL BR",
    6: "FL FR FC LFE BL BR",
    7: "FL FR FC LFE BC SL SR",
    8: "FL FR FC LFE BL BR SL SR",
}
_OGG = {
    3: "FL FC FR",
    4: "FL FR BL BR",
    5: "FL FC FR BL BR",
    6: "FL FC FR BL BR LFE",
    7: "FL FC FR SL SR BC LFE",
    8: "FL FC FR SL SR BL BR LFE",
}


def layout(channels: int, container: str = "", mask: int = 0) -> list[str] | None:
    """The loudspeakers of the channels, in order; None for one, two, or where nobody says.

    Args:
        container: as soundfile names it; FLAC and OGG have a layout for every number of channels. Elsewhere six are
            taken for 5.1 and eight for 7.1, as players do; other numbers may be microphones.
        mask: of a WAV file, which then counts.
    """
    masked = [name for bit, name in enumerate(SPEAKERS) if mask >> bit & 1]
    if channels > 2 and len(masked) == channels:
        return masked
    known = {"FLAC": _FLAC, "OGG": _OGG}.get(container, {n: _FLAC[n] for n in (6, 8)})
    return known[channels].split() if channels in known else None


def mix_weights(speakers: list[str] | None) -> np.ndarray | None:
    """What each channel counts in the mix, (C,) float32, as ITU-R BS.775 says; None for the plain mean."""
    if speakers is None or len(speakers) < 3 or not {"FC", "FL"} & set(speakers):
        return None
    surrounds = [name for name in speakers if name not in _BS775]
    beside = 0.5**0.5 if len(surrounds) == 1 else 0.5
    return np.array([_BS775.get(name, beside) for name in speakers], np.float32)


# ---- the scale of floats


@dataclass(frozen=True)
class Scale:
    """How the samples of a float file are brought to [-1, 1].

    Attributes:
        full: what stands for full scale.
        limit: what lies beyond it is held there; infinite: nothing is.
        note: what to tell of it.
    """

    full: float = 1.0
    limit: float = float("inf")
    note: Note | None = None


_INTEGERS = {15: "16", 23: "24", 31: "32"}  # bits of full scale: of the type
_OCTAVES = 101  # of magnitudes over 1, up to `UNUSABLE`, and one above that is empty


def find_scale(chunks: Iterable[np.ndarray]) -> Scale:
    """Look a sound over, chunks (t, C), for floats that do not lie in [-1, 1] as they should.

    A few samples far above all others are damage and would make the rest silent if they were scaled to fit: they are
    held at full scale. Sounds that lie far above 1 throughout are integers that were written as floats.
    """
    above = np.zeros(_OCTAVES, np.int64)  # above[k]: samples of a magnitude in (2^k, 2^(k+1)]
    total, peak = 0, 0.0
    for block in chunks:
        magnitude = np.abs(block)
        total += block.size
        loud = magnitude[(magnitude > 1) & (magnitude < UNUSABLE)]
        if loud.size:
            peak = max(peak, float(loud.max()))
            octave = np.ceil(np.log2(loud)).astype(np.int64) - 1
            above += np.bincount(np.clip(octave, 0, _OCTAVES - 1), minlength=_OCTAVES)
    if peak <= 2:  # at most 6 dB: scaled as a whole
        return Scale()
    tail = above[::-1].cumsum()[::-1]  # (octaves,): samples over 2^k
    octave = next(k for k in range(_OCTAVES) if tail[k] <= _allowed(peak / 2.0**k) * total)
    held = int(tail[octave])
    bits = next((b for b in _INTEGERS if octave <= b), None)
    if octave >= 8 and bits is not None:
        full = 2.0**bits
        sentence = "The samples lie on the scale of {bits}-bit integers and were divided by {full:,.0f}."
        limit = full if peak > full else float("inf")
        return Scale(full, limit, Note("integers", sentence, bits=_INTEGERS[bits], full=full))
    if not held:
        return Scale()
    sentence = "Samples far above all others (up to {peak:,.0f} times full scale) were held down: {count:,} of them."
    return Scale(1.0, 2.0**octave, Note("spikes", sentence, count=held, peak=peak))


def _allowed(ratio: float) -> float:
    """Which part of the samples may lie over a level to count as damage, if the highest is `ratio` times that level."""
    if ratio <= 2:
        return 0.0
    return 1e-4 if ratio <= 8 else 1e-3 if ratio <= 64 else 1e-2


# ---- on the way through


class Mixer:
    """Mixes a sound to one channel on its way through, and gathers what its owner should know.

    Args:
        name: for messages.
        channels: how many come.
        weights: as of `mix_weights`.
        scale: as of `find_scale`.
    """

    def __init__(self, name: str, channels: int, weights: np.ndarray | None, scale: Scale) -> None:
        self._name, self._channels, self._weights, self.scale = name, channels, weights, scale
        self._frames = self._bad = self._clipped = 0
        self._sum = self._mid_energy = self._energy = 0.0
        self._last_full: np.ndarray | None = None

    def mono(self, chunks: Iterable[np.ndarray]) -> Iterator[torch.Tensor]:
        """Chunks (t, C) to tensors (t,); InputError if nothing usable comes."""
        for block in chunks:
            block = self._usable(block)
            mid = self._mixed(block)
            self._frames += len(mid)
            self._sum += float(mid.sum(dtype=np.float64))
            if self._channels > 1 and self._weights is None:
                self._mid_energy += float(np.vdot(mid, mid))
                self._energy += float(np.vdot(block, block)) / self._channels
            yield torch.from_numpy(np.ascontiguousarray(mid))
        if self._frames == 0:
            raise InputError(f"{self._name} holds no samples; at least one is needed.")
        if self._bad == self._frames * self._channels:
            raise InputError(f"{self._name} holds no finite sample (all NaN or infinite); nothing can be heard in it.")

    def _usable(self, block: np.ndarray) -> np.ndarray:
        low, high = float(block.min()), float(block.max())  # NaN if there is one
        if not max(-low, high) < UNUSABLE:
            usable = np.abs(block) < UNUSABLE  # false for NaN too
            self._bad += int(usable.size - usable.sum())
            block = np.where(usable, block, np.float32(0))
            low, high = float(block.min()), float(block.max())
        if self.scale.full != 1:
            block = np.clip(block, -self.scale.limit, self.scale.limit) / np.float32(self.scale.full)
        elif max(-low, high) > self.scale.limit:
            block = np.clip(block, -self.scale.limit, self.scale.limit)
        # Only a block that touches full scale can be clipped; of silence there is nothing to count.
        if max(-low, high) >= 0.9999 * self.scale.full or self._last_full is not None:
            self._count_clipped(block)
        return block

    def _mixed(self, block: np.ndarray) -> np.ndarray:
        if self._channels == 1:
            return block[:, 0]
        if self._weights is not None:
            return block @ self._weights
        if self._channels == 2:
            return (block[:, 0] + block[:, 1]) * np.float32(0.5)
        return block @ np.full(self._channels, 1 / self._channels, np.float32)

    def _count_clipped(self, block: np.ndarray) -> None:
        """Count samples at full scale after another such: a lone peak may touch it, a clipped one stays."""
        if not len(block) or self.scale.limit < float("inf"):
            return
        magnitude = np.abs(block)
        full = (magnitude >= 0.9999) & (magnitude <= 1)  # floats over 1 are loud, not clipped
        before = self._last_full if self._last_full is not None else np.zeros(full.shape[1], bool)
        self._clipped += int((full & np.vstack((before[None], full[:-1]))).sum())
        self._last_full = full[-1] if full[-1].any() else None

    def notes(self, peak: float) -> tuple[Note, ...]:
        """What to tell, after the sound has gone through; `peak` is the one of the result before scaling."""
        notes: list[Note] = []

        def tell(key: str, sentence: str, **values: Any) -> None:
            notes.append(Note(key, sentence, **values))

        if self._weights is not None:
            sentence = "The {channels} channels were mixed to one as ITU-R BS.775 says (centre in full, no LFE)."
            tell("mixed", sentence, channels=self._channels)
        elif self._channels > 1:
            tell("mid", "The sound is coded as mid: the mean of its {channels} channels.", channels=self._channels)
            if self._mid_energy < 0.01 * self._energy:
                tell("cancelled", "The channels nearly cancel each other in the mean: little of the sound is left.")
        if self._bad:
            sentence = "{count:,} samples that were not finite (NaN or infinite) were set to silence."
            tell("not_finite", sentence, count=self._bad)
        if self.scale.note:
            notes.append(self.scale.note)
        if self._clipped > max(8, 1e-5 * self._frames):
            sentence = "The sound looks clipped: {count:,} samples stay at full scale."
            tell("clipped", sentence, count=self._clipped)
        offset = self._sum / max(1, self._frames) / max(1.0, peak)
        if abs(offset) > 0.02:
            sentence = "The sound has a constant offset (DC) of {offset:+.3f} of full scale."
            tell("offset", sentence, offset=offset)
        if peak > 1 and self.scale.limit == float("inf"):
            sentence = "The peak of {peak:.3f} is over full scale: the whole sound was scaled down to 1."
            tell("scaled", sentence, peak=peak)
        if peak == 0:
            tell("silent", "The sound is silent throughout.")
        return tuple(notes)
