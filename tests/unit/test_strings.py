"""Strings that no book has: always the same, of the kinds that they are named for."""

import base64
import json
import random
import re
import sys

import pytest

from mmdemo.datasets import strings


@pytest.mark.parametrize("make", [strings.codes, strings.names, strings.emoji_runs])
def test_lines_are_always_the_same(make):
    assert make(50) == make(50) and len(make(50).split("\n")) >= 50


def test_codes_hold_what_they_are_named_for():
    text = strings.codes(2000)
    assert len(re.findall(r"\b[0-9a-f]{32,}\b", text)) > 50
    assert len(re.findall(r"https?://[\w.]+/", text)) > 50
    assert len(re.findall(r"\b[\w.-]+@\w+\.\w+", text)) > 20
    rng = random.Random(0)
    decoded = [base64.b64decode(strings._base64(rng).translate(str.maketrans("-_", "+/"))) for _ in range(20)]
    assert all(12 <= len(data) <= 120 for data in decoded)
    assert all(isinstance(json.loads(strings._json(rng)), dict) for _ in range(20))


def test_words_are_drawn_from_dictionaries_where_there_is_no_list_of_frequencies(monkeypatch, tmp_path):
    (tmp_path / "de_DE.dic").write_text("3\nGröße/N\nStraße/N\nÜbung\n")
    (tmp_path / "pl_PL.dic").write_bytes("2\nżółw/X\nźdźbło\n".encode("iso8859-2"))
    monkeypatch.setitem(sys.modules, "wordfreq", None)
    monkeypatch.setattr(strings, "DICTIONARIES", (str(tmp_path),))
    strings.words_of.cache_clear()
    strings._summed.cache_clear()
    try:
        assert set(strings.words_of("de")[0]) == {"Größe", "Straße", "Übung"}
        assert set(strings.words_of("pl")[0]) == {"żółw", "źdźbło"}
        assert strings.words_of("vi") == ((), ())
        text = strings.european(40).lower()
        assert "größe" in text and "źdźbło" in text and len(text.split("\n")) == 40
    finally:
        strings.words_of.cache_clear()
        strings._summed.cache_clear()


def test_emoji_come_in_sequences():
    text = strings.emoji_runs(500)
    assert "\u200d" in text and "\ufe0f" in text and re.search("[\U0001f1e6-\U0001f1ff]{2}", text)
    assert re.search("[\U0001f3fb-\U0001f3ff]", text)
