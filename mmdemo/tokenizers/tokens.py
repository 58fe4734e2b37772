"""`Tokens`: the only thing that passes between tokenizers, editor, diffusion and disk; and its file, ``.mmt``.

File layout, version 1 (all integers are LEB128 varints unless said otherwise):

    "MMT" | version (1 byte) | model: id (1 byte; 0 = a length and a UTF-8 name follow) | modality (1 byte)
    | fingerprint of the weights (4 bytes) | K | levels | positions, per axis | what the modality needs to give
    its input back (see META) | coding (1 byte) | payload | CRC-32 of everything before (4 bytes, big endian)

Coding 0 packs each code in ceil(log2 K) bits. Coding 1 is the same, followed by corrections that make a text exact.
"""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError

MAGIC, VERSION = b"MMT", 1
MODALITIES = ("image", "audio", "text")
SHIPPED = ("", "image", "audio", "text")  # one-byte model ids; 0 spells the name out
AXES = {"image": 2, "audio": 1, "text": 1}
META = {"image": ("height", "width"), "audio": ("samples", "sample_rate", "channels"), "text": ("bytes",)}
PACKED, EXACT = 0, 1
MAX_CODES = 1 << 28  # refuse absurd headers before allocating anything


@dataclass(frozen=True)
class Tokens:
    """Codes of one picture, recording or text.

    Attributes:
        codes: (levels, *positions) int64; positions are (H/8, W/8) for images, (frames,) or (T/4,) otherwise.
        model: name of the checkpoint that made them; fingerprint: 8 hex digits of its weights.
        meta: what is needed to give the input back (height and width, samples and rates, bytes).
        corrections: what makes a text exact (see `corrections`); empty for a lossy one.
    """

    codes: Tensor
    model: str
    modality: str
    codebook_size: int
    fingerprint: str
    meta: dict[str, Any] = field(default_factory=dict)
    corrections: bytes = field(default=b"", repr=False)

    @property
    def levels(self) -> int:
        return self.codes.shape[0]

    @property
    def positions(self) -> tuple[int, ...]:
        return tuple(self.codes.shape[1:])

    @property
    def count(self) -> int:
        """Codes in all: levels x positions."""
        return self.codes.numel()

    @property
    def code_bits(self) -> int:
        """Bits of one code before entropy coding."""
        return max(1, math.ceil(math.log2(self.codebook_size)))

    @property
    def bits(self) -> int:
        """Bits of the codes as they are written to a file, without the header."""
        return self.count * self.code_bits + 8 * len(self.corrections)

    def truncate(self, levels: int) -> Tokens:
        """The coarsest ``levels`` of these tokens. Raises InputError outside 1..levels."""
        if not 1 <= levels <= self.levels:
            raise InputError(f"These tokens hold {self.levels} levels; ask for 1 to {self.levels}, not {levels}.")
        return self if levels == self.levels else replace(self, codes=self.codes[:levels], corrections=b"")

    def with_code(self, level: int, index: tuple[int, ...], code: int) -> Tokens:
        """A copy with one code changed. Raises InputError if the place or the code does not exist."""
        place = (level, *index)
        inside = len(place) == self.codes.ndim and all(0 <= p < n for p, n in zip(place, self.codes.shape, strict=True))
        if not inside or not 0 <= code < self.codebook_size:
            shape = " x ".join(map(str, self.codes.shape))
            raise InputError(
                f"There is no code {code} at {place}: tokens are {shape}, codes 0 to {self.codebook_size - 1}."
            )
        codes = self.codes.clone()
        codes[place] = code
        return replace(self, codes=codes, corrections=b"")

    def histogram(self) -> Tensor:
        """(levels, K) how often each code is used."""
        return torch.stack([torch.bincount(c.reshape(-1), minlength=self.codebook_size) for c in self.codes])

    def usage(self) -> list[float]:
        """Share of the codebook in use, per level."""
        return (self.histogram() > 0).float().mean(1).tolist()

    def perplexity(self) -> list[float]:
        """exp(entropy) of the code distribution, per level: how many codes are effectively in use."""
        share = self.histogram().double() / max(1, self.codes[0].numel())
        return torch.exp(-(share * share.clamp(min=1e-12).log()).sum(1)).tolist()

    # ------------------------------------------------------------------------------ bytes

    def to_bytes(self) -> bytes:
        """The contents of an ``.mmt`` file."""
        known = SHIPPED.index(self.model) if self.model in SHIPPED[1:] else 0
        out = bytearray(MAGIC) + bytes([VERSION, known])
        if not known:
            name = self.model.encode()
            out += _varint(len(name)) + name
        out += bytes([MODALITIES.index(self.modality)]) + bytes.fromhex(self.fingerprint)
        for value in (self.codebook_size, self.levels, *self.positions):
            out += _varint(value)
        for key in META[self.modality]:
            out += _varint(int(self.meta[key]))
        out += bytes([EXACT if self.corrections else PACKED]) + _pack(self.codes, self.code_bits) + self.corrections
        return bytes(out) + struct.pack(">I", zlib.crc32(out))

    @staticmethod
    def from_bytes(data: bytes) -> Tokens:
        """Read an ``.mmt`` file. Raises InputError if it is foreign, damaged, cut short, or newer than this program."""
        if data[:3] != MAGIC:
            raise InputError("This is not an .mmt file: it does not begin with MMT.")
        if len(data) < 5 or data[3] > VERSION:
            raise InputError(f"This .mmt file needs a newer mmdemo (known: version {VERSION}).")
        if len(data) < 16 or zlib.crc32(data[:-4]) != struct.unpack(">I", data[-4:])[0]:
            raise InputError("This .mmt file is damaged or cut short: its checksum does not match.")
        try:
            return _parse(_Reader(data[:-4], 4))
        except InputError:
            raise
        except (IndexError, ValueError, KeyError, UnicodeDecodeError) as error:
            raise InputError("This .mmt file is damaged: its header makes no sense.") from error

    def save(self, path: str | Path) -> Path:
        """Write an ``.mmt`` file."""
        path = Path(path)
        path.write_bytes(self.to_bytes())
        return path

    @staticmethod
    def load(path: str | Path) -> Tokens:
        """Read an ``.mmt`` file. Raises InputError as `from_bytes`, or if it cannot be opened."""
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise InputError(f"The file {Path(path).name!r} cannot be opened.") from error
        return Tokens.from_bytes(data)


class _Reader:
    """A cursor over bytes; running past the end raises IndexError."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data, self.at = data, at

    def take(self, n: int) -> bytes:
        if self.at + n > len(self.data):
            raise IndexError
        self.at += n
        return self.data[self.at - n : self.at]

    def byte(self) -> int:
        return self.take(1)[0]

    def varint(self) -> int:
        value, shift = 0, 0
        while True:
            byte = self.byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
            if shift > 56:
                raise ValueError

    def rest(self) -> bytes:
        return self.take(len(self.data) - self.at)


def _parse(reader: _Reader) -> Tokens:
    known = reader.byte()
    model = SHIPPED[known] if known else reader.take(reader.varint()).decode()
    modality = MODALITIES[reader.byte()]
    fingerprint = reader.take(4).hex()
    size, levels = reader.varint(), reader.varint()
    positions = tuple(reader.varint() for _ in range(AXES[modality]))
    meta = {key: reader.varint() for key in META[modality]}
    coding, payload = reader.byte(), reader.rest()
    shape = (levels, *positions)
    if not 2 <= size <= 1 << 20 or not 1 <= math.prod(shape) <= MAX_CODES:
        raise ValueError
    tokens = Tokens(torch.zeros(0), model, modality, size, fingerprint, meta)
    if coding not in (PACKED, EXACT):
        raise InputError("This .mmt file is coded in a way this mmdemo does not know: it needs a newer one.")
    packed = -(-math.prod(shape) * tokens.code_bits // 8)
    corrections = payload[packed:] if coding == EXACT else b""
    codes = _unpack(payload[: len(payload) - len(corrections)], math.prod(shape), tokens.code_bits)
    if codes.max() >= size:
        raise ValueError
    return replace(tokens, codes=codes.reshape(shape), corrections=corrections)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _pack(codes: Tensor, bits: int) -> bytes:
    """Codes -> bytes, ``bits`` bits each, most significant first."""
    values = codes.reshape(-1).numpy().astype(np.uint32)
    shifts = np.arange(bits - 1, -1, -1, dtype=np.uint32)
    return np.packbits(((values[:, None] >> shifts) & 1).astype(np.uint8).reshape(-1)).tobytes()


def _unpack(data: bytes, count: int, bits: int) -> Tensor:
    """The reverse of `_pack`. Raises ValueError if the length is not exactly right."""
    if len(data) != -(-count * bits // 8):
        raise ValueError
    flat = np.unpackbits(np.frombuffer(data, np.uint8))[: count * bits].reshape(count, bits).astype(np.int64)
    return torch.from_numpy(flat @ (1 << np.arange(bits - 1, -1, -1)))
