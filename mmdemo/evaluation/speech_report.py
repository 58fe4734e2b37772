"""Test figures of a model that speaks, and of the two that serve it.

Sentences are those of the split that no training saw, the same for all rows. What is said is heard by Whisper tiny.en,
which has nothing to do with any of these models; how natural it sounds, by DistillMOS (extra "bench"); whose voice it
is by a probe that is fitted to training recordings of the named voices.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from .. import checkpoints
from ..datasets.place import need
from ..datasets.speech import read_clips, speech_files, speech_rows
from ..datasets.spoken import SpokenClip, read_list, waves
from ..diffusion.joint import JointDiffusion
from ..diffusion.settings import SamplingSettings
from ..errors import InputError, MissingError
from ..metrics import Figure
from ..modalities.audio import SAMPLE_RATE
from ..speech.alphabet import letters, runs, word_spans
from ..speech.duration import duration_loss, encoded, load_duration_model
from ..speech.recognizer import HOP, load_recognizer
from ..speech.speech import Heard, Speech, SpokenStep
from .judges import edits, listener, naturalness, word_errors
from .sections import Measured, Request, collect
from .speaker_probe import VoiceProbe, voice_features

SENTENCES = 100
SETTINGS = SamplingSettings(n=1, steps=16, guidance=2.0, sampler="euler")
GROUPS = ("directions", "validation")
PIECE = 2 * SAMPLE_RATE  # samples by which a voice is judged
MINUTE = 60.0
CLICK = 3.0  # a step between samples at a seam may be so many times the largest one beside it


class Spoken:
    """The sentences of a split, read by the named voices, and what a model makes of them, each made once.

    Raises:
        MissingError: there are none.
    """

    def __init__(self, speech: Speech, data_dir: Path, split: str, limit: int | None) -> None:
        self.speech, self.root = speech, need(data_dir / "spoken", "spoken")
        self.clips = _in_turn([c for c in read_list(self.root) if c.split == split and c.voice], speech.model.styles)
        self.clips = self.clips[: min(SENTENCES, limit or SENTENCES)]
        if not self.clips:
            raise MissingError(f"There is no recording of the split {split!r} in {self.root} by one of the voices.")

    @cached_property
    def source(self) -> list[np.ndarray]:
        return [wave.numpy() for wave in waves(self.root, self.clips)]

    @cached_property
    def through(self) -> list[np.ndarray]:
        """The source through the tokenizer."""
        codec = self.speech.model.codecs[self.speech.sound]
        return [codec.decode(codec.encode((SAMPLE_RATE, wave)))[1] for wave in self.source]

    @cached_property
    def made(self) -> list[np.ndarray]:
        """The same sentences in the same voices, by the model."""
        rows = []
        for i, clip in enumerate(tqdm(self.clips, desc="sentences", leave=False)):
            settings = replace(SETTINGS, seed=i, style=clip.voice)
            rows.append(_last(_said(self.speech, clip.text, settings)).preview(self.speech.sound)[0][1])
        return rows

    @cached_property
    def probe(self) -> VoiceProbe:
        """Of voices, from recordings of training."""
        clips = [c for c in read_list(self.root) if c.split == "train" and c.voice in self.speech.model.styles]
        random.Random(0).shuffle(clips)
        some = _in_turn(clips, self.speech.model.styles)[: 60 * len(self.speech.model.styles)]
        return VoiceProbe(torch.stack([_piece(w) for w in waves(self.root, some)]), [c.voice for c in some])


def evaluate_group(
    model: JointDiffusion, data_dir: Path, limit: int | None, group: str, missing: list[str] | None = None
) -> list[Figure]:
    """All figures.

    Args:
        limit: at most this many items a figure. group: "directions", or "validation": words and voices of the
            validation sentences alone, for choices. missing: see `sections.collect`.
    """
    if group not in GROUPS:
        raise InputError(f"There is no group of figures {group!r}; choose one of {', '.join(GROUPS)}.")
    speech = Speech.of(model)

    @cache
    def spoken() -> Spoken:
        return Spoken(speech, data_dir, "validation" if group == "validation" else "test", limit)

    sections: list[Callable[[], list[Figure]]] = [lambda: _words(spoken()), lambda: _voices(spoken())]
    if group == "directions":
        sections += [
            lambda: _naturalness(spoken()),
            lambda: _likeness(speech, data_dir, limit),
            lambda: _written_down(spoken()),
            lambda: _written_down_of_people(speech, data_dir, limit),
            lambda: _edited(spoken()),
            lambda: _speed(spoken()),
            lambda: _minute(spoken()),
        ]
    return collect(sections, missing)


# ------------------------------------------------------------------------------------------- text -> speech


def _words(spoken: Spoken) -> list[Figure]:
    listen, name = listener(), "words of generated speech, by Whisper tiny.en: word error rate"
    if listen is None:
        return [Figure(name, None, "", None, 0.08)]
    rates = {}
    for label, rows in (("", spoken.made), ("the source", spoken.source), ("the source, coded", spoken.through)):
        found = [word_errors(c.text, listen(w)) for c, w in zip(spoken.clips, rows, strict=True)]
        rates[label] = sum(e for e, _ in found) / max(1, sum(n for _, n in found))
    n = len(spoken.clips)
    first = Figure.against(name, rates.pop(""), 0.08, "of all words", n, True)
    return [first, *(Figure(f"{label}: word error rate", rate, "of all words", n) for label, rate in rates.items())]


def _voices(spoken: Spoken) -> list[Figure]:
    asked, n = [c.voice for c in spoken.clips], len(spoken.clips)

    def right(rows: Sequence[np.ndarray]) -> float:
        told = spoken.probe.read(torch.stack([_piece(torch.from_numpy(w)) for w in rows]))
        return sum(a == b for a, b in zip(told, asked, strict=True)) / n

    return [
        Figure.against("voice judged right", right(spoken.made), 0.9, "of all sentences", n),
        Figure("the source: voice judged right", right(spoken.source), "of all sentences", n),
    ]


def _naturalness(spoken: Spoken) -> list[Figure]:
    judge, name = naturalness(), "naturalness of generated speech, DistillMOS"
    if judge is None:
        return [Figure(name, None, "", None, None)]
    ours, theirs, source = (
        float(np.mean([judge(w) for w in rows])) for rows in (spoken.made, spoken.through, spoken.source)
    )
    n = len(spoken.clips)
    return [
        Figure.against(name, ours, theirs - 0.4, "of 5", n),
        Figure("the source, coded: DistillMOS", theirs, "of 5", n),
        Figure("the source: DistillMOS", source, "of 5", n),
    ]


def _likeness(speech: Speech, data_dir: Path, limit: int | None) -> list[Figure]:
    """Speakers that no training saw: 3 s of each, and a sentence in that voice."""
    rows = _people(data_dir)
    speakers = sorted({row["speaker"] for row in rows})[: min(20, limit or 20)]
    pairs: list[list[np.ndarray]] = []
    made = []
    for i, name in enumerate(speakers):
        own = [row for row in rows if row["speaker"] == name]
        own.sort(key=lambda row: -len(row["text"]))
        clips = [clip[: 3 * SAMPLE_RATE // HOP * HOP].numpy() for clip in read_clips([r["file"] for r in own[:2]])]
        try:
            heard = speech.hear((SAMPLE_RATE, clips[0]))
        except InputError:  # nothing is heard in it
            continue
        settings = replace(SETTINGS, seed=i)
        sentence = "The weather was fine, and everybody went to the park."
        made.append(_last(_said(speech, sentence, settings, heard)).preview(speech.sound)[0][1])
        pairs.append(clips)
    if len(pairs) < 2:
        return []
    first, second, ours = (
        _voiceprints([torch.from_numpy(w) for w in part])
        for part in ([p[0] for p in pairs], [p[-1] for p in pairs], made)
    )
    mean, spread = first.mean(0), first.std(0).clamp(min=1e-4)
    first, second, ours = (F.normalize((z - mean) / spread, dim=1) for z in (first, second, ours))
    others = (first @ second.T)[~torch.eye(len(first), dtype=torch.bool)]
    name, n = "voice of a 3 s recording: likeness", len(pairs)
    return [
        Figure(name, float((first * ours).sum(1).mean()), "cosine", n),
        Figure(f"{name} of two recordings of one speaker", float((first * second).sum(1).mean()), "cosine", n),
        Figure(f"{name} of recordings of two speakers", float(others.mean()), "cosine", n),
    ]


def _speed(spoken: Spoken) -> list[Figure]:
    """Of one sentence, the second time."""
    clip = max(spoken.clips, key=lambda c: len(c.text))
    settings = replace(SETTINGS, style=clip.voice)
    first = lasts = 0.0
    for _ in range(2):
        began, first = time.perf_counter(), 0.0
        for step in _said(spoken.speech, clip.text, settings):
            heard = step.preview(spoken.speech.sound)[0][1]
            first = first or time.perf_counter() - began
            lasts = (time.perf_counter() - began) / (len(heard) / SAMPLE_RATE)
    on = f"on {torch.get_num_threads()} threads"
    return [
        Figure.against(f"16 guided steps {on}: time of computing", lasts, 0.4, "of the sound's", 1, True),
        Figure.against(f"the first preview {on}", first, 0.5, "s", 1, True),
    ]


def _minute(spoken: Spoken) -> list[Figure]:
    """A minute of text: whether every part of it is in the voice, and no seam clicks."""
    voice, parts, text = spoken.clips[0].voice, [], ""
    settings = replace(SETTINGS, style=voice)
    seconds = 0.0
    for clip in spoken.clips:
        seconds += len(spoken.speech.blocks(clip.text, settings)[0]) / 50
        text += clip.text.rstrip() + " "
        if seconds > MINUTE or len(text) > 1_700:
            break
    seams: list[float] = []
    for step in _said(spoken.speech, text, settings):
        if step.step.last:
            parts.append(step.part(spoken.speech.sound)[0][1])
    whole, at = step.preview(spoken.speech.sound)[0][1], 0
    for part in parts[:-1]:
        at += len(part)
        moves = np.abs(np.diff(whole[at - 400 : at + 400]))
        seams.append(float(moves[398:402].max() / max(1e-6, np.delete(moves, slice(398, 402)).max())))
    told = spoken.probe.read(torch.stack([_piece(torch.from_numpy(w)) for w in parts]))
    n, name = len(parts), f"{len(whole) / SAMPLE_RATE:.0f} s of text by blocks"
    return [
        Figure.against(f"{name}: blocks judged in the voice", sum(v == voice for v in told) / n, 0.95, "of all", n),
        Figure.against(f"{name}: worst seam", max(seams, default=0.0), CLICK, "of what is beside it", n - 1, True),
    ]


# ------------------------------------------------------------------------------------------- speech -> text, editing


def _written_down(spoken: Spoken) -> list[Figure]:
    speech, found = spoken.speech, []
    for i, (clip, wave) in enumerate(zip(spoken.clips, tqdm(spoken.source, desc="transcripts", leave=False))):
        found.append(_transcript_errors(speech, clip.text, wave, i))
    rate = sum(e for e, _ in found) / sum(n for _, n in found)
    name = "speech -> text, sentences never read in training: character error rate"
    return [Figure.against(name, rate, 0.12, "of all characters", len(found), True)]


def _written_down_of_people(speech: Speech, data_dir: Path, limit: int | None) -> list[Figure]:
    rows = _people(data_dir)
    rows = rows[:: max(1, len(rows) // min(SENTENCES, limit or SENTENCES))][: min(SENTENCES, limit or SENTENCES)]
    found = []
    for i, (row, wave) in enumerate(zip(rows, read_clips([r["file"] for r in rows]), strict=True)):
        if len(wave) <= speech.seconds * SAMPLE_RATE:
            found.append(_transcript_errors(speech, row["text"], wave.numpy(), i))
    rate = sum(e for e, _ in found) / sum(n for _, n in found)
    return [Figure("speech -> text, people: character error rate", rate, "of all characters", len(found))]


def _transcript_errors(speech: Speech, text: str, wave: np.ndarray, seed: int) -> tuple[int, int]:
    step = _last(speech.write_down((SAMPLE_RATE, wave), replace(SETTINGS, seed=seed)))
    return character_errors(text, str(step.preview(speech.text)[0]))


def character_errors(said: str, written: str) -> tuple[int, int]:
    """Fewest letters changed, left out and put in, marks apart, and how many there are."""
    right = letters(said)
    try:
        other = letters(written)
    except InputError:  # no letter at all
        other = ""
    return edits(list(right), list(other)), len(right)


def _edited(spoken: Spoken) -> list[Figure]:
    """A word in the middle becomes another, of the next sentence; Whisper hears the whole."""
    speech, listen = spoken.speech, listener()
    wrong = there = changed = count = 0
    for i, (clip, wave) in enumerate(zip(spoken.clips, spoken.source, strict=True)):
        other = letters(spoken.clips[(i + 1) % len(spoken.clips)].text).split()
        try:
            heard = speech.hear((SAMPLE_RATE, wave), clip.text)
            spans = word_spans(heard.frames)
            at = len(spans) // 2
            new = [w for w, _, _ in spans]
            new[at] = max(other, key=len) if max(other, key=len) != new[at] else "yesterday"
            edit, steps = speech.edit(heard, " ".join(new), replace(SETTINGS, seed=i))
        except InputError:  # too short, or not heard
            continue
        made = torch.from_numpy(_last(steps).preview(speech.sound)[0][1])
        kept, source = edit.samples(HOP)
        changed += int((made[kept] != heard.wave[source[kept]]).sum())
        count += 1
        if listen is not None:  # one word is changed, so there is one that is heard or not
            wrong, there = wrong + (new[at] not in listen(made.numpy()).lower()), there + 1
    name = "recordings changed by their text"
    inside = (
        Figure.against(f"{name}: word error rate inside", wrong / there, 0.2, "of words", count, True)
        if there
        else None
    )
    return [
        inside or Figure(f"{name}: word error rate inside", None, "", None, 0.2),
        Figure.against(f"{name}: samples outside that changed", float(changed), 0, "", count, True),
    ]


# ------------------------------------------------------------------------------------------- the models that serve it


def measure_recognizer(folder: Path, request: Request) -> Measured:
    """Character error rates, of named voices and of people. As `report.KINDS` has it."""
    recognizer = load_recognizer(folder).eval()

    def rate(pairs: Sequence[tuple[str, Tensor]]) -> float:
        found = [character_errors(text, recognizer.transcribe(wave)) for text, wave in pairs]
        return sum(e for e, _ in found) / sum(n for _, n in found)

    def voices() -> list[Figure]:
        root = need(request.data_dir / "spoken", "spoken")
        clips = [c for c in read_list(root) if c.split == "test" and c.voice][: request.limit]
        pairs = [(c.text, w) for c, w in zip(clips, waves(root, clips), strict=True)]
        return [Figure("sentences never read in training: character error rate", rate(pairs), "", len(pairs))]

    def people() -> list[Figure]:
        rows = _people(request.data_dir)[: request.limit]
        pairs = [(r["text"], w) for r, w in zip(rows, read_clips([r["file"] for r in rows]), strict=True)]
        return [Figure("people: character error rate", rate(pairs), "", len(pairs))]

    return Measured(checkpoints.fingerprint(recognizer)).add(voices, people)


def measure_durations(folder: Path, request: Request) -> Measured:
    """How far durations are off. As `report.KINDS` has it."""
    model = load_duration_model(folder).eval()

    @torch.inference_mode()
    def section() -> list[Figure]:
        root = need(request.data_dir / "spoken", "spoken")
        clips = [c for c in read_list(root) if c.split == "test" and c.frames and c.voice][: request.limit]
        losses, off = [], []
        for clip in clips:
            symbols, lengths = zip(*runs(clip.frames.strip()), strict=True)
            frames = torch.tensor(lengths)[None]
            known = model.config.voices
            voice = torch.tensor([known.index(clip.voice) if clip.voice in known else len(known)])
            mean, spread = model(encoded("".join(symbols))[None], voice)
            losses.append(float(duration_loss(mean, spread, frames, torch.ones_like(frames, dtype=torch.bool))))
            off.append(abs(float(mean.exp().sum() / frames.sum()) - 1))
        if not clips:
            raise MissingError(f"There is no aligned recording of the split 'test' in {root}.")
        n = len(clips)
        return [
            Figure("log-durations: negative log-likelihood", float(np.mean(losses)), "nats", n),
            Figure("length of a sentence: mean error", float(np.mean(off)), "of it", n),
        ]

    return Measured(checkpoints.fingerprint(model)).add(section)


# ------------------------------------------------------------------------------------------- parts


def _said(speech: Speech, text: str, settings: SamplingSettings, like: Heard | None = None) -> Iterator[SpokenStep]:
    """A text, said block by block; in the voice of `like` if given."""
    return speech.say(speech.blocks(text, settings), settings, like)


def _last(steps: Any) -> Any:
    return deque(steps, maxlen=1)[0]


def _in_turn(clips: Sequence[SpokenClip], voices: Sequence[str]) -> list[SpokenClip]:
    """One clip of each voice after the other, as long as there are any."""
    by_voice = {v: [c for c in clips if c.voice == v] for v in voices}
    longest = max(map(len, by_voice.values()), default=0)
    return [row[i] for i in range(longest) for row in by_voice.values() if i < len(row)]


def _piece(wave: Tensor) -> Tensor:
    """The loudest `PIECE` samples of a recording; one that is shorter is repeated."""
    if len(wave) < PIECE:
        return wave.repeat(-(-PIECE // len(wave)))[:PIECE]
    energy = F.pad(wave.double().square().cumsum(0), (1, 0))
    start = int((energy[PIECE:] - energy[:-PIECE]).argmax())
    return wave[start : start + PIECE]


def _voiceprints(recordings: Sequence[Tensor]) -> Tensor:
    return voice_features(torch.stack([_piece(w) for w in recordings]))


def _people(data_dir: Path) -> list[dict[str, Any]]:
    """The test recordings of speechocean762 with their texts."""
    files = {f.name: f for f in speech_files(data_dir, "test")}
    named = [(Path(row["path"]).name, row) for row in speech_rows(data_dir / "speechocean762", "test")]
    return [{**row, "file": files[name]} for name, row in named if name in files]
