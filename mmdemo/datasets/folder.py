"""Any folder of files as training data, through the loaders that ``encode`` reads a file with.

So a training sees what the finished model will be given: pictures turned upright, in sRGB and on a background, sounds
as 16 kHz mono, texts as UTF-8. What cannot be read, a picture also where a part of it is missing, is left out and said
by name; nothing else ends a night's run.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from torch import Tensor

from ..errors import InputError, MissingError
from ..modalities import MODALITIES, guess

SHOWN = 10  # files left out that are said by name
FILLED = {"cut_rows", "cut_coarse"}  # remarks of the loader about a picture whose missing part it filled in
T = TypeVar("T")


@dataclass
class Files(Generic[T]):
    """What was found in a folder.

    Attributes:
        items: of each file that could be read, what became of it.
        left_out: the others, and why.
    """

    items: dict[Path, T] = field(default_factory=dict)
    left_out: dict[Path, str] = field(default_factory=dict)

    def note(self) -> str:
        """Which files were left out, as lines; empty if none."""
        lines = [f"Left out: {path} ({why.rstrip('.')})" for path, why in list(self.left_out.items())[:SHOWN]]
        more = len(self.left_out) - SHOWN
        return "\n".join([*lines, *([f"… and {more} more"] if more > 0 else [])])


def list_files(folders: Iterable[Path]) -> list[Path]:
    """All files under some folders in a fixed order, without those of hidden folders.

    Raises:
        MissingError: a folder is not there.
    """
    found: list[Path] = []
    for folder in folders:
        if not folder.is_dir():
            raise MissingError(f"There is no folder {folder}: name another --data-dir.")
        for path in sorted(folder.rglob("*")):
            hidden = any(part.startswith(".") for part in path.relative_to(folder).parts[:-1])
            if not hidden and path.is_file():
                found.append(path)
    return list(dict.fromkeys(found))


def read_folder(folders: Iterable[Path], modality: str, convert: Callable[[Tensor], T]) -> Files[T]:
    """Every file under ``folders`` that is a picture, a sound or a text, as ``modality`` says.

    Args:
        convert: from the canonical tensor (see `modalities.base.Item`) to what is kept of it, one file after the other;
            an InputError leaves the file out.

    Raises:
        MissingError: a folder is not there, or has no such file.
    """
    folders = list(folders)
    files: Files[T] = Files()
    for path in list_files(folders):
        try:
            found = guess(path)
            if found != modality:
                raise InputError(f"not {MODALITIES[modality].noun} but {MODALITIES[found].noun}")
            item = MODALITIES[modality].load(path)
            for note in item.notes:
                if getattr(note, "key", "") in FILLED:
                    raise InputError(note)
            files.items[path] = convert(item.tensor)
        except InputError as error:
            files.left_out[path] = str(error)
        except Exception as error:  # whatever it is, it is no reason to do without the others
            files.left_out[path] = f"{type(error).__name__}: {error}"
    if not files.items:
        where = " or ".join(str(f) for f in folders)
        raise MissingError(
            f"There is not {MODALITIES[modality].noun} that can be trained on in {where}. {files.note()}".strip()
        )
    return files


def hold_out(names: Sequence[Path], share: float) -> tuple[list[Path], list[Path]]:
    """Split files in two, (to train on, held out), by their names alone: the same files each time, whatever is added.

    Args:
        share: of the files that are held out; at least one of two or more.
    """
    ranked = sorted(names, key=lambda path: hashlib.sha256(path.name.encode("utf-8", "surrogateescape")).digest())
    count = min(len(ranked) - 1, math.ceil(share * len(ranked))) if share else 0
    chosen = set(ranked[: max(0, count)])
    return [n for n in names if n not in chosen], [n for n in names if n in chosen]
