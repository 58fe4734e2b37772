"""What the Audio tab shows for one clip: pure functions from a clip, its tokens and a number of levels."""

from __future__ import annotations

import base64
import json
import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torchaudio.functional import loudness, melscale_fbanks

from mmdemo import metrics
from mmdemo.evaluation import classical
from mmdemo.ui.audio.session import RATE, Clip, Scores, said
from mmdemo.ui.image.session import pack_codes
from mmdemo.ui.shared.beam_note import beam_note
from mmdemo.ui.shared.common import tiles
from mmdemo.ui.shared.i18n import tr
from mmdemo.ui.text.compare import notes_html

MEL_BINS, MEL_FFT, MEL_HOP = 80, 1024, 160
MEL_RANGE = 80.0  # dB below the loudest point of the clip
MOST_GAIN = 24.0  # dB: what is almost silent stays quiet
CODEC2_MODES = ("3200", "2400", "1200", "700C")


def lab_json(codec: Any, clip: Clip, levels: int, lang: str, whole: bool) -> str:
    """The value of the sound lab. Without `whole` the original is left out: the page has it already."""
    before, after = (clip.wave_at(codec, n) for n in (levels - 1, levels))
    reference = after if clip.wave is None else clip.wave
    top = _power(reference).max()
    tracks = [("reconstruction", tr("audio.reconstruction", lang), after)]
    if levels > 1:
        tracks.append(("layer", tr("audio.layer", lang, level=levels), after - before))
    mel = mel_bytes(after, top)
    value: dict[str, Any] = {
        "id": clip.ident,
        "seconds": clip.seconds,
        "tracks": [{"key": key, **track(name, wave, reference)} for key, name, wave in tracks],
        "bins": MEL_BINS,
        "columns": mel.shape[1],
        "mel_hop": MEL_HOP,
        "mel_reconstruction": _base64(mel),
        "codes": pack_codes(clip.tokens.codes, clip.tokens.codebook_size),
        "levels": clip.tokens.levels,
        "frames": clip.tokens.positions[0],
        "hop": hop(codec, clip),
        "active": levels,
        "native": None if clip.is_native else tr("audio.save_native", lang, **clip.tokens.meta),
        "mmt": base64.b64encode(clip.at(levels).to_bytes()).decode(),
    }
    if whole and clip.wave is not None:
        value["original"] = track(tr("audio.original", lang), clip.wave, reference)
        value["mel_original"] = _base64(mel_bytes(clip.wave, top))
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def track(name: str, wave: Tensor, reference: Tensor) -> dict[str, Any]:
    """A sound for the player: 16-bit samples, and the factor that makes it as loud as the reference."""
    peak, plain = float(wave.abs().max()) if len(wave) else 0.0, 1.0
    scale = 1 / peak if peak > 1 else 1.0
    gain = matching_gain(reference, wave) / scale
    pcm = (wave * scale).mul(32767).round().clamp(-32767, 32767).to(torch.int16).numpy().astype("<i2")
    boost = 20 * math.log10(gain * scale) if gain > 0 else 0.0
    return {"name": name, "pcm": _base64(pcm), "gain": gain, "plain": plain / scale, "boost": round(boost, 1)}


def matching_gain(reference: Tensor, wave: Tensor) -> float:
    """Factor that makes `wave` as loud as `reference` (BS.1770 where long enough, else RMS), unclipped."""
    gain = 10 ** (max(-MOST_GAIN, min(MOST_GAIN, _level(reference) - _level(wave))) / 20)
    peak = float(wave.abs().max()) if len(wave) else 0.0
    return min(gain, 0.99 / peak) if peak > 0 else 1.0


def _level(wave: Tensor) -> float:
    """Loudness in dB, -100 for silence. Two sounds are compared, so the offset of RMS does not matter."""
    rms = float(wave.double().square().mean().sqrt()) if len(wave) else 0.0
    if rms < 1e-6:
        return -100.0
    if len(wave) >= RATE:
        value = float(loudness(wave[None].double(), RATE))
        if math.isfinite(value):
            return value
    return 20 * math.log10(rms)


def _power(wave: Tensor) -> Tensor:
    """Mel power spectrogram (bins, columns): column i is centred on sample i * MEL_HOP + MEL_HOP / 2."""
    columns = max(1, -(-len(wave) // MEL_HOP))
    side = (MEL_FFT - MEL_HOP) // 2
    padded = F.pad(wave.float(), (side, side + columns * MEL_HOP - len(wave)))
    window = torch.hann_window(MEL_FFT)
    spectrum = torch.stft(padded, MEL_FFT, MEL_HOP, window=window, center=False, return_complex=True)
    bank = melscale_fbanks(MEL_FFT // 2 + 1, 0.0, RATE / 2, MEL_BINS, RATE)  # HTK mel, as the page's axis
    return bank.T @ spectrum.abs().square()


def mel_bytes(wave: Tensor, top: Tensor) -> np.ndarray:
    """Mel spectrogram (bins, columns) uint8: 255 is the power `top`, 0 is `MEL_RANGE` dB below."""
    decibels = 10 * (_power(wave).clamp(min=1e-12) / top.clamp(min=1e-9)).log10()
    return (255 * (1 + decibels / MEL_RANGE)).clamp(0, 255).round().to(torch.uint8).numpy()


def hop(codec: Any, clip: Clip) -> int:
    """Samples for each frame."""
    known = getattr(getattr(codec, "tokenizer", None), "stride", None)
    return int(known or max(1, -(-clip.tokens.meta["samples"] // max(1, clip.tokens.positions[0]))))


# ---------------------------------------------------------------- figures


def measure(codec: Any, clip: Clip, levels: int) -> Scores:
    """STOI and wideband PESQ with `levels` levels, kept in `clip.scores`; None where not defined."""
    if levels not in clip.scores:
        after = clip.wave_at(codec, levels).numpy()
        wave = _original(clip).numpy()
        clip.scores[levels] = metrics.stoi(wave, after), metrics.pesq_wb(wave, after)
    return clip.scores[levels]


def _original(clip: Clip) -> Tensor:
    if clip.wave is None:
        raise ValueError("A clip without an original has nothing to be measured against.")
    return clip.wave


def kbps(clip: Clip, levels: int) -> float:
    """Rate of the payload as it is written to a file, as the rates of the other codecs are."""
    return clip.at(levels).payload_bits / clip.seconds / 1000


def tiles_html(clip: Clip, levels: int, lang: str) -> str:
    """Number tiles: seconds, bytes, rate, STOI, PESQ, perplexity; under them what was done to the input."""
    tokens = clip.at(levels)
    raw = 16 * RATE / 1000
    figures = [
        (
            tr("audio.seconds", lang),
            f"{clip.seconds:.2f}",
            tr("audio.frames_note", lang, frames=tokens.positions[0]),
        ),
        (tr("audio.bytes", lang), f"{len(tokens.to_bytes()):,}", tr("audio.bytes_note", lang)),
        (tr("audio.kbps", lang), f"{kbps(clip, levels):.2f}", tr("audio.kbps_note", lang, raw=raw)),
        *_scores(clip, levels, lang),
        (
            tr("audio.perplexity", lang),
            f"{tokens.perplexity()[-1]:.0f}",
            tr("audio.perplexity_note", lang, level=levels),
        ),
    ]
    return tiles(figures) + notes_html(tuple(said(note, lang) for note in clip.notes))


def _scores(clip: Clip, levels: int, lang: str) -> list[tuple[str, str, str]]:
    names = [("audio.stoi", "{:.3f}", "audio.stoi_note"), ("audio.pesq", "{:.2f}", "audio.pesq_note")]
    if clip.wave is None:
        return [(tr(key, lang), "–", tr("audio.no_original", lang)) for key, _, _ in names]
    if levels not in clip.scores:
        return [(tr(key, lang), "…", tr("audio.measuring", lang)) for key, _, _ in names]
    why = tr("audio.undefined", lang)
    return [
        (
            tr(key, lang),
            "–" if value is None else shape.format(value),
            why if value is None else tr(note, lang),
        )
        for (key, shape, note), value in zip(names, clip.scores[levels], strict=True)
    ]


# ---------------------------------------------------------------- other codecs


def rival_settings(rate: float) -> list[tuple[str, str]]:
    """(codec, setting) of the nearest rates that other codecs offer to `rate` kbps."""
    speed = {"3200": 3.2, "2400": 2.4, "1200": 1.2, "700C": 0.7}
    mode = min(CODEC2_MODES, key=lambda name: abs(speed[name] - rate))
    return [("Opus", f"{max(6, round(rate))}"), ("codec2", mode)]


def rival(clip: Clip, codec: str, setting: str) -> classical.Point | None:
    """The clip through another codec, kept in `clip.rivals`; None where that is not installed."""
    key = f"{codec} {setting}"
    if key in clip.rivals:
        return clip.keep_rival(key, clip.rivals[key])
    wave = _original(clip).numpy()
    if codec == "Opus":
        return clip.keep_rival(key, classical.opus_point(wave, float(setting)))
    return clip.keep_rival(key, classical.codec2_point(wave, setting))


def table_json(clip: Clip, levels: int, lang: str) -> str:
    """The value of the codec table: ours and the nearest setting of each other codec."""
    if clip.wave is None:
        return ""
    rate = kbps(clip, levels)
    name = tr("audio.ours_one" if levels == 1 else "audio.ours", lang, levels=levels)
    rows = [_row("reconstruction", name, "", rate, clip.scores.get(levels), lang) | {"ours": True}]
    tracks = []
    for codec, setting in rival_settings(rate):
        key = f"{codec} {setting}"
        label = f"Opus {setting} kbps" if codec == "Opus" else key
        point = clip.rivals.get(key)
        if point is None:
            note = "audio.missing" if key in clip.rivals else "audio.measuring"
            rows.append(_row(None, label, tr(note, lang), None, (None, None), lang))
            continue
        note = tr("audio.opus_note" if codec == "Opus" else "audio.codec2_note", lang)
        rows.append(_row(codec, label, note, point.rate, (point.figures["stoi"], point.figures["pesq"]), lang))
        tracks.append({"key": codec, **track(label, torch.from_numpy(point.output[1]), clip.wave)})
    return json.dumps({"id": clip.ident, "rows": rows, "tracks": tracks}, ensure_ascii=False, separators=(",", ":"))


def _row(key: str | None, name: str, note: str, rate: float | None, scores: Scores | None, lang: str) -> dict[str, Any]:
    """One line of the table; `scores` None means that they are still being measured."""
    why = tr("audio.measuring" if scores is None else "audio.undefined", lang)
    stoi, pesq = scores or (None, None)
    return {
        "key": key,
        "name": name,
        "note": note,
        "kbps": rate,
        "stoi": stoi,
        "pesq": pesq,
        "why": why,
        "waiting": scores is None,
    }


# ---------------------------------------------------------------- mathematics


def maths(codec: Any, clip: Clip, levels: int, lang: str) -> str:
    """The fold-out: the transform and residual quantisation with the numbers of this clip."""
    tokens = clip.tokens
    size, frames = tokens.codebook_size, tokens.positions[0]
    step = hop(codec, clip)
    middle = frames // 2
    codes = tokens.codes[:levels, middle].tolist()
    return tr(
        "audio.maths",
        lang,
        samples=tokens.meta["samples"],
        seconds=clip.seconds,
        hop=step,
        rate=RATE / step,
        frames=frames,
        dim=codec.codebook(0).shape[-1],
        K=size,
        beam=beam_note(codec, lang),
        code_bits=tokens.code_bits,
        levels=levels,
        total_levels=tokens.levels,
        plain_kbps=levels * tokens.code_bits * RATE / step / 1000,
        one_kbps=tokens.code_bits * RATE / step / 1000,
        kbps=kbps(clip, levels),
        ratio=16 * RATE / 1000 / kbps(clip, levels),
        middle=middle + 1,
        time=middle * step / RATE,
        codes=", ".join(map(str, codes)),
        terms=" + ".join(f"e^{{({i + 1})}}_{{{code}}}" for i, code in enumerate(codes)),
        rest=_rest(codec, tokens, levels),
        perplexity=", ".join(f"{p:.0f}" for p in clip.at(levels).perplexity()),
    )


def _rest(codec: Any, tokens: Any, levels: int) -> str:
    """Mean square length of what each level adds, in per cent of the first level's."""
    energies = [float(codec.codebook(level)[tokens.codes[level]].square().sum(-1).mean()) for level in range(levels)]
    return ", ".join(f"{100 * energy / max(energies[0], 1e-12):.0f} %" for energy in energies)


def _base64(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
