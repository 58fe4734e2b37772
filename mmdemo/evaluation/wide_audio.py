"""Figures of sounds besides STOI and PESQ: tones, music, loudness, pitch, words understood, silence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ..codec import Codec
from ..datasets.speech import speech_files, speech_rows
from ..metrics import Figure
from ..metrics.hearing import level_error, log_mel_distance, loudness, pitch_kept, pitch_track, voiced_lost
from ..modalities.base import Item
from ..tokens import Tokens
from .classical import codec2_point, opus_point
from .held_out import sounds
from .judges import listener, word_errors

MOST_MUSIC = 3.7  # kbps of payload for music, against Opus at its least, about 5
LOW = 1.5  # kbps of payload at which things are asked for besides all levels
DEEP = 120.0  # Hz below which a speaker's median pitch is deep
RIGHT = 0.98  # share of frames whose strongest frequency has to be there for a pitch to count as right


def wide_audio_sections(codec: Codec, data_dir: Path, limit: int | None) -> list[Callable[[], list[Figure]]]:
    """What measures them, a section a kind."""
    few = partial(low_levels, codec, data_dir, limit)
    speech = partial(coded_speech, codec, data_dir, limit)
    return [
        lambda: _tones(codec, None),
        lambda: _music(codec, limit),
        lambda: _silence(codec),
        lambda: _tones(codec, few()),  # after those that need no data
        lambda: _speech(codec, speech(), few()),
        lambda: _words(codec, data_dir, speech(), few()),
    ]


@lru_cache(maxsize=1)
def coded_speech(codec: Codec, data_dir: Path, limit: int | None) -> list[tuple[Path, np.ndarray, Tokens]]:
    """100 test utterances, evenly over the speakers, or the first ``limit`` of them: file, wave (T,), all its codes."""
    files = speech_files(data_dir, "test")
    chosen = [files[i * len(files) // 100] for i in range(100)][:limit]
    found = []
    for file in tqdm(chosen, desc="speech", leave=False):
        item = codec.load(file)
        found.append((file, item.tensor.numpy(), codec.encode(item)))
    return found


@lru_cache(maxsize=1)
def low_levels(codec: Codec, data_dir: Path, limit: int | None) -> int:
    """So many levels are at most `LOW` kbps of speech."""
    every = range(1, codec.levels + 1)
    parts = [[tokens.truncate(k) for k in every] for _, _, tokens in coded_speech(codec, data_dir, limit)]
    rates = [[codec.processor.rate(part.payload_bits, part.meta) for part in row] for row in parts]
    return max((k for k, rate in enumerate(np.mean(rates, 0), 1) if rate <= LOW), default=1)


def _encoded(codec: Codec, wave: np.ndarray) -> Tokens:
    return codec.encode(_item(codec, wave))


def _item(codec: Codec, wave: np.ndarray) -> Item:
    return codec.load((sounds.RATE, wave))


def _decoded(codec: Codec, tokens: Tokens, levels: int | None = None) -> np.ndarray:
    return codec.decode_tensor(tokens.truncate(min(levels, codec.levels)) if levels else tokens).numpy()


def _tones(codec: Codec, levels: int | None) -> list[Figure]:
    off, right = {}, {}
    for tone, wave in sounds.tones().items():
        out = _decoded(codec, _encoded(codec, wave), levels)
        off[tone], right[tone] = level_error(wave, out) or 0.0, pitch_kept(wave, out)
    worst, least = max(off, key=lambda k: abs(off[k])), min(right, key=lambda k: right[k])
    label, n = f"tones, {f'{levels} levels' if levels else 'all levels'}", len(off)
    return [
        Figure.against(f"{label}: level, worst ({worst}, {off[worst]:+.1f})", abs(off[worst]), 1, "dB", n, True),
        Figure.against(f"{label}: frames of right pitch, worst ({least})", right[least], RIGHT, "of all", n),
    ]


def _music(codec: Codec, limit: int | None) -> list[Figure]:
    """Log-mel distance with as many levels as fit, against Opus at its lowest rate."""
    ours, theirs, rates, opus_rates = [], [], [], []
    for wave in tqdm(sounds.pieces()[:limit], desc="music", leave=False):
        whole = _encoded(codec, wave)
        rate = {
            k: codec.processor.rate(t.payload_bits, t.meta)
            for k in range(1, codec.levels + 1)
            for t in [whole.truncate(k)]
        }
        level = max((k for k, r in rate.items() if r <= MOST_MUSIC), default=1)
        ours.append(log_mel_distance(wave, _decoded(codec, whole, level)))
        rates.append(rate[level])
        point = opus_point(wave, 6, measure=False)
        if point is not None:
            theirs.append(log_mel_distance(wave, point.output[1]))
            opus_rates.append(point.rate)
    name, n = f"music at <= {MOST_MUSIC} kbps", len(ours)
    label = f"{name}: log-mel distance (target: below Opus 6)"
    distance = float(np.mean(ours))
    first = (
        Figure.against(label, distance, float(np.mean(theirs)), "dB", n, True) if theirs else Figure(label, distance)
    )
    more = [Figure(f"{name}: rate of Opus", float(np.mean(opus_rates)), "kbps", n)] if opus_rates else []
    return [first, Figure(f"{name}: rate", float(np.mean(rates)), "kbps", n), *more]


def _silence(codec: Codec) -> list[Figure]:
    tokens = _encoded(codec, np.zeros(3 * sounds.RATE, np.float32))
    loud = 20 * np.log10(max(1e-6, float(np.abs(_decoded(codec, tokens)).max())))
    return [
        Figure.against("silence, 3 s, all levels: file", float(len(tokens.to_bytes())), 60, "bytes", 1, True),
        Figure("silence, 3 s, all levels: peak of the result", float(loud), "dBFS", 1),
    ]


def _speech(codec: Codec, speech: Sequence[tuple[Path, np.ndarray, Tokens]], few: int) -> list[Figure]:
    """Loudness, and how much of deep voices is lost."""
    off: dict[str, list[float]] = {"all levels": [], f"{few} levels": []}
    lost: dict[str, list[float]] = {"all levels": [], f"{few} levels": [], "Opus 6": []}
    for _, wave, tokens in tqdm(speech, desc="loudness and pitch", leave=False):
        outputs = {"all levels": _decoded(codec, tokens), f"{few} levels": _decoded(codec, tokens, few)}
        before = loudness(wave)
        for name, out in outputs.items():
            after = loudness(out)
            if before is not None and after is not None:
                off[name].append(after - before)
        voice = pitch_track(wave)
        if not (voice > 0).any() or float(voice[voice > 0].median()) >= DEEP:
            continue
        opus = opus_point(wave, 6, measure=False)
        if opus is not None:
            outputs["Opus 6"] = opus.output[1]
        for name, out in outputs.items():
            share = voiced_lost(wave, out)
            if share is not None:
                lost[name].append(share)
    figures = []
    for name, errors in off.items():
        if errors:
            mean, worst, n = float(np.mean(errors)), max(errors, key=abs), len(errors)
            label = f"loudness of speech, {name}"
            figures.append(Figure.against(f"{label}: mean error ({mean:+.2f})", abs(mean), 0.3, "LU", n, True))
            figures.append(Figure.against(f"{label}: worst error ({worst:+.2f})", abs(worst), 1, "LU", n, True))
    label = f"voiced frames lost, speakers under {DEEP:.0f} Hz"
    for name, shares in lost.items():
        if not shares:
            continue
        value, n = float(np.mean(shares)), len(shares)
        figure = Figure(f"{label}: {name}", value, "of them", n)
        figures.append(
            figure if name == "Opus 6" else Figure.against(f"{label}: {name}", value, 0.12, "of them", n, True)
        )
    return figures


def _words(codec: Codec, data_dir: Path, speech: Sequence[tuple[Path, np.ndarray, Tokens]], few: int) -> list[Figure]:
    """Word error rates of Whisper tiny.en against what the speakers were given to read."""
    names = ("original", f"{few} levels, {LOW} kbps", "codec2 3200")
    listen = listener()
    if listen is None:
        return [Figure(f"words understood by Whisper tiny.en, {names[1]}: word error rate", None, "", None, 0.0)]
    texts = {Path(row["path"]).name: row["text"] for row in speech_rows(data_dir / "speechocean762", "test")}
    wrong, there = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    for file, wave, tokens in tqdm(speech, desc="words", leave=False):
        outputs = {names[0]: wave, names[1]: _decoded(codec, tokens, few)}
        other = codec2_point(wave, "3200", measure=False)
        if other is not None:
            outputs[names[2]] = other.output[1]
        for name, out in outputs.items():
            errors, count = word_errors(texts[file.name], listen(out))
            wrong[name], there[name] = wrong[name] + errors, there[name] + count
    rates = {name: wrong[name] / there[name] for name in names if there[name]}
    n, label = len(speech), "words understood by Whisper tiny.en"
    most = min(rates[names[0]] + 0.03, rates.get(names[2], 1.0))
    return [
        Figure.against(f"{label}, {names[1]}: word error rate", rates[names[1]], most, "", n, True),
        *(
            Figure(f"{label}, {name}: word error rate", rates[name], "", n)
            for name in names
            if name != names[1] and name in rates
        ),
    ]
