"""Text to train on: from the data folder, and from what any machine has installed (documentation, translations)."""

from __future__ import annotations

import csv
import gettext
import gzip
import random
import re
import sysconfig
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..digits import WORDS
from .data import need

LIMIT = 3_000_000  # bytes kept of each corpus


def gather(data_dir: Path, names: list[str]) -> dict[str, Tensor]:
    """Corpora by name as uint8 tensors (T,). Optional ones that this machine lacks are left out.

    Raises:
        InputError: "prose" (the only required one) is not in ``data_dir``.
    """
    sources: dict[str, Callable[[], str]] = {
        "prose": lambda: need(data_dir / "text" / "wikitext2-valid.txt", "wikitext2-valid").read_text("utf-8"),
        "code": _stdlib,
        "translations": _translations,
        "chinese": _chinese,
    }
    texts = {name: sources[name]().encode("utf-8", "ignore")[:LIMIT] for name in names}
    return {k: torch.from_numpy(np.frombuffer(t, np.uint8).copy()) for k, t in texts.items() if len(t) > 10_000}


def labels(data_dir: Path) -> list[Tensor]:
    """Short strings: emoji with their English and Chinese names (train split only)."""
    path = need(data_dir / "emoji" / "annotations.tsv", "emoji")
    rows = csv.DictReader(path.open(encoding="utf-8"), delimiter="\t", quoting=csv.QUOTE_NONE)
    strings = []
    for row in rows:
        if row["split"] == "train":
            strings += [row["label_en"], row["label_zh"], row["emoji"], row["tags_en"], row["tags_zh"]]
            strings.append(f"{row['emoji']} {row['label_en']} {row['label_zh']}")
    return _byte_strings(strings)


def digit_words() -> list[Tensor]:
    """The words for the ten digits, which the joint model writes: these must come back exactly."""
    return _byte_strings([w for words in WORDS for w in words])


def _byte_strings(strings: list[str]) -> list[Tensor]:
    return [torch.tensor(list(s.encode()), dtype=torch.uint8) for s in strings if s]


def _stdlib() -> str:
    """Source and documentation strings of Python's standard library (PSF licence)."""
    files = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))
    random.Random(0).shuffle(files)
    return "\n".join(f.read_text("utf-8", "ignore") for f in files)


def _translations() -> str:
    """Translated messages of installed programs, all languages mixed (each under its program's licence)."""
    files = sorted(Path("/usr/share/locale").glob("*/LC_MESSAGES/*.mo"))
    random.Random(0).shuffle(files)
    parts, size = [], 0
    for file in files:
        try:
            with file.open("rb") as opened:
                catalogue = gettext.GNUTranslations(opened)._catalog  # type: ignore[attr-defined]
        except (OSError, UnicodeDecodeError, ValueError, LookupError):
            continue  # a damaged catalogue is no reason to stop
        lines = [v for v in catalogue.values() if isinstance(v, str)]
        random.Random(1).shuffle(lines)
        parts.append("\n".join(lines[:60]))
        size += len(parts[-1])
        if size > LIMIT:
            break
    return "\n".join(parts)


def _chinese() -> str:
    """Chinese manual pages and the Debian reference, where they are installed."""
    files = sorted(Path("/usr/share/man/zh_CN").rglob("*.gz")) + sorted(
        Path("/usr/share/debian-reference").glob("*.zh-cn.txt.gz")
    )
    random.Random(0).shuffle(files)
    text = "\n".join(gzip.decompress(f.read_bytes()).decode("utf-8", "ignore") for f in files)
    return re.sub(r"^\.[^\n]*\n", "", text, flags=re.MULTILINE)  # typesetting commands are no Chinese
