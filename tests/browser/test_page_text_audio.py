"""The Text and Audio tabs in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from conftest import resting
from PIL import Image

pytestmark = pytest.mark.browser
WAIT = 300_000  # ms: a busy machine takes its time, and what works waits for nothing
BOX = "#mm-text-input textarea"


@pytest.fixture(params=[(1280, "en", "light"), (390, "zh", "dark")], ids=["wide", "narrow"])
def look(request: pytest.FixtureRequest) -> tuple[int, str, str]:
    return request.param


@pytest.fixture
def open_page(browser: Any, app_url: str) -> Iterator[Any]:
    """A function that opens the page; afterwards nothing may have failed or been fetched from elsewhere."""
    contexts, problems, outside = [], [], []

    def opened(tab: str, width: int = 1280, lang: str = "en", scheme: str = "light") -> Any:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, accept_downloads=True
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        # Gradio's own small player logs what it cannot draw; that file is refused with a sentence.
        expected = "Waveform load error"
        page.on(
            "console",
            lambda line: problems.append(line.text) if line.type == "error" and expected not in line.text else None,
        )
        own = (app_url, "data:", "blob:")
        page.on("request", lambda r: None if r.url.startswith(own) else outside.append(r.url))
        page.goto(f"{app_url}/?lang={lang}")
        page.locator("[role=tab]").nth({"text": 1, "audio": 2}[tab]).click(timeout=WAIT)
        ready = "#mm-text-chips .chip" if tab == "text" else "#mm-audio-lab .lab:not([hidden])"
        page.wait_for_selector(ready, timeout=WAIT)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert problems == []
    assert outside == []


def wait(page: Any, script: str, arg: Any = None) -> None:
    page.wait_for_function(script, arg=arg, timeout=WAIT)


def codes_of(page: Any) -> list[str]:
    """What each chip tells a screen reader: position, bytes and codes."""
    return page.locator(".chip").evaluate_all("chips => chips.map(chip => chip.getAttribute('aria-label'))")


def type_text(page: Any, text: str) -> None:
    """Put a text into the box and wait until the page shows it."""
    page.fill(BOX, text)
    count = f"{len(text):,}"
    wait(page, "n => document.querySelector('#mm-text-tiles .mm-tile-value')?.innerText === n", count)


def drop(page: Any, target: str, name: str, text: str) -> None:
    """Drop a file on an element, as a person does with the mouse."""
    data = page.evaluate_handle(
        """([name, text]) => {
          const data = new DataTransfer();
          data.items.add(new File([text], name));
          return data;
        }""",
        [name, text],
    )
    page.dispatch_event(target, "drop", {"dataTransfer": data})


def state(page: Any) -> dict[str, str]:
    """What the player does: playing, track, time."""
    return page.locator(".lab").evaluate("lab => ({...lab.dataset})")


def fits(page: Any) -> bool:
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1")


# ---------------------------------------------------------------- text


def test_text_opens_with_an_example_and_fits(open_page: Any, look: tuple[int, str, str]):
    page = open_page("text", *look)
    assert page.input_value(BOX)
    assert fits(page)
    assert page.locator("#mm-text-bars rect.ours").count() == 1


def test_typing_pasting_and_deleting_all_encode_again(open_page: Any):
    page = open_page("text")
    type_text(page, "abc")
    page.click(BOX)
    page.keyboard.press("End")
    page.keyboard.type("d")
    wait(page, "document.querySelector('#mm-text-tiles .mm-tile-value')?.innerText === '4'")
    page.keyboard.press("Backspace")
    page.keyboard.press("Backspace")
    wait(page, "document.querySelector('#mm-text-tiles .mm-tile-value')?.innerText === '2'")
    page.keyboard.insert_text("你好🦊")
    wait(page, "document.querySelector('#mm-text-tiles .mm-tile-value')?.innerText === '5'")
    page.fill(BOX, "")
    wait(page, "!document.querySelector('#mm-text-chips .chip')")


def test_fewer_levels_cost_fewer_bits(open_page: Any):
    page = open_page("text")
    bits = "[...document.querySelectorAll('#mm-text-tiles .mm-tile-value')][2].innerText"
    before = page.evaluate(bits)
    page.locator("#mm-text-levels input[type=range]").fill("1")
    wait(page, f"before => {bits} !== before", before)
    assert float(page.evaluate(bits)) < float(before)
    assert page.locator(".chip").first.locator("b.off").count() >= 1


def test_hovering_tells_the_codes_and_clicking_swaps_one(open_page: Any):
    page = open_page("text")
    type_text(page, "one two three four")
    before = codes_of(page)
    page.locator(".chip").nth(1).hover()
    assert "Level 1:" in page.locator(".chips-tip").inner_text()
    page.locator(".chip").nth(1).click()
    page.locator(".picker-row").first.locator(".picker-options button").first.click(timeout=WAIT)
    page.wait_for_selector(".chip.edited", timeout=WAIT)
    after = codes_of(page)
    assert after[1].split("Level 1")[1] != before[1].split("Level 1")[1]
    assert page.locator(".chip.edited").count() == 1
    page.keyboard.press("Control+z")
    wait(page, "!document.querySelector('.chip.edited')")
    assert codes_of(page) == before


def test_a_span_of_chips_is_painted(open_page: Any):
    page = open_page("text")
    type_text(page, "one two three four five six")
    page.click("#mm-text-chips [data-choice=span]")
    first, last = (resting(page.locator(".chip").nth(i)) for i in (1, 3))
    page.mouse.move(first["x"] + 5, first["y"] + 5)
    page.mouse.down()
    page.mouse.move(last["x"] + 5, last["y"] + 5, steps=4)
    assert page.locator(".chip.covered").count() == 3
    page.mouse.up()
    wait(page, "document.querySelectorAll('.chip.edited').length === 3")
    page.click("#mm-text-chips [data-step=undo]")
    wait(page, "!document.querySelector('.chip.edited')")
    page.click("#mm-text-chips [data-step=redo]")
    wait(page, "document.querySelectorAll('.chip.edited').length === 3")


def test_chips_work_with_the_keyboard(open_page: Any):
    page = open_page("text")
    type_text(page, "one two three four")
    page.locator(".chip").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_selector(".picker:not([hidden])", timeout=WAIT)
    assert "3 of" in page.locator(".picker-title").inner_text()


def test_right_to_left_text_runs_right_to_left(open_page: Any):
    page = open_page("text")
    type_text(page, "שלום עולם")
    assert page.locator(".chips-box").get_attribute("dir") == "rtl"
    first, second = (page.locator(".chip").nth(i).bounding_box()["x"] for i in (0, 1))
    assert first > second
    assert page.locator(BOX).get_attribute("dir") == "auto"


def test_files_are_dropped_saved_and_opened(open_page: Any, tmp_path: Path):
    page = open_page("text")
    drop(page, BOX, "note.txt", "dropped on the box")
    wait(page, f"document.querySelector('{BOX}')?.value === 'dropped on the box'")
    drop(page, "#mm-text-file .filedrop", "note.txt", "dropped ✓")
    wait(page, f"document.querySelector('{BOX}')?.value === 'dropped ✓'")
    wait(page, "document.querySelector('#mm-text-tiles .mm-tile-value')?.innerText === '9'")
    before = codes_of(page)
    with page.expect_download() as saved:
        page.locator("#mm-text-save button").first.click()
    saved.value.save_as(tmp_path / "text.mmt")
    page.set_input_files("#mm-text-file input", tmp_path / "text.mmt")
    wait(page, "document.querySelector('#mm-text-tiles')?.innerText.includes('Decoded from an .mmt file')")
    assert page.input_value(BOX) == ""
    assert [line.split("Level 1")[1] for line in codes_of(page)] == [line.split("Level 1")[1] for line in before]


def test_a_lossless_file_is_switched_on_saved_and_opened(open_page: Any, tmp_path: Path):
    page = open_page("text")
    text = "Lossless: 你好 🦊 שלום, one two three"
    type_text(page, text)
    page.locator("#mm-text-lossless input").check()
    wait(page, "document.querySelector('#mm-text-bars')?.innerText.includes('Lossless .mmt file')")
    assert page.locator("#mm-text-output mark").count() == 0
    with page.expect_download() as saved:
        page.get_by_text("Save lossless (.mmt)").click()
    saved.value.save_as(tmp_path / "kept.mmt")
    type_text(page, "something else")
    page.set_input_files("#mm-text-file input", tmp_path / "kept.mmt")
    wait(page, "document.querySelector('#mm-text-tiles')?.innerText.includes('lossless .mmt file')")
    assert page.input_value(BOX) == text
    page.locator(".chip").nth(1).click()
    page.locator(".picker-row").first.locator(".picker-options button").first.click(timeout=WAIT)
    wait(page, "!document.querySelector('#mm-text-lossless input').checked")  # other codes say something else
    wait(page, "!document.querySelector('#mm-text-bars').innerText.includes('Lossless')")


def test_a_bad_file_is_one_sentence_and_keeps_the_page(open_page: Any, tmp_path: Path):
    page = open_page("text")
    type_text(page, "keep me")
    (tmp_path / "bad.mmt").write_bytes(b"nothing of ours")
    page.set_input_files("#mm-text-file input", tmp_path / "bad.mmt")
    toast = page.locator(".toast-body")
    toast.wait_for(timeout=WAIT)
    assert "not an .mmt file" in toast.inner_text() and "Traceback" not in toast.inner_text()
    assert page.input_value(BOX) == "keep me" and page.locator(".chip").count() == 2


def test_a_huge_paste_is_cut_and_said(open_page: Any):
    page = open_page("text")
    page.fill(BOX, "")
    page.click(BOX)
    page.keyboard.insert_text("many words " * 50_000)
    wait(page, "document.querySelector('#mm-text-tiles')?.innerText.includes('first 20,000 bytes')")
    assert page.locator(".chip").count() < 500  # a window of them
    page.locator(".chips-next").click()
    assert page.locator(".chip").first.get_attribute("data-index") != "0"


def test_a_card_of_a_text_shows_it_and_carries_its_tokens(open_page: Any):
    page = open_page("text")
    type_text(page, "one two three four")
    with page.expect_download(timeout=WAIT) as saved:
        page.locator("#mm-text-save [data-save=card]").click()
    with Image.open(saved.value.path()) as card:
        assert card.size == (1200, 630) and "tokens" in card.text["Description"]
        upper, lower = (np.asarray(card.convert("RGB").crop((40, top, 1160, top + 150))) for top in (40, 310))
    assert len(np.unique(upper.reshape(-1, 3), axis=0)) > 10  # letters
    assert len(np.unique(lower.reshape(-1, 3), axis=0)) > len(np.unique(upper.reshape(-1, 3), axis=0))  # coloured chips


# ---------------------------------------------------------------- audio


def test_audio_opens_with_an_example_and_fits(open_page: Any, look: tuple[int, str, str]):
    page = open_page("audio", *look)
    assert fits(page)
    assert page.locator(".lab-tracks button").count() >= 3


def test_switching_keeps_the_place(open_page: Any):
    page = open_page("audio")
    page.locator(".lab-loop input").check()  # so that a slow machine does not come too late
    page.locator(".lab-play").click()
    swapped = page.wait_for_function(
        """() => {
          const lab = document.querySelector(".lab"), first = { ...lab.dataset };
          if (first.playing !== "true" || Number(first.time) < 0.3) return null;
          lab.querySelector(".lab-swap").click();
          return [first, { ...lab.dataset }];
        }""",
        timeout=WAIT,
    )
    first, second = swapped.json_value()
    assert (first["track"], second["track"]) == ("original", "reconstruction")
    assert second["playing"] == "true"
    assert first["time"] == second["time"]
    wait(page, "time => document.querySelector('.lab').dataset.time !== time", second["time"])
    assert state(page)["playing"] == "true"
    page.locator(".lab-play").click()
    assert state(page)["playing"] == "false"


def test_a_click_on_the_tokens_plays_from_there_and_hovering_tells_the_code(open_page: Any):
    page = open_page("audio")
    grid = page.locator("canvas[data-row=tokens]")
    box = resting(grid)
    grid.hover(position={"x": box["width"] / 2, "y": 4})
    assert "level 1: code" in page.locator(".lab-tip").inner_text()
    page.evaluate(
        """() => {
          const lab = document.querySelector(".lab");
          const note = () => { if (lab.dataset.playing === "true") lab.dataset.first ??= lab.dataset.time; };
          new MutationObserver(note).observe(lab, { attributes: true, attributeFilter: ["data-time"] });
        }"""
    )
    grid.click(position={"x": box["width"] / 2, "y": 4})
    wait(page, "document.querySelector('.lab')?.dataset.first")
    total = float(page.locator(".lab-time").inner_text().split("/")[1].split()[0])
    assert total * 0.45 < float(state(page)["first"]) <= total


def test_zoom_keeps_the_moment_that_is_pointed_at(open_page: Any):
    page = open_page("audio")
    box = resting(page.locator("canvas[data-row=waveform]"))
    at = box["x"] + 0.7 * box["width"], box["y"] + 20

    def moment() -> float:
        page.mouse.move(at[0] - 1, at[1])
        page.mouse.move(*at)
        return float(page.locator(".lab-tip").inner_text().split()[0])

    before = moment()
    page.keyboard.down("Control")
    for _ in range(3):
        page.mouse.wheel(0, -100)
    page.keyboard.up("Control")
    page.wait_for_selector(".lab-scroll", state="visible")
    assert moment() == pytest.approx(before, abs=0.05)
    page.click(".lab [aria-label='Zoom out']")
    assert page.locator(".lab-scroll").is_visible()  # a step back, not all the way to the start


def test_a_span_of_sound_is_painted_and_heard_before_and_after(open_page: Any):
    page = open_page("audio")
    page.click(".lab-toggle")
    grid = page.locator("canvas[data-row=tokens]")
    box = resting(grid)
    assert box["height"] >= 8 * 24
    page.mouse.move(box["x"] + 200, box["y"] + 4)
    page.mouse.down()
    page.mouse.move(box["x"] + 260, box["y"] + 4, steps=4)
    page.mouse.up()
    wait(page, "Number(document.querySelector('.lab')?.dataset.edits) > 0")
    assert page.locator(".lab-tracks [data-track=before]").count() == 1
    page.get_by_text("▶ Before").click()
    with page.expect_download(timeout=WAIT) as saved:  # saved as soon as its file has been made
        page.locator(".lab-save button").nth(1).click()
    assert Path(saved.value.path()).read_bytes().startswith(b"MMT")
    page.keyboard.press("Control+z")
    wait(page, "document.querySelector('.lab')?.dataset.edits === '0'")


def test_the_levels_slider_changes_rate_and_sound(open_page: Any):
    page = open_page("audio")
    rate = "Number([...document.querySelectorAll('#mm-audio-tiles .mm-tile-value')][2].innerText)"
    before = page.evaluate(rate)
    page.locator("#mm-audio-levels input[type=range]").fill("1")
    wait(page, f"before => {rate} < before", before)
    assert page.locator(".lab-tracks [data-track=layer]").count() == 0
    page.locator("#mm-audio-levels input[type=range]").fill("2")
    page.wait_for_selector(".lab-tracks [data-track=layer]", timeout=WAIT)
    assert "level 2" in page.locator(".lab-tracks [data-track=layer]").inner_text()


def test_other_codecs_are_measured_and_can_be_heard(open_page: Any):
    page = open_page("audio")
    page.wait_for_selector(".codecs [data-key=Opus]", timeout=WAIT)
    page.locator(".codecs [data-key=Opus]").click()
    wait(page, "document.querySelector('.lab')?.dataset.playing === 'true'")
    assert state(page)["track"] == "Opus"


def test_original_reconstruction_and_other_codecs_are_compared_row_by_row(open_page: Any):
    page = open_page("audio")
    page.wait_for_selector(".codecs [data-key=Opus]", timeout=WAIT)
    page.click(".lab [data-mode=compare]")
    rows = page.locator(".lab-row:not([hidden])")
    names = rows.locator(".lab-listen").evaluate_all("all => all.map((one) => one.dataset.listen)")
    assert names[:3] == ["original", "reconstruction", "Opus"]
    assert page.locator("canvas[data-row=waveform]").is_hidden()
    painted = "c => new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size > 4"
    assert all(rows.nth(i).locator("canvas").evaluate(painted) for i in range(len(names)))
    assert "kbps" in rows.nth(1).inner_text() and "STOI" in rows.nth(2).inner_text()
    rows.nth(2).locator("canvas").click()  # a click on a row plays its sound from there
    wait(page, "document.querySelector('.lab')?.dataset.playing === 'true'")
    assert state(page)["track"] == "Opus" and page.locator(".lab-current [data-listen=Opus]").count() == 1
    rows.first.locator(".lab-listen").press("Enter")
    assert state(page)["track"] == "original"
    page.click(".lab [data-mode=all]")
    assert page.locator("canvas[data-row=waveform]").is_visible()


def test_a_file_gives_the_same_samples_back(open_page: Any, tmp_path: Path):
    page = open_page("audio")
    wave = (0.3 * np.sin(2 * np.pi * 330 * np.arange(24_000) / 16_000)).astype("float32")
    soundfile.write(tmp_path / "tone.wav", wave, 16_000)
    page.set_input_files("#mm-audio-input input[type=file]", tmp_path / "tone.wav")
    wait(page, "document.querySelector('.lab-time')?.innerText.includes('1.50')")
    page.locator(".lab-tracks [data-track=original]").click()
    with page.expect_download() as saved:
        page.get_by_text("Save this sound").click()
    saved.value.save_as(tmp_path / "back.wav")
    back, rate = soundfile.read(tmp_path / "back.wav", dtype="float32")
    assert rate == 16_000 and np.abs(back - wave).max() < 1e-4
    with page.expect_download() as saved:
        page.locator(".lab-save button").nth(1).click()
    saved.value.save_as(tmp_path / "tone.mmt")
    page.set_input_files("#mm-audio-file input", tmp_path / "tone.mmt")
    wait(page, "document.querySelector('#mm-audio-tiles')?.innerText.includes('Decoded from an .mmt file')")
    assert page.locator(".lab-tracks [data-track=original]").count() == 0


def test_the_microphone(open_page: Any):
    page = open_page("audio")
    page.locator("#mm-audio-input [aria-label='Record audio']").click()
    page.locator("#mm-audio-input .record-button").click()
    page.wait_for_timeout(1500)
    page.locator("#mm-audio-input .stop-button").first.click()
    example = page.locator(".lab-time").inner_text()
    wait(page, "example => document.querySelector('.lab-time').innerText !== example", example)
    seconds = float(page.locator(".lab-time").inner_text().split("/")[1].split()[0])
    assert 0.5 < seconds < 60  # a slow machine stops late
    assert page.locator("#mm-audio-examples .mm-on").count() == 0


def test_a_broken_sound_is_one_sentence_and_keeps_the_page(open_page: Any, tmp_path: Path):
    page = open_page("audio")
    before = page.locator(".lab-time").inner_text()
    (tmp_path / "words.wav").write_text("these are only words, no sound")
    page.set_input_files("#mm-audio-input input[type=file]", tmp_path / "words.wav")
    toast = page.locator(".toast-body")
    toast.wait_for(timeout=WAIT)
    assert "not a sound" in toast.inner_text() and "Traceback" not in toast.inner_text()
    assert page.locator(".lab-time").inner_text() == before
