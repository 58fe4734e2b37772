"""The .mmt reader on made-up files: what does not agree with itself is refused before it costs anything.

`MMDEMO_FUZZ` sets how many altered files are tried (CI: 300; by hand 100000 is a matter of minutes).
"""

import binascii
import os
import struct
import time
import tracemalloc
import zlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdemo.entropy.integer import IntegerPrior
from mmdemo.entropy.prior import CodePrior, PriorConfig
from mmdemo.entropy.priors import Priors, StoredPrior
from mmdemo.errors import InputError
from mmdemo.modalities.registry import MODALITIES
from mmdemo.tokens import Tokens, mmt
from mmdemo.tokens.header import DEFLATED, EXACT, FILE, PACKED, PRIOR, Header, varint

EXAMPLES = int(os.environ.get("MMDEMO_FUZZ", "300"))
MARK = "1234"
MINE, SHIPPED = "0123abcd", "0123abce"  # fingerprints


@pytest.fixture(scope="module", autouse=True)
def priors():
    """Small priors with random weights: over codes of "mine", and over bytes."""
    torch.manual_seed(0)
    offsets = [[0, -1], [-1, 0]]
    codes = CodePrior(PriorConfig("mine", MINE, 2, 3, 32, 4, 8, offsets, offsets)).requires_grad_(False)
    text = CodePrior(PriorConfig("", "", 1, 1, 256, 4, 8, [[-1]], [])).requires_grad_(False)
    codes, text = (StoredPrior(IntegerPrior(p), MARK) for p in (codes, text))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Priors, "for_codes", lambda self, tokenizer, wanted="": codes if tokenizer == MINE else None)
        patch.setattr(Priors, "for_bytes", lambda self, wanted="": text)
        yield


IMAGE = Header(PACKED, "image", "image", (2, 2, 3), "", 256, SHIPPED, {"height": 16, "width": 24})
SOUND = Header(
    PACKED, "audio", "audio", (2, 5), "", 256, SHIPPED, {"samples": 1600, "sample_rate": 8000, "channels": 2}
)
CODES = Header(PRIOR, "mine", "image", (3, 2, 3), MARK, 0, MINE, {"height": 16, "width": 24})
DEFLATED_TEXT = Header(DEFLATED, "text", "text", (1, 40), meta={"bytes": 40})
TEXT = Header(EXACT, "text", "text", (1, 40), MARK, meta={"bytes": 40})


def sealed(header: Header, payload: bytes, content: bytes = b"") -> bytes:
    body = header.to_bytes() + payload + struct.pack(">I", zlib.crc32(content))
    return body + struct.pack(">H", binascii.crc_hqx(body, 0))


def resealed(data: bytes) -> bytes:
    return data[:-2] + struct.pack(">H", binascii.crc_hqx(data[:-2], 0))


def changed(header: Header, **meta: int) -> Header:
    return replace(header, meta={**header.meta, **meta})


@pytest.mark.parametrize(
    "header, payload, reason",
    [
        (replace(TEXT, shape=(1, 15_000)), 2, "announces far more"),
        (replace(TEXT, shape=(1, 200_000)), 50, "announces far more"),
        (replace(TEXT, shape=(1, 1 << 26), meta={"bytes": 1 << 26}), 1 << 16, "not one that is taken"),
        (
            replace(TEXT, coding=DEFLATED, prior_fingerprint="", shape=(1, 9_000_000), meta={"bytes": 9_000_000}),
            9,
            "far more",
        ),
        (replace(TEXT, coding=FILE, encoding="rot13"), 40, "encoding"),
        (replace(CODES, shape=(3, 2000, 2000), meta={"height": 7000, "width": 7000}), 4, "announces far more"),
        (replace(CODES, shape=(4, 2, 3)), 9, "4 levels"),
        (replace(CODES, modality="audio", shape=(3, 5), meta=SOUND.meta), 9, "no model for audio"),
        (replace(IMAGE, shape=(200, 2, 3)), 1200, "200 levels"),
        (replace(IMAGE, shape=(0, 2, 3)), 0, "0 levels"),
        (replace(IMAGE, shape=(2, 0, 3)), 0, "positions"),
        (replace(IMAGE, shape=(2, 17, 3)), 102, "positions"),
        (replace(IMAGE, shape=(2, 2, 25)), 100, "positions"),
        (replace(IMAGE, shape=(64, 4096, 4096), meta={"height": 4096, "width": 4096}), 9, "at most 67,108,864"),
        (replace(IMAGE, size=1), 2, "codebook of 1"),
        (replace(IMAGE, size=1 << 21), 32, "codebook"),
        (IMAGE, 11, "as many as it says"),
        (IMAGE, 13, "as many as it says"),
        (changed(IMAGE, height=0), 12, "not one that is taken"),
        (changed(IMAGE, width=20_000), 12, "not one that is taken"),
        (changed(IMAGE, height=16_000, width=16_000), 12, "not one that is taken"),
        (changed(SOUND, sample_rate=0), 10, "not one that is taken"),
        (changed(SOUND, sample_rate=2**31 - 1), 10, "not one that is taken"),
        (changed(SOUND, channels=0), 10, "not one that is taken"),
        (changed(SOUND, channels=9), 10, "not one that is taken"),
        (changed(SOUND, samples=0), 10, "not one that is taken"),
        (changed(SOUND, samples=1 << 50), 10, "not one that is taken"),
        (changed(SOUND, samples=4), 10, "positions"),
        (replace(IMAGE, model="x" * 300), 12, "name"),
        (replace(IMAGE, model=""), 12, "name"),
        (replace(IMAGE, model="two\nlines"), 12, "name"),
    ],
)
def test_a_file_that_does_not_agree_with_itself_is_refused_at_once(header, payload, reason):
    data = sealed(header, bytes(payload))
    tracemalloc.start()
    start = time.perf_counter()
    with pytest.raises(InputError, match=reason) as refused:
        Tokens.from_bytes(data)
    assert time.perf_counter() - start < 1 and tracemalloc.get_traced_memory()[1] < 4_000_000
    tracemalloc.stop()
    assert str(refused.value).endswith(".") and "\n" not in str(refused.value)
    if "name" not in reason and header.coding != PRIOR:
        with pytest.raises(InputError, match="damaged or made up"):
            mmt.symbols(data)  # the page asks before it reads


def test_codes_beyond_the_codebook_are_refused_when_read_and_when_written():
    codes = torch.full((2, 2, 3), 1000)
    header = replace(IMAGE, size=1000)
    with pytest.raises(InputError, match="codes over 999"):
        Tokens.from_bytes(sealed(header, mmt._pack(codes, 10), codes.numpy().astype("<u4").tobytes()))
    assert (
        int(Tokens.from_bytes(Tokens(codes - 1, "x", "image", 1000, "0" * 8, IMAGE.meta).to_bytes()).codes[0, 0, 0])
        == 999
    )
    for wrong in (codes, codes - 1001):
        with pytest.raises(InputError, match="0 to 999"):
            Tokens(wrong, "x", "image", 1000, "0" * 8, IMAGE.meta).to_bytes()


def test_tokens_that_no_program_could_read_are_not_written():
    for meta in ({"height": 0, "width": 5}, {"height": 1, "width": 24}):
        with pytest.raises(InputError, match="cannot be written"):
            Tokens(torch.zeros(1, 2, 3, dtype=torch.long), "x", "image", 16, "0" * 8, meta).to_bytes()
    with pytest.raises(InputError, match="without codes"):
        Tokens(torch.zeros(1, 0, 3, dtype=torch.long), "x", "image", 16, "0" * 8, IMAGE.meta).to_bytes()


def test_other_content_than_was_written_is_told_from_damage():
    """The file is whole; what it decodes to is not what its writer had, as on a machine that counts otherwise."""
    codes = torch.arange(12).reshape(2, 2, 3)
    for content in (b"", codes.numpy().tobytes()):
        with pytest.raises(InputError, match="does not match its checksum"):
            Tokens.from_bytes(sealed(IMAGE, mmt._pack(codes, 8), content))
    with pytest.raises(InputError, match="does not match its checksum"):
        Tokens.from_bytes(sealed(CODES, bytes(9), b"other"))
    with pytest.raises(InputError, match="does not match its checksum"):
        Tokens.from_bytes(sealed(TEXT, bytes(40), b"other"))


def test_numbers_end_somewhere():
    with pytest.raises(InputError, match="makes no sense"):
        Tokens.from_bytes(resealed(b"MMT\x02" + bytes([EXACT + 48]) + b"\xff" * 12 + b"\1" + b"\0" * 99))
    assert [varint(n) for n in (0, 127, 128, 300)] == [b"\0", b"\x7f", b"\x80\1", b"\xac\2"]


def test_the_shortest_coding_is_taken():
    """Noise under a prior that expects something else costs more than its bits, and texts may suit deflate better."""
    noise = torch.randint(0, 32, (3, 16, 16))
    tokens = Tokens(noise, "mine", "image", 32, MINE, {"height": 128, "width": 128})
    assert [tokens.truncate(n).payload_bits <= 5 * 256 * n for n in (1, 2, 3)] == [True] * 3
    assert torch.equal(Tokens.from_bytes(tokens.to_bytes()).codes, noise)
    repeated = b"the same again and again. " * 100
    tokens = Tokens(torch.zeros(0, 1, dtype=torch.long), "text", "text", 2, "", {"bytes": len(repeated)}, repeated)
    assert len(tokens.to_bytes()) < 100 and Tokens.from_bytes(tokens.to_bytes()).lossless == repeated


@pytest.mark.parametrize("name", ["image", "audio", "text", "mine", "七"])
@pytest.mark.parametrize("modality", ["image", "audio", "text"])
def test_a_tokenizer_of_any_modality_may_have_any_name(name, modality):
    shape = (1, 2, 3) if modality == "image" else (1, 3)
    meta = {"image": IMAGE.meta, "audio": SOUND.meta, "text": {"bytes": 9}}[modality]
    tokens = Tokens(torch.zeros(shape, dtype=torch.long), name, modality, 32, "00000000", meta)
    assert Tokens.from_bytes(tokens.to_bytes()) == tokens


def test_a_new_modality_is_spelled_out_in_its_files(monkeypatch):
    class Letters(type(MODALITIES["text"])):
        name, number = "letters", 3

    monkeypatch.setitem(MODALITIES._parts, "letters", Letters())
    tokens = Tokens(torch.zeros(1, 3, dtype=torch.long), "letters", "letters", 32, "00000000", {"bytes": 9})
    assert Tokens.from_bytes(tokens.to_bytes()) == tokens


def exact_text(raw: bytes, encoding: str | None) -> Tokens:
    exact = raw.decode(encoding or "utf-8", "replace").encode()
    meta = {"bytes": len(exact), **({"encoding": encoding} if encoding else {})}
    none = torch.zeros(0, 1, dtype=torch.long)
    return Tokens(none, "text", "text", 2, "", meta, exact, raw if encoding else b"")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "gb18030", "cp932", "cp1252", "utf-8"])
def test_the_bytes_of_a_file_come_back(encoding):
    raw = "Größe, 大小\r\n".encode(encoding, "ignore") + (b"\xff\xfe\xff" if encoding == "utf-8" else b"")
    for tokens in (exact_text(raw, encoding), exact_text(raw * 50, encoding)):
        back = Tokens.from_bytes(tokens.to_bytes())
        assert back.raw == tokens.raw and back.lossless == tokens.lossless and back.meta == tokens.meta
    assert exact_text(raw, encoding) != exact_text(raw + b"a", encoding)


@given(st.binary(min_size=1, max_size=200))
@settings(deadline=None, max_examples=EXAMPLES // 10)
def test_any_bytes_of_a_file_come_back(raw):
    try:
        plain = raw.decode().encode() == raw
    except UnicodeDecodeError:
        plain = False
    back = Tokens.from_bytes(exact_text(raw, None if plain else "utf-8").to_bytes())
    assert (back.raw or back.lossless) == raw and back.lossless == raw.decode("utf-8", "replace").encode()


def test_what_costs_next_to_nothing_is_believed_again():
    """NULs are the coder's zero: all of their bytes would be dropped at the end of the file."""
    for raw in (bytes(5_000), b"a" * 5_000):
        assert Tokens.from_bytes(exact_text(raw, None).to_bytes()).lossless == raw


def valid_files() -> list[bytes]:
    codes = torch.from_numpy(np.random.default_rng(0).integers(0, 32, (3, 2, 3)))
    picture = Tokens(codes, "mine", "image", 32, MINE, IMAGE.meta)
    sound = Tokens(codes[:, 0], "audio", "audio", 32, SHIPPED, SOUND.meta)
    texts = [exact_text("Größe".encode(e or "utf-8") * 9, e) for e in (None, "cp1252", "utf-16")]
    return [t.to_bytes() for t in (picture, replace(picture, codes=codes * 0), sound, *texts)]


FILES: list[bytes] = []


@given(st.data())
@settings(deadline=None, max_examples=EXAMPLES)
def test_altered_files_are_read_or_refused_in_a_sentence(data):
    """Like damage, but with the checksum of an attacker: in bounded time, and nothing but `InputError`."""
    if not FILES:
        FILES.extend(valid_files())
    file = bytearray(data.draw(st.sampled_from(FILES)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(4, min(len(file) - 1, 40)))
        what = data.draw(st.sampled_from(["set", "insert", "cut"]))
        if what == "cut":
            del file[at : at + data.draw(st.integers(1, 8))]
        else:
            file[at : at + (what == "set")] = data.draw(st.binary(min_size=1, max_size=9))
    start = time.perf_counter()
    try:
        tokens = Tokens.from_bytes(resealed(bytes(file)))
    except InputError as error:
        assert str(error).endswith(".") and "\n" not in str(error)
    else:
        assert Tokens.from_bytes(tokens.to_bytes()) == tokens
    assert time.perf_counter() - start < 10
