"""The Image tab without a browser: its endpoint, its handlers, the strings of the page."""

from __future__ import annotations

import ast
import base64
import inspect
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest
import torch
from conftest import levels_of
from PIL import Image
from runs import linked, stages

from mmdemo.errors import InputError
from mmdemo.tokens import Tokens
from mmdemo.ui import app
from mmdemo.ui.generate.handlers import GenerateHandlers
from mmdemo.ui.image import handlers as handlers_module
from mmdemo.ui.image.baselines import rate_stages, size_stages
from mmdemo.ui.image.handlers import ImageHandlers
from mmdemo.ui.image.opening import opening_of
from mmdemo.ui.image.session import MAX_RATIO, START_LEVELS, ImageSession, encode_picture, load_picture
from mmdemo.ui.image.view import viewer_value
from mmdemo.ui.shared import gallery, i18n, state
from mmdemo.ui.shared import place as places_module
from mmdemo.ui.shared.common import said
from mmdemo.ui.shared.payload import pack_codes
from mmdemo.ui.shared.state import Context, Latest, friendly, parse_int
from mmdemo.ui.shared.store import Store

UI = Path(i18n.__file__).parents[1]


@pytest.fixture(scope="module")
def context() -> Context:
    return Context("cpu")


@pytest.fixture
def picture_file(tmp_path: Path) -> Path:
    y, x = np.mgrid[0:96, 0:120]
    array = np.stack([x * 2, y * 2, 255 - x - y], -1).clip(0, 255).astype(np.uint8)
    path = tmp_path / "ramp.png"
    Image.fromarray(array).save(path)
    return path


def open_picture(codec: Any, source: Any, name: str, lang: str) -> ImageSession:
    return encode_picture(codec, load_picture(codec, source, lang), name)


def seen(handlers: ImageHandlers, run: Iterator[Any], visitor: gr.Request) -> tuple[dict[str, Any], ImageSession]:
    """What the page shows of a picture in the end, and the picture."""
    *_, (view, picture) = stages(run)
    *_, view = [view, *stages(handlers.settle(picture, visitor))]
    return view, picture


def request(session: str = "me", **headers: str) -> gr.Request:
    return SimpleNamespace(session_hash=session, query_params={}, cookies={}, headers=headers)  # type: ignore[return-value]


# ---------------------------------------------------------------- strings


def test_every_string_is_there_in_both_languages():
    for key, texts in i18n.table().items():
        assert set(texts) == set(i18n.LANGUAGES), key
        assert all(text.strip() for text in texts.values()), key


def test_both_languages_take_the_same_values():
    names = re.compile(r"(?<!\{)\{(\w+)(?::[^{}]*)?\}(?!\})|\{\{\{(\w+)")
    for key, texts in i18n.table().items():
        found = [sorted({a or b for a, b in names.findall(texts[lang])}) for lang in i18n.LANGUAGES]
        assert found[0] == found[1], key


def literals() -> set[str]:
    """Every string constant in the page's Python files, f-strings in their constant parts."""
    found = set()
    for path in UI.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return found


def test_no_key_is_missing():
    table = i18n.table()
    sections = "|".join({key.split(".")[0] for key in table})
    for text in literals():
        if not re.fullmatch(rf"({sections})\.\w*", text) or text.endswith((".txt", ".css", ".js", ".html")):
            continue
        # A key, or the beginning of one that an f-string completes.
        assert any(key.startswith(text) for key in table), f"{text} is used but not in strings.toml"


def test_no_key_is_unused():
    used = literals()
    begun = tuple(text for text in used if re.fullmatch(r"(\w+\.)?\w+_", text))  # an f-string completes it
    scripts = "".join(path.read_text(encoding="utf-8") for path in UI.rglob("*") if path.suffix in (".js", ".html"))
    ended = tuple(text for text in used if re.fullmatch(r"_\w+", text))  # or its end
    begun += tuple(re.findall(r"""["`](\w+_)(?:\$\{|" \+)""", scripts))  # and a template in a script
    words = set(re.findall(r"\w+", scripts))
    unused = []
    for key in i18n.table():
        last = key.split(".", 1)[1]
        whole_or_last = {key, last, f".{last}"} & used
        part = key.startswith(begun) or last.startswith(begun) or last.endswith(ended)
        if not whole_or_last and not part and last not in words:
            unused.append(key)
    assert unused == [], "in strings.toml, but nothing uses them"


def test_unknown_key_is_an_error():
    with pytest.raises(KeyError, match="no_such_text"):
        i18n.t("image.no_such_text")
    with pytest.raises(KeyError, match="no_such_text"):
        i18n.tr("image.no_such_text", "en")


@pytest.mark.parametrize(
    ("header", "lang"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-US,en;q=0.9,zh;q=0.1", "en"),
        ("fr,de;q=0.5", "en"),
        ("", "en"),
        ("en;q=0.1, zh-TW;q=0.7", "zh"),
        ("zh;q=nonsense", "en"),
    ],
)
def test_language_from_header(header: str, lang: str):
    assert i18n.lang_of(request(**{"accept-language": header})) == lang


def test_language_from_address_goes_before_the_header():
    asked = SimpleNamespace(query_params={"lang": "zh"}, cookies={}, headers={"accept-language": "en"})
    assert i18n.lang_of(asked) == "zh"
    asked.query_params = {"lang": "<script>"}
    assert i18n.lang_of(asked) == "en"
    assert i18n.lang_of(None) == "en"


# ---------------------------------------------------------------- errors and limits


def test_friendly_keeps_input_errors_and_hides_others():
    @friendly
    def refuse() -> None:
        raise InputError("This is not a picture.")

    @friendly
    def stumble():
        yield 1
        raise RuntimeError("secret detail")

    with pytest.raises(gr.Error, match=re.escape("This is not a picture.")):
        refuse()
    steps = stumble()
    assert next(steps) == 1
    with pytest.raises(gr.Error) as caught:
        next(steps)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("value", [None, "3", True, 2.5, float("nan"), -1, 9])
def test_whole_refuses(value: object):
    with pytest.raises(InputError, match="whole number from 0 to 8"):
        parse_int(value, 0, 8)


def test_whole_takes_integral_floats():
    assert parse_int(3.0, 0, 8) == 3


def test_latest_counts_each_visitor_alone():
    latest = Latest(kept=2)
    latest.bump(request("a"))
    latest.bump(request("a"))
    latest.bump(request("b"))
    assert (latest.now(request("a")), latest.now(request("b")), latest.now(request("c"))) == (2, 1, 0)
    latest.bump(request("c"))
    assert latest.now(request("a")) == 0  # forgotten: only the newest visitors are kept


# ---------------------------------------------------------------- pictures


def test_codes_are_packed_small():
    codes = torch.tensor([[[0, 255]], [[7, 3]]])
    assert base64.b64decode(pack_codes(codes, 256)["data"]) == bytes([0, 255, 7, 3])
    wide = pack_codes(torch.tensor([[[0, 1000]]]), 1024)
    assert wide["wide"] and np.frombuffer(base64.b64decode(wide["data"]), "<u2").tolist() == [0, 1000]


def test_all_levels_arrive_and_measure_better(context: Context, picture_file: Path):
    picture = open_picture(context.codec("image"), picture_file, "ramp", "en")
    views = [viewer_value(picture, picture.tokens.levels) for _ in picture.stages(picture.tokens.levels)]
    assert len(views) == picture.tokens.levels + 1  # the first picture comes before it is measured
    assert list(views[0]["recon"]) == [str(picture.tokens.levels)]
    assert views[-1]["figures"]["1"]["bytes"] is None  # files come after all levels can be looked at
    *_, sizes = size_stages(picture)
    assert [len(base64.b64decode(data)) for data in sizes["files"].values()] == [p["bytes"] for p in sizes["ours"]]
    figures = [picture.figures[n] for n in range(1, picture.tokens.levels + 1)]
    assert [f["bytes"] for f in figures] == sorted(f["bytes"] for f in figures)
    assert figures[-1]["psnr"] > figures[0]["psnr"]
    assert not views[-1]["edit"]["count"] and picture.measured


def test_files_are_made_once_and_what_is_looked_at_comes_first(
    context: Context, picture_file: Path, monkeypatch: pytest.MonkeyPatch
):
    made: list[int] = []
    to_bytes = Tokens.to_bytes
    monkeypatch.setattr(Tokens, "to_bytes", lambda tokens: made.append(tokens.levels) or to_bytes(tokens))
    picture = open_picture(context.codec("image"), picture_file, "ramp", "en")
    top = picture.tokens.levels
    run = picture.stages(top)
    for _ in ("seen", "measured"):
        next(run)
        assert list(viewer_value(picture, top)["recon"]) == [str(top)]
    ImageHandlers(context, []).want(picture, gr.EventData(None, {"levels": 2}))
    next(run)
    assert list(viewer_value(picture, top)["recon"]) == [str(top), "2"]
    list(run)
    assert made == []
    list(size_stages(picture)), list(size_stages(picture)), list(rate_stages(picture))
    assert made[0] == 2 and sorted(made) == list(range(1, top + 1))
    assert picture.file(1) == to_bytes(picture.tokens.truncate(1))


def test_transparent_parts_on_white_or_checker(context: Context, tmp_path: Path):
    path = tmp_path / "half.png"
    array = np.zeros((48, 64, 4), np.uint8)
    array[:, :32] = 200, 30, 40, 255
    Image.fromarray(array).save(path)
    handlers = ImageHandlers(context, [])
    view, picture = seen(handlers, handlers.opened(str(path), None, request()), request())
    assert view["background"] == "white" and picture.original[:, :, 32:].min() == 255
    run = handlers.background(picture, {"background": "checker", "levels": 2}, request())
    view, other = seen(handlers, run, request())
    assert view["background"] == "checker" and view["start"] == 2
    assert sorted(other.original[:, :, 32:].unique().tolist()) == [204, 255]
    assert "checkerboard" in view["notes"][0]["en"] and "棋盘格" in view["notes"][0]["zh"]
    assert stages(handlers.background(picture, {"background": "pink"}, request())) == []
    array[:, :32] = 255
    Image.fromarray(array).save(path)
    view, logo = seen(handlers, handlers.opened(str(path), None, request()), request())
    assert view["background"] == "black" and logo.original[:, :, 32:].max() == 0  # seen, unlike on white


PICTURE_FILES = ("image.py", "pixels.py", "colour.py", "tiff.py")


def test_notes_are_said_in_both_languages(context: Context):
    from mmdemo.modalities.note import Note

    buffer = io.BytesIO()
    frames = [Image.new("L", (40, 30), shade) for shade in (0, 90, 200)]
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    (note,) = load_picture(context.codec("image"), buffer.getvalue(), "en").notes
    assert isinstance(note, Note) and said(note, "image.note_", "en") == note == "First of 3 frames."
    assert "3" in said(note, "image.note_", "zh") and said(note, "image.note_", "zh") != note
    source = "".join((UI.parent / "modalities" / name).read_text("utf-8") for name in PICTURE_FILES)
    keys = set(re.findall(r'Note\("(\w+)"', source)) | {"on_white", "on_black", "on_checker"}
    keys |= {f"{what}_{which}" for what in ("frame", "page") for which in ("first", "at")}
    assert len(keys) > 10
    for key in keys:
        assert f"image.note_{key}" in i18n.table()


def test_long_strips_are_refused_in_the_page(context: Context):
    codec = context.codec("image")
    assert load_picture(codec, Image.new("L", (8 * MAX_RATIO, 8)), "en").meta["width"] == 8 * MAX_RATIO
    with pytest.raises(InputError, match="crop"):
        load_picture(codec, Image.new("L", (8, 8 * MAX_RATIO + 1)), "en")
    with pytest.raises(InputError, match="裁剪"):
        load_picture(codec, Image.new("L", (9000, 3)), "zh")


def test_large_pictures_are_shrunk_and_say_so(context: Context):
    size = state.MAX_PICTURE_SIDE
    buffer = io.BytesIO()
    Image.new("RGB", (size * 2, 128), "teal").save(buffer, "PNG")
    picture = open_picture(context.codec("image"), buffer.getvalue(), "wide", "en")
    assert picture.size == (64, size)
    assert str(size * 2) in picture.notes[-1]


def asked_for(**data: Any) -> Any:
    return SimpleNamespace(_data=data)


def paint(handlers: ImageHandlers, picture: ImageSession, session: str = "me", **data: Any) -> tuple[Any, ImageSession]:
    what = {"do": "paint", "runs": [[0, 3]], "levels": [0], "paint": "nothing", "shown": 2, **data}
    return handlers.edit(picture, asked_for(**what), request(session))


def test_an_edit_is_shown_at_once_and_its_figures_follow(context: Context, picture_file: Path):
    handlers = ImageHandlers(context, [])
    view, picture = seen(handlers, handlers.opened(str(picture_file), None, request()), request())
    edited, changed = paint(handlers, picture)
    assert list(edited["recon"]) == ["2"] and edited["recon"]["2"] != picture.shown[2]
    assert edited["edit"]["count"] == 3 and edited["edit"]["runs"] == [[0, 3]]
    *_, settled = stages(handlers.settle(changed, request()))
    assert settled["recon"]["2"] == edited["recon"]["2"]
    assert settled["figures"]["2"]["psnr"] < view["figures"]["2"]["psnr"]
    assert len(settled["figures"]) == picture.tokens.levels
    whole_one = np.asarray(changed.codec.decode(changed.tokens, 2), int)
    assert np.abs(np.asarray(changed.decoded[1], int) - whole_one).max() <= 1  # rounding alone
    assert Tokens.from_bytes(changed.file(picture.tokens.levels)) == changed.tokens  # the file has the edit


def test_steps_back_forward_and_all_back(context: Context, picture_file: Path):
    handlers = ImageHandlers(context, [])
    _, picture = seen(handlers, handlers.opened(str(picture_file), None, request()), request())
    _, one = paint(handlers, picture, paint="random", seed=4)
    _, two = paint(handlers, one, runs=[[30, 2]], levels=[0, 1])
    view, back = handlers.edit(two, asked_for(do="undo", shown=2), request())
    assert back.tokens == one.tokens and (view["edit"]["undo"], view["edit"]["redo"]) == (1, 1)
    assert view["box"] is not None  # decoded where it changed only
    _, again = handlers.edit(back, asked_for(do="redo", shown=2), request())
    assert again.tokens == two.tokens
    view, none = handlers.edit(again, asked_for(do="reset", shown=2), request())
    assert none.tokens == picture.tokens and view["edit"]["count"] == 0 and view["edit"]["undo"] == 3


def test_two_visitors_edit_one_example_each_for_themselves(context: Context, picture_file: Path):
    handlers = ImageHandlers(context, [picture_file])
    _, mine = seen(handlers, handlers.example({"index": 0}, request("a")), request("a"))
    _, yours = seen(handlers, handlers.example({"index": 0}, request("b")), request("b"))
    _, changed = paint(handlers, mine, "a")
    view, other = paint(handlers, yours, "b", runs=[[20, 1]])
    assert view["edit"]["runs"] == [[20, 1]] and mine.tokens == yours.tokens != changed.tokens != other.tokens


def test_an_edit_travels_in_a_link_to_its_example(context: Context, picture_file: Path):
    handlers = ImageHandlers(context, [picture_file, picture_file])
    _, picture = seen(handlers, handlers.example({"index": 1}, request()), request())
    view, changed = paint(handlers, picture, paint="random", levels=[0, 1], seed=9)
    opened = request("other")
    opened.query_params = {"tab": "image", "example": "1", "levels": "2", "edit": view["edit"]["link"]}
    shown, again = seen(handlers, handlers.example(None, opened), opened)
    assert again.tokens == changed.tokens and shown["start"] == 2 and shown["example"] == 1
    opened.query_params["edit"] = "AAAA"
    shown, again = seen(handlers, handlers.example(None, opened), opened)
    assert again.tokens == picture.tokens  # and a word about it


@pytest.mark.parametrize("size", [32, 40])
def test_only_what_the_transformer_makes_can_be_remade_by_it(context: Context, tmp_path: Path, size: int):
    making = GenerateHandlers(context)
    context.remake = making.remake
    Image.linear_gradient("L").resize((size, size)).save(tmp_path / "a.png")
    handlers = ImageHandlers(context, [tmp_path / "a.png"])
    _, picture = seen(handlers, handlers.example({"index": 0}, request()), request())
    view, _ = paint(handlers, picture, runs=[[1, 2]], levels=[0], paint="random", seed=1)
    address = view["edit"]["remake"]
    if size != 32:
        assert address == ""
        return
    settings = linked(address, making)
    assert settings.want == ("image",) and settings.masks()["image"].nonzero()[1].tolist() == [1, 2]
    # By a model that brings an earlier tokenizer along, too: it codes the picture anew.
    tokens, places = replace(picture.tokens, fingerprint="0badc0de"), settings.masks()["image"]
    assert making.remake(tokens, lambda: picture.output(1), torch.as_tensor(places)) != ""


def test_an_edit_too_large_for_a_link_says_so(context: Context, picture_file: Path):
    handlers = ImageHandlers(context, [picture_file])
    _, picture = seen(handlers, handlers.example({"index": 0}, request()), request())
    count = picture.tokens.codes[0].numel()
    view, _ = paint(
        handlers, picture, runs=[[0, count]], levels=list(range(levels_of("image"))), paint="random", seed=1
    )
    assert view["edit"]["count"] == count and view["edit"]["link"] is None
    assert view["edit"]["unlinked"] == "link_long"


def test_an_edit_of_ones_own_picture_opens_from_a_link_for_a_day(context: Context, picture_file: Path):
    handlers = ImageHandlers(context, [])
    _, picture = seen(handlers, handlers.opened(str(picture_file), None, request()), request())
    view, changed = paint(handlers, picture, paint="random", seed=5)
    look = {"levels": "2", "mode": "tokens", "at": "2,1"}
    link = {**picture.place, **look, "edit": view["edit"]["link"]}
    shown, again = seen(handlers, handlers.restored({"place": link}, request("guest")), request("guest"))
    assert again.tokens == changed.tokens and shown["place"] == picture.place
    assert {name: shown["look"][name] for name in ("mode", "at")} == {"mode": "tokens", "at": "2,1"}


def test_painting_with_an_example_and_with_an_earlier_picture(context: Context, picture_file: Path, tmp_path: Path):
    handlers = ImageHandlers(context, [picture_file])
    Image.new("RGB", (96, 64), "navy").save(tmp_path / "navy.png")
    view, first = seen(handlers, handlers.opened(str(tmp_path / "navy.png"), None, request()), request())
    assert [entry["name"] for entry in view["earlier"]] == ["navy"]
    ramp = handlers._example(0, "en").tokens
    _, changed = paint(handlers, first, paint="other", levels=list(range(levels_of("image"))), other={"example": 0})
    assert (changed.tokens.codes[:, 0, :3] == ramp.codes[:, 0, :3]).all()
    asked = {"index": 0, "request_id": handlers.latest.now(request())}
    _, second = seen(handlers, handlers.example(asked, request()), request())
    _, changed = paint(handlers, second, paint="other", levels=list(range(levels_of("image"))), other={"earlier": 0})
    assert (changed.tokens.codes[:, 0, :3] == first.tokens.codes[:, 0, :3]).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"do": "spray"},
        {"runs": [[10**6, 2]]},
        {"runs": "all"},
        {"runs": [[1]]},
        {"levels": [levels_of("image")]},
        {"levels": []},
        {"paint": "code", "code": 256},
        {"paint": "other"},
        {"shown": levels_of("image") + 1},
        {"shown": None},
    ],
)
def test_an_impossible_edit_is_one_sentence(context: Context, picture_file: Path, wrong: dict[str, Any]):
    handlers = ImageHandlers(context, [picture_file])
    picture = handlers._example(0, "en")
    with pytest.raises(gr.Error, match=r"[.]['\"]?$"):
        paint(handlers, picture, **wrong)


def test_nobody_waits_for_the_other_levels_of_somebodys_picture(context: Context, picture_file: Path):
    """The run that opens a picture ends with the levels looked at; the others come by a request of their own."""
    handlers = ImageHandlers(context, [])
    *_, (view, picture) = stages(handlers.opened(str(picture_file), None, request()))
    assert set(view["recon"]) == {str(START_LEVELS)} and view["figures"][str(START_LEVELS)]["psnr"]
    *_, settled = stages(handlers.settle(picture, request()))
    assert set(settled["recon"]) == {str(n + 1) for n in range(picture.tokens.levels)}
    *_, (_, older) = stages(handlers.opened(str(picture_file), None, request()))
    handlers.latest.bump(request())
    assert stages(handlers.settle(older, request())) == []  # something newer was asked for


def test_a_newer_request_stops_an_older_run(context: Context, picture_file: Path):
    handlers = ImageHandlers(context, [])
    run = handlers.opened(str(picture_file), None, request())
    assert next(run)[0]["waiting"]  # the original comes before anything is encoded
    counted = next(run)[0]
    assert counted["waiting"] and counted["figures"]["1"]["bytes"] > 0  # and its size before it is decoded
    assert next(run)[0]["recon"]
    newest = handlers.latest.bump(request())
    assert stages(run) == []
    assert stages(handlers.opened(str(picture_file), {"request_id": newest - 1}, request())) == []
    assert next(handlers.opened(str(picture_file), {"request_id": newest}, request()))


def test_every_run_of_the_page_ends_quietly():
    runs = {fn.fn.__qualname__: fn.fn for fn in app.build().fns.values() if inspect.isgeneratorfunction(fn.fn)}
    told = {"draft", "generate"}  # what they say names its run, and clients wait for their last value
    assert told < set(runs) or not told - {name.rpartition(".")[2] for name in runs}
    loud = {name.rpartition(".")[2] for name, run in runs.items() if not getattr(run, "ends_quietly", False)}
    assert len(runs) >= 10 and loud <= told


def test_an_example_is_encoded_once(context: Context, picture_file: Path):
    handlers = ImageHandlers(context, [picture_file])
    first = stages(handlers.example({"index": 0}, request("a")))
    again = stages(handlers.example({"index": 0}, request("b")))
    assert first[0][0]["waiting"] and len(again) == 1
    assert again[0][0]["recon"] == first[-1][0]["recon"]


def places(handlers: ImageHandlers, place: dict[str, str]) -> Any:
    """What a link to this place shows at the end: the viewer's value and the picture."""
    *_, last = stages(handlers.restored({"place": place}, request()))
    return last


def test_an_upload_has_a_short_place_that_leads_back(context: Context, picture_file: Path, monkeypatch, tmp_path: Path):
    kept = Store(tmp_path / "kept")
    for module in (handlers_module, places_module):
        monkeypatch.setattr(module, "store", lambda: kept)
    handlers = ImageHandlers(context, [])
    view, picture = seen(handlers, handlers.opened(str(picture_file), None, request()), request())
    assert len(view["place"]["input"]) == 12 and view["place"]["name"] == "ramp"
    view, again = places(handlers, {**view["place"], "levels": "3", "mode": "tokens", "at": "2,1"})
    assert torch.equal(again.tokens.codes, picture.tokens.codes) and view["look"]["levels"] == 3
    assert view["look"]["mode"] == "tokens" and again.place == picture.place
    for wrong in ({"input": "aaaaaaaaaaaa"}, {"example": "none"}, {"input": 3}, {str(i): "" for i in range(50)}):
        with pytest.raises(gr.Error, match=r"This link|What this link leads to"):
            places(handlers, wrong)


def test_the_opening_shows_the_nearest_codeword(context: Context, picture_file: Path):
    picture = open_picture(context.codec("image"), picture_file, "ramp", "en")
    opening = opening_of(picture)
    assert opening is not None
    column, row = opening["at"]
    distances = [distance for _, distance, _ in opening["words"]]
    assert distances == sorted(distances) and opening["words"][0][0] == int(picture.tokens.codes[0, row, column])


def dropped(path: Path) -> Any:
    return SimpleNamespace(name=path.name, data=base64.b64encode(path.read_bytes()).decode())


def test_tokens_file_goes_round(context: Context, picture_file: Path, tmp_path: Path):
    codec = context.codec("image")
    tokens = codec.encode(picture_file)
    path = tokens.save(tmp_path / "ramp.mmt")
    handlers = ImageHandlers(context, [])
    view, picture = seen(handlers, handlers.dropped(dropped(path), request()), request())
    assert not view["has_original"] and view["figures"]["1"]["psnr"] is None
    assert list(rate_stages(picture)) == []
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(gr.Error, match="damaged"):
        stages(handlers.dropped(dropped(path), request()))


def test_a_huge_tokens_file_is_refused_by_its_header(context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    size = 1 + state.MAX_PICTURE_SIDE // 2
    codes = torch.zeros(context.codec("image").levels, size, size, dtype=torch.int64)
    meta = {"height": 8 * size, "width": 8 * size}
    path = Tokens(codes, "image", "image", 256, "0" * 8, meta).save(tmp_path / "huge.mmt")
    monkeypatch.setattr(Tokens, "from_bytes", lambda data: pytest.fail("it was decoded"))
    with pytest.raises(gr.Error, match="2048 pixels"):
        list(ImageHandlers(context, []).dropped(dropped(path), request()))


def test_rates_compare_with_classical_codecs(context: Context, picture_file: Path):
    picture = open_picture(context.codec("image"), picture_file, "ramp", "en")
    list(picture.stages(1)), list(size_stages(picture))
    *_, last = rate_stages(picture)
    assert last["done"] and "JPEG" in last["curves"]
    assert len(last["ours"]) == picture.tokens.levels == len(last["baselines"]["JPEG"])


def test_formulas_hold_the_numbers_of_the_picture(context: Context, picture_file: Path):
    handlers = ImageHandlers(context, [])
    _, picture = seen(handlers, handlers.opened(str(picture_file), None, request()), request())
    stages(handlers.sizes(picture, request()))
    for lang in i18n.LANGUAGES:
        text = handlers.formulas(picture, request(**{"accept-language": lang}))
        assert "120 × 96" in text and f"{picture.tokens.count:,}" in text


def test_every_example_has_a_credit():
    assert len(gallery.pictures()) >= 5
    for path in gallery.pictures():
        assert gallery.credits().get(path.name), path.name


# ---------------------------------------------------------------- the endpoint


def test_endpoint(app_url: str, picture_file: Path, tmp_path: Path):
    from gradio_client import Client, handle_file

    client = Client(app_url, verbose=False)
    output, figures, tokens = client.predict(handle_file(str(picture_file)), 2, "white", api_name="/reconstruct_image")
    assert Image.open(output).size == (120, 96)
    assert figures["bytes"] == Path(tokens).stat().st_size
    assert figures["tokens"] == 2 * 12 * 15 and figures["notes"] == []
    Image.new("RGBA", (16, 16)).save(tmp_path / "clear.png")
    clear = handle_file(str(tmp_path / "clear.png"))
    assert client.predict(clear, 2, "black", api_name="/reconstruct_image")[1]["notes"] == [
        "Transparent parts put on black."
    ]


@pytest.mark.parametrize("data", [b"", b"not a picture", b"\x89PNG\r\n\x1a\nbroken", b"GIF89a"])
def test_endpoint_refuses_in_one_sentence(app_url: str, tmp_path: Path, data: bytes):
    from gradio_client import Client, handle_file

    path = tmp_path / "bad.png"
    path.write_bytes(data)
    with pytest.raises(Exception) as caught:
        Client(app_url, verbose=False).predict(handle_file(str(path)), api_name="/reconstruct_image")
    assert "Traceback" not in str(caught.value) and "bad.png" in str(caught.value)


def test_endpoint_refuses_levels_out_of_range(app_url: str, picture_file: Path):
    from gradio_client import Client, handle_file

    with pytest.raises(Exception, match="whole number"):
        Client(app_url, verbose=False).predict(handle_file(str(picture_file)), 99, api_name="/reconstruct_image")


def test_a_place_of_a_script_is_spelt_as_in_an_address():
    place = {"place": {"example": "coffee", "levels": 5}}
    assert places_module.wanted(place) == {"example": "coffee", "levels": "5"}
    for wrong in (None, {"place": [1]}, {"place": {"levels": [5]}}, {"place": {str(i): "" for i in range(21)}}):
        with pytest.raises(InputError, match="does not say what to open"):
            places_module.wanted(wrong)
