"""The Generate tab with a model of prompts: drawn while one types, mixed, in every style, looked into, and reopened."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from generate_model import TwoModels, served
from generating import BOX, SHOWN, until, visits
from PIL import Image

pytestmark = pytest.mark.browser
# Typing ends when nothing comes for 1.1 s; here, when the test says so: a slow machine draws no sketch in that time.
REST = """(() => {
  const set = setTimeout;
  const wait = (what) => (window.rested ? what() : set(() => wait(what), 50));
  window.setTimeout = (what, ms, ...more) => set(ms === 1100 ? () => wait(what) : what, ms, ...more);
})()"""


@pytest.fixture(scope="module")
def url(tmp_path_factory) -> Iterator[str]:
    with served(TwoModels(tmp_path_factory.mktemp("models"))) as address:
        yield address


@pytest.fixture
def opened(browser: Any, url: str) -> Iterator[Any]:
    with visits(browser, url) as open_page:
        yield open_page


def test_a_prompt_is_drawn_while_one_types_mixed_and_reopened(opened: Any):
    page = opened(script=REST)
    assert page.locator("#mm-model input:checked").input_value() == "prompted"
    page.fill(BOX, "")
    page.locator(BOX).press_sequentially("red heart", delay=40)
    until(page, "d.draft === '1' && +d.frames >= 1")
    assert "text=" not in page.url  # a sketch is nothing to link to
    page.evaluate("window.rested = true")
    until(page, "d.draft === '0' && d.state === 'done'")  # full quality, when typing has ended
    assert "text=red+heart" in page.url and "model=prompted" in page.url
    alone = page.evaluate(SHOWN)
    page.fill("#mm-mix input, #mm-mix textarea", "cat face")
    page.fill("#mm-weight input[type=number]", "0.3")
    page.click("#mm-generate")
    page.wait_for_function("location.search.includes('weight=0.3')")
    until(page, "d.draft === '0' && d.state === 'done'")
    mixed = page.evaluate(SHOWN)
    assert "mix=cat+face" in page.url and mixed != alone
    page.locator("#mm-speaker label", has_text="all").click()
    page.click("#mm-generate")
    page.wait_for_function("location.search.includes('speaker=all')")
    until(page, "d.state === 'done'")
    assert page.locator(".mp-style").all_inner_texts() == ["ink", "clay", "flat"]
    last = page.evaluate(SHOWN)
    again = opened("?" + page.url.partition("?")[2])
    until(again, "d.state === 'done'")
    assert again.evaluate(SHOWN) == last and again.url == page.url
    # What was made before comes back without being made again, with its settings.
    assert page.locator(".mp-past").count() >= 3
    page.locator(".mp-past").nth(1).click()
    page.wait_for_function("location.search.includes('weight=0.3') && !location.search.includes('speaker=')")
    assert page.evaluate(SHOWN) == mixed


def test_suggestions_fill_the_prompt(opened: Any):
    page = opened(locale="zh-CN")
    page.fill(BOX, "oct")
    chip = page.locator(".sg-chip", has_text="章鱼")
    chip.click()
    assert page.input_value(BOX) == "章鱼"
    until(page, "d.draft === '0' && d.state === 'done'")
    assert page.locator(".sg-chip").count() >= 1


def test_a_film_and_a_saved_picture_that_is_dropped_back(opened: Any, tmp_path: Any):
    page = opened("?tab=generate&model=prompted&text=sun&mix=moon&film=1&n=3&steps=2&want=image&run=1")
    until(page, "d.state === 'done' && d.layout === 'one'")  # the film starts by itself
    page.wait_for_function("document.querySelector('[data-act=film]')?.ariaPressed === 'true'")
    page.click("[data-layout=all]")
    page.locator(".mp-picture").first.click()
    page.click(".mp-save summary")
    page.select_option(".mp-side-px", "128")
    page.check(".mp-clear")
    with page.expect_download() as saved:
        page.click(".mp [data-save=png]")
    path = tmp_path / "saved.png"
    saved.value.save_as(path)
    assert Image.open(path).size == (128, 128) and Image.open(path).mode == "RGBA"
    other = opened()
    other.evaluate(
        """(base64) => {
          const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)), data = new DataTransfer();
          data.items.add(new File([bytes], "saved.png", { type: "image/png" }));
          const drop = new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
          document.querySelector(".mp").dispatchEvent(drop);
        }""",
        base64.b64encode(path.read_bytes()).decode(),
    )
    until(other, "d.state === 'done'")
    assert "film=1" in other.url and "mix=moon" in other.url and other.input_value(BOX) == "sun"


def test_inside_the_transformer(opened: Any):
    page = opened("?tab=generate&model=prompted&text=red%20heart&steps=3&n=1&want=image&run=1")
    until(page, "d.state === 'done' && d.what === 'x'")  # the noise is what one sees first
    page.click("#mm-inside button")
    page.wait_for_function("document.querySelector('.in')?.dataset.state === 'shown'")
    assert page.locator(".in-over.image .in-cell").count() == 16
    looks = "[...document.querySelectorAll('.in-cell')].map((cell) => cell.style.getPropertyValue('--look'))"
    before = page.evaluate(looks)
    page.locator(".in-over.image .in-cell").nth(5).click()
    assert page.evaluate(looks) != before and page.get_attribute(".in", "data-token") == "5"
    page.click("[data-direction=from]")
    page.click("[data-head='1']")
    assert page.locator(".in-row[data-stream=image] img").count() == 3
    page.fill(".in-block", "2")
    page.wait_for_function("document.querySelector('.in')?.dataset.key?.endsWith(',1]')")
    page.locator(".mp").press("Home")
    page.wait_for_function("document.querySelector('.in')?.dataset.step === '1'")
    assert page.locator(".in-diagram details").count() == 5


def test_the_model_of_digits_is_a_click_away_and_says_what_it_does_not_know(opened: Any):
    page = opened()
    page.locator("#mm-model label", has_text="digits").click()
    page.wait_for_selector("#mm-preset-word")
    assert page.locator("#mm-mix").is_hidden()
    page.fill(BOX, "hello world")
    page.click("#mm-generate")
    until(page, "d.state === 'done' && d.model === 'digits'")
    assert "hello world" in page.locator(".mp-note").inner_text()
    assert "model=" not in page.url  # links of before stay as they were
