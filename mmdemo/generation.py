"""From a diffusion model to files: what `mmdemo generate` does."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import api
from .errors import InputError

SUFFIX = {"image": ".png", "audio": ".wav", "text": ".txt"}


def generate_files(
    name: str,
    given: dict[str, Any],
    want: Sequence[str] | None,
    folder: Path,
    settings: dict[str, Any],
    device: str,
) -> dict[str, Any]:
    """Sample, and write each result to ``folder`` as sample-<i>.<suffix>, with settings.json beside them.

    Returns:
        {"model", "settings", "given", "items": [{"sample", "modality", "output", "text"?}]}
    """
    from .diffusion.joint import JointDiffusion

    model = api.load(name, device)
    if not isinstance(model, JointDiffusion):
        raise InputError(f"{name!r} is a tokenizer; generation needs a diffusion model, for example digits.")
    step = deque(model.sample(given, want, **settings), maxlen=1)[0]
    folder.mkdir(parents=True, exist_ok=True)
    items = []
    for modality in step.x0:
        for i, native in enumerate(step.preview(modality)):
            path = model.codecs[modality].files.save(native, folder / f"sample-{i}{SUFFIX[modality]}")
            item = {"sample": i, "modality": modality, "output": str(path)}
            items.append({**item, "text": native} if modality == "text" else item)
    shown = {k: str(v) for k, v in given.items() if v is not None}
    record = {"model": model.name, "settings": settings, "given": shown}
    (folder / "settings.json").write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return {**record, "items": items}
