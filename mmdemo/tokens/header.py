"""The header of an ``.mmt`` file, and what it must agree with before anything is allocated."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..errors import InputError
from ..modalities import MODALITIES
from ..modalities.encodings import check_encoding

MAGIC, VERSION = b"MMT", 2
SHIPPED = ("", "image", "audio", "text")  # one-byte model ids, each of its own modality; 0 spells the name out
PACKED, PRIOR, EXACT, FILE, DEFLATED = range(5)
TEXTS = (EXACT, FILE, DEFLATED)  # codings that hold bytes, and no codes
MAX_NAME, MAX_LEVELS, MAX_SIZE = 255, 64, 1 << 20
# No more symbols than this are believed of a byte of payload: real files stay below 200, and deflate reaches 1032.
SYMBOLS_PER_BYTE, FEW = 2048, 256
MAX_SYMBOLS = 1 << 26


@dataclass(frozen=True)
class Header:
    """What stands before the payload; the shape is (levels, *positions), or (1, bytes) of a text kept without loss."""

    coding: int
    model: str
    modality: str
    shape: tuple[int, ...]
    prior_fingerprint: str = ""  # of the prior; "" where none is used
    size: int = 0  # K, of packed codes
    fingerprint: str = ""
    meta: dict[str, int] = field(default_factory=dict)
    encoding: str = "utf-8"

    @property
    def symbols(self) -> int:
        """Codes, or bytes of a text."""
        return math.prod(self.shape)

    def to_bytes(self) -> bytes:
        """Everything that stands before the payload."""
        known = SHIPPED.index(self.model) if self.model == self.modality and self.model in SHIPPED else 0
        out = MAGIC + bytes([VERSION, self.coding + 16 * known])
        if not known:
            out += _counted(self.model.encode()) + bytes([MODALITIES[self.modality].number])
        if self.coding in TEXTS:
            out += varint(self.shape[1]) + bytes.fromhex(self.prior_fingerprint)
            return out if self.coding == EXACT else out + _counted(self.encoding.encode("ascii"))
        out += bytes.fromhex(self.fingerprint + self.prior_fingerprint)
        if self.coding == PACKED:
            out += varint(self.size)
        return out + b"".join(map(varint, [*self.shape, *MODALITIES[self.modality].write_meta(self.meta)]))

    def problem(self, payload: int) -> str:
        """In what the file does not agree with itself: names, sizes, and as many bytes of payload as they take.

        Returns:
            the end of a sentence, "" where nothing is wrong.
        """
        return next(self._problems(payload), "")

    def _problems(self, payload: int) -> Iterator[str]:
        if not 0 < len(self.model.encode()) <= MAX_NAME or not self.model.isprintable():
            yield "its model has no proper name"
        if not MODALITIES[self.modality].takes(self.meta):
            yield f"the {self.modality} is not one that is taken ({_listed(self.meta)})"
        if not 1 <= self.shape[0] <= MAX_LEVELS:
            yield f"it has {self.shape[0]:,} levels, and at most {MAX_LEVELS} are possible"
        if self.coding not in TEXTS and not all(1 <= n <= s for n, s in zip(self.shape[1:], self._sizes, strict=True)):
            yield f"{' x '.join(map(str, self.shape[1:]))} positions do not fit its size ({_listed(self.meta)})"
        if self.symbols > MAX_SYMBOLS:
            yield f"it has {self.symbols:,} codes, and at most {MAX_SYMBOLS:,} are possible"
        if self.coding == PACKED and not 2 <= self.size <= MAX_SIZE:
            yield f"a codebook of {self.size:,} codes is not possible"
        elif self.coding == PACKED and payload != -(-self.symbols * code_bits(self.size) // 8):
            yield "its codes are not as many as it says"
        elif self.coding != PACKED and self.symbols > FEW + SYMBOLS_PER_BYTE * payload:
            yield "it announces far more than it can hold"
        if self.encoding != "utf-8":
            try:
                check_encoding(self.encoding)
            except InputError:
                yield "the encoding of its text is not known"

    @property
    def _sizes(self) -> list[int]:
        """Of the input, along the axes of the positions."""
        modality = MODALITIES[self.modality]
        return [self.meta[key] for key in modality.meta_keys[: modality.axes]]


def _listed(meta: dict[str, int]) -> str:
    return ", ".join(f"{key.replace('_', ' ')} {value:,}" for key, value in meta.items())


def _modality(number: int) -> str:
    """The modality of that number. Raises ValueError where there is none."""
    for name, modality in MODALITIES.items():
        if modality.number == number:
            return name
    raise ValueError


def parse(reader: Reader) -> Header:
    """The header at which ``reader`` stands, after magic and version; it is not checked yet.

    Raises:
        InputError: its coding is newer than this program.
        IndexError, ValueError: it is cut short or makes no sense.
    """
    first = reader.byte()
    coding, known = first % 16, first // 16
    model = SHIPPED[known] if known else reader.take(reader.varint()).decode()
    modality = model if known else _modality(reader.byte())
    if coding not in (PACKED, PRIOR, *TEXTS):
        raise InputError("This .mmt file is coded in a way this mmdemo does not know: it needs a newer one.")
    if coding in TEXTS:
        if not MODALITIES[modality].lossless:
            raise ValueError
        count = reader.varint()
        prior_fingerprint = "" if coding == DEFLATED else reader.take(2).hex()
        encoding = "utf-8" if coding == EXACT else reader.take(reader.varint()).decode("ascii")
        return Header(coding, model, modality, (1, count), prior_fingerprint, meta={"bytes": count}, encoding=encoding)
    fingerprint = reader.take(4).hex()
    prior_fingerprint, size = (reader.take(2).hex(), 0) if coding == PRIOR else ("", reader.varint())
    form = MODALITIES[modality]
    shape = (reader.varint(), *(reader.varint() for _ in range(form.axes)))
    meta = form.read_meta([reader.varint() for _ in form.meta_keys])
    return Header(coding, model, modality, shape, prior_fingerprint, size, fingerprint, meta)


class Reader:
    """A cursor over bytes; running past the end raises IndexError."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data, self.at = data, at

    def take(self, n: int) -> bytes:
        """The next ``n`` bytes."""
        if self.at + n > len(self.data):
            raise IndexError
        self.at += n
        return self.data[self.at - n : self.at]

    def byte(self) -> int:
        """The next byte."""
        return self.take(1)[0]

    def varint(self) -> int:
        """A LEB128 number below 2^63. Raises ValueError for a longer one."""
        value, shift = 0, 0
        while True:
            byte = self.byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
            if shift > 56:
                raise ValueError

    @property
    def left(self) -> int:
        """Bytes not taken yet."""
        return len(self.data) - self.at

    def rest(self) -> bytes:
        """All of them."""
        return self.take(self.left)


def varint(value: int) -> bytes:
    """A number as LEB128."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _counted(data: bytes) -> bytes:
    return varint(len(data)) + data


def code_bits(size: int) -> int:
    """Bits of one of ``size`` codes at fixed width."""
    return max(1, math.ceil(math.log2(size)))
