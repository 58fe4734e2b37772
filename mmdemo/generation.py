"""From a diffusion model to files: what `mmdemo generate` does."""

from __future__ import annotations

import hashlib
import json
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import __version__, checkpoints
from .errors import InputError
from .files import all_or_none, check_folder, no_empty_folder, shown, write_bytes
from .loading import load
from .modalities import MODALITIES, Item

if TYPE_CHECKING:
    from .diffusion.blocks import BlockStep
    from .diffusion.joint import JointDiffusion
    from .diffusion.settings import SamplingSettings
    from .diffusion.step import SamplingStep
    from .speech.request import SpeechRequest

RECORD = "settings.json"
_SAMPLE = re.compile(r"sample-\d+(-[\w-]+)?\.(png|wav|txt)")


def generate_files(
    name: str,
    given: dict[str, Any],
    want: Sequence[str] | None,
    folder: Path,
    settings: SamplingSettings,
    device: str,
    force: bool = False,
    mix: tuple[str, float] | None = None,
    spoken: SpeechRequest | None = None,
) -> dict[str, Any]:
    """Sample, and write each result to ``folder`` as sample-<i>.<suffix>, with settings.json beside them.

    Of two streams with files of one kind, the second's name stands in its files: sample-<i>-<stream>.<suffix>. The
    samples of an earlier run in ``folder`` are replaced, all of them. Pictures and sounds hold the same settings.

    Args:
        given: stream -> input; or the name of a modality, for a model that has one stream of it, however it is called.
        settings: the style "all" means a sample in each of the model's styles.
        force: also replace files of these names that no such run has made.
        mix: a second text to make things from at once, and its share of the guidance, 0 to 1.
        spoken: what only a model that speaks can be asked: whose voice, how fast.

    Returns:
        {"version", "model", "checkpoint", "settings", "given", "mix"?, "want", "files",
        "items": [{"sample", "modality", "output", "text"?}], "notes": sentences about what was given}

    Raises:
        InputError: ``folder`` cannot be written to or holds other files of these names (before anything is made), or
            as `JointDiffusion.sample`.
    """
    with _results(folder, force):
        model = _joint(name, device)
        settings = _in_all_styles(model, settings)
        if model.interface.form == "speech":
            if mix:
                raise InputError(f"The model {model.name!r} says one text at a time: two cannot be mixed.")
            return _spoken(model, given, want, folder, settings, spoken)
        if spoken is not None:
            raise InputError(f"The model {model.name!r} does not speak: it takes no voice and no pace.")
        others = [(_by_stream(model, {**given, "text": mix[0]}), mix[1])] if mix else []
        given = _by_stream(model, given)
        known = model.codecs  # of what is in none of them, `sample` says so
        items = {k: known[k].load(v) if k in known and isinstance(v, Path) else v for k, v in given.items()}
        step = deque(model.sample(items, want, settings, compose=others), maxlen=1)[0]
        asked = {
            "settings": settings.as_dict(model.interface.style),
            "given": {k: _described(v) for k, v in given.items() if v is not None},
            **({"mix": {"text": mix[0], "weight": mix[1]}} if mix else {}),
            "want": list(step.x0),
        }
        notes = [str(note) for item in items.values() if isinstance(item, Item) for note in item.notes]
        return {**_write(model, _previews(step), folder, asked), "notes": notes}


def generate_number_files(
    name: str,
    number: str,
    want: Sequence[str] | None,
    folder: Path,
    settings: SamplingSettings,
    device: str,
    force: bool = False,
) -> dict[str, Any]:
    """A number of up to 8 digits as one strip picture and one recording a sample; files as `generate_files` has them.

    Args:
        want: "image", "audio" or both (None: both). settings: steps are those of each digit.

    Returns:
        {"version", "model", "checkpoint", "number", "settings", "want", "files",
        "items": [{"sample", "modality", "output"}]}
    """
    from .digits.number import sample_number

    with _results(folder, force):
        model = _joint(name, device)
        wanted = tuple(want or ("image", "audio"))
        step = deque(sample_number(model, number, wanted, settings), maxlen=1)[0]
        style = model.interface.style
        asked = {"number": step.text, "settings": settings.as_dict(style), "want": list(wanted)}
        return _write(model, _previews(step), folder, asked)


def _spoken(
    model: JointDiffusion,
    given: dict[str, Any],
    want: Sequence[str] | None,
    folder: Path,
    settings: SamplingSettings,
    spoken: SpeechRequest | None,
) -> dict[str, Any]:
    """`generate_files` of a model that speaks: a sample for each seed, and voice, one after the other."""
    from .speech.request import SpeechRequest, made_of
    from .speech.speech import Speech

    speech = Speech.of(model)
    text, recording = given.get("text") or "", given.get("audio")
    if given.get("image") is not None:
        raise InputError(f"The model {model.name!r} takes no picture.")
    wanted = tuple(want) if want else made_of(bool(text), recording is not None)
    request = replace(spoken or SpeechRequest(), want=wanted, text=text, recording=recording)
    made: dict[str, list[Any]] = {name: [] for name in wanted}
    for i in range(settings.n):
        turn, style = divmod(i, len(settings.styles))
        own = replace(settings, n=1, seed=settings.seed + turn, style=settings.styles[style])
        step = deque(request.plan(speech, own).steps(), maxlen=1)[0]
        for name, natives in _previews(step).items():
            made[name] += natives
    recordings = {"audio": recording, "voice": request.voice}
    asked = {
        "settings": settings.as_dict(model.interface.style),
        "given": {
            **({"text": text} if text else {}),
            **{k: _described(v) for k, v in recordings.items() if v is not None},
            **({"says": request.says} if request.says else {}),
            **({"pace": request.pace} if request.pace != 1 else {}),
        },
        "want": list(wanted),
        "generated": "Made by a model: nobody said this.",
    }
    return {**_write(model, made, folder, asked), "notes": []}


def _previews(step: SamplingStep | BlockStep) -> dict[str, list[Any]]:
    return {name: step.preview(name) for name in step.x0}


def _joint(name: str, device: str) -> JointDiffusion:
    from .diffusion.joint import JointDiffusion

    model = load(name, device)
    if not isinstance(model, JointDiffusion):
        raise InputError(f"{name!r} is a tokenizer; generation needs a diffusion model, for example digits.")
    return model


def _by_stream(model: JointDiffusion, given: dict[str, Any]) -> dict[str, Any]:
    """What is given under a modality's name, under that of the one stream that takes it."""
    named = {}
    for name, source in given.items():
        of_kind = [k for k, codec in model.codecs.items() if codec.modality == name]
        known = name in model.streams or model.texts.read_by(name)
        named[name if known or len(of_kind) != 1 else of_kind[0]] = source
    return named


def _in_all_styles(model: JointDiffusion, settings: SamplingSettings) -> SamplingSettings:
    if settings.style != "all" or "all" in model.styles or not model.styles:
        return settings
    return replace(settings, style=model.styles, n=len(model.styles))


def _described(given: Any) -> str | dict[str, str]:
    """A text as it is; of a file its name, and a digest by which it can be told from others."""
    if not isinstance(given, Path):
        return str(given)
    return {"file": str(given), "sha256": hashlib.sha256(given.read_bytes()).hexdigest()}


@contextmanager
def _results(folder: Path, force: bool) -> Iterator[None]:
    """Before anything is made: whether results can go to ``folder`` without loss. Raises InputError."""
    with no_empty_folder(folder):
        _check(folder, force)
        yield


def _check(folder: Path, force: bool) -> None:
    check_folder(folder)
    strangers = {p.name for p in folder.iterdir() if _SAMPLE.fullmatch(p.name) or p.name == RECORD} - _earlier(folder)
    if strangers and not force:
        raise InputError(
            f"{shown(sorted(strangers)[0])} in {shown(folder)} is not of an earlier run: choose another folder, "
            "or --force."
        )


def _earlier(folder: Path) -> set[str]:
    """Names of the files that an earlier run has put there, by its own record."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        record = json.loads((folder / RECORD).read_text("utf-8"))
        listed = record.get("files")
        if listed is None:  # of mmdemo 0.1.0
            made = range(int(record["settings"]["n"]))
            suffixes = [m.save_suffixes[0] for m in MODALITIES.values()]
            listed = [f"sample-{i}{suffix}" for i in made for suffix in suffixes]
        return {RECORD, *(name for name in listed if _SAMPLE.fullmatch(name))}
    return set()


def _write(
    model: JointDiffusion, made: Mapping[str, Sequence[Any]], folder: Path, asked: dict[str, Any]
) -> dict[str, Any]:
    """Samples of each stream as files, with what was asked for beside them in settings.json and within them."""
    weights = checkpoints.fingerprint(model.network)
    record = {"version": __version__, "model": model.name, "checkpoint": weights, **asked}
    before, items = _earlier(folder), []
    first: dict[str, str] = {}  # suffix -> the stream whose files are named by it alone
    with all_or_none(folder) as parts:  # else a full disk would leave samples of two runs beside one record
        for modality, natives in made.items():
            for i, native in enumerate(natives):
                comment = json.dumps({**record, "sample": i}, ensure_ascii=False)
                processor = model.codecs[modality].processor
                suffix = processor.save_suffixes[0]
                kind = "" if first.setdefault(suffix, modality) == modality else f"-{modality}"
                file = processor.save(native, parts / f"sample-{i}{kind}{suffix}", comment)
                item: dict[str, Any] = {"sample": i, "modality": modality, "output": str(folder / file.name)}
                items.append({**item, "text": native} if isinstance(native, str) else item)
        record["files"] = sorted(Path(item["output"]).name for item in items)
        write_bytes(parts / RECORD, (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode())
    for name in before - {RECORD, *record["files"]}:  # what is left of it would not be of these settings
        (folder / name).unlink(missing_ok=True)
    return {**record, "items": items}
