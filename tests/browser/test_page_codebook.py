"""The Codebook tab in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from conftest import levels_of, resting

pytestmark = pytest.mark.browser
WAIT = 300_000  # ms: a busy machine takes its time, and what works waits for nothing
SELECTED = ".mm-codebook .mm-code-sheet [role=option]"


@pytest.fixture(params=[(1280, 720)])
def page(request: Any, browser: Any) -> Iterator[Any]:
    width, height, *motion = request.param
    size, moving = {"width": width, "height": height}, "no-preference" if motion else "reduce"
    context = browser.new_context(viewport=size, locale="en-US", has_touch=width < 500, reduced_motion=moving)
    page = context.new_page()
    page.set_default_timeout(WAIT)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    yield page
    context.close()
    assert problems == []


def opened(page: Any, url: str, query: str = "") -> Any:
    """The tab with its codes and its input."""
    page.goto(f"{url}/?tab=codebook{query}")
    page.wait_for_selector(".mm-codebook[data-ready][data-input]")
    return page.locator(".mm-codebook .mm-board")


def click_code(page: Any, place: int) -> None:
    """Click on a code of the sheet, by its place in it."""
    board = page.locator(".mm-codebook .mm-board")
    columns, box = int(board.get_attribute("data-columns")), board.bounding_box()
    side = box["width"] / columns
    board.click(position={"x": (place % columns + 0.5) * side, "y": (place // columns + 0.5) * side})


def in_address(page: Any, *parts: str) -> None:
    """Wait until the address, which follows a moment later, has these parts."""
    page.wait_for_function("parts => parts.every((part) => location.search.includes(part))", arg=list(parts))


def code(page: Any) -> int:
    return int(page.locator(".mm-detail h3").inner_text().split()[-1])


def test_a_code_is_chosen_by_pointer_key_and_neighbour(page: Any, app_url: str):
    board = opened(page, app_url)
    assert int(board.get_attribute("data-count")) == 256
    page.select_option(".mm-codebook .mm-select", "number")
    click_code(page, 3)
    assert code(page) == 3
    board.press("ArrowRight")
    assert code(page) == 4 and page.locator(SELECTED).inner_text().startswith("Code 4")
    page.locator(".mm-near button").first.click()
    assert code(page) != 4
    in_address(page, f"code={code(page)}")


def test_an_address_opens_a_code_and_levels_change_without_a_word_of_the_server(page: Any, app_url: str):
    opened(page, app_url, "&model=text&level=2&code=40")
    assert code(page) == 40
    page.click("[data-level='0']")
    page.wait_for_selector(".mm-codebook[data-ready$='-0']")
    page.click("[data-model=image]")
    page.wait_for_selector(".mm-codebook[data-ready^='image-'][data-input]")
    assert page.locator(".mm-near button").count() == 8


def test_codes_are_sorted_and_found(page: Any, app_url: str):
    board = opened(page, app_url, "&model=text")
    page.fill(".mm-search", "the")
    page.wait_for_function("Number(document.querySelector('.mm-codebook .mm-board')?.dataset.count) < 30")
    assert int(board.get_attribute("data-count")) > 1
    board.press("Home")
    assert "the" in page.locator(SELECTED).inner_text().lower()
    page.fill(".mm-search", "")
    page.select_option(".mm-codebook .mm-select", "here")
    board.press("Home")
    assert "times here" in page.locator(SELECTED).inner_text()


def test_a_code_lives_in_the_picture_and_a_place_says_how_it_was_chosen(page: Any, app_url: str):
    opened(page, app_url)
    lives = page.locator(".mm-lives")
    page.wait_for_function("Number(document.querySelector('.mm-lives')?.dataset.places) > 0")  # the most used code
    box = lives.bounding_box()
    lives.click(position={"x": box["width"] * 0.4, "y": box["height"] * 0.4})
    page.wait_for_selector(".mm-distance.mm-on")
    assert page.locator(".mm-strip .mm-rung").count() == levels_of("image")
    assert int(page.locator(".mm-strip .mm-on b").first.inner_text()) == code(page)
    assert page.locator(".mm-distance").count() >= 6
    in_address(page, "at=", "example=")
    before = page.locator(".mm-lives [role=option]").inner_text()
    lives.press("ArrowRight")
    page.wait_for_function("b => (document.querySelector('.mm-lives [role=option]')?.innerText ?? b) !== b", arg=before)
    page.click(".mm-strip .mm-rung >> nth=4")
    page.wait_for_selector(".mm-codebook[data-ready$='-4']")
    assert int(page.locator(".mm-strip .mm-on b").first.inner_text()) == code(page)


WATCH = """(() => {
  window.seen = [];
  setInterval(() => {
    const shown = document.querySelector(".mm-codebook[data-input] .mm-detail h3")?.innerText;
    if (shown && window.seen.at(-1) !== shown) window.seen.push(shown);
  }, 10);
})()"""


@pytest.mark.parametrize("page", [(1280, 720, "motion")], indirect=True)
def test_the_codes_used_most_light_up_first(page: Any, app_url: str):
    page.add_init_script(WATCH)
    opened(page, app_url)
    page.wait_for_function("new Set(window.seen).size === 6")
    chosen = "'Code ' + new URLSearchParams(location.search).get('code')"
    page.wait_for_function(f"window.seen.at(-1) === {chosen}")  # it ends with the one that is chosen
    page.goto(f"{app_url}/?tab=codebook&code=3")
    page.wait_for_selector(".mm-codebook[data-ready][data-input]")
    page.wait_for_timeout(700)
    assert page.evaluate("window.seen") == ["Code 3"]  # a link shows what it leads to


@pytest.mark.parametrize("model", ["image", "text", "audio"])
def test_a_place_of_the_chosen_code_is_shown_before_one_is_chosen(page: Any, app_url: str, model: str):
    opened(page, app_url, f"&model={model}")
    strip, option = page.locator(".mm-strip .mm-on b").first, page.locator(".mm-lives [role=option]")
    page.wait_for_selector(".mm-strip .mm-on b")
    if model != "text":  # whose first level is chosen by other means than distances
        page.wait_for_selector(".mm-distance.mm-on")
    assert int(strip.inner_text()) == code(page) and str(code(page)) in option.inner_text()
    first = code(page)
    page.select_option(".mm-codebook .mm-select", "here")
    page.locator(".mm-codebook .mm-board").press("Home")
    page.locator(".mm-codebook .mm-board").press("ArrowRight")  # the code used second most
    page.wait_for_function(f"Number(document.querySelector('.mm-strip .mm-on b')?.innerText) !== {first}")
    assert int(strip.inner_text()) == code(page)
    in_address(page, f"code={code(page)}")
    assert "at=" not in page.url  # it was not chosen
    left, right = (page.locator(".mm-cols > .mm-rows").nth(i).bounding_box() for i in (0, 1))
    filled = page.locator(".mm-cols > .mm-rows").first.evaluate(
        "column => column.lastElementChild.getBoundingClientRect().bottom - column.getBoundingClientRect().top"
    )
    assert filled > 0.6 * max(left["height"], right["height"])  # no empty column beside the map


def test_an_example_and_a_place_in_it_have_an_address_and_back_leads_to_them(page: Any, app_url: str):
    opened(page, app_url, "&example=coffee&level=2&at=5,9")
    page.wait_for_function("document.querySelector('.mm-lives [role=option]')?.innerText.startsWith('Row 5, column 9')")
    page.wait_for_selector(".mm-distance.mm-on")
    assert int(page.locator(".mm-strip .mm-on b").first.inner_text()) == code(page)
    was = f"code={code(page)}"
    in_address(page, was, "at=5,9", "example=coffee")
    page.click(".mm-chooser summary")
    page.locator(".mm-choice", has_text="pagoda").click()
    page.wait_for_function("new URLSearchParams(location.search).get('example') === 'pagoda'")
    page.go_back()
    page.wait_for_function("document.querySelector('.mm-chooser summary')?.innerText.includes('coffee')")
    page.wait_for_function("document.querySelector('.mm-lives [role=option]')?.innerText.startsWith('Row 5, column 9')")
    in_address(page, was)
    assert page.locator(".mm-codebook [data-level='1']").get_attribute("aria-pressed") == "true"


def test_ones_own_input_has_an_address_that_somebody_else_can_open(page: Any, app_url: str, browser: Any):
    page.goto(f"{app_url}/?tab=text&typed=Own words to be found again")
    page.wait_for_selector("#mm-text-chips .chip")
    page.click("#mm-tab-codebook-button")
    page.locator("[role=tab][data-model=text]").click()
    page.wait_for_function("document.querySelector('.mm-chooser summary')?.innerText.includes('Own words')")
    page.locator(".mm-lives [role=option], .mm-lives button").first.wait_for()
    in_address(page, "typed=Own", "model=text")
    other = browser.new_page()
    other.goto(page.url)
    other.wait_for_function(
        "document.querySelector('.mm-chooser summary')?.innerText.includes('Own words')", timeout=WAIT
    )
    other.close()


def test_the_map_zooms_and_is_walked_by_keys(page: Any, app_url: str):
    opened(page, app_url)
    board = page.locator(".mm-map-board")
    picture = "c => c.toDataURL()"
    whole = board.locator("canvas").evaluate(picture)
    board.press("+")
    page.wait_for_function("b => document.querySelector('.mm-map').toDataURL() !== b", arg=whole)
    before = code(page)
    for key in ("ArrowRight", "ArrowLeft", "ArrowUp", "ArrowDown"):
        board.press(key)
    assert board.locator("[role=option]").inner_text() == page.locator(SELECTED).inner_text()
    board.press("ArrowRight")
    board.press("ArrowUp")
    assert code(page) != before or board.locator("[role=option]").inner_text() != ""


@pytest.mark.parametrize("model", ["image", "text", "audio"])
def test_the_map_is_laid_out_by_umap_or_pca(page: Any, app_url: str, model: str):
    opened(page, app_url, f"&model={model}")
    canvas, picture = page.locator(".mm-map"), "c => c.toDataURL()"
    assert page.get_attribute("[data-map=umap]", "aria-pressed") == "true"
    by_umap = canvas.evaluate(picture)
    page.click("[data-map=pca]")
    page.wait_for_function("b => document.querySelector('.mm-map').toDataURL() !== b", arg=by_umap)
    assert page.get_attribute("[data-map=pca]", "aria-pressed") == "true"


def test_sounds_are_one_picture_and_pointing_is_quick(page: Any, app_url: str):
    """A sheet of spectra was once put into the style of every cell, and froze the browser for most of a minute."""
    board = opened(page, app_url, "&model=audio&level=2")
    assert page.evaluate("document.querySelector('.mm-codebook').outerHTML.length") < 80_000
    assert int(board.get_attribute("data-count")) == 1024
    painted = "c => new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size > 50"
    assert board.locator("canvas").evaluate(painted)
    page.evaluate(
        """() => {
          const start = AudioBufferSourceNode.prototype.start;
          AudioBufferSourceNode.prototype.start = function (...args) { window.heard = 1; start.apply(this, args); };
        }"""
    )
    board.press("ArrowRight")  # keys play, as clicks do
    page.wait_for_function("window.heard")
    page.evaluate("window.heard = 0")
    area = resting(page.locator(".mm-map-board"))
    page.mouse.move(area["x"] + 0.4 * area["width"], area["y"] + 0.5 * area["height"])
    page.mouse.down()  # the map is an instrument
    page.mouse.move(area["x"] + 0.6 * area["width"], area["y"] + 0.5 * area["height"], steps=8)
    page.wait_for_function("window.heard")
    page.mouse.up()
    middle = page.evaluate(
        """async () => {
          const canvas = document.querySelector(".mm-codebook .mm-board canvas"), box = canvas.getBoundingClientRect();
          const times = [];
          for (let i = 0; i < 20; i++) {
            const start = performance.now(), at = (20 + i * 11) % (box.width - 20);
            const place = { clientX: box.x + at, clientY: box.y + at, bubbles: true };
            canvas.dispatchEvent(new PointerEvent("pointermove", place));
            times.push(performance.now() - start);
            await new Promise((go) => requestAnimationFrame(go));
          }
          return times.sort((a, b) => a - b)[10];
        }"""
    )
    assert middle < 100  # ms; about one on an idle machine


def test_memory_stays_flat_over_all_levels(page: Any, app_url: str):
    opened(page, app_url, "&model=audio")
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable")

    def walk() -> tuple[float, float]:
        """Nodes and megabytes of the heap after a look at each level."""
        for level in [*range(1, 8), 0]:
            page.click(f".mm-codebook [data-level='{level}']")
            page.wait_for_selector(f".mm-codebook[data-ready$='-{level}']")
        page.wait_for_timeout(300)
        devtools.send("HeapProfiler.collectGarbage")
        found = {metric["name"]: metric["value"] for metric in devtools.send("Performance.getMetrics")["metrics"]}
        return found["Nodes"], found["JSHeapUsedSize"] / 2**20

    walk()  # all levels are fetched
    nodes, heap = walk()
    again_nodes, again_heap = walk()
    assert again_nodes <= nodes + 200 and again_heap <= heap + 2  # what is shown was let go of before
    assert heap < 120  # it was 2,400 MB once


@pytest.mark.parametrize("page", [(390, 844)], indirect=True)
def test_on_a_phone_codes_are_large_enough_and_the_chosen_one_is_in_view(page: Any, app_url: str):
    board = opened(page, app_url)
    assert board.bounding_box()["width"] / int(board.get_attribute("data-columns")) >= 24
    page.locator(".mm-code-sheet").scroll_into_view_if_needed()
    page.select_option(".mm-codebook .mm-select", "number")
    click_code(page, 20)
    assert code(page) == 20
    chosen, sheet = page.locator(".mm-mini").bounding_box(), page.locator(".mm-code-sheet").bounding_box()
    assert page.locator(".mm-mini b").inner_text() == "Code 20"
    assert chosen["y"] >= 0 and sheet["y"] + 0.5 * sheet["height"] < 844  # both are in view
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    small = page.evaluate(
        """() => [...document.querySelectorAll(".mm-codebook button, .mm-codebook select, .mm-codebook summary")]
          .filter((node) => node.offsetWidth && Math.min(node.offsetWidth, node.offsetHeight) < 24)
          .map((node) => node.className + ' ' + node.innerText)"""
    )
    assert small == []
    assert "hover" not in page.locator(".mm-codebook").inner_text().lower()
