"""Byte fallback: exact codes for four bytes that no sum of codewords spells.

Tokenizers of language models fall back on bytes for characters that their vocabulary lacks (Kudo & Richardson 2018,
"SentencePiece"); here positions do, mostly in scripts with thousands of letters. Some codes of level 1 are templates:
each says what one of its four bytes is, and of which kind, the first two of eight bits, the others are. In UTF-8 that
says where characters begin. The 3 x 6 bits still open are the codes of the two later levels, 9 bits each.

Or the others are of the 64 letters and digits of base64 (RFC 4648), which hexadecimal, names and numbers are of, too:
their places among these are six bits as well.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

STRIDE, LEVELS, CODES = 4, 3, 512  # what the bits add up for: of more codes, templates use the first 512 of a level
KINDS = 4  # by a byte's first two bits: ASCII below 0x40, ASCII from 0x40, continuation byte, first byte of a character
OPEN = 256  # template entries from here on say a kind only
LETTER = OPEN + KINDS  # … and this one a letter or digit of base64
LETTERS = torch.tensor(sorted(b"+/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"))
PLACES = torch.full((256,), -1).scatter(0, LETTERS, torch.arange(64))  # of each byte among them; -1: it is none
NONE, UNUSED = -1, -2  # an ordinary codeword; a template that fits nothing
KIND_SIGNS = "◦◦▹▸▫"  # how an open byte of each kind is shown, a letter of base64 last


class ByteFallback(nn.Module):
    """Which codes of level 1 are templates, and what codes stand for where level 1 is one.

    ``templates`` (K, 4) int64 has a row for every code of level 1, at least 512: one entry 0..255, a byte, and three
    entries ``OPEN`` + kind or ``LETTER``; or all ``NONE`` for a code that is an ordinary codeword.
    """

    templates: Tensor

    def __init__(self, codes: int = CODES) -> None:
        super().__init__()
        self.register_buffer("templates", torch.full((codes, STRIDE), NONE))

    @property
    def taken(self) -> Tensor:
        """(K,) bool: codes of level 1 that are templates."""
        return self.templates[:, 0] != NONE

    def encode(self, spans: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 4) bytes -> codes (N, 3) int64, and whether a template fits (N,) bool; codes without one mean nothing."""
        number = self.taken.nonzero()[:, 0]  # (F,)
        if not len(number):
            return spans.new_zeros(len(spans), LEVELS), torch.zeros(len(spans), dtype=torch.bool, device=spans.device)
        patterns, places = self.templates[number], PLACES.to(spans.device)  # (F, 4), (256,)
        fits = []
        for part in spans.split(1 << 13):
            kind, letter = OPEN + (part >> 6), torch.where(places[part] >= 0, LETTER, NONE)
            each = [part[:, None] == patterns, kind[:, None] == patterns, letter[:, None] == patterns]
            fits.append((each[0] | each[1] | each[2]).all(2).int().max(1))
        found = torch.cat([f.values for f in fits]).bool()
        first = number[torch.cat([f.indices for f in fits])]  # (N,)
        is_open = self.templates[first] >= OPEN  # (N, 4)
        six = torch.where(self.templates[first] == LETTER, places[spans].clamp(min=0), spans & 63)
        payload = (six * is_open << _shift(is_open)).sum(1)  # (N,) 18 bits where a template fits
        return torch.stack([first, payload >> 9 & 511, payload & 511], 1), found

    def known(self, codes: Tensor, num_levels: Tensor) -> tuple[Tensor, Tensor]:
        """What codes (N, 3) whose first is a template say with their first ``num_levels`` (N,) levels.

        Returns:
            bytes (N, 4) int64, 0 in bits that are not said, and how much of each byte is: 0 its kind, 1 five bits of
            it, 2 all; 3 that it is a letter, 4 which eight of these it is among (`LETTERS`); (N, 4) int64.
        """
        template = self.templates[codes[:, 0]]  # (N, 4)
        is_open = template >= OPEN
        nine = codes % CODES  # a code that no template uses, painted beside one, means one that it does
        payload = (nine[:, 1] * (num_levels > 1) << 9) + nine[:, 2] * (num_levels > 2)  # (N,)
        shares = torch.tensor([[0, 0, 0], [2, 1, 0], [2, 2, 2]], device=codes.device)
        said = shares[num_levels - 1]  # (N, 3) of open bytes
        place = (is_open.cumsum(1) - 1).clamp(min=0)  # (N, 4) which open byte each is
        low = payload[:, None] >> _shift(is_open) & 63
        share, letter = torch.where(is_open, said.gather(1, place), 2), template == LETTER
        kind = (template - OPEN).clamp(0, KINDS - 1) << 6
        byte = torch.where(letter, LETTERS.to(low.device)[low], kind + low)
        return torch.where(is_open, byte, template), torch.where(letter & (share < 2), share + 3, share)

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
        said = [["".join(KIND_SIGNS[v - OPEN] if v >= OPEN else _byte(v) for v in templates[c[0]])] for c in columns]
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
        high = byte + torch.tensor([63, 7, 0, 0, 0], device=byte.device)[share]
        last = LETTERS[(PLACES[byte.cpu()].clamp(min=0) + torch.tensor([0, 0, 0, 63, 7])[share.cpu()]).clamp(max=63)]
        high = torch.where(share > 2, last.to(byte.device), high)
        return [list(zip(*pair, strict=True)) for pair in zip(byte.tolist(), high.tolist(), strict=True)]


def _byte(value: int) -> str:
    return chr(value) if 0x20 <= value < 0x7F else f"{value:02X}"


def _shift(is_open: Tensor) -> Tensor:
    """Where each open byte's low six bits (N, 4) are in the payload: the first open one's on top."""
    return 6 * (3 - is_open.cumsum(1)).clamp(0, 2)


def choose(spans: Tensor, weight: Tensor, count: int) -> Tensor:
    """The templates that fit most of what is given, one after the other, each by what those before it leave.

    Spans of letters and digits alone have eight that fit, others four: one for each byte that it may give in full.

    Args:
        spans: (N, 4) bytes. weight: (N,) what each counts. count: how many to choose.

    Returns:
        (F, 4) int64 rows of ``ByteFallback.templates``, F <= ``count``.
    """
    kinds = spans >> 6
    shape = (kinds * KINDS ** torch.arange(STRIDE, device=spans.device)).sum(1)  # (N,) the four kinds
    place = torch.arange(STRIDE, device=spans.device)
    keys = (shape[:, None] * STRIDE + place) * 256 + spans  # (N, 4)
    letters = (PLACES.to(spans.device)[spans] >= 0).all(1, keepdim=True)
    base = KINDS**STRIDE * STRIDE * 256  # keys from here on are of templates with letters
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
