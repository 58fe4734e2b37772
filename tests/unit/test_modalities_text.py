"""Text, and telling the kind of a file."""

from __future__ import annotations

import codecs
import io
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mmdemo.errors import InputError, MmdemoError
from mmdemo.modalities import MODALITIES, audio, guess, image, text


@settings(deadline=None)  # the machine may be busy
@given(st.text(min_size=1))
def test_any_text_comes_back_exactly(value):
    item = text.load(value)
    assert item.tensor.dtype == torch.uint8 and item.tensor.ndim == 1
    assert item.meta == {"bytes": len(value.encode())} and item.notes == ()
    json.dumps(item.meta)
    assert text.restore(item.tensor, item.meta) == value
    assert text.restore(torch.nn.functional.pad(item.tensor, (0, 3))[None].long(), item.meta) == value


@settings(deadline=None)  # the machine may be busy
@given(st.binary(min_size=1))
def test_any_bytes_give_valid_utf8(data):
    item = text.load(data)
    repaired = bytes(item.tensor.tolist())
    assert repaired.decode("utf-8") == data.decode("utf-8", "replace")
    assert bool(item.notes) == (repaired != data)


@settings(deadline=None)  # the machine may be busy
@given(st.text(st.characters(), min_size=1))
def test_any_python_string_is_taken(value):
    restored = text.restore(text.load(value).tensor)
    restored.encode("utf-8")
    assert len(restored) <= len(value)


def test_lone_surrogates_are_replaced_and_pairs_joined():
    item = text.load("a\ud800b\udfffc")
    assert text.restore(item.tensor) == "a\ufffdb\ufffdc"
    assert item.notes == ("2 lone surrogates replaced by U+FFFD, as UTF-8 has none.",)
    assert text.restore(text.load("\ud83d\ude00").tensor) == "😀"
    assert text.load("\ud83d\ude00").notes == ()


def test_invalid_utf8_is_replaced_and_noted():
    item = text.load(b"caf\xe9 and \xff")
    assert text.restore(item.tensor) == "caf\ufffd and \ufffd"
    assert item.notes == ("Not valid UTF-8: 2 parts replaced by U+FFFD.",)


def test_nuls_and_line_ends_are_kept(tmp_path):
    value = "a\0b\r\nc\rd\n\0"
    path = tmp_path / "a.txt"
    path.write_bytes(value.encode())
    for source in (value, value.encode(), path, io.BytesIO(value.encode())):
        assert text.restore(text.load(source).tensor) == value
    saved = text.save(value, tmp_path / "new" / "b.txt")
    assert saved.read_bytes() == value.encode()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-32", "utf-32-be"])
def test_byte_order_marks(tmp_path, encoding):
    value = "Grüße 你好 😀"
    data = value.encode(encoding)
    marks = {"utf-16-be": codecs.BOM_UTF16_BE, "utf-32-be": codecs.BOM_UTF32_BE}
    path = tmp_path / "a.txt"
    path.write_bytes(marks.get(encoding, b"") + data)
    item = text.load(path)
    assert text.restore(item.tensor) == value
    assert len(item.notes) == 1
    assert guess(path) == "text"


def test_a_mark_inside_a_string_stays():
    assert text.restore(text.load("\ufeffa").tensor) == "\ufeffa"


@pytest.mark.parametrize("source", ["", b"", io.BytesIO(b""), None, 5, ["a"], Path("none.txt"), Path(".")])
def test_what_is_no_text_is_refused(source):
    with pytest.raises(InputError, match="needed") as caught:
        text.load(source)
    assert str(caught.value).endswith(".")


def test_a_file_with_a_mark_only_is_empty(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(codecs.BOM_UTF8)
    with pytest.raises(InputError, match="empty"):
        text.load(path)
    path.write_bytes(b"")
    with pytest.raises(InputError, match="empty"):
        text.load(path)


def test_the_limit(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"a" * (text.MAX_BYTES + 1))
    for source in (
        path,
        "a" * (text.MAX_BYTES + 1),
        "é" * (text.MAX_BYTES // 2 + 1),
        b"a" * (text.MAX_BYTES + 1),
    ):
        with pytest.raises(InputError, match="10 MB"):
            text.load(source)
    path.write_bytes(b"a" * text.MAX_BYTES)
    assert text.load(path).meta == {"bytes": text.MAX_BYTES}


def test_a_picture_under_a_text_name_is_refused(tmp_path):
    path = tmp_path / "a.txt"
    Image.new("RGB", (4, 4)).save(path, "PNG")
    with pytest.raises(InputError, match="a PNG picture"):
        text.load(path)


def test_restore_takes_any_bytes_that_a_model_makes():
    assert text.restore(torch.tensor([104, 255, -3, 400])) == "h\ufffd\0\ufffd"
    with pytest.raises(ValueError, match="one text"):
        text.restore(torch.zeros(2, 3))


def test_save_takes_text_suffixes_only(tmp_path):
    with pytest.raises(InputError, match=r"\.txt"):
        text.save("a", tmp_path / "a.png")
    assert text.save("\ud800", tmp_path / "a.txt").read_bytes() == b"?"


# ---- guess


def test_content_comes_before_the_suffix(tmp_path):
    path = tmp_path / "a.wav"
    Image.new("RGB", (4, 4)).save(path, "PNG")
    assert guess(path) == "image"
    path.write_text("words")
    assert guess(path) == "text"
    path = tmp_path / "a.png"
    soundfile.write(path, np.zeros(100), 8000, format="WAV")
    assert guess(str(path)) == "audio"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_pictures_are_recognised(tmp_path, kind):
    if kind == "AVIF" and ".avif" not in image.SUFFIXES:
        pytest.skip("this Pillow has no AVIF")
    path = tmp_path / "file"
    Image.new("RGB", (16, 16), "red").save(path, kind)
    assert guess(path) == "image"


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3", "AIFF", "AU", "CAF"])
def test_sounds_are_recognised(tmp_path, kind):
    path = tmp_path / "file"
    soundfile.write(path, np.random.uniform(-0.5, 0.5, 16_000), 16_000, format=kind)
    assert guess(path) == "audio"


@pytest.mark.parametrize(
    "words", ["ID3 is a tag", "BMW cars", "GIF89a is a format", "RIFF raff", "OggS", "中文", "é" * 5000]
)
def test_sentences_that_start_like_a_format_are_text(tmp_path, words):
    path = tmp_path / "file"
    path.write_bytes(words.encode())
    assert guess(path) == "text"


def test_the_suffix_decides_where_the_content_says_nothing(tmp_path):
    for name, module in MODALITIES.items():
        path = tmp_path / f"a{module.suffixes[0].upper()}"
        path.write_bytes(b"\0\1\2\3")
        assert guess(path) == name
    path = tmp_path / "a.bin"
    path.write_bytes(b"\0\1\2\3")
    with pytest.raises(InputError, match="no known kind"):
        guess(path)


NOT_TAKEN = {
    "PDF": b"%PDF-1.4",
    "ZIP": b"PK\3\4\0",
    "DSD": b"DSD \x1c\0\0\0",
    "an AVI video, which is not read; take its sound out": b"RIFF\x24\0\0\0AVI LIST\0",
    "a NIST SPHERE sound": b"NIST_1A\n   1024\n",
    "a RAR archive, which is not read; unpack it first": b"Rar!\x1a\7\1\0",
    "an Office document": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0",
    "a NumPy array": b"\x93NUMPY\1\0v\0",
    "a program": b"\x7fELF\2\1\1\0",
}


@pytest.mark.parametrize("word, data", NOT_TAKEN.items())
def test_known_kinds_that_are_not_taken(tmp_path, word, data):
    path = tmp_path / "a.png"
    path.write_bytes(data)
    with pytest.raises(InputError, match=word):
        guess(path)


def test_guess_needs_a_file(tmp_path):
    (tmp_path / "empty.png").touch()
    for path in (tmp_path, tmp_path / "none", tmp_path / "empty.png", "", "a\0b"):
        with pytest.raises(InputError, match=r"is a folder|was not found|is empty|not a usable file name"):
            guess(path)


def test_no_suffix_belongs_to_two_modalities():
    suffixes = [suffix for module in (image, audio, text) for suffix in module.SUFFIXES]
    assert len(suffixes) == len(set(suffixes))
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in suffixes)


def test_input_errors_are_value_errors():
    assert issubclass(InputError, MmdemoError) and issubclass(InputError, ValueError)


# ---- encodings

LETTERS = {
    "gb18030": "这是一封信。今天天气很好，我们去公园散步。",
    "big5": "這是一封信。今天天氣很好，我們去公園散步。",
    "cp932": "これは手紙です。今日は天気がいいので、公園へ散歩に行きました。",
    "cp949": "이것은 편지입니다. 오늘은 날씨가 좋아서 공원에 산책하러 갔습니다.",
    "cp1252": "Le café était fermé, où êtes-vous allés à Noël ?",
    "cp1250": "Zażółć gęślą jaźń, proszę bardzo.",
    "cp1251": "Это письмо. Сегодня хорошая погода, и мы пошли в парк.",
    "koi8_r": "Это письмо. Сегодня хорошая погода, и мы пошли в парк. Там было очень много людей.",
    "utf-16-le": "A letter.\r\nГрафик 大小",
    "utf-16-be": "A letter.\r\nГрафик 大小",
    "cp1254": "Pijamalı hasta yağız şoföre çabucak güvendi. Bugün hava çok güzel, parka gittik.",
    "iso8859_2": "Zażółć gęślą jaźń, pchnąć w tę łódź jeża, proszę bardzo.",
    "cp866": "Это письмо. Сегодня хорошая погода, и мы пошли в парк. Там было очень много людей.",
    "iso8859_5": "Это письмо. Сегодня хорошая погода, и мы пошли в парк. Там было очень много людей.",
    "mac_roman": "Le café était fermé, où êtes-vous allés à Noël ?",
    "iso2022_jp": "これは手紙です。今日は天気がいい。",
}
WIDE = "これは日本語の文章です。今日はとても良い天気ですね。"  # without a NUL in UTF-16


@pytest.mark.parametrize("encoding, words", [*LETTERS.items(), ("utf-16-le", WIDE), ("utf-16-be", WIDE)])
def test_the_encoding_of_a_file_is_found_and_said(tmp_path, encoding, words):
    path = tmp_path / "a.txt"
    path.write_bytes(words.encode(encoding))
    for source in (path, io.BytesIO(path.read_bytes())):
        item = text.load(source)
        assert text.restore(item.tensor, item.meta) == words and item.raw == path.read_bytes()
        assert len(item.notes) == 1 and item.notes[0].startswith("Not UTF-8: read as ")
    assert guess(path) == "text"


def test_an_encoding_may_be_named(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("café".encode("cp437"))
    item = text.load(path, "cp437")
    assert text.restore(item.tensor) == "café" and item.notes == () and item.meta["encoding"] == "cp437"
    assert text.restore(text.load(path.read_bytes(), "cp437").tensor) == "café"
    assert "Not valid UTF-8" in text.load(path, "utf-8").notes[0]
    for name in ("rot13", "zip", "idna", "nosuch", "", "a\0b"):
        with pytest.raises(InputError, match="no text encoding"):
            text.load(path, name)


@pytest.mark.parametrize("data", [b"abc \xff def", "naïve Ünïcödé\xff".encode()[:-2] + b"\xff", bytes(range(256))])
def test_damage_is_not_taken_for_an_encoding(tmp_path, data):
    path = tmp_path / "a.txt"
    path.write_bytes(data)
    item = text.load(path)
    assert text.restore(item.tensor) == data.decode("utf-8", "replace") and "Not valid UTF-8" in item.notes[0]
    assert item.raw == data


def test_plain_utf8_needs_no_second_copy(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("Größe 大小\r\n".encode())
    item = text.load(path)
    assert item.raw == b"" and item.meta == {"bytes": 16} and item.notes == ()


def test_a_string_is_never_a_file_but_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("letter.txt").write_text("Dear reader")
    with pytest.warns(UserWarning, match="give a Path"):
        assert text.restore(text.load("letter.txt").tensor) == "letter.txt"
    assert text.restore(text.load(Path("letter.txt")).tensor) == "Dear reader"
    assert text.restore(text.load("absent.txt").tensor) == "absent.txt"


def test_bytes_are_saved_as_they_are(tmp_path):
    assert text.save(b"\xff\r\n", tmp_path / "a.csv").read_bytes() == b"\xff\r\n"
