"""How small an exact text becomes: bits per character of whole ``.mmt`` files, each piece of text coded alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from ..codec import Codec
from ..datasets.place import need
from ..metrics import Figure
from ..modalities.base import Item
from ..tokens import Tokens

# (set, file, characters a piece, most bits per character): the best of zlib, zstd and brotli on the same pieces
TARGETS = (
    ("WikiText-2 test", "wikitext2-test.txt", 256, 3.41),
    ("WikiText-2 test", "wikitext2-test.txt", 1024, 2.75),
    ("Shakespeare", "tinyshakespeare.txt", 256, 5.37),
    ("Shakespeare", "tinyshakespeare.txt", 1024, 4.04),
)
PIECES = 64  # pieces per figure, evenly spread over the text


def lossless_figures(codec: Codec, data_dir: Path, limit: int | None) -> list[Figure]:
    """Bits per character of exact files, against what general compressors need; every piece is decoded and compared."""
    figures = []
    for name, file, size, most in TARGETS:
        text = need(data_dir / "text" / file, file).read_text("utf-8")
        pieces = spread(text, size, min(PIECES, limit or PIECES))
        bits = [8 * len(_exact_file(codec, piece)) / size for piece in tqdm(pieces, desc=name, leave=False)]
        label = f"{name}, exact, {size} characters alone"
        figures.append(Figure.against(label, float(np.mean(bits)), most, "bits a character", len(pieces), True))
    return figures


def spread(text: str, size: int, count: int) -> list[str]:
    """Up to ``count`` pieces of ``size`` characters that do not overlap, evenly spread."""
    whole = len(text) // size
    picks = np.unique(np.linspace(0, whole - 1, min(count, whole)).round().astype(int))
    return [text[i * size : (i + 1) * size] for i in picks]


def _exact_file(codec: Codec, text: str) -> bytes:
    """The file of an exact text. Raises ValueError if it does not come back."""
    raw = text.encode()
    item = Item(torch.from_numpy(np.frombuffer(raw, np.uint8).copy()), {"bytes": len(raw)})
    out = codec.encode(item, 1, lossless=True).to_bytes()
    if Tokens.from_bytes(out).lossless != raw:
        raise ValueError("an exact text came back changed")
    return out
