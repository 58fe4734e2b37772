"""The ``.mmt`` file: a few dozen bytes of header, then codes (or the bytes of a text) under a learned prior.

Layout, version 2 (integers are LEB128 varints unless said otherwise):

    "MMT" | version (1 byte) | coding + 16 * model id (1 byte; id 0: a length, a UTF-8 name and a modality byte follow)
    | header of the coding | payload
    | CRC-32 of the content (4 bytes, big endian) | CRC-16 of everything before (2 bytes, big endian)

    PACKED: fingerprint of the tokenizer (4 bytes), K, levels, positions per axis, META; then ceil(log2 K) bits a code
            (META: the modality's `write_meta`. Of a picture: height, width + 2^15 where it is grey. Of a sound:
            samples at 16 kHz, rate, and channels + 16 · the samples of its own rate that it lacks of the most that
            those stand for)
    PRIOR:  the same without K, and 2 bytes that identify the prior; then the codes, range coded
    EXACT:  number of bytes, 2 bytes that identify the prior over bytes; then the bytes of a text in UTF-8, range coded
    FILE:   the same, and an encoding (a length and a name); then the bytes of a text file as they are, range coded
    DEFLATED: number of bytes, the encoding; then the bytes of a text file, deflated (RFC 1951)

The CRC-16 finds damaged files. The CRC-32 is of what was *decoded* (codes as 32-bit little endian, or the bytes):
should a machine ever decode other codes than were written, it says so instead of showing a wrong picture.
What a header announces is checked (`header.Header.problem`) before anything is allocated.
"""

from __future__ import annotations

import binascii
import struct
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..entropy import coder
from ..entropy.priors import Priors, StoredPrior
from ..errors import InputError
from ..modalities import MODALITIES
from ..modalities.base import label, opened
from ..modalities.encodings import to_utf8
from .header import (
    DEFLATED,
    EXACT,
    FEW,
    FILE,
    MAGIC,
    PACKED,
    PRIOR,
    SYMBOLS_PER_BYTE,
    TEXTS,
    VERSION,
    Header,
    Reader,
    code_bits,
    parse,
)

if TYPE_CHECKING:
    from .tokens import Tokens

MAX_FILE_BYTES = 256 * 2**20
OTHER_CONTENT = "This .mmt file cannot be decoded here: what comes out does not match its checksum."


@dataclass(frozen=True)
class EncodedFile:
    """A written file: its bytes, and how many of them are payload rather than header and checksums."""

    data: bytes
    payload: int


def write(tokens: Tokens) -> list[EncodedFile]:
    """The files of `Tokens` cut to 1, 2, … all levels, each in the shortest coding there is a prior for.

    Raises:
        InputError: the tokens do not agree with themselves: no program could read their file.
    """
    size, form = tokens.codebook_size, MODALITIES[tokens.modality]
    meta = {k: int(tokens.meta[k]) for k in (*form.meta_keys, *form.rare_keys) if k in tokens.meta}
    if not tokens.count:
        raise InputError("Tokens without codes cannot be written.")
    if not 0 <= int(tokens.codes.min()) <= int(tokens.codes.max()) < size:
        raise InputError(f"Codes have to be 0 to {size - 1}; these are {tokens.codes.min()} to {tokens.codes.max()}.")
    prior = tokens.priors.for_codes(tokens.fingerprint)
    short = coder.encode(tokens.codes, prior.network) if prior else []
    bits = code_bits(size)
    files = []
    for levels in range(1, tokens.levels + 1):
        codes = tokens.codes[:levels]
        shape = (levels, *tokens.positions)
        head = Header(PACKED, tokens.model, tokens.modality, shape, "", size, tokens.fingerprint, meta)
        payload = None
        if prior:
            payload = _padded(short[levels - 1], codes.numel())
        if prior and payload is not None and len(payload) < -(-codes.numel() * bits // 8):
            head = replace(head, coding=PRIOR, prior_fingerprint=prior.fingerprint)
        else:
            payload = _pack(codes, bits)
        files.append(_sealed(head, payload, _content(codes)))
    return files


def write_exact(tokens: Tokens) -> EncodedFile:
    """The file of a text kept without loss, in the shortest coding: of its UTF-8, or of its file's own bytes."""
    content, prior = tokens.raw or tokens.lossless, tokens.priors.for_bytes()
    head = Header(DEFLATED, tokens.model, tokens.modality, (1, len(content)), meta={"bytes": len(content)})
    head = replace(head, encoding=str(tokens.meta.get("encoding", "utf-8")))
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    payload = deflate.compress(content) + deflate.flush()
    if prior:
        symbols = torch.from_numpy(np.frombuffer(content, np.uint8).astype(np.int64))[None]  # (1, bytes)
        short = _padded(coder.encode(symbols, prior.network)[0], len(content))
        if len(short) <= len(payload):
            payload = short
            head = replace(head, coding=FILE if tokens.raw else EXACT, prior_fingerprint=prior.fingerprint)
    return _sealed(head, payload, content)


def _padded(payload: bytes, symbols: int) -> bytes:
    """The coder drops zeros at the end; some are put back where a reader would not believe so short a payload."""
    return payload + bytes(max(0, -(-(symbols - FEW) // SYMBOLS_PER_BYTE) - len(payload)))


def _sealed(header: Header, payload: bytes, content: bytes) -> EncodedFile:
    if problem := header.problem(len(payload)):
        raise InputError(f"These tokens cannot be written: {problem}.")
    data = header.to_bytes() + payload + struct.pack(">I", zlib.crc32(content))
    return EncodedFile(data + struct.pack(">H", binascii.crc_hqx(data, 0)), len(payload))


def _content(codes: Tensor) -> bytes:
    return codes.numpy().astype("<u4").tobytes()


def read(data: bytes, priors: Priors) -> dict[str, Any]:
    """File -> the arguments of `Tokens`.

    Args:
        priors: of the tokenizer that made them.

    Raises:
        InputError: it is foreign, damaged, cut short, newer than this program, or needs a prior that is not here.
    """
    header, reader, checksum = _opened(data)
    found = (_read_text if header.coding in TEXTS else _read_codes)(header, reader.rest(), checksum, priors)
    return {**found, "priors": priors}


def contents(path: str | Path) -> bytes:
    """The bytes of an ``.mmt`` file. Raises InputError if it cannot be opened or is larger than any there is."""
    with opened(path, "an .mmt file is needed") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise InputError(f"{label(path)} has over {MAX_FILE_BYTES >> 20} MB, more than tokens take.")
    return data


def symbols(data: bytes) -> int:
    """Codes, or bytes of an exact text, that a file announces: what decoding will cost, before it is paid.

    Raises InputError as `read`.
    """
    return _opened(data)[0].symbols


class MadeBy(NamedTuple):
    """The tokenizer that made a file: its name, and 8 hex digits of its weights ("" of a text kept without loss)."""

    model: str
    fingerprint: str


def made_by(data: bytes) -> MadeBy:
    """Which tokenizer's codes a file has, and so whose `Priors` it is to be read with. Raises InputError as `read`."""
    header = _opened(data)[0]
    return MadeBy(header.model, header.fingerprint)


def modality(data: bytes) -> str:
    """What a file's tokens stand for: "image", "audio" or "text". Raises InputError as `read`."""
    return _opened(data)[0].modality


def _opened(data: bytes) -> tuple[Header, Reader, int]:
    """The checked header of a file, a reader that stands at the payload, and the checksum of the content."""
    if data[:3] != MAGIC:
        raise InputError("This is not an .mmt file: it does not begin with MMT.")
    if len(data) < 5 or data[3] != VERSION:
        raise InputError(f"This .mmt file needs another mmdemo (known here: version {VERSION}).")
    if len(data) < 14 or binascii.crc_hqx(data[:-2], 0) != struct.unpack(">H", data[-2:])[0]:
        raise InputError("This .mmt file is damaged or cut short: its checksum does not match.")
    reader = Reader(data[:-6], 4)
    try:
        header = parse(reader)
    except (IndexError, UnicodeDecodeError) as error:
        raise InputError("This .mmt file is damaged: its header makes no sense.") from error
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError("This .mmt file is damaged: its header makes no sense.") from error
    if problem := header.problem(reader.left):
        raise _damaged(problem)
    return header, reader, struct.unpack(">I", data[-6:-2])[0]


def _read_codes(header: Header, payload: bytes, checksum: int, priors: Priors) -> dict[str, Any]:
    shape, size = header.shape, header.size
    if header.coding == PACKED:
        codes = _unpack(payload, header.symbols, code_bits(size)).reshape(shape)
    else:
        found = priors.for_codes(header.fingerprint, header.prior_fingerprint)
        prior = _matching(found, header.prior_fingerprint, f"the model {header.model!r} ({header.fingerprint})")
        config = prior.network.config
        size = config.codebook_size
        if shape[0] > config.levels:
            raise _damaged(f"it has {shape[0]} levels, and {header.model!r} {config.levels}")
        if len(shape) - 1 != config.axes:
            raise _damaged(f"{header.model!r} ({header.fingerprint}) is no model for {header.modality}")
        codes = _decoded(payload, shape, prior)
    _verify(_content(codes), checksum)
    if int(codes.max()) >= size:
        raise _damaged(f"it has codes over {size - 1}, the highest it may have")
    out = {"model": header.model, "modality": header.modality, "fingerprint": header.fingerprint}
    return out | {"codes": codes, "codebook_size": size, "meta": header.meta}


def _read_text(header: Header, payload: bytes, checksum: int, priors: Priors) -> dict[str, Any]:
    count = header.shape[1]
    if header.coding == DEFLATED:
        content = _inflated(payload, count)
    else:
        prior = _matching(priors.for_bytes(header.prior_fingerprint), header.prior_fingerprint, "the bytes of a text")
        content = _decoded(payload, (1, count), prior).numpy().astype(np.uint8).tobytes()
    _verify(content, checksum)
    lossless, raw = content, b""
    meta: dict[str, Any] = {"bytes": count}
    if header.coding != EXACT:
        lossless = to_utf8(content, header.encoding)
        meta = {"bytes": len(lossless)}
        if lossless != content:
            raw, meta = content, {**meta, "encoding": header.encoding}
    none = torch.zeros(0, 1, dtype=torch.int64)  # 0 levels
    out = {"model": header.model, "modality": header.modality, "fingerprint": ""}
    return out | {"codes": none, "codebook_size": 2, "meta": meta, "lossless": lossless, "raw": raw}


def _decoded(payload: bytes, shape: tuple[int, ...], prior: StoredPrior) -> Tensor:
    try:
        return coder.decode(payload, shape[0], shape[1:], prior.network)
    except ValueError:
        raise InputError(OTHER_CONTENT) from None


def _inflated(payload: bytes, count: int) -> bytes:
    inflate = zlib.decompressobj(-15)
    try:
        content = inflate.decompress(payload, count + 1)
    except zlib.error:
        content = b""
    if len(content) != count or not inflate.eof or inflate.unused_data:
        raise _damaged("its text is not as long as it says")
    return content


def _matching(prior: StoredPrior | None, prior_fingerprint: str, what: str) -> StoredPrior:
    if prior is None or prior.fingerprint != prior_fingerprint:
        have = f"the one here is {prior.fingerprint}" if prior else "there is none here"
        raise InputError(f"This .mmt file was coded under another prior for {what} ({prior_fingerprint}); {have}.")
    return prior


def _damaged(problem: str) -> InputError:
    return InputError(f"This .mmt file is damaged or made up: {problem}.")


def _verify(content: bytes, checksum: int) -> None:
    if zlib.crc32(content) != checksum:
        raise InputError(OTHER_CONTENT)


def _pack(codes: Tensor, bits: int) -> bytes:
    """Codes -> bytes, ``bits`` bits each, most significant first."""
    values = codes.reshape(-1).numpy().astype(np.uint32)
    shifts = np.arange(bits - 1, -1, -1, dtype=np.uint32)
    return np.packbits(((values[:, None] >> shifts) & 1).astype(np.uint8).reshape(-1)).tobytes()


def _unpack(data: bytes, count: int, bits: int) -> Tensor:
    """The reverse of `_pack`, for as many bytes as `Header.problem` wants."""
    packed, codes, step = np.frombuffer(data, np.uint8), np.empty(count, np.int64), 1 << 20
    for start in range(0, count, step):  # in parts of whole bytes: single bits take much memory
        n = min(step, count - start)
        flat = np.unpackbits(packed[start * bits // 8 : -(-(start + n) * bits // 8)])[: n * bits].reshape(n, bits)
        codes[start : start + n] = flat.astype(np.int64) @ (1 << np.arange(bits - 1, -1, -1))
    return torch.from_numpy(codes)
