"""Texts to train on: what they hold, that they repeat, and that no script is forgotten."""

from __future__ import annotations

import gzip
import struct
import unicodedata
from collections import Counter
from pathlib import Path

import pytest
import torch

from mmdemo.datasets import corpora, debian_texts
from mmdemo.training.recipe import read_recipe
from mmdemo.training.text_task import TextTask


def catalogue(path: Path, messages: dict[str, str]) -> None:
    """Write a message catalogue in GNU's .mo format."""
    entries = sorted({"": "Content-Type: text/plain; charset=UTF-8\n", **messages}.items())
    keys, values, tables = b"", b"", []
    start = 28 + 16 * len(entries)
    for key, _ in entries:
        tables.append((len(key.encode()), start + len(keys)))
        keys += key.encode() + b"\0"
    for _, value in entries:
        tables.append((len(value.encode()), start + len(keys) + len(values)))
        values += value.encode() + b"\0"
    head = struct.pack("<7I", 0x950412DE, 0, len(entries), 28, 28 + 8 * len(entries), 0, 28 + 16 * len(entries))
    path.parent.mkdir(parents=True)
    path.write_bytes(head + b"".join(struct.pack("<2I", *pair) for pair in tables) + keys + values)


def test_common_words_are_of_the_characters_in_daily_use():
    for name, size, some in (("CJK", 3755, "的我你猫"), ("KANJI", 2965, "日本語猫"), ("HANGUL", 2350, "가나다는")):
        words = corpora.common_words(name, 20_000)
        assert len(set("".join(words))) == size and set(some) < set("".join(words))
        assert {len(word) for word in words} == {1, 2, 3, 4, 5, 6}


def test_shuffled_lines_keep_their_characters():
    text = "天地玄黄宇宙洪荒\nplain words\n日月盈昃辰宿列张\nпо-русски"
    lines = corpora.shuffled(text).split("\n")
    assert sorted(map(sorted, lines)) == sorted(map(sorted, text.split("\n")[::2]))
    assert not set(lines) & set(text.split("\n"))


def test_letters_hold_every_alphabet_and_repeat():
    text = corpora.letters()
    seen = Counter(unicodedata.name(c).split(" ")[0] for c in text if not c.isspace())
    assert set(seen) == set(corpora.ALPHABETS)
    assert min(seen.values()) > 1000
    assert text == corpora.letters()


def test_translations_come_from_catalogues_in_a_fixed_order(tmp_path: Path):
    catalogue(tmp_path / "ka" / "LC_MESSAGES" / "a.mo", {"good day": "დილა მშვიდობისა"})
    catalogue(tmp_path / "ru" / "LC_MESSAGES" / "b.mo", {"good day": "добрый день"})
    (tmp_path / "ru" / "LC_MESSAGES" / "c.mo").write_bytes(b"no catalogue")
    text = corpora.translations(tmp_path)
    assert "დილა მშვიდობისა" in text and "добрый день" in text
    assert text == corpora.translations(tmp_path)


def test_no_script_fills_the_translations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(corpora, "LIMIT", 1200)
    for i in range(10):
        catalogue(tmp_path / f"r{i}" / "LC_MESSAGES" / "a.mo", {f"{i}": "да" * 40})
    catalogue(tmp_path / "el" / "LC_MESSAGES" / "a.mo", {"yes": "ναι"})
    text = corpora.translations(tmp_path)
    assert "ναι" in text and text.count("да" * 40) == 1  # the first catalogue is over a script's share already


@pytest.mark.parametrize(
    ("text", "script"),
    [("Hello!", "LATIN"), ("привет, world", "CYRILLIC"), ("東京へ行く", "HIRAGANA"), ("你好", "CJK"), ("12 %", "")],
)
def test_scripts_are_told_apart(text: str, script: str):
    assert corpora._script(text) == script


def test_string_literals_of_a_script_file():
    source = r'const a={x:"안녕하세요",y:"plain",z:"quo\"te é",w:"\x41ß"};'
    assert corpora._quoted(source) == ["안녕하세요", 'quo"te é']


def test_every_corpus_of_the_recipe_is_known_and_what_any_machine_has_is_there(tmp_path: Path):
    names = list(read_recipe("text").data["corpora"])
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "wikitext2-valid.txt").write_text("prose " * 3000)
    found = corpora.gather(tmp_path, names)
    assert set(found) <= set(names)
    assert {"prose", "code", "documentation", "letters"} <= set(found)


def test_labels_made_up_hold_words_characters_and_pictographs():
    strings = [bytes(t.tolist()).decode() for t in corpora.label_like(["red", "apple"], ["苹果", "红"], 500)]
    assert "苹" in "".join(strings) and any("red" in s for s in strings)
    pictographs = [s for s in strings if any(ord(s[0]) in block for block in corpora.PICTOGRAPHS)]
    assert 100 < len(pictographs) < 400
    assert strings == [bytes(t.tolist()).decode() for t in corpora.label_like(["red", "apple"], ["苹果", "红"], 500)]


def test_markup_is_read_as_its_text():
    page = "<html><head><title>No</title></head><body><p>One &amp;  two</p>\n\n<script>no()</script><p>三</p></body>"
    assert debian_texts.plain(page) == "One & two\n三"


def test_spacing_as_in_wikitext():
    assert debian_texts.spaced('A well-known "1,234", he\'s said.') == 'A well @-@ known " 1 @,@ 234 " , he \'s said . '


def test_packages_are_read_by_kind(tmp_path: Path):
    def put(path: str, text: str) -> None:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(gzip.compress(text.encode()) if path.endswith("z") else text.encode())

    put("doc/anarchism/html/a.html", "<p>Prose.</p>")
    put("help/C/app/a.page", "<p>Help.</p>")
    put("help/el/app/a.page", "<p>Βοήθεια και άλλα.</p><p>ASCII line</p>")
    put("help/fr/app/a.page", "<p>" + "Été à la plage.\n" * 20_000 + "</p>")
    put("man/ja/man1/a.1.gz", ".TH A\n日本語の説明\n")
    put("dictd/d.dict.dz", "word\n  a unit\n  of language")
    (tmp_path / "dictd" / "e.dict.dz").write_bytes(b"damaged")
    put("games/fortunes/quotes", "One.\n%\nTwo.")
    put("games/fortunes/quotes.dat", "index")
    english, other = debian_texts.books(tmp_path), debian_texts.help_pages(tmp_path)
    assert all(piece in english for piece in ("Prose", "Help", "word a unit of language", "One", "Two"))
    assert "index" not in english and "Βοήθεια" not in english
    assert "Βοήθεια και άλλα." in other and "日本語の説明" in other and ".TH" not in other
    assert 0 < other.count("Été") * 16 <= debian_texts.PER_LATIN + 32  # one Latin language is not all
    assert (english, other) == (debian_texts.books(tmp_path), debian_texts.help_pages(tmp_path))


def test_a_head_in_english_does_not_make_a_language_a_latin_one(tmp_path: Path):
    page = tmp_path / "libreoffice" / "help" / "ko" / "a.html"
    page.parent.mkdir(parents=True)
    page.write_text("<p>Menu of all modules</p>\n" * 200 + "<p>도움말을 봅니다.</p>\n" * 40_000)
    assert debian_texts.help_pages(tmp_path).count("도움말을") == 40_000


def test_words_of_a_dictionary_are_strung_together(tmp_path: Path):
    share = tmp_path / "share"
    chinese = tmp_path / "lib/python3/dist-packages/jieba/dict.txt"
    korean = share / "libhangul/hanja/hanja.txt"
    for file, rows in ((chinese, "的 900 uj\n龘 1 n\n"), (korean, "# a remark:\n물권법:物權法:\n강:江:river\n")):
        file.parent.mkdir(parents=True)
        file.write_text(rows)
    lines = debian_texts.vocabulary(share, 50).split("\n")
    assert len(lines) == 100
    assert "".join(lines).count("的") > 100 * "".join(lines).count("龘")  # as often as they are used
    assert sum(line.count("물권법") == 8 for line in lines) == 50
    assert not set("강").intersection("".join(lines)) and "remark" not in "".join(lines)
    assert lines == debian_texts.vocabulary(share, 50).split("\n")


def test_a_machine_without_packages_has_no_books(tmp_path: Path):
    assert debian_texts.books(tmp_path) == debian_texts.help_pages(tmp_path) == debian_texts.vocabulary(tmp_path) == ""


def test_a_text_training_without_chinese_text_makes_up_no_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    english = torch.tensor(list(b"plain words " * 2000), dtype=torch.uint8)
    monkeypatch.setattr(corpora, "gather", lambda data_dir, names: {"prose": english})
    monkeypatch.setattr(corpora, "labels", lambda data_dir: corpora.label_like(["red"], ["红"], 40))
    task = TextTask.from_recipe(read_recipe("text"), torch.device("cpu"), tmp_path)
    assert set(task.names) == {"prose", "labels", "digits", "random"}
    assert task.batch(torch.Generator().manual_seed(0))["x"].shape[0] == 64
