"""How good a clip's reconstruction is, and the same clip through other codecs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mmdemo import metrics
from mmdemo.codec import Codec
from mmdemo.evaluation import classical
from mmdemo.ui.audio.session import AudioSession, Scores
from mmdemo.ui.audio.view import kbps, loudest, mel_bytes, track
from mmdemo.ui.shared.i18n import tr
from mmdemo.ui.shared.payload import to_base64

CODEC2_MODES = ("3200", "2400", "1200", "700C")


def measure(codec: Codec, clip: AudioSession, levels: int) -> Scores:
    """STOI and wideband PESQ with `levels` levels, kept in `clip.scores`; None where not defined."""
    if levels not in clip.scores:
        after = clip.wave_at(codec, levels).numpy()
        wave = _original(clip).numpy()
        clip.scores[levels] = metrics.stoi(wave, after), metrics.pesq_wb(wave, after)
    return clip.scores[levels]


def _original(clip: AudioSession) -> Tensor:
    if clip.wave is None:
        raise ValueError("A clip without an original has nothing to be measured against.")
    return clip.wave


def baseline_settings(rate: float) -> list[tuple[str, str]]:
    """(codec, setting) of the nearest rates that other codecs offer to `rate` kbps."""
    speed = {"3200": 3.2, "2400": 2.4, "1200": 1.2, "700C": 0.7}
    mode = min(CODEC2_MODES, key=lambda name: abs(speed[name] - rate))
    return [("Opus", f"{max(6, round(rate))}"), ("codec2", mode)]


def baseline(clip: AudioSession, codec: str, setting: str) -> classical.Point | None:
    """The clip through another codec, kept in `clip.baselines`; None where that is not installed."""
    key = f"{codec} {setting}"
    if key in clip.baselines:
        return clip.keep_baseline(key, clip.baselines[key])
    wave = _original(clip).numpy()
    if codec == "Opus":
        return clip.keep_baseline(key, classical.opus_point(wave, float(setting)))
    return clip.keep_baseline(key, classical.codec2_point(wave, setting))


def table_value(clip: AudioSession, levels: int, lang: str) -> dict[str, Any] | None:
    """The value of the codec table: ours and the nearest setting of each other codec."""
    if clip.wave is None:
        return None
    rate = kbps(clip, levels)
    name = tr("audio.ours_one" if levels == 1 else "audio.ours", lang, levels=levels)
    rows = [_row("reconstruction", name, "", rate, clip.scores.get(levels), lang) | {"ours": True}]
    tracks = []
    for codec, setting in baseline_settings(rate):
        key = f"{codec} {setting}"
        label = f"Opus {setting} kbps" if codec == "Opus" else key
        point = clip.baselines.get(key)
        if point is None:
            note = "audio.missing" if key in clip.baselines else "audio.measuring"
            rows.append(_row(None, label, tr(note, lang), None, (None, None), lang))
            continue
        note = tr("audio.opus_note" if codec == "Opus" else "audio.codec2_note", lang)
        rows.append(_row(codec, label, note, point.rate, (point.figures["stoi"], point.figures["pesq"]), lang))
        wave = torch.from_numpy(point.output[1])
        mel = to_base64(mel_bytes(wave, loudest(clip, clip.wave)))
        tracks.append({"key": codec, "mel": mel, **track(label, wave, clip.wave)})
    return {"id": clip.ident, "rows": rows, "tracks": tracks}


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
