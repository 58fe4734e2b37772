"""Data for the wide tokenizers that takes long to make, or that a machine for training lacks, once for all trainings.

    python tools/prepare_wide.py DATA --photographs /usr/share/backgrounds --fonts --music 1200 --voices 1500

makes DATA/photos (pictures of these folders, no side longer than the training uses), DATA/fonts (for MMDEMO_FONTS),
DATA/music (pieces of 8 s on General MIDI instruments, from music21's scores where that is installed) and DATA/voices
(sentences read by espeak-ng in many voices, and by hibari-tts where that is installed). What lies there already stays.

Sources: Debian's mate-backgrounds, plasma-workspace-wallpapers, gnome-backgrounds … (see each copyright file);
fluidsynth with fluid-soundfont-gm (MIT); music21's corpus (mostly out of copyright, licences beside each file);
espeak-ng (GPL-3, its output is free); hibari-tts (Apache-2.0). A model card names what a checkpoint was trained on.
"""

from __future__ import annotations

import argparse
import random
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

from mmdemo.datasets.drawn.fonts import find_fonts
from mmdemo.datasets.folder import list_files
from mmdemo.datasets.making.voices import VOICES, speakers
from mmdemo.datasets.photographs import LEAST, LONGEST
from mmdemo.datasets.sounds.music import Note, composed, excerpt, sampled
from mmdemo.datasets.sounds.tones import RATE
from mmdemo.errors import InputError
from mmdemo.modalities import audio, image

PIECE = 8.0  # seconds
LARGEST_FONT = 25_000_000  # bytes
ESPEAK = (
    "en-us",
    "en-gb",
    "en-gb-scotland",
    "en-us-nyc",
    "de",
    "fr",
    "es",
    "it",
    "pl",
    "tr",
    "vi",
    "pt-br",
    "nl",
    "sv",
    "cmn",
)
VARIANTS = (
    *("m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "f1", "f2", "f3", "f4", "f5", "croak", "whisper", "whisperf"),
    *("klatt", "klatt2", "klatt3", "klatt4"),
)


def photographs(folders: list[Path], out: Path) -> None:
    """Every picture of the folders that is large enough, as the training reduces it."""
    for path in list_files([f for f in folders if f.is_dir()]):
        target = out / f"{path.parent.name}-{path.stem}.jpg"
        if target.exists():
            continue
        try:
            picture = image.restore(image.load(path).tensor)
        except (InputError, OSError):
            continue
        if min(picture.size) >= 2 * LEAST:
            picture.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
            picture.save(target, quality=96, subsampling=0)


def fonts(out: Path) -> None:
    """The fonts of this machine that are small enough to travel."""
    for font in find_fonts():
        path = Path(font.path)
        if path.stat().st_size <= LARGEST_FONT and not (out / path.name).exists():
            shutil.copy(path, out / path.name)


@cache
def scores() -> tuple[str, ...]:
    """Paths of the scores in music21's corpus; empty without the package."""
    try:
        from music21 import corpus
    except ImportError:
        return ()
    return tuple(sorted(str(p) for p in corpus.getCorePaths() if str(p).endswith((".mxl", ".xml", ".krn", ".abc"))))


def read_score(path: str) -> list[Note]:
    """The notes of a score that music21 reads, at 100 quarters a minute, no more than two minutes of it."""
    from music21 import converter

    found = []
    for part, stream in enumerate(converter.parse(path).parts):
        for element in stream.flatten().notes:
            start, length = 0.6 * float(element.offset), 0.6 * float(element.quarterLength)
            if start < 120:
                found += [Note(start, length, p.midi, 0.7, part) for p in element.pitches]
    return found


def music(count: int, out: Path) -> None:
    """Pieces on General MIDI instruments, half of them from scores."""
    rng = np.random.default_rng(0)
    there = list(scores())
    rng.shuffle(there)
    for i in range(count):
        target = out / f"{i:05}.flac"
        notes = composed(rng, PIECE)
        if there and i % 2:
            try:
                score = read_score(there[i // 2 % len(there)])
                notes = excerpt(score, float(rng.choice([n.start for n in score])), PIECE) or notes
            except Exception as error:  # music21 has many kinds of its own for scores that it does not like
                print(f"{there[i // 2 % len(there)]}: {error}")
        if target.exists():
            continue
        wave = sampled(notes, rng, PIECE)
        if wave is None:
            raise SystemExit("There is no fluidsynth with a SoundFont here: install them, or leave --music out.")
        peak = float(np.abs(wave).max())
        if peak > 1e-3:
            soundfile.write(target, 0.9 / peak * wave, RATE)


def sentences(data: Path) -> Iterator[str]:
    """Sentences of the training texts, in an order of their own, again and again."""
    text = "\n".join(p.read_text("utf-8") for p in (data / "text" / "wikitext2-valid.txt",) if p.is_file())
    found = [s.strip() for s in re.split(r"(?<=[.!?])\s+", text.replace(" @-@ ", "-")) if 30 < len(s) < 160]
    random.Random(0).shuffle(found)
    while found:
        yield from found
    raise SystemExit(f"There is no text to read in {data / 'text'}.")


def voices(count: int, data: Path, out: Path) -> None:
    """Sentences in many voices: three of four by espeak-ng, the others by hibari-tts where it is."""
    rng, texts = random.Random(1), sentences(data)
    try:
        speak = speakers(VOICES[:1])[VOICES[0].name]
    except InputError:
        speak = None
    for i in range(count):
        target, text = out / f"{i:05}.flac", next(texts)
        voice = f"{rng.choice(ESPEAK)}+{rng.choice(VARIANTS)}"
        pace, pitch = rng.randint(120, 210), rng.randint(5, 95)
        if target.exists():
            continue
        if speak is not None and i % 4 == 0:
            kept = speak(text, rng.uniform(0.8, 1.25), i).numpy()
        else:
            raw = out / "spoken.wav"
            command = ["espeak-ng", "-v", voice, "-s", str(pace), "-p", str(pitch), "-w", str(raw), text]
            if subprocess.run(command, capture_output=True, check=False).returncode:
                continue
            kept = audio.load(raw).tensor.numpy()
            raw.unlink()
        soundfile.write(target, kept, RATE)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--photographs", type=Path, nargs="*", default=[])
    parser.add_argument("--fonts", action="store_true")
    parser.add_argument("--music", type=int, default=0)
    parser.add_argument("--voices", type=int, default=0)
    asked = parser.parse_args()
    for name in ("photographs", "fonts", "music", "voices"):
        if getattr(asked, name):
            out = asked.data / ("photos" if name == "photographs" else name)
            out.mkdir(parents=True, exist_ok=True)
            if name == "photographs":
                photographs(asked.photographs, out)
            elif name == "fonts":
                fonts(out)
            elif name == "music":
                music(asked.music, out)
            else:
                voices(asked.voices, asked.data, out)
            print(f"{out}: {sum(1 for _ in out.iterdir())} files")


if __name__ == "__main__":
    main()
