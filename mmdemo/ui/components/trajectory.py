"""From the steps of a sampler to the messages that the player in the browser understands.

A message is a JSON-able dictionary {run, open?, frames, end?}. Each holds only the steps since the last one;
messages leave at least `PACE` seconds apart, because a browser that is sent more than it can paint stutters.
"""

from __future__ import annotations

import base64
import io
import math
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from PIL import Image

PACE = 0.04  # seconds between two messages
LIMIT = 180.0  # seconds after which a run is ended; what there is stays
VIEWS = ("x0", "x")


def messages(
    lanes: Mapping[str, Callable[[], Iterable[Any]]],
    opening: dict[str, Any],
    want: tuple[str, ...],
    device: str,
    limit: float = LIMIT,
) -> Iterator[dict[str, Any]]:
    """Run the samplers in `lanes` in turn, a step each, and yield messages for the player.

    Args:
        lanes: name of a lane ("a", "b") -> function that starts its sampler (an iterable of `Step`).
        opening: what the player has to know before the first step: {"lanes": [...], "given": {...}, ...}.
        want: modalities that the steps hold.
        device: the name to show.
        limit: seconds after which the run is ended with what there is.
    """
    run = secrets.token_hex(6)
    yield {"run": run, "open": {**opening, "want": list(want), "device": device}, "frames": []}
    began = time.monotonic()
    sent, waiting, reason = -math.inf, [], "done"
    newest: dict[str, Any] = {}
    for lane, step in in_turn({lane: iter(start()) for lane, start in lanes.items()}):
        waiting.append(frame(lane, step, want))
        newest[lane] = step
        now = time.monotonic()
        if now - sent >= PACE:
            yield {"run": run, "frames": waiting}
            sent, waiting = now, []
        if now - began > limit:
            reason = "limit"
            break
    tokens = {lane: {m: codes(step, m) for m in want} for lane, step in newest.items()}
    end = {"reason": reason, "seconds": round(time.monotonic() - began, 3), "tokens": tokens}
    yield {"run": run, "frames": waiting, "end": end}


def in_turn(runs: dict[str, Iterator[Any]]) -> Iterator[tuple[str, Any]]:
    """One item of each iterator in turn, until all are used up; all are closed on the way out."""
    live = dict(runs)
    try:
        while live:
            for name in list(live):
                try:
                    yield name, next(live[name])
                except StopIteration:
                    del live[name]
    finally:
        for run in runs.values():
            getattr(run, "close", lambda: None)()


def frame(lane: str, step: Any, want: tuple[str, ...]) -> dict[str, Any]:
    """One step for the player: its numbers, and each modality decoded from x̂0 and from x_t."""
    return {
        "lane": lane,
        "i": int(step.index),
        "t": finite(step.t),
        "change": finite(step.change) if step.index > 1 else None,
        "distance": {m: finite(step.code_distance.get(m)) for m in want},
        **{m: modality(step, m) for m in want},
    }


def modality(step: Any, name: str) -> dict[str, Any]:
    """{"x0": [one a sample], "x": [...]} as data URIs, sounds or strings; text has "sure" where it is known."""
    last = step.index == step.steps
    show = {"image": picture, "audio": lambda sound: sound_of(sound, exact=last), "text": str}[name]
    views: dict[str, Any] = {what: [show(native) for native in step.preview(name, what)] for what in VIEWS}
    if name == "text" and hasattr(step, "confidence"):
        views["sure"] = [[finite(value) for value in row] for row in step.confidence("text")]
    return views


def picture(image: Image.Image) -> str:
    """A picture as a data URI: exact PNG when it is small, WebP when it is large."""
    small = max(image.size) <= 96
    buffer = io.BytesIO()
    if small:
        image.save(buffer, "PNG", compress_level=4)
    else:
        image.save(buffer, "WEBP", quality=88, method=2)
    return f"data:image/{'png' if small else 'webp'};base64,{_base64(buffer.getvalue())}"


def sound_of(sound: tuple[int, np.ndarray], exact: bool = True) -> dict[str, Any]:
    """A sound for the player: {"rate", "pcm"} 16 bit, or {"rate", "mu"} 8-bit mu-law, half the size."""
    rate, samples = sound
    samples = np.clip(np.nan_to_num(np.asarray(samples, np.float32)), -1.0, 1.0)
    if exact:
        return {"rate": int(rate), "pcm": _base64((samples * 32767).astype("<i2").tobytes())}
    return {"rate": int(rate), "mu": _base64(mu_law(samples).tobytes())}


def mu_law(samples: np.ndarray) -> np.ndarray:
    """G.711 mu-law codes, uint8, of float samples in [-1, 1]."""
    magnitude = np.minimum(np.abs(samples) * 32768, 32635).astype(np.int64) + 132
    exponent = np.floor(np.log2(magnitude)).astype(np.int64) - 7
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    return (~(np.where(samples < 0, 0x80, 0) | (exponent << 4) | mantissa) & 0xFF).astype(np.uint8)


def from_mu_law(codes: np.ndarray) -> np.ndarray:
    """The reverse of `mu_law`: float32 samples in [-1, 1]."""
    flipped = ~codes.astype(np.int64) & 0xFF
    magnitude = (((flipped & 0x0F) << 3) + 132 << ((flipped & 0x70) >> 4)) - 132
    return (np.where(flipped & 0x80, -magnitude, magnitude) / 32768).astype(np.float32)


def codes(step: Any, name: str) -> list[dict[str, Any]]:
    """Tokens of the newest step, one a sample: {"model", "shape", "codes"} with the codes level by level."""
    return [
        {"model": tokens.model, "shape": list(tokens.codes.shape), "codes": tokens.codes.flatten().tolist()}
        for tokens in step.tokens(name)
    ]


def finite(value: Any) -> float | None:
    """A number rounded for the page, or None for what is no number."""
    if value is None or not math.isfinite(float(value)):
        return None
    return round(float(value), 5)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
