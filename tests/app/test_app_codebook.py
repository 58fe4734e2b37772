"""The Codebook tab without a browser: levels, the inputs of a visit, places, examples, searches, its endpoint."""

from __future__ import annotations

import base64
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest
import torch

from mmdemo.codec import places
from mmdemo.errors import InputError
from mmdemo.modalities import MODALITIES
from mmdemo.ui.audio.handlers import AudioHandlers
from mmdemo.ui.codebook import view
from mmdemo.ui.codebook.handlers import MOST_SOUNDS, CodebookHandlers
from mmdemo.ui.codebook.kinds import KINDS, PATCH, Kind, spans
from mmdemo.ui.shared import gallery
from mmdemo.ui.shared.i18n import LANGUAGES
from mmdemo.ui.shared.state import KEPT_OF_ONE, Context, Opened
from mmdemo.ui.text.handlers import TextHandlers

TEXT = {"model": "text", "level": 0}


@pytest.fixture(scope="module")
def context() -> Context:
    return Context("cpu")


@pytest.fixture
def handlers(context: Context) -> CodebookHandlers:
    return CodebookHandlers(context)


def request(who: str = "ann") -> Any:
    return SimpleNamespace(session_hash=who, headers={"accept-language": LANGUAGES[0]}, query_params={})


def test_text_and_sound_are_remembered_per_visitor(context, tmp_path):
    import soundfile

    TextHandlers(context).typed("a sentence", None, 3, False, request("ann"))
    wave = tmp_path / "tone.wav"
    soundfile.write(wave, 0.3 * np.sin(np.arange(8000) / 9), 16_000)
    AudioHandlers(context).opened(str(wave), 2, request("ann"))
    assert context.opened(request("ann"), "text")[0].tokens.positions == (3,)  # ten bytes, four a position
    assert context.opened(request("ann"), "audio")[0].tokens.positions == (25,)  # half a second at 50 frames a second
    assert not context.opened(request("bob"), "text")


def test_a_visit_keeps_its_inputs_and_typing_is_one_of_them(context):
    codec = context.codec("text")
    for text in ("one short te", "one short text", "and now something else", "third, wholly other", "4th 4th", "№ 5"):
        context.remember(request("eve"), codec.encode(text), text.encode())
    opened = context.opened(request("eve"), "text")
    assert [o.source.decode() for o in opened] == ["№ 5", "4th 4th", "third, wholly other", "and now something else"]
    assert len(opened) == KEPT_OF_ONE


def test_an_edit_is_the_same_input():
    tokens = SimpleNamespace(modality="image", positions=(2, 2))
    pixels = torch.zeros(3, 16, 16, dtype=torch.uint8)
    assert Opened(tokens, pixels).continues(Opened(tokens, pixels.clone()))
    assert not Opened(tokens, pixels + 1).continues(Opened(tokens, pixels))
    assert Opened(tokens).continues(Opened(tokens)) and not Opened(tokens, pixels).continues(Opened(tokens))


def test_without_a_visit_it_is_the_example_of_the_tab(handlers):
    value, maths = handlers.show({**TEXT, "serial": 5}, request("nobody"))
    first = gallery.texts()[0]
    assert value["id"] == f"example-{first.name}" and not value["mine"] and value["asked"] == 5
    assert "".join(value["spans"]) == first.read_text("utf-8")
    assert [choice["id"] for choice in value["choices"]] == [f"example-{f.name}" for f in gallery.texts()]
    assert "1024" in maths


def test_inputs_of_a_visit_come_first_and_can_be_chosen(handlers, context):
    codec = context.codec("text")
    for text in ("the first of two", "Zwei: naß"):
        context.remember(request("zoe"), codec.encode(text), text.encode())
    value, _ = handlers.show(dict(TEXT), request("zoe"))
    assert value["mine"] and "".join(value["spans"]) == "Zwei: naß"
    other = value["choices"][1]
    assert other["mine"] and "the first" in other["name"]
    again, _ = handlers.show({**TEXT, "input": other["id"]}, request("zoe"))
    assert "".join(again["spans"]) == "the first of two"
    stranger, _ = handlers.show({**TEXT, "input": other["id"]}, request("mallory"))
    assert not stranger["mine"]  # nobody else's


def test_a_place_says_how_its_codes_were_chosen(handlers, context):
    context.remember(
        request("pia"), context.codec("text").encode("Hello there, this is it."), b"Hello there, this is it."
    )
    value, _ = handlers.show(dict(TEXT), request("pia"))
    found = handlers.place({"model": "text", "input": value["id"], "place": [0]})["levels"]
    tokens = context.opened(request("pia"), "text")[0].tokens
    assert [level["code"] for level in found] == tokens.codes[:, 0].tolist()
    lengths = [found[0]["before"], *(level["after"] for level in found)]
    assert lengths == sorted(lengths, reverse=True) and lengths[-1] < 0.5 * lengths[0]
    for place in ([99], [0, 0], "x", [-1], None):
        with pytest.raises(gr.Error, match=r"no place in that input|whole number from 0 to 5"):
            handlers.place({"model": "text", "input": value["id"], "place": place})
    with pytest.raises(gr.Error, match="not kept any more"):
        handlers.place({"model": "text", "input": "example-none", "place": [0]})


def test_tokens_without_their_source_have_places_and_no_distances(handlers, context):
    context.remember(request("tom"), context.codec("text").encode("only its codes"))
    value, _ = handlers.show(dict(TEXT), request("tom"))
    assert not value["exact"] and "".join(value["spans"]) == "only its codes"
    assert handlers.place({"model": "text", "input": value["id"], "place": [1]}) == {"levels": []}


def test_a_level_has_all_there_is_to_show(handlers):
    found = handlers.level({"model": "text", "level": 2})
    assert found["count"] == len(found["map"]) == len(found["nearest"]) == len(found["counts"]) == 1024
    assert set(found["orders"]) == {"reference", "energy", "similar", "tone"}
    assert all(sorted(order) == list(range(1024)) for order in found["orders"].values())
    assert len(found["perplexity"]) == 3
    assert len(handlers.sheet({"model": "text", "level": 2})["texts"]) == 1024


@pytest.mark.parametrize(
    "asked", [None, {}, {"model": "../secret"}, {"model": "text", "level": 3}, {"model": "text", "level": "1"}]
)
def test_other_requests_are_refused(handlers, asked):
    for function in (handlers.level, handlers.sheet, handlers.examples, handlers.near):
        with pytest.raises(gr.Error, match=r"There is no codebook|whole number from 0 to 2"):
            function(asked)


def test_examples_of_a_code_hold_it(handlers, context):
    codec = context.codec("text")
    level = handlers.level(dict(TEXT))
    if not level["examples"]:
        pytest.skip("the shipped file is of other weights")
    code = level["orders"]["reference"][0]
    found = handlers.examples({**TEXT, "code": code})
    assert found
    for example in found:
        file = gallery.EXAMPLES / example["input"].removeprefix(view.EXAMPLE)
        assert int(codec.encode(file).codes[0, example["place"][0]]) == code


def test_sounds_of_codes_are_heard(handlers):
    found = handlers.sounds({"model": "audio", "level": 3, "codes": [0, 700]})
    assert set(found) == {"0", "700"}
    samples = np.frombuffer(base64.b64decode(found["700"]), "<i2")
    assert len(samples) == 1600 and abs(samples).max() > 0.29 * 32767
    for codes in ([], [1024], ["1"], list(range(MOST_SOUNDS + 1)), None):
        with pytest.raises(gr.Error, match=r"list of 1 to 64 codes|whole number from 0 to 1023"):
            handlers.sounds({"model": "audio", "level": 0, "codes": codes})
    with pytest.raises(gr.Error, match="Codes of 'text' are no sounds"):
        handlers.sounds({**TEXT, "codes": [0]})


def test_a_patch_finds_its_own_code(handlers, context):
    codec = context.codec("image")
    pixels = np.random.default_rng(0).integers(0, 255, (PATCH, PATCH, 3), dtype=np.uint8)
    data = base64.b64encode(pixels.tobytes()).decode()
    x = torch.from_numpy(pixels).permute(2, 0, 1).float() / 255
    middle = PATCH // codec.tokenizer.stride // 2
    z = places.latents(codec, x)[:, middle, middle]
    order = handlers.near({"model": "image", "level": 0, "data": data})
    assert order[0] == int((codec.codebook(0).float() - z).norm(dim=1).argmin())
    assert sorted(order) == list(range(256))
    for odd in ("", data[:-8], None, 7):
        with pytest.raises(gr.Error, match="patch of 40 x 40 pixels"):
            handlers.near({"model": "image", "level": 0, "data": odd})


def test_every_modality_is_shown_and_another_needs_an_entry():
    assert set(KINDS) == set(MODALITIES) and all(isinstance(KINDS[name], Kind) for name in KINDS)
    with pytest.raises(InputError, match="There is no codebook 'series'; choose one of image, audio, text"):
        KINDS["series"]


def test_a_clip_is_taken_as_it_is_and_other_bytes_are_refused():
    wave = np.arange(-200, 200, dtype="<i2")
    assert torch.equal(KINDS["audio"].sample(wave.tobytes()), torch.from_numpy(wave.astype(np.float32)) / 32_768)
    for odd in (b"", bytes(639), bytes(641), bytes(19_202)):
        with pytest.raises(InputError, match="A clip of 320 to 9,600 samples is needed"):
            KINDS["audio"].sample(odd)
    with pytest.raises(InputError, match="for pictures and sounds"):
        KINDS["text"].sample(b"abcd")


def test_an_example_has_its_place_in_its_middle():
    x = torch.arange(100, dtype=torch.uint8)
    assert [len(part) for part in KINDS["text"].piece(x, [10], 4)["text"]] == [20, 4, 20]
    assert [len(part) for part in KINDS["text"].piece(x, [1], 4)["text"]] == [4, 4, 20]  # nothing before the text
    heard = KINDS["audio"].piece(torch.zeros(320 * 40), [20], 320)
    assert heard["time"] == 0.4 and len(base64.b64decode(heard["pcm"])) == 2 * 25 * 320


def test_spans_begin_where_their_characters_do():
    assert spans("aé漢\n!".encode(), 4) == ["aé漢", "\n!"]
    assert spans(b"ok\xff\xfe", 4) == ["ok\ufffd\ufffd"]


def test_endpoint(app_url: str):
    from gradio_client import Client

    figures = Client(app_url, verbose=False).predict("text", 1, api_name="/codebook")
    assert figures["count"] == len(figures["norms"]) == 1024 and figures["level"] == 1
    assert all(code not in row for code, row in enumerate(figures["nearest"]))


def test_endpoint_refuses_in_one_sentence(app_url: str):
    from gradio_client import Client

    with pytest.raises(Exception, match="There is no codebook"):
        Client(app_url, verbose=False).predict("../secret", 0, api_name="/codebook")


LONG = "the " * 250  # too long for an address; four bytes that codewords spell


def test_an_input_of_ones_own_has_an_address_that_lasts(context, handlers):
    texts = TextHandlers(context)
    context.openers["text"] = texts.reopen
    texts.typed("Grüße an alle", None, 3, False, request("ida"))
    value, _ = handlers.show(dict(TEXT), request("ida"))
    assert value["mine"] and value["place"] == {"typed": "Grüße an alle"}
    texts.typed(LONG, None, 3, False, request("ida"))
    value, _ = handlers.show(dict(TEXT), request("ida"))
    assert list(value["place"]) == ["input"]
    mine, _ = handlers.show({**TEXT, "input": value["place"]}, request("ida"))
    assert mine["id"] == value["id"]
    # Somebody else who has the link, and later than this visit.
    theirs, _ = handlers.show({**TEXT, "input": value["place"]}, request("otto"))
    assert "".join(theirs["spans"]) == LONG and theirs["mine"] and theirs["place"] == value["place"]
    assert handlers.place({"model": "text", "input": theirs["id"], "place": [3]})["levels"]
    typed, _ = handlers.show({**TEXT, "input": {"typed": "Grüße an alle"}}, request("otto"))
    assert "".join(typed["spans"]) == "Grüße an alle"


@pytest.mark.parametrize("gone", [{"input": "aaaaaaaaaaaa"}, {"input": "../../etc"}, {"odd": "1"}, {}])
def test_what_a_link_names_and_is_gone_is_said_and_an_example_shown(context, handlers, gone):
    context.openers["text"] = TextHandlers(context).reopen
    with pytest.warns(UserWarning, match="is gone"):
        value, _ = handlers.show({**TEXT, "input": gone}, request("late"))
    assert value["id"].startswith("example-")


def test_an_example_that_was_opened_is_no_input_of_ones_own(context, handlers):
    texts = TextHandlers(context)
    texts.typed(texts.texts[1], None, 3, False, request("eva"))
    value, _ = handlers.show(dict(TEXT), request("eva"))
    assert not value["mine"] and value["id"] == f"example-{texts.examples[1].name}"
    assert value["place"] == {"example": texts.examples[1].stem} and not any(c.get("mine") for c in value["choices"])


def test_an_edited_example_is_ones_own_and_has_no_address(context, handlers):
    texts = TextHandlers(context)
    shown = texts.typed(texts.texts[0], None, 3, False, request("kim"))
    painted = {"do": "paint", "runs": [[0, 1]], "levels": [0], "paint": "random", "seed": 1, "shown": 3}
    texts.edit(shown[0], SimpleNamespace(_data=painted), request("kim"))
    value, _ = handlers.show(dict(TEXT), request("kim"))
    assert value["mine"] and value["place"] == {}
