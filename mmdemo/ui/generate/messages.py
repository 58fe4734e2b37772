"""From the steps of a sampler to the messages that the player in the browser understands.

A message is a JSON-able dictionary {run, open?, frames, end?}. Each holds only the steps since the last one;
messages leave at least `MESSAGE_INTERVAL` seconds apart: a browser that is sent more than it can paint stutters.

While a run is under way only as many steps are decoded as fit into a share of its time (`diffusion.previews`). The
others leave as latents, and the player has them decoded afterwards (`decode_clean`): the result comes sooner.
"""

from __future__ import annotations

import base64
import math
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from mmdemo.diffusion.blocks import BlockStep
from mmdemo.diffusion.joint import JointDiffusion
from mmdemo.diffusion.previews import PreviewBudget
from mmdemo.diffusion.step import SamplingStep
from mmdemo.errors import InputError
from mmdemo.ui.shared.payload import data_uri, finite, pcm, to_base64

MESSAGE_INTERVAL = 0.04  # seconds between two messages at least
LIMIT = 180.0  # seconds after which a run is ended; what there is stays
DIGITS = 5  # of the numbers that the player shows
Step = SamplingStep | BlockStep
T = TypeVar("T")
MAX_LATENTS, MAX_SAMPLES = 16, 8  # steps and samples of one call of decode_noisy or decode_clean


def messages(
    lanes: Mapping[str, Callable[[], Iterable[Step]]],
    opening: dict[str, Any],
    want: tuple[str, ...],
    device: str,
    limit: float = LIMIT,
) -> Iterator[dict[str, Any]]:
    """Run the samplers in `lanes` in turn, a step each, and yield messages for the player.

    The first message opens the run and has its first step already: a run that cannot start (InputError from
    the model) leaves what the player showed before.

    Args:
        lanes: name of a lane ("a", "b") -> function that starts its sampler (an iterable of `SamplingStep`).
        opening: what the player has to know before the first step: {"lanes": [...], "given": {...}, ...}.
        want: modalities that the steps hold.
        device: the name to show.
        limit: seconds after which the run is ended with what there is.
    """
    run = secrets.token_hex(6)
    head: dict[str, Any] = {"run": run, "open": {**opening, "want": list(want), "device": device}}
    began = time.monotonic()
    sent, waiting, reason = -math.inf, [], "done"
    newest: dict[str, Step] = {}
    pace = PreviewBudget(clock=time.monotonic)
    for lane, step in pace.watch(in_turn({lane: iter(start()) for lane, start in lanes.items()})):
        over = time.monotonic() - began > limit
        if over or lane not in newest or step.index == step.steps or pace.fits or isinstance(step, BlockStep):
            waiting.append(pace.show(lambda lane=lane, step=step: frame(lane, step, want)))  # type: ignore[misc]
        else:
            waiting.append(pending_frame(lane, step, want, measured=step.index in listed_steps(step.steps)))
        newest[lane] = step
        now = time.monotonic()
        if now - sent >= MESSAGE_INTERVAL:
            yield {**head, "frames": waiting}
            head, sent, waiting = {"run": run}, now, []
        if over:
            reason = "limit"
            break
    tokens = {lane: {m: codes(step, m) for m in want} for lane, step in newest.items()}
    end = {"reason": reason, "seconds": round(time.monotonic() - began, 3), "tokens": tokens}
    yield {**head, "frames": waiting, "end": end}


def in_turn(runs: dict[str, Iterator[T]]) -> Iterator[tuple[str, T]]:
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


def frame(lane: str, step: Step, want: tuple[str, ...]) -> dict[str, Any]:
    """One step for the player: its numbers, and each modality as `modality` gives it.

    A step of what is made block by block, such as a number of several digits, has "block" besides, the one at work.
    """
    views = decoded(step, want)
    return {**where(lane, step), **views, **{m: {**noisy(step, m), **noise_seen(step, m), **views[m]} for m in want}}


def noise_seen(step: Step, name: str) -> dict[str, Any]:
    """What x_t looks like at once: pictures only, since to decode a sound takes as long as a step."""
    if name != "image" or isinstance(step, BlockStep):
        return {}
    return {"x": shown(name, step.preview(name, "x"))}


def listed_steps(steps: int) -> list[int]:
    """Steps whose numbers stand in "How it works": the same on every machine, however fast."""
    return sorted({1 + round(i * (steps - 1) / 4) for i in range(5)})


def pending_frame(lane: str, step: SamplingStep, want: tuple[str, ...], measured: bool = False) -> dict[str, Any]:
    """A step that is to be decoded later: "pending", with the predicted x0 of each modality as it is, "clean".

    What keeps tokens of its own (a word made first, an edit) is decoded at once: its latents do not tell which. A step
    of nothing else is complete.

    Args:
        measured: whether its distance to the codes has to be known at once.
    """
    now = decoded(step, [m for m in want if m in step.kept])
    views = {m: now.get(m) or {"clean": fp16_base64(step.x0[m])} for m in want}
    pending = {"pending": True} if any("clean" in view for view in views.values()) else {}
    distance = {m: finite(step.code_distance.get(m), DIGITS) for m in want} if measured else now["distance"]
    head = {**where(lane, step), **pending, "distance": distance}
    return {**head, **{m: {**noisy(step, m), **views[m]} for m in want}}


def where(lane: str, step: Step) -> dict[str, Any]:
    """Which step this is, how far it is, and how much has changed."""
    return {
        **({"block": step.block} if isinstance(step, BlockStep) and step.blocks > 1 else {}),
        "lane": lane,
        "i": int(step.index),
        "t": finite(step.t, DIGITS),
        "change": finite(step.change, DIGITS) if step.index > 1 else None,
    }


def noisy(step: Step, name: str) -> dict[str, Any]:
    """x_t of one modality, as it is.

    Decoding every x_t too would make a run slower by a third; the page asks for those that did not come decoded
    (`noise_seen`) when somebody wants to see them (`decode_noisy`).
    """
    return {"latent": fp16_base64(step.x[name])}


def decoded(step: Step, want: Iterable[str]) -> dict[str, Any]:
    """What only the codes of a step tell: "distance" to them, and each modality as `modality` gives it."""
    names = tuple(want)
    distance = {m: finite(step.code_distance.get(m), DIGITS) for m in names}
    return {"distance": distance, **{m: modality(step, m) for m in names}}


def modality(step: Step, name: str) -> dict[str, Any]:
    """One modality of a step: "x0", one data URI, sound or string a sample; "tokens" of x0, so that a stopped run
    has its tokens too. Text has "confidence" besides, where its decoder gives one.
    """
    views: dict[str, Any] = {"x0": clean(step, name)}
    views["tokens"] = [
        {"model": tokens.model, "shape": list(tokens.codes.shape), "packed": packed(tokens.codes)}
        for tokens in step.tokens(name)
    ]
    if name == "text" and not isinstance(step, BlockStep) and (rows := step.text_confidence(name)):
        views["confidence"] = [confidence(text, row) for text, row in zip(views["x0"], rows, strict=True)]
    if name == "text" and not isinstance(step, BlockStep) and (said := step.timeline(name)):
        views["frames"] = said
    return views


def clean(step: Step, name: str) -> list[Any]:
    """The predicted clean samples of a step.

    Of a number, strips have room for all its digits from the start, so that their size stays; sounds of a block
    at work are marked "part": the browser puts them after the blocks before, and the whole recording, decoded in
    one, comes with the last step of each block.
    """
    if not isinstance(step, BlockStep) or step.blocks == 1:
        return shown(name, step.preview(name))
    if name == "image":
        return [data_uri(widened(strip, step.blocks / (step.block + 1))) for strip in step.preview(name)]
    if step.step.last:
        return shown(name, step.preview(name))
    return [{**sound, "part": True} for sound in shown(name, step.part(name))]


def widened(strip: Image.Image, times: float) -> Image.Image:
    """A picture with black to its right."""
    page = Image.new("RGB", (round(strip.width * times), strip.height))
    page.paste(strip, (0, 0))
    return page


def shown(name: str, natives: Sequence[Any]) -> list[Any]:
    """Samples of one modality as the player takes them."""
    if name == "audio":
        return [sound_of(native) for native in natives]
    return [data_uri(native) if name == "image" else str(native) for native in natives]


def decode_noisy(model: JointDiffusion, request: Any) -> list[list[Any]]:
    """What x_t looks or sounds like: {"modality", "latents": [base64 fp16, one a step]} -> samples of each.

    Raises InputError for anything else than some latents of this model; anybody can post to it.
    """
    asked = request if isinstance(request, dict) else {}
    name = str(asked.get("modality"))
    sizes, z = _latents(model, name, asked.get("latents"))
    step = SamplingStep.of_latents(model.decoder, {name: z})
    views = iter(shown(name, step.preview(name, "x")))
    return [[next(views) for _ in range(size)] for size in sizes]


def decode_clean(model: JointDiffusion, request: Any) -> list[dict[str, Any]]:
    """What late steps look and sound like: {"latents": {modality: [base64 fp16, one a step]}} -> `decoded` of each.

    Raises InputError as `decode_noisy` does.
    """
    asked = request.get("latents") if isinstance(request, dict) else None
    if not isinstance(asked, dict) or not asked:
        raise InputError(f"Give 1 to {MAX_LATENTS} latents of each modality.")
    parts = {str(name): _latents(model, str(name), latents) for name, latents in asked.items()}
    sizes = next(iter(parts.values()))[0]
    if any(own != sizes for own, _ in parts.values()):
        raise InputError("Give as many samples of every modality.")
    steps = zip(*[z.split(sizes) for _, z in parts.values()], strict=True)
    x0s = [dict(zip(parts, step, strict=True)) for step in steps]
    return [decoded(SamplingStep.of_latents(model.decoder, x0), parts) for x0 in x0s]


def _latents(model: JointDiffusion, name: str, latents: Any) -> tuple[list[int], Tensor]:
    """Latents of some steps, as `fp16_base64` wrote them -> samples of each step, and all of them (n, D, *shape)."""
    if name not in tuple(model.streams) or not isinstance(latents, list) or not 1 <= len(latents) <= MAX_LATENTS:
        raise InputError(f"Give a modality of the model and 1 to {MAX_LATENTS} latents.")
    stream = model.streams[name]
    # Of variable length: one sample, whose length is what is left.
    shape = (1, stream.dim, -1) if model.frames[name].variable else (-1, stream.dim, *stream.shape)
    try:
        raw = [base64.b64decode(latent, validate=True) for latent in latents]
        steps = [np.frombuffer(part, np.float16).reshape(shape) for part in raw]
    except (TypeError, ValueError):
        raise InputError("A latent of this run is damaged.") from None
    sizes = [len(step) for step in steps]
    lengths = {step.shape[2:] for step in steps}
    if len(lengths) > 1 or not model.frames[name].takes(next(iter(lengths))):
        raise InputError("A latent of this run is damaged.")
    if sum(sizes) > MAX_LATENTS * MAX_SAMPLES or not all(sizes):
        raise InputError(f"A step can have 1 to {MAX_SAMPLES} samples.")
    return sizes, torch.from_numpy(np.nan_to_num(np.concatenate(steps)).astype(np.float32)).to(model.device)


def confidence(text: str, per_byte: Sequence[float]) -> list[float | None]:
    """How sure the decoder is of each character: the least probability among its bytes in UTF-8."""
    result, at = [], 0
    for character in text:
        length = 1 if character == "\ufffd" else len(character.encode("utf-8"))
        result.append(finite(min(per_byte[at : at + length], default=0.0), DIGITS))
        at += length
    return result


def sound_of(sound: tuple[int, np.ndarray]) -> dict[str, Any]:
    """A sound for the player: {"rate", "pcm"}."""
    rate, samples = sound
    return {"rate": int(rate), "pcm": pcm(samples)}


def codes(step: Step, name: str) -> list[dict[str, Any]]:
    """Tokens of the newest step, one a sample: {"model", "shape", "codes"} with the codes level by level."""
    return [
        {"model": tokens.model, "shape": list(tokens.codes.shape), "codes": tokens.codes.flatten().tolist()}
        for tokens in step.tokens(name)
    ]


def fp16_base64(z: Tensor) -> str:
    """A latent as base64 of little-endian fp16."""
    return to_base64(z.detach().cpu().to(torch.float16).contiguous().numpy())


def packed(values: Tensor) -> str:
    """Codes as base64 of little-endian uint16, level by level."""
    return to_base64(values.flatten().numpy().astype("<u2"))
