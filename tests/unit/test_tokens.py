"""Tokens and the .mmt file: exact round trips, and a reason for every file that is refused."""

import binascii
import pickle
import struct
from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdemo.errors import InputError
from mmdemo.tokens import Tokens

META = {
    "image": {"height": 37, "width": 21},
    "audio": {"samples": 16_001, "sample_rate": 44_100, "channels": 2},
    "text": {"bytes": 11},
}


def make(modality="image", shape=(3, 5, 3), size=256, model=None) -> Tokens:
    codes = torch.randint(0, size, shape, generator=torch.Generator().manual_seed(0))
    return Tokens(codes, model or modality, modality, size, "0123abcd", META[modality])


@pytest.mark.parametrize("modality, shape", [("image", (8, 4, 6)), ("audio", (2, 50)), ("text", (3, 3))])
@pytest.mark.parametrize("size", [2, 3, 256, 512, 1000, 1024])
@pytest.mark.parametrize("model", [None, "my-own_model"])
def test_files_come_back_exactly(tmp_path, modality, shape, size, model):
    tokens = make(modality, shape, size, model)
    back = Tokens.load(tokens.save(tmp_path / "x.mmt"))
    assert torch.equal(back.codes, tokens.codes)
    assert (back.model, back.modality, back.codebook_size) == (tokens.model, modality, size)
    assert back.meta == tokens.meta and back.fingerprint == tokens.fingerprint


def test_a_file_is_its_codes_and_a_small_header():
    tokens = replace(make("text", (3, 64), 512), meta={"bytes": 256})
    assert len(tokens.to_bytes()) <= 3 * 64 * 9 / 8 + 24
    assert tokens.bits == 3 * 64 * 9


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_tokens_or_one_clear_sentence(data):
    for candidate in (data, b"MMT\x02" + data, _sealed(b"MMT\x02" + data)):
        try:
            Tokens.from_bytes(candidate)
        except InputError as error:
            assert str(error).endswith(".") and "\n" not in str(error)


def _sealed(body: bytes) -> bytes:
    return body + struct.pack(">H", binascii.crc_hqx(body, 0))


def test_every_single_damaged_byte_is_noticed():
    data = make().to_bytes()
    for i in range(len(data)):
        broken = bytearray(data)
        broken[i] ^= 0x41
        with pytest.raises(InputError, match=r"\.mmt file"):
            Tokens.from_bytes(bytes(broken))


def test_cut_foreign_and_newer_files_are_refused_with_their_reason(tmp_path):
    data = make().to_bytes()
    with pytest.raises(InputError, match="damaged or cut short"):
        Tokens.from_bytes(data[:-3])
    with pytest.raises(InputError, match="not an"):
        Tokens.from_bytes(b"\x89PNG" + data)
    with pytest.raises(InputError, match="another mmdemo"):
        Tokens.from_bytes(b"MMT\x09" + data[4:])
    with pytest.raises(InputError, match="was not found"):
        Tokens.load(tmp_path / "absent.mmt")


def test_truncate_and_swap_leave_the_original_alone():
    tokens = make()
    coarse = tokens.truncate(1)
    assert coarse.levels == 1 and tokens.levels == 3
    swapped = tokens.with_code(2, (4, 1), 7)
    assert swapped.codes[2, 4, 1] == 7 and (swapped.codes != tokens.codes).sum() <= 1
    for level, place, code in ((3, (0, 0), 0), (0, (5, 0), 0), (0, (0, 0), 256), (0, (0,), 0)):
        with pytest.raises(InputError, match=f"There is no code {code} at"):
            tokens.with_code(level, place, code)
    for levels in (0, 4):
        with pytest.raises(InputError, match="number of levels of these tokens"):
            tokens.truncate(levels)


def test_usage_and_perplexity():
    codes = torch.stack([torch.zeros(64, dtype=torch.long), torch.arange(64)])
    tokens = Tokens(codes, "text", "text", 64, "00000000", {"bytes": 256})
    assert tokens.usage() == pytest.approx([1 / 64, 1.0])
    assert tokens.perplexity() == pytest.approx([1.0, 64.0], rel=1e-6)


def test_tokens_compare_hash_copy_and_pickle():
    tokens, same, other = make(), make(), make().with_code(0, (0, 0), 3)
    assert tokens == same and hash(tokens) == hash(same) and tokens != "tokens"
    assert tokens.codes[0, 0, 0] != 3 and tokens != other and tokens != replace(tokens, model="other")
    assert tokens != tokens.truncate(1) and tokens.truncate(1) == same.truncate(1)
    assert deepcopy(tokens) == tokens == pickle.loads(pickle.dumps(tokens))
    assert len({tokens, same}) == 1


@pytest.mark.parametrize("levels", [2, 2.0, torch.tensor(2).item()])
def test_whole_numbers_of_any_type_are_levels(levels):
    assert make().truncate(levels).levels == 2


@pytest.mark.parametrize("levels", [1.5, "2", True, None, float("nan"), float("inf")])
def test_anything_else_is_no_number_of_levels(levels):
    with pytest.raises(InputError, match="must be 1 to 3"):
        make().truncate(levels)
