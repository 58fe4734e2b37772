"""A small sentence encoder: hashed words and parts of words -> one vector, near for texts that mean the same.

Text tokens spell; that "kitty" is a cat, no spelling says. So a large sentence encoder (MiniLM, Wang et al. 2020;
Reimers & Gurevych 2019) is distilled into a table: every word, its character n-grams, and pairs of neighbouring words
are hashed to rows (fastText, Bojanowski et al. 2017), and a perceptron reads their weighted mean. There is no
vocabulary, so a word never seen is read by its parts, and Chinese by its characters and their pairs.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import checkpoints
from ..config import CodebookSize, Width, settings

MAX_CHARACTERS = 256  # of a prompt; what follows is not read

_WORDS = re.compile(r"[^\W_]+")
_CHINESE = re.compile("[\u3400-\u9fff\uf900-\ufaff]+")


@settings
class PromptEncoderConfig:
    """Sizes of the encoder."""

    buckets: CodebookSize = 24_576  # rows that parts of words are hashed to
    dim: Width = 96  # of a row
    width: Width = 256
    out: Width = 128  # of the vector


def parts(text: str) -> list[str]:
    """What of a text is looked up: words, pairs of neighbours, and character n-grams of 3 to 5 with word ends marked.

    Of Chinese, which has no spaces: every character, and every two and three in a row.
    """
    text = unicodedata.normalize("NFKC", text[:MAX_CHARACTERS]).lower()
    found: list[str] = []
    words: list[str] = []
    for run in _WORDS.findall(text):
        for i, piece in enumerate(re.split(f"({_CHINESE.pattern})", run)):
            if not piece:
                continue
            if i % 2:
                found += [piece[a : a + n] for n in (1, 2, 3) for a in range(len(piece) - n + 1)]
                continue
            words.append(piece)
            marked = f"<{piece}>"
            found.append(f"w:{piece}")
            found += [marked[a : a + n] for n in (3, 4, 5) for a in range(len(marked) - n + 1)]
    found += [f"p:{a} {b}" for a, b in pairwise(words)]
    return found


@lru_cache(maxsize=50_000)
def rows(text: str, buckets: int) -> tuple[int, ...]:
    """Row of each part of a text, 1 … buckets; CRC-32, which is the same on every machine. Empty for no words."""
    return tuple(1 + zlib.crc32(part.encode("utf-8", "replace")) % buckets for part in parts(text))


class PromptEncoder(nn.Module):
    """Texts -> vectors (B, out) of mean square 1; a text without a word gives zeros."""

    def __init__(self, config: PromptEncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.table = nn.Embedding(config.buckets + 1, config.dim, padding_idx=0)
        self.weight = nn.Embedding(config.buckets + 1, 1, padding_idx=0)  # how much a part says: "cat" more than "with"
        self.read = nn.Sequential(
            nn.LayerNorm(config.dim),
            nn.Linear(config.dim, config.width),
            nn.GELU(),
            nn.Linear(config.width, config.width),
            nn.GELU(),
            nn.Linear(config.width, config.out),
        )
        nn.init.normal_(self.table.weight, std=0.1)
        nn.init.zeros_(self.weight.weight)

    @property
    def dim(self) -> int:
        """Size of a vector."""
        return self.config.out

    def forward(self, texts: Sequence[str]) -> Tensor:
        """Texts -> (B, out)."""
        found = [rows(text, self.config.buckets) for text in texts]
        longest = max(1, *(len(r) for r in found)) if found else 1
        index = torch.zeros(len(found), longest, dtype=torch.long)
        for i, r in enumerate(found):
            index[i, : len(r)] = torch.tensor(r, dtype=torch.long)
        return self.from_rows(index.to(self.table.weight.device))

    def from_rows(self, index: Tensor) -> Tensor:
        """(B, parts) rows, 0 where there is none -> (B, out)."""
        some = (index > 0).float()  # (B, P)
        share = self.weight(index).squeeze(-1).exp() * some  # (B, P)
        mean = (share[..., None] * self.table(index)).sum(1) / share.sum(1, keepdim=True).clamp(min=1e-6)  # (B, dim)
        vector = F.normalize(self.read(mean), dim=-1) * self.config.out**0.5  # (B, out)
        return vector * some.any(1, keepdim=True)


def prompt_encoder(**sizes: int) -> PromptEncoder:
    """An encoder as drawn, by the sizes of its config: what a joint model's ``[interface.conditions]`` names."""
    return PromptEncoder(PromptEncoderConfig(**sizes))


def load_prompt_encoder(folder: Path) -> PromptEncoder:
    """The encoder of a checkpoint folder. Raises InputError if it is damaged."""
    return checkpoints.load_model("prompt", PromptEncoder, folder)
