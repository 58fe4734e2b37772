"""Files of a run: animated WebP or GIF of the steps, PNG of one step, WAV of one or all.

The browser holds the frames and sends back those it wants written, so nothing of a visitor stays on the
server and a stopped run can be saved too. The settings are written into each file's own metadata. What
arrives here is not trusted: anybody can post to a server function.
"""

from __future__ import annotations

import base64
import binascii
import io
from typing import Any

import numpy as np
import soundfile
from PIL import Image, ImageDraw, PngImagePlugin

from mmdemo.errors import InputError

KINDS = ("webp", "gif", "png", "wav", "wav_all")
MIME = {"webp": "image/webp", "gif": "image/gif", "png": "image/png", "wav": "audio/wav"}
MAX_FRAMES, MAX_CELLS, MAX_BYTES, MAX_SIDE, MAX_SECONDS = 400, 32, 48_000_000, 1024, 600
CELL = 128  # pixels a side that small pictures are enlarged to, without smoothing
GAP = 6
STEP_MS, REST_MS = 110, 1400
IMAGE_DESCRIPTION = 0x010E  # Exif tag
GROUND = (246, 245, 241)
SIDES = (64, 128, 256, 512)  # that a picture may be enlarged to, smoothly
MAX_SETTINGS = 80_000  # characters; a picture or a voice may be in them
NEAR_WHITE = 26  # grey levels below white that still are ground, where they reach the edge


def save_trajectory(request: dict[str, Any]) -> dict[str, str]:
    """Server function of the player: {"kind", "settings", "columns", "frames" or "sounds"} -> a file.

    Returns {"suffix", "mime", "data": base64}, or {"error": one sentence}.
    """
    try:
        suffix, data = write(request)
    except InputError as error:
        return {"error": str(error)}
    return {"suffix": suffix, "mime": MIME[suffix], "data": base64.b64encode(data).decode("ascii")}


def write(request: Any) -> tuple[str, bytes]:
    """Suffix and content of the file asked for. Raises InputError for a request that makes no sense."""
    if not isinstance(request, dict) or request.get("kind") not in KINDS:
        raise InputError(f"A run can be saved as one of {', '.join(KINDS)}.")
    kind, settings = request["kind"], str(request.get("settings", ""))[:MAX_SETTINGS]
    if kind.startswith("wav"):
        sounds = [sound_from(sound) for sound in _some(request.get("sounds"), MAX_FRAMES, "sounds")]
        return "wav", wav(sounds, settings)
    budget = [MAX_BYTES]
    columns = request.get("columns")
    columns = columns if isinstance(columns, int) and 0 < columns <= MAX_CELLS else 0
    pages = [
        [_picture(uri, budget) for uri in _some(cells, MAX_CELLS, "pictures")]
        for cells in _some(request.get("frames"), MAX_FRAMES, "frames")
    ]
    side, clear = request.get("side") or 0, bool(request.get("clear"))
    if kind == "png" and (side or clear):
        if side not in (0, *SIDES):
            raise InputError(f"A picture can be saved at {', '.join(map(str, SIDES))} pixels a side.")
        return "png", png(enlarged(pages[-1], columns, side, clear), settings)
    frames = [sheet(cells, columns) for cells in pages]
    return kind, png(frames[-1], settings) if kind == "png" else animation(frames, kind, settings)


def sheet(cells: list[Image.Image], columns: int = 0) -> Image.Image:
    """Pictures of one size in a grid, small ones enlarged by a whole number so that pixels stay crisp."""
    width, height = cells[0].size
    scale = max(1, min(CELL // height, 8 * CELL // width))  # strips are wider than high
    width, height = width * scale, height * scale
    columns = min(len(cells), columns or 4)
    rows = -(-len(cells) // columns)
    page = Image.new("RGB", (columns * (width + GAP) + GAP, rows * (height + GAP) + GAP), GROUND)
    for i, cell in enumerate(cells):
        at = (GAP + i % columns * (width + GAP), GAP + i // columns * (height + GAP))
        page.paste(cell.resize((width, height), Image.Resampling.NEAREST), at)
    return page


def enlarged(cells: list[Image.Image], columns: int, side: int, clear: bool) -> Image.Image:
    """Pictures side by side without a frame, each ``side`` pixels wide (0: as it is), RGBA where the ground is clear.

    Enlarged by a Lanczos filter: smoother, and no detail more than the model has made.
    """
    made = [cutout(cell) if clear else cell for cell in cells]
    if side:
        size = side, max(1, round(side * cells[0].height / cells[0].width))
        # Premultiplied: else what lies unseen below the ground would show at the edges.
        made = [
            cell.convert("RGBa").resize(size, Image.Resampling.LANCZOS).convert("RGBA")
            if clear
            else cell.resize(size, Image.Resampling.LANCZOS)
            for cell in made
        ]
    width, height = made[0].size
    columns = min(len(made), columns or 4)
    page = Image.new(
        made[0].mode, (columns * width, -(-len(made) // columns) * height), (255, 255, 255, 0)[: 3 + clear]
    )
    for i, cell in enumerate(made):
        page.paste(cell, (i % columns * width, i // columns * height))
    return page


def cutout(picture: Image.Image) -> Image.Image:
    """A picture on white -> RGBA with its ground clear: the white that reaches the edge, and not the white within.

    At the border of the ground, pixels are mixtures of it and of the drawing. They get as much alpha as they are far
    from white, compared with the pixel next to them that is farthest.
    """
    pixels = np.asarray(picture.convert("RGB"), np.float32)
    dark = 255 - pixels.min(2)  # distance from white
    flat = Image.fromarray(np.where(np.pad(dark, 1) <= NEAR_WHITE, 255, 0).astype(np.uint8)).copy()
    ImageDraw.floodfill(flat, (0, 0), 128)
    ground = np.asarray(flat)[1:-1, 1:-1] == 128
    near = ground.copy()
    for axis, by in ((0, 1), (0, -1), (1, 1), (1, -1)):
        near |= np.roll(np.pad(ground, 1), by, axis)[1:-1, 1:-1]
    padded = np.pad(dark, 2)
    around = np.max([padded[y : y + len(dark), x : x + dark.shape[1]] for y in range(5) for x in range(5)], axis=0)
    alpha = np.where(near, np.clip(dark / np.maximum(around, 1), 0, 1), 1)
    alpha = np.where(ground & (dark <= NEAR_WHITE / 2), 0, alpha)
    ink = np.clip(255 - (255 - pixels) / np.maximum(alpha, 1 / 255)[..., None], 0, 255)
    return Image.fromarray(np.dstack([ink, 255 * alpha]).round().astype(np.uint8), "RGBA")


def animation(frames: list[Image.Image], kind: str, settings: str) -> bytes:
    """An endless animated "webp" or "gif" that rests on its last frame; the settings are in its metadata."""
    if any(frame.size != frames[0].size for frame in frames):
        raise InputError("All frames of an animation must have the same number and size of pictures.")
    options: dict[str, Any] = {"lossless": True, "method": 2, "exif": _exif(settings)}
    if kind == "gif":
        options = {"comment": settings.encode("utf-8", "replace"), "optimize": False, "disposal": 1}
    durations = [STEP_MS] * (len(frames) - 1) + [REST_MS]
    buffer = io.BytesIO()
    frames[0].save(buffer, kind.upper(), save_all=True, append_images=frames[1:], duration=durations, loop=0, **options)
    return buffer.getvalue()


def png(image: Image.Image, settings: str) -> bytes:
    """A PNG with the settings as its text chunk "Description"."""
    info = PngImagePlugin.PngInfo()
    info.add_itxt("Description", settings)
    info.add_text("Software", "mmdemo")
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def wav(sounds: list[tuple[int, np.ndarray]], settings: str) -> bytes:
    """The sounds one after the other, 0.15 s apart, as 16-bit WAV with the settings as its comment."""
    rate = sounds[0][0]
    if any(r != rate for r, _ in sounds):
        raise InputError("All sounds of one file must have the same sampling rate.")
    pause = np.zeros(int(0.15 * rate), np.float32)
    joined = np.concatenate([part for _, samples in sounds for part in (samples, pause)][:-1])
    if len(joined) > MAX_SECONDS * rate:
        raise InputError(f"A sound file can hold up to {MAX_SECONDS} seconds.")
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", rate, 1, "PCM_16", format="WAV") as file:
        file.comment = settings
        file.software = "mmdemo"
        file.write(joined)
    return buffer.getvalue()


def _exif(settings: str) -> Image.Exif:
    exif = Image.Exif()
    exif[IMAGE_DESCRIPTION] = settings
    return exif


def _some(value: Any, most: int, name: str) -> list[Any]:
    if not isinstance(value, list) or not 1 <= len(value) <= most:
        raise InputError(f"To save a run, 1 to {most} {name} are needed.")
    return value


def _picture(uri: Any, budget: list[int]) -> Image.Image:
    """A picture from a PNG or WebP data URI."""
    raw = _decoded(uri.partition(",")[2] if isinstance(uri, str) else None)
    budget[0] -= len(raw)
    try:
        image = Image.open(io.BytesIO(raw), formats=("PNG", "WEBP"))
        if max(image.size) > MAX_SIDE or budget[0] < 0:
            raise InputError(f"The pictures are too large: up to {MAX_SIDE} pixels a side, 48 MB in all.")
        return image.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError("A frame of this run is no readable PNG or WebP picture.") from None


def sound_from(sound: Any) -> tuple[int, np.ndarray]:
    """(sampling rate, samples) from {"rate", "pcm"}. Raises InputError for anything else."""
    rate = sound.get("rate") if isinstance(sound, dict) else None
    if not isinstance(rate, int) or not 4000 <= rate <= 96000:
        raise InputError("A sound needs a sampling rate of 4,000 to 96,000 Hz.")
    raw = _decoded(sound.get("pcm"))
    samples = np.frombuffer(raw[: len(raw) // 2 * 2], "<i2").astype(np.float32) / 32767
    if not len(samples):
        raise InputError("A sound of this run is empty.")
    return rate, samples


def _decoded(text: Any) -> bytes:
    if not isinstance(text, str) or len(text) > 2 * MAX_BYTES:
        raise InputError("A frame of this run is missing.")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InputError("A frame of this run is damaged.") from None
