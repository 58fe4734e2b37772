"""The ``.mmt`` file: a few dozen bytes of header, then codes (or an exact text) under a learned prior.

Layout, version 2 (integers are LEB128 varints unless said otherwise):

    "MMT" | version (1 byte) | coding + 16 * model id (1 byte; id 0: a length, a UTF-8 name and a modality byte follow)
    | header of the coding | payload
    | CRC-32 of the content (4 bytes, big endian) | CRC-16 of everything before (2 bytes, big endian)

    PACKED: fingerprint of the tokenizer (4 bytes), K, levels, positions per axis, META; then ceil(log2 K) bits a code
    PRIOR:  the same without K, and 2 bytes that identify the prior; then the codes, range coded
    EXACT:  number of bytes, 2 bytes that identify the prior over bytes; then the bytes of a text, range coded

The CRC-16 finds damaged files. The CRC-32 is of what was *decoded* (codes as 32-bit little endian, or the text): should
a machine ever decode other codes than were written, it says so instead of showing a wrong picture.
"""

from __future__ import annotations

import binascii
import math
import struct
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..entropy import coder, store
from ..errors import InputError

if TYPE_CHECKING:
    from .tokens import Tokens

MAGIC, VERSION = b"MMT", 2
MODALITIES = ("image", "audio", "text")
SHIPPED = ("", "image", "audio", "text")  # one-byte model ids; 0 spells the name out
AXES = {"image": 2, "audio": 1, "text": 1}
META = {"image": ("height", "width"), "audio": ("samples", "sample_rate", "channels"), "text": ("bytes",)}
PACKED, PRIOR, EXACT = range(3)
MAX_CODES = 1 << 26  # refuse absurd headers before allocating anything


@dataclass(frozen=True)
class Coded:
    """A written file: its bytes, and how many of them are payload rather than header and checksums."""

    data: bytes
    payload: int


def write(tokens: Tokens) -> list[Coded]:
    """The files of `Tokens` cut to 1, 2, … all levels, each in the shortest coding there is a prior for."""
    prior = store.prior_for(tokens.model, tokens.fingerprint)
    short = coder.encode(tokens.codes, prior.network) if prior else []
    size, bits = tokens.codebook_size, code_bits(tokens.codebook_size)
    shape = [*tokens.positions, *(int(tokens.meta[k]) for k in META[tokens.modality])]
    files = []
    for levels in range(1, tokens.levels + 1):
        codes = tokens.codes[:levels]
        if prior and len(short[levels - 1]) < -(-codes.numel() * bits // 8):
            coding, payload = PRIOR, short[levels - 1]
            head = bytes.fromhex(tokens.fingerprint + prior.mark)
        else:
            coding, payload = PACKED, _pack(codes, bits)
            head = bytes.fromhex(tokens.fingerprint) + _varint(size)
        head += b"".join(map(_varint, [levels, *shape]))
        files.append(_sealed(_name(tokens, coding) + head, payload, _content(codes)))
    return files


def write_exact(tokens: Tokens) -> Coded:
    """The file of an exact text.

    Raises:
        InputError: it needs the prior over bytes, and its checkpoint is missing.
    """
    prior = store.prior_for_bytes()
    if prior is None:
        raise InputError("An exact text needs the checkpoint priors/bytes, which is not here; save it lossy.")
    text = tokens.exact
    symbols = torch.from_numpy(np.frombuffer(text, np.uint8).astype(np.int64))[None]  # (1, bytes)
    head = _name(tokens, EXACT) + _varint(len(text)) + bytes.fromhex(prior.mark)
    return _sealed(head, coder.encode(symbols, prior.network)[0], text)


def _name(tokens: Tokens, coding: int) -> bytes:
    known = SHIPPED.index(tokens.model) if tokens.model in SHIPPED[1:] else 0
    out = MAGIC + bytes([VERSION, coding + 16 * known])
    if known:
        return out
    name = tokens.model.encode()
    return out + _varint(len(name)) + name + bytes([MODALITIES.index(tokens.modality)])


def _sealed(head: bytes, payload: bytes, content: bytes) -> Coded:
    data = head + payload + struct.pack(">I", zlib.crc32(content))
    return Coded(data + struct.pack(">H", binascii.crc_hqx(data, 0)), len(payload))


def _content(codes: Tensor) -> bytes:
    return codes.numpy().astype("<u4").tobytes()


def read(data: bytes) -> dict[str, Any]:
    """File -> the arguments of `Tokens`.

    Raises:
        InputError: it is foreign, damaged, cut short, newer than this program, or needs a prior that is not here.
    """
    header, reader, checksum = _opened(data)
    try:
        return (_read_exact if header.coding == EXACT else _read_codes)(header, reader, checksum)
    except InputError:
        raise
    except (IndexError, ValueError, KeyError, UnicodeDecodeError, AssertionError) as error:
        raise InputError("This .mmt file is damaged: its header makes no sense.") from error


def symbols(data: bytes) -> int:
    """Codes, or bytes of an exact text, that a file announces: what decoding will cost, before it is paid.

    Raises InputError as `read`.
    """
    return math.prod(_opened(data)[0].shape)


@dataclass(frozen=True)
class _Header:
    """What stands before the payload; the shape is (levels, *positions), or (1, bytes) of an exact text."""

    coding: int
    model: str
    modality: str
    shape: tuple[int, ...]
    mark: str  # of the prior; "" for packed codes
    size: int = 0  # K, of packed codes
    fingerprint: str = ""
    meta: dict[str, int] = field(default_factory=dict)


def _opened(data: bytes) -> tuple[_Header, _Reader, int]:
    """The checked header of a file, a reader that stands at the payload, and the checksum of the content."""
    if data[:3] != MAGIC:
        raise InputError("This is not an .mmt file: it does not begin with MMT.")
    if len(data) < 5 or data[3] != VERSION:
        raise InputError(f"This .mmt file needs another mmdemo (known here: version {VERSION}).")
    if len(data) < 14 or binascii.crc_hqx(data[:-2], 0) != struct.unpack(">H", data[-2:])[0]:
        raise InputError("This .mmt file is damaged or cut short: its checksum does not match.")
    reader = _Reader(data[:-6], 4)
    try:
        header = _header(reader)
        if not 1 <= math.prod(header.shape) <= MAX_CODES:
            raise ValueError
    except (IndexError, ValueError, KeyError, UnicodeDecodeError) as error:
        raise InputError("This .mmt file is damaged: its header makes no sense.") from error
    return header, reader, struct.unpack(">I", data[-6:-2])[0]


def _header(reader: _Reader) -> _Header:
    coding, known = reader.byte() % 16, reader.data[4] // 16
    model = SHIPPED[known] if known else reader.take(reader.varint()).decode()
    modality = model if known else MODALITIES[reader.byte()]
    if coding not in (PACKED, PRIOR, EXACT):
        raise InputError("This .mmt file is coded in a way this mmdemo does not know: it needs a newer one.")
    if coding == EXACT:
        return _Header(coding, model, modality, (1, reader.varint()), reader.take(2).hex())
    fingerprint = reader.take(4).hex()
    mark, size = (reader.take(2).hex(), 0) if coding == PRIOR else ("", reader.varint())
    shape = (reader.varint(), *(reader.varint() for _ in range(AXES[modality])))
    meta = {key: reader.varint() for key in META[modality]}
    return _Header(coding, model, modality, shape, mark, size, fingerprint, meta)


def _read_codes(header: _Header, reader: _Reader, checksum: int) -> dict[str, Any]:
    shape, size, payload = header.shape, header.size, reader.rest()
    if header.coding == PACKED:
        if not 2 <= size <= 1 << 20:
            raise ValueError
        codes = _unpack(payload, math.prod(shape), code_bits(size)).reshape(shape)
    else:
        prior = store.prior_for(header.model, header.fingerprint)
        prior = _matching(prior, header.mark, f"the model {header.model!r} ({header.fingerprint})")
        size = prior.network.config.codebook_size
        if shape[0] > prior.network.config.levels:
            raise ValueError
        codes = coder.decode(payload, shape[0], shape[1:], prior.network)
    _verify(_content(codes), checksum)
    if int(codes.max()) >= size:
        raise ValueError
    out = {"model": header.model, "modality": header.modality, "fingerprint": header.fingerprint}
    return out | {"codes": codes, "codebook_size": size, "meta": header.meta}


def _read_exact(header: _Header, reader: _Reader, checksum: int) -> dict[str, Any]:
    count = header.shape[1]
    prior = _matching(store.prior_for_bytes(), header.mark, "the bytes of a text")
    text = coder.decode(reader.rest(), 1, (count,), prior.network)[0].numpy().astype(np.uint8).tobytes()
    _verify(text, checksum)
    none = torch.zeros(0, 1, dtype=torch.int64)  # 0 levels
    out = {"model": header.model, "modality": header.modality, "fingerprint": ""}
    return out | {"codes": none, "codebook_size": 2, "meta": {"bytes": count}, "exact": text}


def _matching(prior: store.StoredPrior | None, mark: str, what: str) -> store.StoredPrior:
    if prior is None or prior.mark != mark:
        have = f"the one here is {prior.mark}" if prior else "there is none here"
        raise InputError(f"This .mmt file was coded under another prior for {what} ({mark}); {have}.")
    return prior


def _verify(content: bytes, checksum: int) -> None:
    if zlib.crc32(content) != checksum:
        raise InputError("This .mmt file cannot be decoded here: what comes out does not match its checksum.")


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


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def code_bits(size: int) -> int:
    """Bits of one of ``size`` codes at fixed width."""
    return max(1, math.ceil(math.log2(size)))


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
