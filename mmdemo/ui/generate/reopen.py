"""The settings of a file that was exported: dropped back in, it is what it was made from."""

from __future__ import annotations

import base64
import binascii
import io
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import soundfile
from PIL import Image

from mmdemo.errors import InputError
from mmdemo.ui.generate.export import IMAGE_DESCRIPTION

MAX_BYTES = 24_000_000
NOTHING = "This file holds no settings of a run: drop one that was saved here, or by mmdemo generate."


def params_of(request: Any) -> dict[str, str]:
    """{"data": base64 of a PNG, WebP, GIF, WAV or JSON file} -> the parameters of the link to its run.

    Raises InputError for a file that says nothing of a run.
    """
    data = request.get("data") if isinstance(request, dict) else None
    if not isinstance(data, str) or len(data) > 4 * MAX_BYTES // 3:
        raise InputError(f"Drop a file of up to {MAX_BYTES // 1_000_000} MB.")
    try:
        record = json.loads(_written(base64.b64decode(data, validate=True)))
    except (binascii.Error, ValueError, RecursionError):
        raise InputError(NOTHING) from None
    if not isinstance(record, dict):
        raise InputError(NOTHING)
    if isinstance(record.get("link"), str):
        return dict(parse_qsl(urlsplit(record["link"]).query))
    return _of_command_line(record)


def _written(raw: bytes) -> str:
    """The text that a file of ours carries."""
    if raw[:1] in (b"{", b"["):
        return raw.decode("utf-8", "replace")
    if raw[:4] == b"RIFF" and raw[8:12] == b"WAVE":
        try:
            with soundfile.SoundFile(io.BytesIO(raw)) as file:
                return str(file.comment)
        except soundfile.LibsndfileError:
            raise InputError("This sound file is damaged.") from None
    try:
        with Image.open(io.BytesIO(raw), formats=("PNG", "WEBP", "GIF")) as picture:
            if picture.format == "WEBP":
                return str(picture.getexif().get(IMAGE_DESCRIPTION, ""))
            texts = {**picture.info, **getattr(picture, "text", {})}
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise InputError(NOTHING) from None
    found = next((texts[name] for name in ("Description", "Comment", "comment") if texts.get(name)), "")
    return found.decode("utf-8", "replace") if isinstance(found, bytes) else str(found)


def _of_command_line(record: Mapping[str, Any]) -> dict[str, str]:
    """As `mmdemo generate` writes it. Pictures and sounds that were given are not in the file."""
    settings, given, mix = (record.get(name) or {} for name in ("settings", "given", "mix"))
    if not isinstance(settings, dict) or not isinstance(given, dict) or "seed" not in settings:
        raise InputError(NOTHING)
    style = settings.get("speaker", settings.get("style"))
    told = {
        **{name: settings.get(name) for name in ("n", "steps", "guidance", "sampler", "seed")},
        "model": record.get("model"),
        "speaker": "all" if isinstance(style, list) else style,
        "text": record.get("number") or given.get("text"),
        "mix": mix.get("text") if isinstance(mix, dict) else None,
        "weight": mix.get("weight") if isinstance(mix, dict) else None,
        "want": ",".join(map(str, record.get("want") or [])),
    }
    return {name: str(value) for name, value in told.items() if value not in (None, "")}
