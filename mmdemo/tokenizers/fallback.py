"""Byte fallback: exact codes for four bytes that no sum of codewords spells.

Tokenizers of language models fall back on bytes for characters that their vocabulary lacks (Kudo & Richardson 2018,
"SentencePiece"); here positions do. Some codes of level 1 are templates: each says what one of its four bytes is, and
of which class the others are. In UTF-8 that says where characters begin. Which of its class each of the three is, the
two later levels tell, as three digits: the second level the first digit and half of the second, the third the rest.

There are two alphabets. With 64 symbols a digit, for 512 codes a level or more, a class is what has the same first two
of eight bits; or the letters and digits of base64 (RFC 4648), which hexadecimal, names and numbers are of, too. With
100, for 1,000 codes or more, all that can be printed of ASCII is one class.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STRIDE, LEVELS, CODES = 4, 3, 512
NEEDED = {64: CODES, 100: 1000}  # by the symbols of a digit: how many codes of a level its digits add up to
KINDS = 4  # by a byte's first two bits: ASCII below 0x40, ASCII from 0x40, continuation byte, first byte of a character
OPEN = 256  # template entries from here on say a class only: first the kinds, then
LETTER = OPEN + KINDS  # … a letter or digit of base64,
PRINTABLE = LETTER + 1  # … or anything of ASCII but most control characters
LETTERS = torch.tensor(sorted(b"+/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"))
CLASSES = [*torch.arange(256).view(KINDS, 64), LETTERS, torch.tensor([0, 9, 10, 13, *range(32, 128)])]
SIZES = torch.tensor([len(c) for c in CLASSES])
SYMBOLS = torch.stack([torch.cat([c, c[-1:].expand(100 - len(c))]) for c in CLASSES])  # (classes, 100), sorted
PLACES = torch.stack([torch.full((256,), -1).scatter(0, c, torch.arange(len(c))) for c in CLASSES])  # -1: not of it
NONE, UNUSED = -1, -2  # an ordinary codeword; a template that fits nothing
KNOWN = 2 * len(CLASSES)  # a byte of which all is said, see `ByteFallback.known`
CLASS_SIGNS = "◦◦▹▸▫◦"  # how an open byte of each class is shown


class ByteFallback(nn.Module):
    """Which codes of level 1 are templates, and what codes stand for where level 1 is one.

    ``templates`` (K, 4) int64 has a row for every code of level 1: one entry 0..255, a byte, and three entries ``OPEN``
    + class; or all ``NONE`` for a code that is an ordinary codeword.

    Args:
        codes: K, of every level. symbols: of a digit, 64 or 100.
    """

    templates: Tensor
    _group: Tensor
    _last: Tensor

    def __init__(self, codes: int = CODES, symbols: int = 64) -> None:
        super().__init__()
        self.symbols, self.root = symbols, NEEDED[symbols] // symbols  # a digit is two of ``root`` values
        self.register_buffer("templates", torch.full((codes, STRIDE), NONE))
        group, last = torch.zeros(2, KNOWN + 1, 256, dtype=torch.long)
        count = 1  # 0: bytes that are not of the class
        for share in range(len(group)):
            for possible in self._possible(share):
                group[share, possible], last[share, possible], count = count, possible[-1], count + 1
        self._groups = count
        self.register_buffer("_group", group, persistent=False)  # by `share` of `known` and byte: a number
        self.register_buffer("_last", last, persistent=False)  # … and the highest byte of that group

    @property
    def taken(self) -> Tensor:
        """(K,) bool: codes of level 1 that are templates."""
        return self.templates[:, 0] != NONE

    def encode(self, spans: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 4) bytes -> codes (N, 3) int64, and whether a template fits (N,) bool; codes without one mean nothing."""
        number = self.taken.nonzero()[:, 0]  # (F,)
        if not len(number):
            return spans.new_zeros(len(spans), LEVELS), torch.zeros(len(spans), dtype=torch.bool, device=spans.device)
        patterns, places = self.templates[number], PLACES.to(spans.device)  # (F, 4), (classes, 256)
        fits = []
        for part in spans.split(1 << 13):
            each = [part[:, None] == patterns]
            each += [((places[c][part] >= 0)[:, None] & (patterns == OPEN + c)) for c in self._classes]
            fits.append(torch.stack(each).any(0).all(2).int().max(1))
        found = torch.cat([f.values for f in fits]).bool()
        first = number[torch.cat([f.indices for f in fits])]  # (N,)
        template = self.templates[first]  # (N, 4)
        is_open = template >= OPEN
        place = places[(template - OPEN).clamp(min=0), spans].clamp(min=0)  # (N, 4)
        digit = torch.zeros_like(place[:, 1:]).scatter_add_(1, _rank(is_open), place * is_open)  # (N, 3)
        a, b, c = digit.unbind(1)
        return torch.stack([first, a * self.root + b // self.root, b % self.root * self.symbols + c], 1), found

    @property
    def _classes(self) -> range | list[int]:
        """The classes that templates of this alphabet name."""
        return range(len(CLASSES)) if self.symbols == 100 else range(KINDS + 1)

    def known(self, codes: Tensor, num_levels: Tensor) -> tuple[Tensor, Tensor]:
        """What codes (N, 3) whose first is a template say with their first ``num_levels`` (N,) levels.

        Returns:
            bytes (N, 4) int64, of those that are possible still the lowest; and ``share`` (N, 4) int64, how much is
            said of each: twice the number of its class, one more where half a digit is said, or `KNOWN`.
        """
        template = self.templates[codes[:, 0]]  # (N, 4)
        is_open, kind = template >= OPEN, (template - OPEN).clamp(min=0)
        codes = codes % NEEDED[self.symbols]  # another one, painted beside a template, means one of these
        second, third = codes[:, 1] * (num_levels > 1), codes[:, 2] * (num_levels > 2)  # (N,)
        a, b = second // self.root, second % self.root * self.root + third // self.symbols
        digit = torch.stack([a, b, third % self.symbols], 1)  # (N, 3)
        said = torch.tensor([[0, 0, 0], [2, 1, 0], [2, 2, 2]], device=codes.device)[num_levels - 1]  # (N, 3)
        rank = _rank(is_open)
        said = torch.where(is_open, said.gather(1, rank), 2)  # (N, 4)
        most = SIZES.to(codes.device)[kind] - 1  # a digit beyond its class means the last there is
        most = torch.where(said == 1, most // self.root * self.root, most)
        place = digit.gather(1, rank).minimum(most)  # (N, 4)
        byte = torch.where(is_open, SYMBOLS.to(codes.device)[kind, place], template)
        return byte, torch.where(said < 2, 2 * kind + said, KNOWN)

    def _possible(self, share: int) -> Sequence[Tensor]:
        """By ``share`` of `known`, the groups of bytes of which nothing more is known: a class, some of it, or one."""
        if share == KNOWN:
            return torch.arange(256).split(1)
        return CLASSES[share // 2].split(self.root if share % 2 else self.symbols)

    def means(self, vectors: Tensor) -> Tensor:
        """Vectors of the bytes (256, D) -> by ``share`` of `known` and byte, the mean of what it may still be.

        Returns:
            (shares, 256, D); a byte that is known has its own vector, to the bit.
        """
        rows, group = vectors.repeat(len(self._group), 1), self._group.flatten()  # (shares * 256, D)
        total = torch.zeros(self._groups, vectors.shape[1] + 1, device=vectors.device, dtype=vectors.dtype)
        total.index_add_(0, group, F.pad(rows, (0, 1), value=1.0))  # the last column counts
        return (total[:, :-1] / total[:, -1:])[self._group]

    def describe(self, codes: Sequence[int]) -> list[str]:
        """What the codes of one position say, level by level, where the first is a template.

        "▹▹E5▹" is a template whose third byte is E5, in hexadecimal; "▹" stands for a byte that continues a character,
        "▸" for one that begins one, "◦" for ASCII. A later level says bytes that it completes, or between which two
        one lies.
        """
        return self.describe_each([codes])[0]

    def describe_each(self, columns: Sequence[Sequence[int]]) -> list[list[str]]:
        """`describe` for the codes of many positions, all of as many levels."""
        if not columns:
            return []
        templates = self.templates.tolist()
        said = [["".join(CLASS_SIGNS[v - OPEN] if v >= OPEN else _byte(v) for v in templates[c[0]])] for c in columns]
        before = self._ranges([column[:1] for column in columns])
        for level in range(2, len(columns[0]) + 1):
            now = self._ranges([column[:level] for column in columns])
            for row, old, new in zip(said, before, now, strict=True):
                news = [sorted(set(b)) for a, b in zip(old, new, strict=True) if a != b]
                row.append(",".join("–".join(f"{v:02X}" for v in ends) for ends in news))
            before = now
        return said

    def ranges(self, codes: Sequence[int]) -> list[tuple[int, int]]:
        """Between which two bytes each of the four lies, by the codes of the first levels: [(lowest, highest), …]."""
        return self._ranges([codes])[0]

    def _ranges(self, columns: Sequence[Sequence[int]]) -> list[list[tuple[int, int]]]:
        levels = len(columns[0])
        codes = torch.tensor([[*column, *[0] * (LEVELS - levels)] for column in columns], device=self.templates.device)
        byte, share = self.known(codes, torch.full_like(codes[:, 0], levels))
        high = self._last[share, byte]
        return [list(zip(*pair, strict=True)) for pair in zip(byte.tolist(), high.tolist(), strict=True)]


def _byte(value: int) -> str:
    return chr(value) if 0x20 <= value < 0x7F else f"{value:02X}"


def _rank(is_open: Tensor) -> Tensor:
    """(N, 4) bool -> which of the three open bytes each is, (N, 4); the one that is not open gets any."""
    return (is_open.cumsum(1) - 1).clamp(min=0)


def choose(spans: Tensor, weight: Tensor, count: int, symbols: int = 64) -> Tensor:
    """The templates that fit most of what is given, one after the other, each by what those before it leave.

    Four fit a span, one for each byte that it may give in full; with 64 symbols four more fit letters and digits alone.

    Args:
        spans: (N, 4) bytes. weight: (N,) what each counts. count: how many to choose. symbols: of a digit.

    Returns:
        (F, 4) int64 rows of ``ByteFallback.templates``, F <= ``count``.
    """
    places = PLACES.to(spans.device)
    kinds, printable = spans >> 6, PRINTABLE - OPEN
    if symbols == 100:
        kinds = torch.where(places[printable][spans] >= 0, printable, kinds)
    shape = (kinds * len(CLASSES) ** torch.arange(STRIDE, device=spans.device)).sum(1)  # (N,) the four classes
    place = torch.arange(STRIDE, device=spans.device)
    keys = (shape[:, None] * STRIDE + place) * 256 + spans  # (N, 4)
    letters = (places[LETTER - OPEN][spans] >= 0).all(1, keepdim=True) & (symbols == 64)
    base = len(CLASSES) ** STRIDE * STRIDE * 256  # keys from here on are of templates with letters
    both = torch.cat([keys, torch.where(letters, base + place * 256 + spans, keys)], 1)  # (N, 8)
    keys, which = both.unique(return_inverse=True)  # (M,), (N, 8)
    again = torch.cat([torch.zeros_like(spans, dtype=torch.bool), (~letters).expand(-1, STRIDE)], 1)
    left, rows = weight.clone(), []
    for _ in range(count):
        gain = torch.zeros(len(keys), dtype=left.dtype, device=left.device)
        for p in range(2 * STRIDE):
            gain.index_add_(0, which[:, p], left * ~again[:, p])
        best = gain.argmax()
        if gain[best] <= 0:
            break
        fits = (which == best).any(1)
        example = fits.nonzero()[0, 0]
        full, kind = int(keys[best] // 256 % STRIDE), OPEN + kinds[example]
        others = torch.full_like(kind, LETTER) if keys[best] >= base else kind
        rows.append(torch.where(place == full, spans[example], others))
        left[fits] = 0
    return torch.stack(rows) if rows else spans.new_zeros(0, STRIDE)
