"""From a diffusion model to files: what `mmdemo generate` does."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import InputError
from .loading import load

if TYPE_CHECKING:
    from .diffusion.joint import JointDiffusion
    from .diffusion.settings import SamplingSettings
    from .diffusion.step import SamplingStep
    from .digits.number import NumberStep

SUFFIX = {"image": ".png", "audio": ".wav", "text": ".txt"}


def generate_files(
    name: str,
    given: dict[str, Any],
    want: Sequence[str] | None,
    folder: Path,
    settings: SamplingSettings,
    device: str,
) -> dict[str, Any]:
    """Sample, and write each result to ``folder`` as sample-<i>.<suffix>, with settings.json beside them.

    Returns:
        {"model", "settings", "given", "items": [{"sample", "modality", "output", "text"?}]}
    """
    model = _joint(name, device)
    step = deque(model.sample(given, want, settings), maxlen=1)[0]
    shown = {k: str(v) for k, v in given.items() if v is not None}
    return _write(model, step, folder, {"settings": settings.as_dict(model.interface.style), "given": shown})


def generate_number_files(
    name: str,
    number: str,
    want: Sequence[str] | None,
    folder: Path,
    settings: SamplingSettings,
    device: str,
) -> dict[str, Any]:
    """A number of up to 8 digits as one strip picture and one recording a sample; files as `generate_files` has them.

    Args:
        want: "image", "audio" or both (None: both). settings: steps are those of each digit.

    Returns:
        {"model", "number", "settings", "items": [{"sample", "modality", "output"}]}
    """
    from .digits.number import sample_number

    model = _joint(name, device)
    step = deque(sample_number(model, number, want or ("image", "audio"), settings), maxlen=1)[0]
    return _write(model, step, folder, {"number": step.text, "settings": settings.as_dict(model.interface.style)})


def _joint(name: str, device: str) -> JointDiffusion:
    from .diffusion.joint import JointDiffusion

    model = load(name, device)
    if not isinstance(model, JointDiffusion):
        raise InputError(f"{name!r} is a tokenizer; generation needs a diffusion model, for example digits.")
    return model


def _write(
    model: JointDiffusion, step: SamplingStep | NumberStep, folder: Path, asked: dict[str, Any]
) -> dict[str, Any]:
    """The last step's samples as files, with what was asked for beside them in settings.json."""
    folder.mkdir(parents=True, exist_ok=True)
    items = []
    for modality in step.x0:
        for i, native in enumerate(step.preview(modality)):
            path = model.codecs[modality].files.save(native, folder / f"sample-{i}{SUFFIX[modality]}")
            item = {"sample": i, "modality": modality, "output": str(path)}
            items.append({**item, "text": native} if modality == "text" else item)
    record = {"model": model.name, **asked}
    (folder / "settings.json").write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return {**record, "items": items}
