"""The Text tab without a browser: spans and chips, its handlers, its endpoint."""

from __future__ import annotations

import base64
import html
import io
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runs import linked

from mmdemo.errors import InputError
from mmdemo.metrics.text_diff import character_diff
from mmdemo.tokens import Tokens
from mmdemo.ui.generate.handlers import GenerateHandlers
from mmdemo.ui.shared import state
from mmdemo.ui.shared.filedrop import dropped_file
from mmdemo.ui.shared.state import Context
from mmdemo.ui.shared.store import Store
from mmdemo.ui.text import compare, view
from mmdemo.ui.text.handlers import OUTPUTS, TextHandlers
from mmdemo.ui.text.session import MAX_EXACT_BYTES, decoded_bytes, keep_bytes, open_tokens, start
from mmdemo.ui.text.spans import characters, direction, spans, visible


@pytest.fixture(scope="module")
def tab() -> TextHandlers:
    return TextHandlers(Context("cpu"))


def request(**headers: str) -> Any:
    return SimpleNamespace(session_hash="me", query_params={}, cookies={}, headers=headers)


def event(**data: Any) -> Any:
    return SimpleNamespace(**data)


def dropped(name: str, data: bytes) -> Any:
    return event(name=name, data=base64.b64encode(data).decode())


def text_of(markup: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", markup))


# ---------------------------------------------------------------- spans


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_characters_are_those_of_a_replacing_decoder_and_cover_all_bytes(data: bytes):
    found = characters(data)
    assert "".join(character for _, _, character in found) == data.decode("utf-8", errors="replace")
    assert [start for start, _, _ in found] == [0, *(end for _, end, _ in found)][: len(found)]
    assert not found or found[-1][1] == len(data)


@settings(max_examples=100, deadline=None)
@given(st.text(min_size=1, max_size=40), st.sampled_from([2, 4, 8]))
def test_spans_show_every_character_once(text: str, stride: int):
    data = text.encode("utf-8", errors="replace")
    found = spans(data, stride)
    assert len(found) == -(-len(data) // stride)
    assert "".join(span.label for span in found) == visible(data.decode())
    assert bytes.fromhex("".join(span.raw for span in found)) == data
    assert [span.joins_right for span in found[:-1]] == [span.joins_left for span in found[1:]]


def test_a_character_across_two_chips_joins_them():
    first, second = spans("a你b".encode() + b"\n", 2)[:2]
    assert (first.label, first.joins_right, second.joins_left) == ("a你", True, True)


def test_invisible_characters_are_made_visible():
    assert visible("a b\n\t\0\u200d\u0301") == "a·b↵→␀⟨200D⟩\u25cc\u0301"
    assert spans(b"ab\nc", 4)[0].breaks


@pytest.mark.parametrize(("text", "expected"), [("שלום a", "rtl"), ("123 مرحبا", "rtl"), ("abc", "ltr"), ("12", "ltr")])
def test_direction_is_that_of_the_first_letter(text: str, expected: str):
    assert direction(text) == expected


# ---------------------------------------------------------------- reconstruction


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="ab <&'\"é", max_size=30), st.text(alphabet="ab <&'\"é", max_size=30))
def test_marking_changes_nothing_but_marks(original: str, output: str):
    markup = compare.marked(original, output, character_diff(original, output), "was", "nothing")
    assert text_of(markup).replace("·", " ") == output
    assert ("<mark" in markup) == (original != output)


def test_controls_reach_the_page_as_pictures():
    assert compare.marked("a\0b", "a\0b", character_diff("a\0b", "a\0b"), "", "") == "a␀b"


def test_wrong_characters_are_never_more_than_there_are(tab: TextHandlers):
    session = start(tab.codec, "abcd", "en")
    assert ">exact<" in view.reconstruction_html(session, b"abcd", "en")
    assert "4 wrong of 4" in view.reconstruction_html(session, b"\xff\xfe\xff\xfe!!!!!!", "en")
    assert "1 wrong of 4" in view.reconstruction_html(session, b"abXd", "en")


def test_bars_hold_every_compressor_and_our_codes(tab: TextHandlers):
    session = start(tab.codec, "to be or not to be, that is the question", "en")
    chart = text_of(view.bars_html(session, session.original or b"", session.tokens.truncate(2), "en"))
    for name in ("UTF-8", "gzip", "zstd", "brotli", "Codes, 2 levels"):
        assert name in chart
    ours = session.tokens.truncate(2).payload_bits // 8
    assert f"{ours} B" in chart


# ---------------------------------------------------------------- handlers


def test_typing_shows_text_tiles_chips_and_mathematics(tab: TextHandlers):
    values = tab.typed("Héllo 你好\n🦊", None, 1, False, request())
    assert len(values) == OUTPUTS
    session, _, tiles, chips, picker, _, maths, save, _ = values
    data = chips
    assert len(data["chips"]) == session.tokens.positions[0]
    assert data["says"]
    for says, row in zip(data["says"], data["codes"], strict=False):
        alone = {key for key in says if "." not in key}  # the others are what codes say beside a template
        assert alone == {str(code) for code in row} and all(says.values())
    assert data["num_levels"] == 1 and len(data["codes"]) == tab.codec.levels
    assert picker is None
    assert "Characters10" in text_of(tiles) and "Bytes18" in text_of(tiles)
    assert "{" not in re.sub(r"\$\$.*?\$\$|\$.*?\$|`.*?`", "", maths, flags=re.S)  # every number is filled in
    assert "best 4 ways" in maths  # this codec searches its codes with a beam of 4
    assert [name for _, name, _ in save] == ["text.mmt", "text.txt"]


@pytest.mark.parametrize("text", ["a", "hello", "hello!", "hi there!", "a longer sentence"])
def test_a_chip_stands_for_the_bytes_of_its_position_in_short_texts_too(tab: TextHandlers, text):
    values = tab.typed(text, None, 1, False, request())
    session, step = values[0], tab.codec.tokenizer.stride
    said = [chip[1].split() for chip in values[3]["chips"]]  # bytes in hexadecimal
    sizes = [min(step, len(text) - at) for at in range(0, len(text), step)]
    assert [len(row) for row in said] == sizes
    assert len(view.picker_value(tab.codec, session, len(sizes) - 1, 1, "en")["raw"].split()) == sizes[-1]


def test_what_falls_back_on_bytes_says_which_bytes(tab: TextHandlers):
    values = tab.typed("권리", None, 3, False, request())  # EA B6 8C EB | A6 AC, padding
    data, maths = values[3], values[6]
    column = [row[0] for row in data["codes"]]
    assert tab.codec.tokenizer.fallback.taken[column[0]]
    said = [data["says"][level][".".join(map(str, column[: level + 1]))] for level in range(3)]
    assert any(byte in said[0] for byte in ("EA", "B6", "8C", "EB")) and "▹" in said[0]
    assert len({byte for text in said for byte in ("EA", "B6", "8C", "EB") if byte in text}) == 4
    assert r"v_{\mathrm{EA}}, v_{\mathrm{B6}}, v_{\mathrm{8C}}, v_{\mathrm{EB}}" in maths
    assert "templates" in maths
    coarse = tab.typed("권리", None, 1, False, request())[6]
    assert r"\bar v_{\mathrm{80-BF}}" in coarse


def test_both_languages_are_complete(tab: TextHandlers):
    english = tab.typed("one", None, 1, False, request())
    chinese = tab.typed("one", None, 1, False, request(**{"accept-language": "zh-CN"}))
    assert "字符数" in chinese[2] and "Characters" in english[2]


def test_the_same_text_again_changes_nothing(tab: TextHandlers):
    session = tab.typed("one", None, 3, False, request())[0]
    again = tab.typed("one", session, 3, False, request())
    assert all(value == gr.skip() for value in again)


def test_no_text_empties_the_page(tab: TextHandlers):
    values = tab.typed("", None, 3, False, request())
    assert values[0] is None and len(values) == OUTPUTS
    assert "appears here" in values[1]


@pytest.mark.parametrize("text", [" ", "\n", "\0", "\0a\0", "\u200b", "🦊", "\ufeff", "a" * 5000])
def test_odd_texts_are_shown(tab: TextHandlers, text: str):
    values = tab.typed(text, None, 2, False, request())
    assert values[0].original == text.encode()


def test_a_lone_surrogate_is_replaced_and_said(tab: TextHandlers):
    values = tab.typed("a\ud800b", None, 2, False, request())
    assert "surrogate" in values[2]
    json.dumps(values[1:], ensure_ascii=False).encode()  # nothing that a page cannot take is sent back


def test_long_texts_are_cut_between_characters_and_said(tab: TextHandlers):
    values = tab.typed("你" * state.MAX_TEXT_BYTES, None, 1, False, request())
    assert len(values[0].original) == state.MAX_TEXT_BYTES // 3 * 3
    assert f"{state.MAX_TEXT_BYTES:,}" in values[2]


def test_levels_outside_the_model_are_refused_or_reduced(tab: TextHandlers):
    session = tab.typed("one two", None, 1, False, request())[0]
    assert len(tab.relevelled(session, 60, False, request())) == OUTPUTS
    for wrong in (0, -1, 1.5, "2", None, True, float("nan")):
        with pytest.raises(gr.Error, match="whole number from 1 to 64"):
            tab.relevelled(session, wrong, False, request())


# ---------------------------------------------------------------- codes


def test_picking_offers_the_nearest_codes_of_levels_in_use(tab: TextHandlers):
    session = tab.typed("one two three four", None, 2, False, request())[0]
    data = tab.picked(session, 2, event(position=1), request())
    assert data["says"] and data["position"] == 1
    counts = [len(level["options"]) for level in data["levels"]]
    assert counts == [view.NEIGHBOURS] * 2 + [0] * (tab.codec.levels - 2)
    codes = [code for code, _ in data["levels"][0]["options"]]
    assert len(set(codes)) == len(codes) and data["levels"][0]["code"] not in codes


def painted(tab: TextHandlers, session: Any, **data: Any) -> list[Any]:
    """What an edit of the page gives: lossless switch, slider, session, reconstruction, chips, picker."""
    what = {"do": "paint", "runs": [[2, 1]], "levels": [0], "paint": "random", "seed": 3, "shown": 3, **data}
    return tab.edit(session, SimpleNamespace(_data=what), request())


@pytest.mark.parametrize(
    "text", ["seven", "a smiling black cat", "a sentence of more words than any of the models makes"]
)
def test_only_what_the_transformer_makes_can_be_remade_by_it(tab: TextHandlers, text: str):
    making = GenerateHandlers(tab.ctx)
    tab.ctx.remake = making.remake
    session = tab.typed(text, None, 3, False, request())[0]
    address = painted(tab, session, runs=[[1, 1]])[4]["edit"]["remake"]
    if text != "seven":
        assert ("model=emoji" in address) == (text == "a smiling black cat") and bool(address) == (len(text) < 48)
        return
    settings = linked(address, making)
    assert settings.want == ("text",) and settings.masks()["text"].tolist() == [False, True, False, False]
    *_, last = making.trajectory(settings, False, "")
    assert "end" in last


def test_an_offered_text_is_what_the_swap_gives(tab: TextHandlers):
    session = tab.typed("one two three four five six", None, 1, False, request())[0]
    code, says = view.alternatives(tab.codec, session, 3, 1)[0][2]
    values = painted(tab, session, runs=[[3, 1]], paint="code", code=code, shown=1, position=3)
    assert values[5]["says"] == says


def test_an_edit_is_shown_at_once_and_the_rest_follows(tab: TextHandlers):
    session = tab.typed("one two three", None, 3, True, request())[0]
    lossless, _, changed, output, chips, picker, save = painted(tab, session)
    assert lossless is False and changed.lossless is None and picker is None
    assert save is None  # the files of before are not these codes
    assert changed.changed_positions == {2} and [i for i, chip in enumerate(chips["chips"]) if chip[2] & 16] == [2]
    assert decoded_bytes(tab.codec, changed.tokens).decode("utf-8", "replace").translate(compare._PICTURES).replace(
        " ", "·"
    ) in text_of(output).replace(" ", "·")
    tiles, bars, maths, save, _ = tab.settle(changed, 3, request())
    assert "Exact" in text_of(tiles) and bars and maths
    assert Tokens.from_bytes(base64.b64decode(save[0][2])) == changed.tokens  # the file has the edit
    tab.edit(changed, SimpleNamespace(_data={"do": "undo", "shown": 3}), request())
    assert all(value == gr.skip() for value in tab.settle(changed, 3, request()))  # of before the last step


def test_steps_back_and_forward(tab: TextHandlers):
    session = tab.typed("one two three", None, 3, False, request())[0]
    changed = painted(tab, session)[2]
    back = tab.edit(changed, SimpleNamespace(_data={"do": "undo", "shown": 3}), request())
    assert back[2].changed_positions == set() and (back[4]["edit"]["undo"], back[4]["edit"]["redo"]) == (0, 1)
    again = tab.edit(back[2], SimpleNamespace(_data={"do": "redo", "shown": 3}), request())
    assert again[2].tokens == changed.tokens and again[4]["chips"] != back[4]["chips"]


def test_painting_with_another_text(tab: TextHandlers):
    session = tab.typed("one two three four", None, 3, False, request())[0]
    values = painted(tab, session, paint="other", levels=[0, 1, 2], runs=[[0, 2]], other={"example": 0})
    first = tab.codec.encode(tab.texts[0]).codes[:, :2]
    assert (values[2].tokens.codes[:, :2] == first).all()


def test_an_edit_of_an_example_travels_in_a_link(tab: TextHandlers):
    session = tab.typed(tab.texts[1], None, 3, False, request())[0]
    values = painted(tab, session, runs=[[1, 2]])
    opened = request()
    opened.query_params = {"tab": "text", "example": "1", "levels": "2", "edit": values[4]["edit"]["link"]}
    box, slider, _, again, *_ = tab.ready("anything", None, 3, False, opened)
    assert box == tab.texts[1] and slider["value"] == 2 and again.tokens == values[2].tokens


@pytest.mark.parametrize("text", ["my own words", "so many words " * 40])
def test_an_edit_of_ones_own_text_travels_in_a_link(tab: TextHandlers, text: str):
    """What was typed stands in the link itself while it is short, else under the name that it is kept by for a day."""
    own = tab.typed(text, None, 3, False, request())[0]
    values = painted(tab, own, runs=[[1, 2]])
    place = values[4]["place"]
    assert ("typed" in place) == (len(text) <= 400)
    opened = request()
    opened.query_params = {"tab": "text", **place, "levels": "3", "edit": values[4]["edit"]["link"], "at": "2"}
    box, _, _, again, _, _, chips, *_ = tab.ready("anything", None, 3, False, opened)
    assert box == text and again.tokens == values[2].tokens and chips["look"] == {"at": "2"}


def test_an_edit_of_a_tokens_file_travels_in_a_link(tab: TextHandlers):
    data = tab.codec.encode("one two three four").to_bytes()
    _, _, session, *_ = tab.opened(3, False, dropped("mine.mmt", data), request())
    values = painted(tab, session)
    opened = request()
    opened.query_params = {"tab": "text", **values[4]["place"], "edit": values[4]["edit"]["link"]}
    assert tab.ready("", None, 3, False, opened)[3].tokens == values[2].tokens


def test_an_edit_of_what_cannot_be_kept_says_why_it_has_no_link(tab: TextHandlers, monkeypatch):
    monkeypatch.setattr(Store, "keep", lambda *_: "")
    own = tab.typed("so many words " * 40, None, 3, False, request())[0]
    edit = painted(tab, own)[4]["edit"]
    assert edit["link"] is None and edit["unlinked"] == "link_gone"


@pytest.mark.parametrize(
    "data",
    [
        {"do": None},
        {"runs": [[99, 1]]},
        {"levels": [9]},
        {"paint": "code", "code": 10**6},
        {"runs": [["0", 1]]},
        {"runs": [[-1, 1]]},
        {"shown": 9},
        {"position": 99},
    ],
)
def test_impossible_edits_are_one_sentence(tab: TextHandlers, data: dict[str, Any]):
    session = tab.typed("one", None, 3, False, request())[0]
    with pytest.raises(gr.Error) as caught:
        painted(tab, session, **{"runs": [[0, 1]], **data})
    assert "Traceback" not in str(caught.value) and str(caught.value).count("\n") == 0


# ---------------------------------------------------------------- files


def test_tokens_saved_and_opened_again_say_the_same(tab: TextHandlers):
    values = tab.typed("A round trip ✓", None, 2, False, request())
    _, name, data = values[7][0]
    text, lossless, session, output, tiles, *_ = tab.opened(2, False, event(name=name, data=data), request())
    assert text == "" and session.original is None and not lossless
    assert session.tokens.levels == 2
    decoded = decoded_bytes(tab.codec, session.tokens).decode("utf-8", "replace")
    assert decoded.translate(compare._PICTURES) in text_of(output)
    assert "no original" in tiles


def test_text_files_fill_the_box(tab: TextHandlers):
    assert tab.opened(1, False, dropped("a.txt", "naïve €".encode()), request())[0] == "naïve €"
    assert tab.opened(1, False, dropped("a.txt", "naïve €".encode("utf-16")), request())[0] == "naïve €"
    values = tab.opened(1, False, dropped("a.txt", b"abc \xff def"), request())
    assert values[0] == "abc \ufffd def" and "UTF-8" in values[4]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.txt", b""),
        ("a.txt", b"\x89PNG\r\n\x1a\n" + b"\0" * 40),
        ("a.mmt", b""),
        ("a.mmt", b"hello"),
        ("a.mmt", b"MMT\x01" + b"\0" * 40),
    ],
)
def test_unusable_files_are_one_sentence(tab: TextHandlers, name: str, data: bytes):
    with pytest.raises(gr.Error) as caught:
        tab.opened(1, False, dropped(name, data), request())
    assert str(caught.value).strip("'\"").endswith(".")


def test_tokens_of_another_modality_or_model_are_refused(tab: TextHandlers):
    session = start(tab.codec, "one", "en")
    codes = session.tokens.codes
    audio = Tokens(codes, "audio", "audio", 1024, "00000000", {"samples": 960, "sample_rate": 16000, "channels": 1})
    other = Tokens(codes, "text", "text", 1024, "00000000", {"bytes": 3})
    for tokens in (audio, other):
        with pytest.raises(gr.Error, match=r"These tokens (are audio|were made by other weights)"):
            tab.opened(1, False, dropped("a.mmt", tokens.to_bytes()), request())


def test_dropped_files_are_checked():
    file = dropped_file(dropped("../../etc/x.txt", b"abc"))
    assert (file.name, file.read()) == ("x.txt", b"abc")
    for bad in (event(), event(name=1, data="YQ=="), event(name="a", data="%%%"), event(name="a", data=None)):
        with pytest.raises(InputError, match="please choose it again"):
            dropped_file(bad)


# ---------------------------------------------------------------- lossless


def test_a_lossless_file_brings_every_byte_back(tab: TextHandlers):
    source = "Zwölf Boxkämpfer 你好 \0 ⟨end⟩"
    values = tab.typed(source, None, 1, True, request())
    label, name, data = values[7][0]
    assert label == "Save lossless (.mmt)"
    file = base64.b64decode(data)
    assert Tokens.from_bytes(file).lossless == source.encode()
    assert "100 %" in values[2] and f"{8 * len(file) / len(source):.2f}" in values[2]
    assert f"{len(file)} B" in text_of(values[5]) and ">exact<" in values[1]
    text, lossless, session, *_ = tab.opened(1, False, event(name=name, data=data), request())
    assert (text, lossless, session.original) == (source, True, source.encode())
    assert session.tokens.levels == tab.codec.levels and not session.tokens.lossless  # chips show its codes


def test_the_switch_changes_the_file_and_back(tab: TextHandlers):
    session = tab.typed("one two three", None, 2, False, request())[0]
    kept = tab.relevelled(session, 2, True, request())
    assert kept[0].lossless.lossless == b"one two three" and "Lossless .mmt file" in kept[5]
    back = tab.relevelled(kept[0], 2, False, request())
    assert back[0].lossless is None and "Lossless .mmt file" not in back[5]


def test_why_there_is_no_lossless_file(tab: TextHandlers):
    long = tab.typed("a" * (MAX_EXACT_BYTES + 1), None, 1, True, request())
    assert long[0].lossless is None and f"{MAX_EXACT_BYTES:,} bytes" in long[2]
    session = start(tab.codec, "one", "en")
    lossy = open_tokens(tab.codec, session.tokens.to_bytes(), "en")
    assert "nothing to keep" in tab.relevelled(lossy, 3, True, request())[2]


def test_a_file_that_announces_too_much_is_not_decoded(tab: TextHandlers, monkeypatch: pytest.MonkeyPatch):
    data = tab.codec.encode("a" * 300, lossless=True).to_bytes()
    monkeypatch.setattr(state, "MAX_TEXT_BYTES", 60)
    monkeypatch.setattr(Tokens, "from_bytes", None)  # must not be reached
    with pytest.raises(InputError, match="300 symbols"):
        open_tokens(tab.codec, data, "en")


# ---------------------------------------------------------------- endpoint


def test_endpoint(app_url: str, tab: TextHandlers):
    from gradio_client import Client

    client = Client(app_url, verbose=False)
    text, figures, file = client.predict("Hello, 世界", 2, api_name="/reconstruct_text")
    tokens = Tokens.load(file)
    assert tokens.levels == 2 and Path(file).suffix == ".mmt"
    assert text == tab.codec.decode(tokens)
    assert {"bytes", "rate", "rate_unit", "byte_accuracy", "exact"} <= set(figures) and figures["notes"] == []
    text, figures, file = client.predict("Hello, 世界", 1, True, api_name="/reconstruct_text")
    assert text == "Hello, 世界" and figures["exact"] and figures["notes"] == []
    assert Tokens.load(file).lossless == text.encode() and figures["bytes"] == Path(file).stat().st_size
    with pytest.raises(Exception, match="empty"):
        client.predict("", 0, api_name="/reconstruct_text")
    with pytest.raises(Exception, match="20,000"):
        client.predict("a" * (state.MAX_TEXT_BYTES + 1), 0, api_name="/reconstruct_text")


def test_the_bytes_of_an_uploaded_file_are_kept_without_loss(tab: TextHandlers):
    for raw in ("这是一封信。今天天气很好。".encode("gbk"), b"\xef\xbb\xbfDear reader\r\n"):
        session = keep_bytes(start(tab.codec, io.BytesIO(raw), "en"), True)
        assert session.lossless.raw == raw
        back = open_tokens(tab.codec, session.lossless.to_bytes(), "en")
        assert back.raw == raw and back.original == session.original and back.original.decode()
        assert raw in [data for _, name, data in tab._files(session, session.tokens, b"", "en") if name == "text.txt"]
