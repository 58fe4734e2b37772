"""Test figures of the tokenizers, measured on the weights as shipped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from .. import checkpoints, metrics
from ..codec import Codec
from ..datasets.emoji import drawings
from ..datasets.mnist import read_mnist
from ..datasets.place import need
from ..errors import MissingError
from ..loading import load
from ..metrics import Figure
from ..modalities.base import Item
from ..registry import Registry
from .lossless import lossless_figures
from .probe import emoji_probe, word_probe
from .scripts_report import byte_accuracy, emoji_figures, random_figures, script_figures
from .sections import Measured, Request, collect
from .wide_audio import coded_speech, low_levels, wide_audio_sections
from .wide_image import wide_image_sections
from .wide_text import wide_text_sections


def evaluate_tokenizer(
    codec: Codec, data_dir: Path, limit: int | None = None, missing: list[str] | None = None
) -> list[Figure]:
    """All figures of a tokenizer.

    Args:
        limit: caps the number of test items (for a quick look).
        missing: see `sections.collect`.
    """
    return collect(SECTIONS[codec.modality](codec, data_dir, limit), missing)


def measure(folder: Path, request: Request) -> Measured:
    """As `report.KINDS` has it."""
    codec = load(folder, request.device)
    found = Measured(codec.fingerprint)
    found.figures = evaluate_tokenizer(codec, request.data_dir, request.limit, found.missing)
    return found


Sections = list[Callable[[], list[Figure]]]


# ------------------------------------------------------------------------------------------ pictures

# (most bits per pixel, least PSNR dB, least MS-SSIM) on Kodak; the MS-SSIM is WebP's there
KODAK_TARGETS = ((0.10, 24.3, 0.858), (0.19, 26.8, 0.915))


def _mean(values: Sequence[float | None]) -> float:
    real = [v for v in values if v is not None]
    return float(np.mean(real)) if real else float("nan")


def _image(codec: Codec, data_dir: Path, limit: int | None) -> Sections:
    @cache
    def kodak() -> list[Item]:
        files = sorted(need(data_dir / "kodak", "kodak").glob("*.png"))[:limit]
        if not files:
            raise MissingError(f"There are no pictures (*.png) in {data_dir / 'kodak'}.")
        return [codec.load(f) for f in files]

    def emoji() -> list[Figure]:
        x = drawings(data_dir / "emoji", "test")[:limit].float() / 255
        return [Figure.against("emoji test, all levels: PSNR", _batch_psnr(codec, x), 28.0, "dB", len(x))]

    def digits() -> list[Figure]:
        x = read_mnist(data_dir, train=False)[0][: limit or 2000]
        batch = (x.float() / 255)[:, None].expand(-1, 3, -1, -1)
        return [Figure.against("MNIST test, all levels: PSNR", _batch_psnr(codec, batch), 30.0, "dB", len(batch))]

    def codes() -> list[Figure]:
        bsds = sorted((data_dir / "bsds500" / "test").glob("*"))[:limit]
        photos = kodak() + [codec.load(f) for f in bsds if f.suffix != ".txt"]
        counts, n = sum(codec.encode(i, 1).histogram()[0] for i in photos), len(photos)
        used, worth, half = metrics.usage(counts), metrics.perplexity(counts), codec.codebook_size / 2
        return [
            Figure.against("level 1 usage, kodak + BSDS test", used, 0.95, "", n),
            Figure.against("level 1 perplexity, kodak + BSDS test", worth, half, "", n),
        ]

    return [lambda: _kodak(codec, kodak()), emoji, digits, codes, *wide_image_sections(codec, limit)]


def _kodak(codec: Codec, items: list[Item]) -> list[Figure]:
    curve = _kodak_curve(codec, items)
    figures = []
    for level, (bpp, psnr, ssim) in enumerate(curve, 1):
        name = f"kodak, {level} level{'s' * (level > 1)}"
        figures.append(Figure(f"{name}: rate", bpp, "bpp", len(items), None, None))
        figures.append(Figure(f"{name}: PSNR", psnr, "dB", len(items), None, None))
        figures.append(Figure(f"{name}: MS-SSIM", ssim, "", len(items), None, None))
    for most, least_psnr, least_ssim in KODAK_TARGETS:
        inside = [p for p in curve if p[0] <= most]
        best = inside[-1] if inside else (float("nan"),) * 3
        figures.append(Figure.against(f"kodak at <= {most} bpp: PSNR", best[1], least_psnr, "dB", len(items)))
        figures.append(Figure.against(f"kodak at <= {most} bpp: MS-SSIM", best[2], least_ssim, "", len(items)))
    figures.append(Figure.against("kodak, all levels: PSNR", curve[-1][1], 29.0, "dB", len(items)))
    return figures


def _kodak_curve(codec: Codec, items: list[Item]) -> list[tuple[float, float, float]]:
    """Per number of levels: mean bpp (whole files), PSNR, MS-SSIM."""
    rows = []
    for item in tqdm(items, desc="kodak", leave=False):
        tokens = codec.encode(item)
        row = []
        for level in range(1, codec.levels + 1):
            part = tokens.truncate(level)
            y = codec.decode_tensor(part)
            row.append((codec.rate(part)[0], metrics.psnr(item.tensor, y), metrics.ms_ssim(item.tensor, y)))
        rows.append(row)
    return [tuple(v) for v in np.array(rows).mean(0).tolist()]


def _batch_psnr(codec: Codec, x: Tensor) -> float:
    """Mean PSNR of same-size pictures (N, 3, H, W) at all levels."""
    out = []
    for chunk in x.split(128):
        y = codec.tokenizer.decode(codec.tokenizer.encode(chunk.to(codec.device))).cpu().clamp(0, 1)
        out += [metrics.psnr(a, b) for a, b in zip(chunk, y, strict=True)]
    return _mean(out)


# --------------------------------------------------------------------------------------------- sound

AUDIO_TARGETS = ((1.5, 0.91, 2.3), (3.0, 0.935, 2.6))  # (most kbps of payload, least STOI, least PESQ-WB)


def _audio(codec: Codec, data_dir: Path, limit: int | None) -> Sections:
    wide = wide_audio_sections(codec, data_dir, limit)
    return [lambda: _speech(codec, data_dir, limit), lambda: _spoken_digits(codec, data_dir, limit), *wide]


def _speech(codec: Codec, data_dir: Path, limit: int | None) -> list[Figure]:
    rows = []
    for _, x, tokens in tqdm(coded_speech(codec, data_dir, limit), desc="speech", leave=False):
        row = []
        for level in range(1, codec.levels + 1):
            part = tokens.truncate(level)
            y = codec.decode_tensor(part).numpy()
            payload = codec.processor.rate(part.payload_bits, part.meta)
            row.append((payload, metrics.stoi(x, y), metrics.estoi(x, y), metrics.pesq_wb(x, y)))
        rows.append(row)
    table = np.nanmean(np.array(rows, dtype=float), axis=0)  # (levels, 4)
    n, figures = len(rows), []
    for level, (kbps, stoi, estoi, pesq) in enumerate(table, 1):
        name = f"speech, {level} level{'s' * (level > 1)}"
        figures.append(Figure(f"{name}: rate", float(kbps), "kbps", n, None, None))
        figures.append(Figure(f"{name}: STOI", float(stoi), "", n, None, None))
        figures.append(Figure(f"{name}: ESTOI", float(estoi), "", n, None, None))
        figures.append(Figure(f"{name}: PESQ-WB", float(pesq), "", n, None, None))
    for most, least_stoi, least_pesq in AUDIO_TARGETS:
        best = table[table[:, 0] <= most + 1e-9][-1]
        figures.append(Figure.against(f"speech at <= {most} kbps: STOI", float(best[1]), least_stoi, "", n))
        figures.append(Figure.against(f"speech at <= {most} kbps: PESQ-WB", float(best[3]), least_pesq, "", n))
    figures.append(Figure.against("speech, all levels: STOI", float(table[-1][1]), 0.92, "", n))
    return figures


def _spoken_digits(codec: Codec, data_dir: Path, limit: int | None) -> list[Figure]:
    """What a digit classifier, trained on real clips only, still understands at most 1.5 kbps of speech."""
    from ..digits.classifier import load_judge
    from ..training.digit_judge_task import real_digits

    if "judges/audio" not in checkpoints.list_checkpoints():
        return []  # no judge is shipped or trained yet: the figure is left out, not guessed
    clips, labels = real_digits("audio", data_dir, train=False)
    clips, labels = clips[:limit], labels[:limit]
    judge = load_judge("judges/audio")
    real = float((judge.verdict(clips)[0] == labels).float().mean())
    tokenizer, levels = codec.tokenizer, low_levels(codec, data_dir, limit)
    coded = [tokenizer.decode(tokenizer.encode(c.to(codec.device), levels)).cpu() for c in clips.split(64)]
    kept = float((judge.verdict(torch.cat(coded)[:, : clips.shape[1]])[0] == labels).float().mean())
    return [
        Figure("FSDD test, judge on real clips", real, "accuracy", len(clips), None, None),
        Figure("FSDD test, judge at 1.5 kbps", kept, "accuracy", len(clips), None, None),
        Figure.against("FSDD test, accuracy kept at 1.5 kbps", kept / real, 0.97, "of real", len(clips)),
    ]


# ---------------------------------------------------------------------------------------------- text

TEXT_TARGETS = (0.80, 0.97, 0.997)  # byte accuracy on WikiText-2 test with 1, 2, 3 levels


def _text(codec: Codec, data_dir: Path, limit: int | None) -> Sections:
    def head(file: str) -> bytes:
        path = need(data_dir / "text" / f"{file}.txt", file)
        return path.read_bytes()[: 200_000 if limit is None else 4_000 * limit]

    def wiki() -> list[Figure]:
        raw, figures = head("wikitext2-test"), []
        for level, target in enumerate(TEXT_TARGETS[: codec.levels], 1):
            value = byte_accuracy(codec, raw, level)
            name = f"WikiText-2 test, {level} level{'s' * (level > 1)}: byte accuracy"
            figures.append(Figure.against(name, value, target, "", len(raw)))
        return figures

    def play() -> list[Figure]:
        raw = head("tinyshakespeare")
        return [Figure("Shakespeare, all levels: byte accuracy", byte_accuracy(codec, raw, None), "", len(raw))]

    strings = None if limit is None else 40 * limit
    sections: Sections = [
        wiki,
        play,
        lambda: script_figures(codec),
        lambda: emoji_figures(codec, data_dir),
        lambda: random_figures(codec),
        lambda: emoji_probe(codec, data_dir, strings),
        lambda: word_probe(codec, strings),
        *wide_text_sections(codec),
    ]
    if codec.priors.for_bytes() is not None:  # exact files need the prior: else their figures are left out, not guessed
        sections.append(lambda: lossless_figures(codec, data_dir, limit))
    return sections


# Modality -> the figures of its tokenizers: f(codec, data_dir, limit) -> sections.
SECTIONS = Registry("test of tokenizers of the modality", {"image": _image, "audio": _audio, "text": _text})
