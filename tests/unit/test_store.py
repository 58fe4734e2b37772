"""Inputs kept under short names for a day."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from mmdemo.errors import InputError
from mmdemo.ui.shared import store as stores
from mmdemo.ui.shared.store import LARGEST, Store


def test_an_input_comes_back_by_a_short_name_that_depends_on_the_server(tmp_path: Path):
    one, other = Store(tmp_path / "one"), Store(tmp_path / "other")
    name = one.keep(b"voice", ".WAV")
    assert len(name) == 12 and one.keep(b"voice", ".wav") == name  # the same input, the same name
    assert one.path(name).read_bytes() == b"voice" and one.path(name).suffix == ".wav"
    assert name not in (one.keep(b"voice", ".png"), one.keep(b"voices", ".wav"), other.keep(b"voice", ".wav"))


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "aaaaaaaaaaaa", "*", ".secret", "AAAAAAAAAAAA", "a" * 5000])
def test_a_name_of_nothing_is_one_sentence(tmp_path: Path, name: str):
    store = Store(tmp_path)
    store.keep(b"voice")
    with pytest.raises(InputError, match="kept for a day"):
        store.path(name)


def test_what_is_a_day_old_is_gone(tmp_path: Path):
    store = Store(tmp_path, seconds=100)
    old, new = store.keep(b"old"), store.keep(b"new")
    os.utime(store.path(old), (time.time() - 101,) * 2)
    with pytest.raises(InputError, match="kept for a day"):
        store.path(old)
    store.keep(b"another")
    assert len(list(tmp_path.glob("*.bin"))) == 2 and store.path(new).read_bytes() == b"new"


def test_the_oldest_go_where_there_are_too_many_or_too_much(tmp_path: Path):
    store = Store(tmp_path, files=3, most=100)
    names = []
    for i in range(5):
        names.append(store.keep(bytes([i]) * 40, ".bin"))
        os.utime(store.path(names[-1]), (time.time() - 50 + i,) * 2)
    store.keep(b"", ".txt")
    left = [name for name in names if list(tmp_path.glob(f"{name}.*"))]
    assert left == names[-2:]  # 40 bytes each, 100 in all


def test_what_is_too_large_has_no_name(tmp_path: Path):
    assert Store(tmp_path).keep(bytes(LARGEST + 1)) == ""


def test_long_parts_of_a_link_become_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    kept = Store(tmp_path)
    monkeypatch.setattr(stores, "store", lambda: kept)
    voice = "Tz" * 6000
    short = stores.shortened(voice)
    assert len(short) == 13 and stores.whole(short) == voice
    assert stores.shortened("seven") == "seven" == stores.whole("seven")
    with pytest.raises(InputError, match="kept for a day"):
        stores.whole("~aaaaaaaaaaaa")
