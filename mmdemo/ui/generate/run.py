"""From the settings of the Generate tab to a run of the model and its messages for the player."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image

from mmdemo.diffusion.interface import FORMS
from mmdemo.diffusion.joint import JointDiffusion
from mmdemo.diffusion.settings import SamplingSettings
from mmdemo.diffusion.suggestions import SUGGESTIONS
from mmdemo.digits.number import sample_number
from mmdemo.errors import InputError
from mmdemo.speech.request import Plan, SpeechRequest
from mmdemo.speech.speech import Speech
from mmdemo.ui.generate import mask as mask_text
from mmdemo.ui.generate.export import sheet, sound_from
from mmdemo.ui.generate.inputs import pack_picture, pack_sound, pack_uri, unpack_picture, unpack_sound
from mmdemo.ui.generate.messages import Step, messages, shown
from mmdemo.ui.generate.settings import MODALITIES, USES, Choices, Settings
from mmdemo.ui.shared.store import shortened


def choices_of(model: JointDiffusion, name: str = "") -> Choices:
    """What a model offers to the controls of this tab, by the interface in its checkpoint.

    Args:
        name: that a link has of it (its own if empty).

    Raises:
        InputError: its streams are not one of a kind by the name of that kind, which is what the controls are for, or
            it asks for another form than there is.
    """
    if model.interface.form not in ("", *FORMS):
        raise InputError(
            f"The model {model.name!r} asks for a form {model.interface.form!r}, which this page does not have. "
            "`mmdemo generate` takes any."
        )
    for stream, codec in model.codecs.items():
        if codec.modality != stream:
            raise InputError(
                f"The model {model.name!r} has a stream {stream!r}; this page shows streams by the names image, audio "
                "and text, one of each kind. `mmdemo generate` takes any."
            )
    shapes = {name: tuple(stream.shape) for name, stream in model.streams.items()}
    stride = model.codecs["text"].tokenizer.stride if "text" in shapes else 1
    text_bytes = stride * shapes["text"][0] if "text" in shapes else 0
    form, style = model.interface.form, model.interface.style
    usual = {k: v for k, v in asdict(model.interface.usual).items() if v != getattr(SamplingSettings, k)}
    seconds = 0.0
    if form == "speech":
        seconds = _speech(model).seconds
        usual["want"] = tuple(shapes)
    elif form != "digits":  # a picture of a text is what most want
        usual["want"] = ("image",) if "image" in shapes else tuple(shapes)
    asked = model.interface.suggestions
    return Choices(
        modalities=tuple(shapes),
        samplers=tuple(model.samplers),
        speakers=tuple(model.styles),
        shapes=shapes,
        text_bytes=text_bytes,
        form=form,
        style=style,
        usual=usual,
        model=name or model.name,
        suggestions=tuple(SUGGESTIONS[asked]()) if asked else (),
        seconds=seconds,
    )


def run(
    model: JointDiffusion, settings: Settings, device: str, draft: bool = False, note: str = ""
) -> Iterator[dict[str, Any]]:
    """Messages for the player. Inputs are checked before the first one.

    Args:
        device: its name, to show. draft: whether it is drawn while somebody types. note: what to say of the input.
    """
    given = native_inputs(settings)
    other = settings.second()
    runs = {"a": settings, "b": other} if other else {"a": settings}
    titles = settings.titles() if settings.vs else ("",)
    plans = {key: plan(model, one, given) for key, one in runs.items()} if settings.choices.speaks else {}
    parts = plans["a"].blocks if plans else len(settings.text) if settings.number else 0
    blocks = parts if parts > 1 else 0
    opening = {
        "model": settings.choices.model,
        "draft": draft,
        "note": note,
        "blocks": blocks,
        "speaks": bool(plans),
        "said": plans["a"].frames if plans else "",
        "lanes": [
            {
                "key": key,
                "title": title,
                "n": one.n,
                "steps": one.steps * max(1, blocks),
                "settings": one.plain(),
            }
            for (key, one), title in zip(runs.items(), titles, strict=True)
        ],
        "given": {
            **{name: shown(name, [native])[0] for name, native in given.items()},
            **({"mix": settings.mix, "shares": settings.shares} if settings.mix else {}),
        },
        "styles": list(model.styles) if settings.in_all_styles else [],
        "restyles": settings.choices.mixes and len(model.styles) > 1,
        "film": settings.film,
        "address": settings.query(shortened),
    }
    lanes: dict[str, Callable[[], Iterator[Step]]] = {key: made.steps for key, made in plans.items()}
    lanes = lanes or {key: sampler(model, one, given) for key, one in runs.items()}
    return messages(lanes, opening, settings.want, device)


@lru_cache(maxsize=2)
def _speech(model: JointDiffusion) -> Speech:
    return Speech.of(model)


def plan(model: JointDiffusion, settings: Settings, given: Mapping[str, Any]) -> Plan:
    """What a model that speaks makes of the settings. Raises InputError for what it cannot."""
    recording, masks = given.get("audio"), settings.masks()
    changed = bool(masks) or not settings.text or settings.use == USES[1]
    marked = masks["audio"].nonzero()[0].tolist() if masks else []
    request = SpeechRequest(
        want=settings.want,
        text=settings.text,
        recording=recording if changed else None,
        voice=None if changed else recording,
        says=settings.says,
        pace=settings.pace,
        again=(marked[0], marked[-1] + 1) if marked else None,
        allowed=settings.may_use,
    )
    return request.plan(_speech(model), SamplingSettings(**_usual(settings), style=settings.speaker or None))


def _usual(settings: Settings) -> dict[str, Any]:
    """Settings of the sampler that have the same names there."""
    return {name: getattr(settings, name) for name in ("n", "steps", "guidance", "sampler", "seed")}


def sampler(model: JointDiffusion, settings: Settings, given: dict[str, Any]) -> Callable[[], Iterator[Step]]:
    """What starts the run that the settings ask for."""
    usual: dict[str, Any] = {
        **_usual(settings),
        "want": settings.want,
        "style": tuple(model.styles) if settings.in_all_styles else settings.speaker or None,
    }
    if settings.number:
        return lambda: sample_number(model, settings.text, **usual)
    masks = settings.masks()
    known = {name: native for name, native in given.items() if name not in masks}
    compose = [({**known, "text": settings.mix}, settings.shares)] if settings.mix else []
    to_seed = settings.seed if settings.film else None if settings.to == "" else settings.to
    return lambda: model.sample(
        known,
        **usual,
        compose=compose,
        edit={name: given[name] for name in masks},
        keep={name: ~mask for name, mask in masks.items() if not mask.all()},
        strength=settings.strength if masks else SamplingSettings.strength,
        to_seed=to_seed if settings.n > 1 or not settings.film else None,
    )


def pictures_of(model: JointDiffusion, settings: Settings) -> list[Image.Image]:
    """The pictures that a run makes, all of a step on one sheet; none where it makes no pictures."""
    if "image" not in settings.want:
        return []
    return [sheet(step.preview("image")) for step in sampler(model, settings, {})()]


def native_inputs(settings: Settings) -> dict[str, Any]:
    """What is given, as the model takes it. Raises InputError for damaged codes."""
    return {name: native(name, getattr(settings, name)) for name in MODALITIES if getattr(settings, name)}


def native(modality: str, code: str) -> Any:
    """One input from its form in the settings. Raises InputError for a damaged code."""
    if modality == "text":
        return code
    return unpack_picture(code) if modality == "image" else unpack_sound(code)


def as_the_model_sees(model: JointDiffusion, codes: Mapping[str, str]) -> dict[str, Any]:
    """Inputs brought to the model's frame and through its tokenizers, as the player shows them.

    What cannot be used is left out: a run says why.

    Args:
        codes: modality -> the input in the form of the settings, "" for none.
    """
    seen = {}
    for name, code in codes.items():
        if not code or name not in model.streams:
            continue
        with suppress(InputError):
            tokens = model.frame(name, native(name, code))
            seen[name] = code if name == "text" else shown(name, [model.codecs[name].decode(tokens)])[0]
    return seen


def reused(sample: Any, seconds: float = 0.0) -> dict[str, str]:
    """A sample that the player hands back, to be worked on, in the form of the settings.

    Args:
        sample: {"image": data URI, "audio": sound, "text": string}, as the player was sent them; any may be missing.
        seconds: see `pack_sound`.

    Raises:
        InputError: it is no such thing; anybody can post it.
    """
    sample = sample if isinstance(sample, dict) else {}
    sound = sample.get("audio")
    text = sample.get("text")
    return {
        "text": text if isinstance(text, str) else "",
        "image": pack_uri(sample.get("image")),
        "audio": pack_sound(sound_from(sound), seconds=seconds) if sound else "",
    }


def remake_query(choices: Choices, modality: str, native: Any, mask: np.ndarray) -> str:
    """The address of a run that keeps an input and makes some places of it anew.

    Args:
        native: a picture, (sampling rate, samples), or a text. mask: (*positions) bool, true where it is made anew.

    Raises:
        InputError: the input is none that an address takes.
    """
    if modality == "text":
        code = str(native)
    else:
        code = pack_picture(native) if modality == "image" else pack_sound(native, seconds=choices.seconds)
    if not code:
        raise InputError("There is nothing to keep.")
    asked: dict[str, Any] = {modality: code, "edit": mask_text.written({modality: mask}), "want": (modality,)}
    return Settings(**{**choices.usual, **asked}, choices=choices).query(shortened)


def caption(model: JointDiffusion, picture: str) -> str:
    """What a model calls a picture (its code), in a few steps. Raises InputError for a model without texts."""
    steps = model.sample({"image": unpack_picture(picture)}, ("text",), n=1, steps=8, sampler="euler")
    return str(deque(steps, maxlen=1)[0].preview("text")[0]).strip()
