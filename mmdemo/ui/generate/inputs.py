"""What a visitor gives to the Generate tab, small enough to travel in the page's address.

A picture becomes a PNG of at most `SIDE` pixels, a recording Ogg Opus: a run always starts from that small
form, so the address holds exactly what the run was made from.
"""

from __future__ import annotations

import base64
import binascii
import io
from typing import Any

import numpy as np
import soundfile
from PIL import Image, ImageDraw

from mmdemo.errors import InputError
from mmdemo.modalities import Item, audio, image
from mmdemo.modalities.audio import SAMPLE_RATE as RATE

SIDE = 64  # pixels; more than a digit model sees, few enough for an address
MAX_CODE = 24_000  # characters of one input in an address
MAX_URI = 4_000_000  # characters of a picture from the page
MAX_SECONDS = 3.0
MAX_SPEECH, MAX_SPEECH_SECONDS = 1_200_000, 30.0  # characters, and length, of a recording that is kept as it is
BLANK = 2  # grey levels that a canvas may vary and still count as empty


def pack_picture(native: Any, notes: list[str] | None = None) -> str:
    """A picture -> base64url of a small PNG; "" for an empty canvas. Raises InputError for no picture.

    Args:
        notes: takes sentences about what was done to it.
    """
    item = image.load(native)
    picture = image.restore(item.tensor, None)
    _say(notes, item)
    grey = picture.convert("L")
    if np.ptp(np.asarray(grey, np.int16)) <= BLANK:
        return ""
    if np.abs(np.asarray(picture, np.int16) - np.asarray(grey, np.int16)[..., None]).max() <= BLANK:
        picture = grey
    picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return _code(buffer.getvalue())


def pack_uri(uri: Any, notes: list[str] | None = None) -> str:
    """What the drawing pad holds, a data URI or "", -> the code of the picture. Raises InputError.

    A PNG that is small enough stays as it is, so that a picture from a link keeps its code.
    """
    if not uri:
        return ""
    if not isinstance(uri, str) or not uri.startswith("data:image/") or len(uri) > MAX_URI:
        raise InputError("The picture has to be a data URI of a picture of up to 4 MB.")
    raw = _raw(uri.partition(",")[2].replace("+", "-").replace("/", "_").rstrip("="), MAX_URI)
    packed = pack_picture(raw, notes)
    try:
        picture = Image.open(io.BytesIO(raw))
        small = picture.format == "PNG" and max(picture.size) <= SIDE
    except (OSError, ValueError, SyntaxError):
        small = False
    return _code(raw) if small and packed else packed


def picture_uri(code: str) -> str:
    """The code of a picture as a data URI; "" stays "". Raises InputError for a damaged code."""
    if not code:
        return ""
    unpack_picture(code)
    return "data:image/png;base64," + base64.b64encode(_raw(code)).decode("ascii")


def unpack_picture(code: str) -> Image.Image:
    """The reverse of `pack_picture`. Raises InputError for a damaged code."""
    try:
        picture = Image.open(io.BytesIO(_raw(code)), formats=("PNG",))
        if max(picture.size) > 4 * SIDE:
            raise InputError("The picture in this link is too large.")
        return picture.convert("RGB")
    except InputError:
        raise
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise InputError("The picture in this link is damaged; draw or upload it again.") from None


def pack_sound(native: Any, notes: list[str] | None = None, seconds: float = 0.0) -> str:
    """A recording (sampling rate, array) -> base64url of Ogg Opus; "" for silence. Raises InputError.

    Args:
        seconds: if not 0, it is kept as it is, in FLAC, and one that lasts longer is refused.
    """
    item = audio.load(native)
    wave = item.tensor.numpy()
    _say(notes, item)
    if not len(wave) or np.abs(wave).max() < 1e-4:
        return ""
    buffer = io.BytesIO()
    if seconds:
        if len(wave) > seconds * RATE:
            lasts = f"{len(wave) / RATE:.1f} s"
            raise InputError(
                f"The recording lasts {lasts}; this model takes up to {seconds:g} s: cut it, then give it."
            )
        soundfile.write(buffer, wave, RATE, format="FLAC", subtype="PCM_16")
        return _code(buffer.getvalue())
    wave = loudest(wave, int(MAX_SECONDS * RATE))
    soundfile.write(buffer, wave, RATE, format="OGG", subtype="OPUS")
    return _code(buffer.getvalue())


def unpack_sound(code: str) -> tuple[int, np.ndarray]:
    """The reverse of `pack_sound`. Raises InputError for a damaged code."""
    try:
        raw = _raw(code, MAX_SPEECH)
        with soundfile.SoundFile(io.BytesIO(raw)) as file:
            most = MAX_SPEECH_SECONDS if raw[:4] == b"fLaC" else 2 * MAX_SECONDS
            if file.frames > most * file.samplerate:
                raise InputError("The recording in this link is too long.")
            return file.samplerate, file.read(dtype="float32", always_2d=True).mean(axis=1)
    except soundfile.LibsndfileError:
        raise InputError("The recording in this link is damaged; record or upload it again.") from None


def loudest(wave: np.ndarray, length: int) -> np.ndarray:
    """The stretch of `length` samples with the most energy; the whole wave if it is shorter."""
    if len(wave) <= length:
        return wave
    energy = np.concatenate([[0.0], np.cumsum(wave.astype(np.float64) ** 2)])
    start = int(np.argmax(energy[length:] - energy[:-length]))
    return wave[start : start + length]


def example_picture() -> Image.Image:
    """A three, drawn by this function: black ink on white, (128, 128)."""
    page = Image.new("L", (512, 512), 255)
    draw = ImageDraw.Draw(page)
    strokes = ((150, 96, 350, 280), 195, 445), ((132, 240, 366, 430), 285, 520)
    for box, start, end in strokes:
        draw.arc(box, start, end, fill=0, width=44)
    return page.resize((128, 128), Image.Resampling.LANCZOS)


def _say(notes: list[str] | None, item: Item) -> None:
    if notes is not None:
        notes += map(str, item.notes)


def _code(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")


def _raw(code: str, most: int = MAX_CODE) -> bytes:
    if len(code) > most:
        raise InputError("The input in this link is too long.")
    try:
        return base64.b64decode(code + "=" * (-len(code) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise InputError("The input in this link is damaged.") from None
