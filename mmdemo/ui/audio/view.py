"""What the Audio tab shows of one clip: pure functions from a clip, its tokens and a number of levels."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps
from torch import Tensor
from torchaudio.functional import loudness, melscale_fbanks

from mmdemo.codec import Codec
from mmdemo.codec.local import Span
from mmdemo.ui.audio.session import RATE, AudioSession
from mmdemo.ui.shared.common import notes_html, said, tiles
from mmdemo.ui.shared.editing import editor_value
from mmdemo.ui.shared.i18n import tr
from mmdemo.ui.shared.payload import pack_codes, pcm, png_uri, to_base64

MEL_BINS, MEL_FFT, MEL_HOP = 80, 1024, 160
MEL_RANGE = 80.0  # dB below the loudest point of the clip
KEPT_AS_IT_IS = 4 * 2**20  # bytes of a recording that is kept for its link as it came
MOST_GAIN = 24.0  # dB: what is almost silent stays quiet


def lab_value(codec: Codec, clip: AudioSession, levels: int, lang: str, with_original: bool) -> dict[str, Any]:
    """The value of the sound lab. Without `with_original` that is left out: the page has it already."""
    before, after = (clip.wave_at(codec, n) for n in (levels - 1, levels))
    reference = after if clip.wave is None else clip.wave
    top = loudest(clip, reference)
    tracks = [("reconstruction", tr("audio.reconstruction", lang), after)]
    if levels > 1:
        tracks.append(("layer", tr("audio.layer", lang, level=levels), after - before))
    mel = mel_bytes(after, top)
    value: dict[str, Any] = {
        "id": clip.ident,
        "version": clip.version,
        "example": clip.example,
        "place": clip.place,
        "look": clip.look,
        "edit": editor_value(clip.history, clip.place),
        "seconds": clip.seconds,
        "tracks": [{"key": key, **track(name, wave, reference)} for key, name, wave in tracks],
        "bins": MEL_BINS,
        "columns": mel.shape[1],
        "mel_hop": MEL_HOP,
        "mel_reconstruction": to_base64(mel),
        "codes": pack_codes(clip.tokens.codes, clip.tokens.codebook_size),
        "levels": clip.tokens.levels,
        "size": clip.tokens.codebook_size,
        "frames": clip.tokens.positions[0],
        "hop": codec.tokenizer.stride,
        "num_levels": levels,
        "native": None if clip.is_native else tr("audio.save_native", lang, **clip.tokens.meta),
        "mmt": to_base64(clip.at(levels).to_bytes()),
    }
    if with_original and clip.wave is not None:
        value["original"] = track(tr("audio.original", lang), clip.wave, reference)
        value["mel_original"] = to_base64(mel_bytes(clip.wave, top))
    return value


def edit_value(
    clip: AudioSession, levels: int, wave: Tensor, box: list[Span] | None, remake: str = ""
) -> dict[str, Any]:
    """What the lab needs at once after an edit: the samples and spectrogram where they changed, the codes.

    Args:
        wave: (T,) decoded from so many levels. box: where it is not as before, [(from, to)]; None: anywhere.
        remake: the address at which a diffusion model makes that anew.
    """
    [(start, end)] = box or [(0, len(wave))]
    columns = max(1, -(-len(wave) // MEL_HOP))
    side = (MEL_FFT - MEL_HOP) // 2
    first, last = max(0, (start - side) // MEL_HOP - 1), min(columns, (end + side) // MEL_HOP + 1)
    value: dict[str, Any] = {
        "id": clip.ident,
        "version": clip.version,
        "edited": True,
        "num_levels": levels,
        "at": start,
        "pcm": pcm(wave[start:end]),
        "codes": pack_codes(clip.tokens.codes, clip.tokens.codebook_size),
        "edit": {**editor_value(clip.history, clip.place), "remake": remake},
    }
    if first < last:
        top = loudest(clip, wave if clip.wave is None else clip.wave)
        value |= {"mel_at": first, "mel": to_base64(_bytes_of(_power(wave, first, last), top))}
    return value


def loudest(clip: AudioSession, reference: Tensor) -> Tensor:
    """The greatest power of the clip's spectrogram, worked out once."""
    if clip.top is None:
        clip.top = _power(reference).max()
    return clip.top


def thumbnail(clip: AudioSession, width: int = 88, height: int = 44) -> str:
    """A small spectrogram as a data URI, for the strip of this visit; "" where there is no sound to draw."""
    if clip.wave is None or not len(clip.wave):
        return ""
    return png_uri(spectrogram(clip.wave, (width, height)))


def spectrogram(wave: Tensor, size: tuple[int, int]) -> Image.Image:
    """A mel spectrogram (width, height) of a sound, high tones on top."""
    low_first = mel(wave)
    small = Image.fromarray(np.ascontiguousarray(low_first[::-1])).resize(size, Image.Resampling.BOX)
    return ImageOps.colorize(small, "#0c1c1e", "#f5eeb4", "#0f7c74")


def source_bytes(clip: AudioSession, path: Path) -> tuple[bytes, str]:
    """What is kept of a recording for its link: the file itself where it is small, else its samples as FLAC."""
    if clip.wave is None or path.stat().st_size <= KEPT_AS_IT_IS:
        return path.read_bytes(), path.suffix
    buffer = io.BytesIO()
    soundfile.write(buffer, clip.wave.numpy(), RATE, format="FLAC")
    return buffer.getvalue(), ".flac"


def track(name: str, wave: Tensor, reference: Tensor) -> dict[str, Any]:
    """A sound for the player: 16-bit samples, and the factor that makes it as loud as the reference."""
    peak, plain = float(wave.abs().max()) if len(wave) else 0.0, 1.0
    scale = 1 / peak if peak > 1 else 1.0
    gain = matching_gain(reference, wave) / scale
    boost = 20 * math.log10(gain * scale) if gain > 0 else 0.0
    return {"name": name, "pcm": pcm(wave * scale), "gain": gain, "plain": plain / scale, "boost": round(boost, 1)}


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


def _power(wave: Tensor, first: int = 0, last: int | None = None) -> Tensor:
    """Mel power spectrogram (bins, columns), of columns first to last; column i is centred on (i + 1/2) MEL_HOP."""
    columns = max(1, -(-len(wave) // MEL_HOP))
    side = (MEL_FFT - MEL_HOP) // 2
    padded = F.pad(wave.float(), (side, side + columns * MEL_HOP - len(wave)))
    padded = padded[first * MEL_HOP : ((columns if last is None else last) - 1) * MEL_HOP + MEL_FFT]
    window = torch.hann_window(MEL_FFT)
    spectrum = torch.stft(padded, MEL_FFT, MEL_HOP, window=window, center=False, return_complex=True)
    bank = melscale_fbanks(MEL_FFT // 2 + 1, 0.0, RATE / 2, MEL_BINS, RATE)  # HTK mel, as the page's axis
    return bank.T @ spectrum.abs().square()


def mel_bytes(wave: Tensor, top: Tensor) -> np.ndarray:
    """Mel spectrogram (bins, columns) uint8: 255 is the power `top`, 0 is `MEL_RANGE` dB below."""
    return _bytes_of(_power(wave), top)


def _bytes_of(power: Tensor, top: Tensor) -> np.ndarray:
    decibels = 10 * (power.clamp(min=1e-12) / top.clamp(min=1e-9)).log10()
    return (255 * (1 + decibels / MEL_RANGE)).clamp(0, 255).round().to(torch.uint8).numpy()


def mel(wave: Tensor) -> np.ndarray:
    """Mel spectrogram (bins, columns) uint8 of one sound, 255 its own loudest point, low tones first."""
    return mel_bytes(wave, _power(wave).max())


def kbps(clip: AudioSession, levels: int) -> float:
    """Rate of the payload as it is written to a file, as the rates of the other codecs are."""
    return clip.at(levels).payload_bits / clip.seconds / 1000


def tiles_html(clip: AudioSession, levels: int, lang: str) -> str:
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
    return tiles(figures) + notes_html(said(note, "audio.note_", lang) for note in clip.notes)


def _scores(clip: AudioSession, levels: int, lang: str) -> list[tuple[str, str, str]]:
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
