"""How a visit begins, goes on and is found again: motion, addresses, history, files dropped anywhere, the tour."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import WATCH_PICTURES, levels_of, resting
from PIL import Image

from mmdemo.ui.image.session import START_LEVELS

pytestmark = pytest.mark.browser
WAIT = 300_000  # ms: a busy machine takes its time, and what works waits for nothing
READY = ".mm-viewer[data-ready]"
LEVELS = levels_of("image")
SIZES = {"laptop": {"width": 1280, "height": 720}, "phone": {"width": 390, "height": 844}}


@pytest.fixture
def opened(browser: Any, app_url: str) -> Iterator[Any]:
    """Opens an address in a context of its own: opened("?tab=…", motion=False, size="laptop").

    No script may fail there, and no picture be seen that is none.
    """
    contexts, pages, problems = [], [], []

    def open_(query: str = "", motion: bool = False, size: str = "laptop", script: str = "") -> Any:
        context = browser.new_context(
            viewport=SIZES[size],
            locale="en-US",
            accept_downloads=True,
            has_touch=size == "phone",
            reduced_motion="no-preference" if motion else "reduce",
        )
        contexts.append(context)
        context.add_init_script(WATCH_PICTURES)
        page = context.new_page()
        pages.append(page)
        page.set_default_timeout(WAIT)
        if script:
            page.add_init_script(script)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(f"{app_url}/{query}")
        return page

    yield open_
    broken = [found for page in pages for found in page.evaluate("window.mmBroken")]
    for context in contexts:
        context.close()
    assert problems == [] and broken == []


def level(page: Any) -> int:
    return int(page.locator("#mm-levels").input_value())


def upload(page: Any, folder: Path, seed: int = 0) -> None:
    path = folder / f"mine{seed}.png"
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (40, 64, 3), dtype=np.uint8)).save(path)
    before = page.get_attribute(".mm-viewer", "data-ready")
    page.set_input_files("#mm-image-input input[type=file]", str(path))
    ready(page, before)


def ready(page: Any, before: str | None) -> None:
    """Wait for another picture than this one."""
    page.wait_for_function(
        "before => ![undefined, before].includes(document.querySelector('.mm-viewer')?.dataset.ready)", arg=before
    )


IN_ADDRESS = """([name, value]) => {
  const now = new URLSearchParams(location.search).get(name);
  return value ? now === value : now;
}"""


def in_address(page: Any, name: str, value: str = "") -> None:
    """Wait until the address names this, with this value where one is given."""
    page.wait_for_function(IN_ADDRESS, arg=[name, value])


# What happens in the opening, noted in the page itself: a busy machine looks too seldom from outside.
WATCH = """(() => {
  window.levels = new Set();
  setInterval(() => {
    const slider = document.querySelector("#mm-levels"), word = document.querySelector(".mm-lift-word.mm-found");
    if (document.querySelector(".mm-viewer[data-ready]") && slider) window.levels.add(Number(slider.value));
    const numbers = () => [...document.querySelectorAll(".mm-lift-word i")].map((node) => Number(node.innerText));
    if (word) window.lifted = { nearest: Number(word.querySelector("i").innerText), all: numbers() };
  }, 10);
})()"""


def test_the_first_picture_builds_itself_up_and_a_token_finds_its_codeword(opened: Any):
    page = opened(motion=True, script=WATCH)
    page.wait_for_function("window.lifted && !document.querySelector('.mm-lift')")
    levels, lifted = page.evaluate("[...window.levels]"), page.evaluate("window.lifted")
    assert min(levels) <= 3 and max(levels) == LEVELS and len(levels) >= 5
    assert len(lifted["all"]) > 1 and lifted["nearest"] == min(lifted["all"])
    assert level(page) == START_LEVELS  # few enough to see what is lost


def test_any_input_ends_the_opening(opened: Any):
    page = opened(motion=True)
    page.wait_for_selector(READY)
    page.keyboard.press("Shift")
    page.wait_for_timeout(1500)
    assert level(page) == START_LEVELS and page.locator(".mm-lift").count() == 0


def test_nothing_moves_where_less_motion_is_wanted(opened: Any):
    page = opened()
    page.wait_for_selector(READY)
    assert level(page) == START_LEVELS
    page.wait_for_timeout(700)
    assert level(page) == START_LEVELS and page.locator(".mm-lift").count() == 0


@pytest.mark.parametrize("size", SIZES)
def test_slider_picture_and_figures_are_in_view(opened: Any, size: str):
    page = opened(size=size)
    page.wait_for_selector(READY)
    for selector in (".mm-stage", "#mm-levels", "[data-figure=bytes]", "[data-figure=psnr]"):
        # In one moment: figures are drawn anew when later ones come.
        box = page.evaluate("name => document.querySelector(name).getBoundingClientRect().toJSON()", selector)
        assert box["width"] > 0 and box["height"] > 0, selector
        assert box["top"] >= 0 and box["bottom"] <= SIZES[size]["height"], selector


@pytest.mark.parametrize("size", SIZES)
def test_of_a_text_too(opened: Any, size: str):
    page = opened("?tab=text", size=size)
    page.wait_for_selector("#mm-text-chips .chip")
    page.wait_for_selector("#mm-text-tiles .mm-tile")
    boxes = page.evaluate("""() => ["#mm-text-output .compare", "#mm-text-levels input", "#mm-text-tiles .mm-tile"]
      .map((name) => document.querySelector(name).getBoundingClientRect().toJSON())""")
    for box in boxes:
        assert box["width"] > 0 and box["height"] > 0 and box["top"] >= 0
        assert box["bottom"] <= SIZES[size]["height"]


def test_back_leads_to_the_picture_before_and_another_language_keeps_it(opened: Any, tmp_path: Path):
    page = opened("?tab=image&example=coffee&levels=5")
    page.wait_for_selector(READY)
    assert level(page) == 5
    upload(page, tmp_path)
    in_address(page, "input")
    page.click(".mm-head nav a:visible")
    page.wait_for_function("document.documentElement.dataset.mmLang === 'zh'")
    page.wait_for_selector(READY)
    page.wait_for_function("document.querySelector('[data-figure=tokens] .mm-tile-value')?.textContent === '200'")
    assert level(page) == 5  # 40 x 64 pixels: the upload itself, on as many levels
    assert page.locator(".mm-visit-one").count() == 2
    before = page.get_attribute(".mm-viewer", "data-ready")
    page.locator(".mm-visit-one").nth(1).click()  # the first picture, by its thumbnail
    ready(page, before)
    in_address(page, "example", "coffee")
    before = page.get_attribute(".mm-viewer", "data-ready")
    page.go_back()
    ready(page, before)
    in_address(page, "input")


def test_text_and_sound_have_addresses(opened: Any):
    page = opened("?tab=text&typed=A+short+text&levels=1")
    page.wait_for_function("document.querySelector('#mm-text-input textarea')?.value === 'A short text'")
    in_address(page, "typed", "A short text")
    assert page.locator("#mm-text-levels input[type=range]").input_value() == "1"
    page = opened("?tab=audio&example=spoken_seven&levels=2")
    page.wait_for_selector("#mm-audio-lab .lab:not([hidden])")
    in_address(page, "example", "spoken_seven")
    page.wait_for_function("document.querySelector('#mm-audio-levels input[type=range]')?.value === '2'")


CONTROLS = {"image": "#mm-image-viewer", "text": "#mm-text-levels", "audio": "#mm-audio-levels"}


@pytest.mark.parametrize("tab", CONTROLS)
def test_every_tab_has_the_same_level_control(opened: Any, tab: str):
    page = opened(f"?tab={tab}", size="phone")
    page.wait_for_selector({"image": READY, "text": "#mm-text-chips .chip", "audio": ".lab:not([hidden])"}[tab])
    control = page.locator(f"{CONTROLS[tab]} .mm-levels")
    slider = control.get_by_role("slider", name="Levels")
    most = int(slider.get_attribute("max"))
    slider.fill("2")
    assert control.locator("output").inner_text() == f"2 of {most}" == slider.get_attribute("aria-valuetext")
    assert slider.bounding_box()["height"] >= 24
    slider.press("ArrowLeft")
    in_address(page, "levels", "1")
    assert control.locator("output").inner_text() == f"1 of {most}"


@pytest.mark.parametrize(
    ("tab", "query", "shown"),
    [
        (
            "image",
            "example=cat&levels=2&mode=tokens&at=3,4",
            f"document.querySelectorAll('.mm-code').length === {LEVELS}",
        ),
        (
            "text",
            "typed=one+two+three+four&at=3",
            "document.querySelector('.picker-title')?.innerText.includes('3 of')",
        ),
        ("audio", "example=spoken_seven&levels=2&at=0.25", "document.querySelector('.lab')?.dataset.time === '0.250'"),
    ],
)
def test_a_place_stands_in_the_address_and_back_leads_to_it(opened: Any, tab: str, query: str, shown: str):
    page = opened(f"?tab={tab}&{query}")
    page.wait_for_function(shown)
    at = query.rpartition("at=")[2]
    page.wait_for_timeout(600)  # the address follows what is shown, if it does
    in_address(page, "at", at)
    page.locator({"image": ".mm-example", "text": ".pills button", "audio": ".pills button"}[tab]).nth(1).click()
    page.wait_for_function("() => !new URLSearchParams(location.search).has('at')")
    page.go_back()
    in_address(page, "at", at)
    page.wait_for_function(shown)


def test_a_tap_on_a_token_says_its_code_where_it_is(opened: Any):
    page = opened("?tab=image&example=cat&mode=tokens&at=2,2", size="phone")
    page.wait_for_selector(READY)
    page.wait_for_selector(".mm-code")
    box = resting(page.locator(".mm-stage"))
    page.touchscreen.tap(box["x"] + 100, box["y"] + 60)
    page.wait_for_selector(".mm-tip", state="visible")
    said, tip = page.locator(".mm-tip").inner_text(), page.locator(".mm-tip").bounding_box()
    assert page.locator(".mm-code b").first.inner_text() == said.split()[-1]
    assert tip["x"] >= 0 and tip["x"] + tip["width"] <= 390 and tip["y"] + tip["height"] <= 844
    large = page.locator(".mm-loupe canvas")  # where each token is large enough for a finger
    assert large.bounding_box()["width"] / 7 >= 24
    where = page.locator(".mm-now .mm-hint")
    before = where.inner_text()
    large.tap(position={"x": 17, "y": 17})
    page.wait_for_function("before => document.querySelector('.mm-now .mm-hint').innerText !== before", arg=before)


def test_an_edit_of_an_upload_has_a_link_that_opens_it(opened: Any, tmp_path: Path):
    page = opened()
    page.wait_for_selector(READY)
    upload(page, tmp_path, 7)
    page.click("button[data-mode=tokens]")
    page.locator(".mm-stage").click(position={"x": 60, "y": 60})
    page.wait_for_function("Number(document.querySelector('.mm-viewer')?.dataset.edits) > 0")
    edits = page.get_attribute(".mm-viewer", "data-edits")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.click(".mm-viewer [data-step=link]")
    page.wait_for_function("document.querySelector('.mm-said')?.innerText.includes('for a day')")
    link = page.evaluate("navigator.clipboard.readText()")
    in_address(page, "edit")  # as it is in the address of the page itself
    other = opened("?" + link.partition("?")[2])
    other.wait_for_function("n => document.querySelector('.mm-viewer')?.dataset.edits === n", arg=edits)
    in_address(other, "edit")


def test_a_link_to_what_is_gone_says_so(opened: Any):
    page = opened("?tab=image&input=aaaaaaaaaaaa")
    message = page.locator(".toast-wrap, [data-testid=toast-body]").first
    message.wait_for()
    assert "kept for a day" in message.inner_text()


DROP = """([target, name, type, data]) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))], name, { type }));
  document.querySelector(target).dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true,
    cancelable: true }));
}"""


def test_a_saved_picture_dropped_in_another_tab_brings_its_tokens_back(opened: Any, tmp_path: Path):
    page = opened()
    page.wait_for_selector(READY)
    upload(page, tmp_path, 5)
    ready_of = "document.querySelector('{}')?.dataset.ready"
    page.wait_for_function(f"{ready_of.format('.mm-rate')} === {ready_of.format('.mm-viewer')}")
    with page.expect_download() as saved:
        page.click("[data-save=png]")
    with Image.open(saved.value.path()) as image:
        link = json.loads(image.text["Description"])["link"]
    assert "input=" in link and "example=" not in link
    data = base64.b64encode(Path(saved.value.path()).read_bytes()).decode()
    with page.expect_download() as card:
        page.click("[data-save=card]")
    with Image.open(card.value.path()) as image:
        assert image.size == (1200, 630) and "tokens" in image.text["Description"]
    other = opened("?tab=text")
    other.wait_for_selector("#mm-text-chips .chip")
    other.evaluate(DROP, ["body", "saved.png", "image/png", data])
    count = 40 * START_LEVELS
    other.wait_for_function(f"document.querySelector('[data-figure=tokens] .mm-tile-value')?.textContent === '{count}'")
    assert "original" in other.locator(".mm-notes").inner_text()  # 40 tokens a level, and no original


def test_the_tour_drives_the_page_by_keyboard_and_ends_in_ones_own_file(opened: Any):
    page = opened()
    page.wait_for_selector(READY)
    page.locator(".mm-tour-start:visible").focus()
    page.keyboard.press("Enter")
    stops = []
    for _ in range(6):
        stops.append(page.get_attribute(".mm-tour", "data-stop"))
        if stops[-1] == "levels":
            page.wait_for_function(f"document.querySelector('#mm-levels')?.value === '{LEVELS}'", polling=20)
        if stops[-1] == "tokens":
            page.wait_for_selector(".mm-code")
        if len(stops) < 6:
            page.keyboard.press("ArrowRight")
    assert stops == ["levels", "tokens", "codebook", "audio", "generate", "end"]
    page.wait_for_function("new URLSearchParams(location.search).get('tab') === 'image'")
    with page.expect_file_chooser():
        page.click(".mm-tour .mm-go-on")
    assert page.locator(".mm-tour").is_hidden()
    page.locator(".mm-tour-start:visible").click()
    page.keyboard.press("Escape")
    assert page.locator(".mm-tour").is_hidden()
