"""The set of speech with its text: `mmdemo data speech`. What `mmdemo.datasets.spoken` reads.

Sentences of texts, and everyday ones made here, read by the voices of `voices`; each voice begins at another place of
the texts. Read speech by people (speechocean762) may be added: their voices have no name.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import soundfile
from torch import Tensor

from ...errors import InputError
from ...files import atomic_write, check_folder, write_bytes
from ...modalities import text as text_files
from ...modalities.audio import SAMPLE_RATE
from ...speech.recognizer import HOP
from ..speech import speech_rows
from ..spoken import LONGEST, SpokenClip, write_list
from .splits import share_of
from .voices import VOICES, Speaker, Voice, speakers

LETTERS = (25, 150)  # of a sentence of a text
HELD_OUT = {"validation": 0.03, "test": 0.05}  # of the sentences, by a hash: the same ones for all voices
LEVEL, PEAK = 0.07, 0.95  # root mean square of what is said, and the most of it
PACES = (0.85, 1.2)
SHORTEST = 0.6  # seconds
EVERYDAY_SHARE = 0.25

_READABLE = re.compile(r"[A-Z][A-Za-z ,;:'’\-]+[a-z][.!?]")
_CUT = re.compile(r"\b([A-Za-z]|Mr|Mrs|Ms|Dr|St|No|vs|etc|cf)\. ")  # no end of a sentence
_NAMES = "Anna Ben Clara David Emma Frank Grace Henry Irene Jack Kate Leo Maria Nick Olivia Paul Rose Sam Tina Zoe"
_PLACES = "London Paris Berlin Madrid Rome Tokyo Boston Chicago Dublin Sydney Toronto Vienna Warsaw Athens Cairo Oslo"
_THINGS = "book key phone letter picture table window garden car bicycle ticket camera computer coffee cake umbrella"
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"
_TEMPLATES = (
    "Hello, my name is {name}.",
    "Good morning, {name}, how are you today?",
    "I will meet {name} in {place} on {day}.",
    "Could you bring me the {thing}, please?",
    "The {thing} costs {number} dollars.",
    "Where did you put my {thing}, {name}?",
    "The train to {place} leaves at {hour} {minute}.",
    "We have been living in {place} for {number} years.",
    "My number is {digits}.",
    "Please call {name} before {day}!",
    "It is {hour} o'clock.",
    "There are {number} people waiting in front of the {thing} shop.",
    "I don't know, maybe {name} has it.",
    "Thank you very much for the {thing}.",
    "Turn left at the {thing} shop, and then go straight on for {number} minutes.",
    "{name} and {other} have never been to {place}.",
)


def sentences(texts: Sequence[str]) -> list[str]:
    """Sentences of prose that can be read aloud, each once, in order.

    Left out: what is too short or too long, holds other letters than English ones, or words in capitals.
    """
    found: dict[str, None] = {}
    for text in texts:
        plain = re.sub(r" @(.)@ ", r"\1", text).replace(" n't", "n't")  # WikiText's spaces around marks
        plain = re.sub(r" ([,.;:?!)]|'\w+\b)", r"\1", plain)
        plain = _CUT.sub(r"\1| ", re.sub(r" ?\([^()]*\)|[\"“”]", "", plain))
        for sentence in re.split(r"(?<=[.!?])\s+", plain):
            sentence = " ".join(sentence.split())
            readable = _READABLE.fullmatch(sentence) and not re.search(r"[A-Z]{2}", sentence)
            if readable and LETTERS[0] <= len(sentence) <= LETTERS[1]:
                found[sentence] = None
    return list(found)


def everyday(rng: random.Random) -> str:
    """A sentence as people say them, with names, places, numbers and times."""
    number = rng.choice([*range(2, 21), 25, 30, 45, 50, 64, 77, 80, 90])
    return rng.choice(_TEMPLATES).format(
        name=rng.choice(_NAMES.split()),
        other=rng.choice(_NAMES.split()),
        place=rng.choice(_PLACES.split()),
        thing=rng.choice(_THINGS.split()),
        day=rng.choice(_DAYS.split()),
        number=number,
        hour=rng.randint(1, 12),
        minute=rng.choice(["fifteen", "thirty", "twenty", "five", "forty"]),
        digits=" ".join(str(rng.randint(0, 9)) for _ in range(rng.randint(4, 8))),
    )


def split_of(sentence: str) -> str:
    """ "train", "validation" or "test", by a hash of the sentence."""
    at = share_of(f"spoken:{sentence}")
    for name, share in HELD_OUT.items():
        if at < share:
            return name
        at -= share
    return "train"


def make_speech(
    out: Path,
    texts: Sequence[Path],
    hours: Mapping[str, float],
    *,
    people: Path | None = None,
    packages: Path | None = None,
    read: Callable[[Sequence[Voice], Path | None], Mapping[str, Speaker]] = speakers,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, float]:
    """Read sentences into ``out``: a folder a voice, clips.jsonl and ATTRIBUTION.md. What was read before stays.

    Args:
        texts: files of English prose. hours: of speech, by the names of the voices; none where it names none.
        people: a folder of speechocean762, whose recordings are listed too.
        packages: see `speakers`. say: told what is being done.

    Returns:
        hours in each voice; "people" stands for all of them.

    Raises:
        InputError: a text or a package is missing, ``out`` cannot be written to, or the texts hold too few sentences.
    """
    prose = sentences([text_files.restore(text_files.load(path).tensor) for path in texts])
    check_folder(out)
    voices = [voice for voice in VOICES if hours.get(voice.name)]
    speak = read(voices, packages)
    random.Random(0).shuffle(prose)
    clips: list[SpokenClip] = []
    lengths: dict[str, float] = {}
    for voice in voices:
        begin, wanted = VOICES.index(voice) * len(prose) // len(VOICES), hours[voice.name]
        say(f"{voice.name}: {wanted:g} h …")
        seconds, recordings = 0.0, _read(out, voice, speak[voice.name], prose[begin:] + prose[:begin])
        while seconds < 3600 * wanted:
            clip, length = next(recordings, (None, 0.0))
            if clip is None:
                raise InputError(
                    f"The texts hold too few sentences for {wanted:g} h of {voice.name}: give more of them."
                )
            clips.append(clip)
            seconds += length
            if len(clips) % 50 == 0:
                write_list(out, clips)
        lengths[voice.name] = seconds / 3600
    if people is not None:
        real = list(_people(out, people))
        clips += [clip for clip, _ in real]
        lengths["people"] = sum(length for _, length in real) / 3600
    write_list(out, clips)
    write_bytes(out / "ATTRIBUTION.md", _attribution(voices, people is not None).encode())
    return lengths


def _read(out: Path, voice: Voice, speak: Speaker, prose: Sequence[str]) -> Iterator[tuple[SpokenClip, float]]:
    """Recordings in one voice, and their seconds, for as long as there are sentences."""
    rng, seen, rest = random.Random(voice.name), set[str](), iter(prose)
    while (text := everyday(rng) if rng.random() < EVERYDAY_SHARE else next(rest, None)) is not None:
        pace, seed = rng.uniform(*PACES), rng.getrandbits(31)
        if text in seen:
            continue
        seen.add(text)
        # Named by what is said and how: a recording of another text is never taken for it.
        said = hashlib.sha256(json.dumps([text, pace, seed]).encode()).hexdigest()
        file = f"{voice.name}/{said[:16]}.flac"
        if not (out / file).exists():
            wave = levelled(speak(text, pace, seed))
            if not SHORTEST <= len(wave) / SAMPLE_RATE <= LONGEST:
                continue
            with atomic_write(out / file) as path:
                soundfile.write(path, wave.numpy(), SAMPLE_RATE, format="FLAC")
        yield SpokenClip(file, text, voice.name, split_of(text)), soundfile.info(out / file).duration


def levelled(wave: Tensor) -> Tensor:
    """(T,), as loud as all others: the loudest half of its frames of 20 ms decides."""
    frames = wave[: len(wave) // HOP * HOP].reshape(-1, HOP).square().mean(1).sort().values
    loud = float(frames[len(frames) // 2 :].mean().sqrt()) if len(frames) else 0.0
    wave = wave * (LEVEL / max(loud, 1e-4))
    return wave * min(1.0, PEAK / max(float(wave.abs().max()), 1e-6)) if len(wave) else wave


def _people(out: Path, folder: Path) -> Iterator[tuple[SpokenClip, float]]:
    """The recordings of speechocean762; every twentieth speaker of its training part is for validation."""
    for split in ("train", "test"):
        for row in speech_rows(folder, split):
            length = soundfile.info(folder / row["path"]).duration
            held = split == "train" and int(row["speaker"]) % 20 == 0
            if length <= LONGEST:
                target = out / "people" / Path(row["path"]).name
                if not target.exists():
                    write_bytes(target, (folder / row["path"]).read_bytes())
                text = row["text"].capitalize() + "."
                yield SpokenClip(f"people/{target.name}", text, "", "validation" if held else split), length


def _attribution(voices: Sequence[Voice], people: bool) -> str:
    lines = ["# Speech", "", "Made by `mmdemo data speech`. All but the last is synthetic.", ""]
    lines += ["| voice | what | source | licence |", "|---|---|---|---|"]
    lines += [f"| {v.name} | {v.about} | {v.source} | {v.licence} |" for v in voices]
    if people:
        lines.append("| people/ | people who learn English | speechocean762 (Zhang et al. 2021) | CC BY 4.0 |")
    return "\n".join([*lines, ""])
