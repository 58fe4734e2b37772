"""Recordings with what they say: a folder of sound files and a line of JSON for each.

    FOLDER/clips.jsonl: {"file": "heart/00012.flac", "text": "…", "voice": "heart", "split": "train", "frames": " hhe…"}

``frames``, what is said in every 20 ms, is missing at first; `mmdemo data align` writes it, with a recogniser that was
trained on these very recordings (`mmdemo train judge-speech`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from ..errors import InputError
from ..files import write_bytes
from ..speech.alignment import agrees, align
from ..speech.recognizer import HOP, Recognizer
from .encoders import Encoders
from .paired import SPLITS, UNKNOWN, Choices, Column, PairedColumns
from .place import need
from .speech import read_clips

LIST = "clips.jsonl"
LONGEST = 12.0  # seconds of a recording
UNLIKELY = -1.5  # alignments less likely are left out: what is said is not what is written


@dataclass(frozen=True)
class SpokenClip:
    """One recording. ``voice`` is empty where the speaker is one of many and not named."""

    file: str
    text: str
    voice: str = ""
    split: str = "train"
    frames: str = ""


def read_list(root: Path) -> list[SpokenClip]:
    """All recordings of a folder. Raises InputError where its list is damaged, or a split is unknown."""
    path = need(root, "spoken") / LIST
    clips = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            row.pop("likely", None)  # of lists that earlier versions wrote
            clip = SpokenClip(**row)
        except (ValueError, TypeError, AttributeError) as error:
            raise InputError(f"Line {number} of {path} is no recording: {error}.") from error
        if clip.split not in SPLITS:
            raise InputError(f"Line {number} of {path}: there is no split {clip.split!r}.")
        clips.append(clip)
    return clips


def write_list(root: Path, clips: Sequence[SpokenClip]) -> None:
    """The list of a folder's recordings, replaced as a whole."""
    lines = [json.dumps({k: v for k, v in asdict(c).items() if v != ""}, ensure_ascii=False) for c in clips]
    write_bytes(root / LIST, ("\n".join(lines) + "\n").encode())


def waves(root: Path, clips: Sequence[SpokenClip]) -> Iterator[Tensor]:
    """Recordings (T,) at 16 kHz, one after the other, cut to whole frames of 20 ms."""
    for clip in clips:
        (wave,) = read_clips([root / clip.file])
        yield wave[: len(wave) // HOP * HOP]


def align_clips(root: Path, recognizer: Recognizer) -> dict[str, int]:
    """Write what is said in every frame of every recording into the list.

    Returns:
        how many were aligned, and how many not: what is said there is too short, or not what is written.
    """
    clips, done = read_list(root), []
    for clip, wave in zip(clips, tqdm(waves(root, clips), total=len(clips), desc="alignment"), strict=True):
        try:
            frames, likely = align(recognizer.posteriors(wave), clip.text)
        except InputError:
            frames, likely = "", 0.0
        fits = likely > UNLIKELY and frames and agrees(frames, clip.text)
        done.append(replace(clip, frames=frames if fits else ""))
    write_list(root, done)
    aligned = sum(bool(c.frames) for c in done)
    return {"aligned": aligned, "left out": len(done) - aligned}


def paired_speech(encoders: Encoders, data_dir: Path, split: str, *, seconds: float = LONGEST) -> PairedColumns:
    """Recordings, what they say frame by frame, and whose voice it is.

    Args:
        seconds: longer recordings are left out.
    """
    root = data_dir / "spoken"
    most = round(seconds * 50)
    clips = [c for c in read_list(root) if c.split == split and c.frames and len(c.frames) <= most]
    if not clips:
        raise InputError(f"{root} has no recording of the split {split!r} that is aligned and at most {seconds:g} s.")
    sound = encoders.latents_each("audio", list(waves(root, clips)))
    text = encoders.latents_each("text", [torch.tensor(list(c.frames.encode()), dtype=torch.uint8) for c in clips])
    style = torch.tensor([encoders.styles.index(c.voice) if c.voice in encoders.styles else UNKNOWN for c in clips])
    rows = Choices.of([[i] for i in range(len(clips))])
    return PairedColumns({"audio": Column(rows, sound, style), "text": Column(rows, text)})
