"""The step player in a real browser: during a run, after it, after Stop, and from a link."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import WATCH_PICTURES, resting
from generate_model import RandomContext, served
from generating import SHOWN, until, visits
from PIL import Image

from mmdemo.diffusion.previews import PreviewBudget
from mmdemo.ui.generate import handlers, messages

pytestmark = pytest.mark.browser
STATE = "Object.assign({}, document.querySelector('.mp').dataset)"


class Gate:
    """Holds the runs of the page's model at a step, so that what a test does "during the run" is in time.

    Up to that step a run takes its time, so that every step is sent before the next.
    """

    def __init__(self, context: RandomContext) -> None:
        self.at = 0  # 0: runs are not held
        self.sample = context.random.sample
        context.random.sample = self.run

    def run(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        for step in self.sample(*args, **kwargs):
            if self.at:
                time.sleep(0.05)  # longer than the pause between two messages
            while self.at and step.index > self.at:
                time.sleep(0.02)
            yield step

    def hold(self, at: int) -> None:
        self.at = at

    def release(self) -> None:
        self.at = 0


@pytest.fixture(scope="module")
def context(tmp_path_factory) -> RandomContext:
    return RandomContext(tmp_path_factory.mktemp("model") / "digits")


@pytest.fixture(scope="module")
def gates(context: RandomContext) -> Gate:
    return Gate(context)


@pytest.fixture
def gate(gates: Gate) -> Iterator[Gate]:
    yield gates
    gates.release()


@pytest.fixture(scope="module")
def url(context: RandomContext) -> Iterator[str]:
    with served(context) as address:
        yield address


@pytest.fixture
def opened(browser: Any, url: str) -> Iterator[Any]:
    """Opens pages that show what is predicted clean: what is noisy comes step by step when somebody looks."""
    with visits(browser, url) as open_page:

        def open_clean(*args: Any, **options: Any) -> Any:
            page = open_page(*args, **{"accept_downloads": True, **options})
            page.click("[data-what=x0]")
            return page

        yield open_clean


def state(page: Any) -> dict[str, str]:
    return page.evaluate(STATE)


def drag(page: Any, place: float) -> None:
    """Drag the step slider with the mouse to a place, 0 ... 1."""
    box = resting(page.locator(".mp-slider"))  # a run scrolls the page to its player
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.5, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 9 + (box["width"] - 18) * place, middle, steps=3)
    page.mouse.up()


def test_slider_is_live_during_the_run_and_after(opened: Any, gate: Gate):
    page = opened("?tab=generate&want=image&text=&steps=30&n=1&sampler=euler")
    gate.hold(8)
    page.click("#mm-generate")
    until(page, "+d.frames >= 8")
    drag(page, 0.1)
    until(page, "d.follow === '0' && d.pending === '0'")
    during = state(page)
    assert during["state"] == "running" and 1 < int(during["step"]) < 8
    held = page.evaluate(SHOWN)
    gate.hold(16)
    until(page, "+d.frames >= 16")  # frames go on arriving, the view holds
    assert state(page)["step"] == during["step"] and page.evaluate(SHOWN) == held
    page.click("[data-act=live]")
    until(page, "d.follow === '1' && d.step === d.frames")
    gate.release()
    until(page, "d.state === 'done'")
    assert state(page)["frames"] == state(page)["steps"] == state(page)["step"] == "30"
    last = page.evaluate(SHOWN)
    drag(page, 0.1)
    until(page, f"d.step === '{during['step']}'")
    assert page.evaluate(SHOWN) == held != last
    assert page.locator(".mp-count").inner_text() == f"{during['step']} / 30"


def test_steps_without_time_are_decoded_after_the_run_and_when_looked_at(opened: Any, gate: Gate, monkeypatch: Any):
    monkeypatch.setattr(messages, "PreviewBudget", lambda clock: PreviewBudget(0.0, clock))
    page = opened("?tab=generate&want=image,audio,text&text=&steps=16&n=2&sampler=euler")
    gate.hold(6)
    page.click("#mm-generate")
    until(page, "+d.frames >= 6 && d.undecoded === '5'")
    drag(page, 0.2)
    until(page, "d.follow === '0' && d.step === '4' && d.pending === '0' && d.state === 'running' && +d.undecoded < 5")
    looked_at = page.evaluate(SHOWN)
    gate.hold(9)
    until(page, "+d.frames >= 9")
    page.click(".mp-save summary")
    with page.expect_download() as saved:  # during the run: every step so far is decoded for it
        page.click("[data-save=json]")
    steps = json.loads(saved.value.path().read_text())["runs"][0]["steps"]
    assert len({step["code_distance"]["image"] for step in steps}) == len(steps) == 9
    assert state(page)["state"] == "running" and state(page)["undecoded"] == "0"
    page.click("#mm-stop")
    until(page, "d.state === 'stopped' && d.undecoded === '0'")
    gate.release()
    assert page.evaluate(SHOWN) == looked_at
    page.click("#mm-generate")
    until(page, "d.state === 'done' && d.undecoded === '0'")
    pictures = []
    for step in range(16):
        drag(page, step / 15)
        until(page, f"d.step === '{step + 1}'")
        pictures.append(str(page.evaluate(SHOWN)))
    assert len(set(pictures)) == 16 and pictures[3] == str(looked_at)
    page.click(".mp-save summary")
    with page.expect_download() as saved:
        page.click("[data-save=json]")
    steps = json.loads(saved.value.path().read_text())["runs"][0]["steps"]
    assert all(step["code_distance"]["audio"] > 0 for step in steps[:-1])
    before = state(page)["run"]  # saved when nothing was late; the next run's late steps are decoded all the same
    page.click("#mm-generate")
    until(page, f"d.run !== '{before}' && d.state === 'done' && d.undecoded === '0'")


def test_there_is_nothing_to_stop_at_rest_and_no_picture_before_the_first(opened: Any, gate: Gate):
    page = opened("?tab=generate&want=image&text=&steps=12&n=2&sampler=euler")
    assert page.locator("#mm-stop").is_hidden()
    page.evaluate(WATCH_PICTURES)
    gate.hold(3)
    page.click("#mm-generate")
    page.wait_for_selector("#mm-stop")
    until(page, "+d.frames >= 3")
    gate.release()
    until(page, "d.state === 'done'")
    assert page.locator("#mm-stop").is_hidden()
    assert page.evaluate("window.mmBroken") == []


def test_stop_keeps_what_there_is_and_harms_nobody_else(opened: Any, gate: Gate):
    first, second = opened("?tab=generate&want=image,audio&text=&steps=60&n=1&sampler=euler"), opened()
    gate.hold(4)
    first.click("#mm-generate")
    until(first, "+d.frames >= 4")
    second.click("#mm-generate")
    second.click("#mm-stop")
    gate.hold(8)
    until(first, "+d.frames >= 8")
    first.click("#mm-stop")
    until(first, "d.state === 'stopped'")
    gate.release()
    first.wait_for_timeout(500)
    kept = state(first)
    assert 8 <= int(kept["frames"]) < 60
    assert f"{kept['frames']} / 60" in first.locator(".mp-status").inner_text()
    drag(first, 0.0)
    until(first, "d.step === '1'")
    second.click("#mm-generate")
    until(second, "d.state === 'done'")


def test_a_link_makes_the_same_picture_again(opened: Any):
    page = opened("?tab=generate&want=image,text&text=&steps=4&n=2&seed=11&vs=guidance:4&speaker=ann")
    page.click("#mm-generate")
    until(page, "d.state === 'done'")
    assert re.search(r"[?&]run=1", page.url) and "seed=11" in page.url
    again = opened(page.url.partition("/")[2].partition("/")[2].partition("/")[2])
    until(again, "d.state === 'done'")
    assert again.url == page.url
    assert again.evaluate(SHOWN) == page.evaluate(SHOWN) and len(page.evaluate(SHOWN)) == 4
    assert again.locator(".mp-lane").count() == 2
    again.click("#mm-settings button")
    assert again.locator("#mm-seed input").input_value() == "11"


def test_a_click_before_a_link_is_read_waits_for_its_settings(opened: Any, monkeypatch: Any):
    read = handlers.from_query
    monkeypatch.setattr(handlers, "from_query", lambda *given: (time.sleep(2), read(*given))[1])
    page = opened("?tab=generate&want=image&text=three&steps=7&n=1&sampler=euler")
    page.click("#mm-generate")
    until(page, "d.state === 'done'")
    assert state(page)["steps"] == "7"


def test_a_run_is_dragged_stopped_and_opened_again_from_its_link(opened: Any, gate: Gate):
    page = opened("?tab=generate&want=image&text=&steps=20&n=2&seed=5&sampler=euler")
    gate.hold(6)
    page.click("#mm-generate")
    until(page, "+d.frames >= 6")
    drag(page, 0.0)
    until(page, "d.state === 'running' && d.step === '1' && d.follow === '0' && d.pending === '0'")
    first = page.evaluate(SHOWN)
    page.click("#mm-stop")
    until(page, "d.state === 'stopped'")
    gate.release()
    assert page.evaluate(SHOWN) == first
    frames = state(page)["frames"]
    page.click(".mp-save summary")
    with page.expect_download() as saved:
        page.click("[data-save=json]")
    stopped = json.loads(saved.value.path().read_text())["runs"][0]
    assert len(stopped["steps"]) == int(frames) and len(stopped["tokens"]["image"]) == 2
    drag(page, 1.0)  # as far as there are steps
    until(page, f"d.step === '{frames}'")
    assert int(frames) < 20 and page.evaluate(SHOWN) != first
    page.click("#mm-generate")
    until(page, "d.state === 'done'")
    final = page.evaluate(SHOWN)
    again = opened("?" + page.url.partition("?")[2])
    until(again, "d.state === 'done'")
    assert again.evaluate(SHOWN) == final and again.url == page.url
    drag(again, 0.0)
    until(again, "d.step === '1'")
    assert again.evaluate(SHOWN) == first


def test_preset_keys_views_and_layouts(opened: Any):
    page = opened()
    assert state(page)["state"] == "idle"
    page.click("#mm-preset-nothing")
    until(page, "d.state === 'done'")
    page.focus(".mp")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    until(page, "d.step === '2'")
    clean = page.evaluate(SHOWN)
    page.keyboard.press("x")
    until(page, "d.what === 'x' && d.pending === '0'")
    page.wait_for_function(f"clean => JSON.stringify({SHOWN}) !== JSON.stringify(clean)", arg=clean)
    page.keyboard.press("x")
    until(page, "d.what === 'x0'")
    assert page.evaluate(SHOWN) == clean
    page.keyboard.press(" ")
    until(page, "d.playing === '1' && +d.step > 3")
    page.keyboard.press(" ")
    until(page, "d.playing === '0'")
    page.click("[data-layout=one]")
    assert page.locator(".mp-card:visible").count() == 1
    page.locator(".mp-card:visible .mp-sound").click()
    assert page.locator(".mm-sounding").count() == 1
    page.locator(".mp-card:visible .mp-picture").click()
    assert page.locator(".mp-card:visible").count() == 4
    assert page.locator(".mp-text span").count() > 4
    numbers = page.locator(".mp-numbers dd").all_inner_texts()
    assert len(numbers) == 5 and all(re.fullmatch(r"[\d.]+", number) for number in numbers)


def test_saving_and_the_record_of_a_run(opened: Any, tmp_path: Any):
    page = opened("?tab=generate&want=image,audio&text=&steps=5&n=2&seed=3&run=1")
    until(page, "d.state === 'done'")
    for kind in ("webp", "gif", "wav_all", "json", "card"):
        page.click(".mp-save summary")
        with page.expect_download() as saved:
            page.click(f".mp [data-save={kind}]")
        path = tmp_path / saved.value.suggested_filename
        saved.value.save_as(path)
        if kind in ("webp", "gif"):
            assert Image.open(path).n_frames == 5
        if kind == "card":
            with Image.open(path) as card:
                assert card.size == (1200, 630) and json.loads(card.text["Description"])["seed"] == 3
        if kind == "json":
            record = json.loads(path.read_text())
            assert record["runs"][0]["settings"]["seed"] == 3 and "seed=3" in record["link"]
            assert [step["step"] for step in record["runs"][0]["steps"]] == [1, 2, 3, 4, 5]
            assert len(record["runs"][0]["tokens"]["image"]) == 2


def test_a_drawn_digit_is_what_is_given(opened: Any):
    page = opened()
    box = resting(page.locator(".pad canvas"))
    place = lambda x, y: (box["x"] + x * box["width"], box["y"] + y * box["height"])  # noqa: E731
    page.mouse.move(*place(0.3, 0.2))
    page.mouse.down()
    page.mouse.move(*place(0.7, 0.2), steps=5)
    page.mouse.move(*place(0.4, 0.8), steps=5)
    page.mouse.up()
    page.wait_for_function("document.querySelector('#mm-word input, #mm-word textarea')?.value === ''")
    page.click(".mm-theme")  # no white paper in the dark, though it is ink on white that is sent
    assert page.evaluate("getComputedStyle(document.querySelector('.pad canvas')).filter").startswith("invert")
    page.click(".mm-theme")
    assert page.evaluate("getComputedStyle(document.querySelector('.pad canvas')).filter") == "none"
    page.click("#mm-generate")
    until(page, "d.state === 'done'")
    assert "image=" in page.url and "text=" not in page.url
    assert page.locator(".mp-given img").count() == 1 and page.locator(".mp-picture").count() == 0
    page.click(".pad-clear")
    assert page.get_attribute(".pad", "data-filled") == "0"


def test_an_error_is_a_sentence_and_the_last_run_stays(opened: Any):
    page = opened("?tab=generate&want=image&text=&steps=3&n=1&run=1")
    until(page, "d.state === 'done'")
    before = page.evaluate(SHOWN)
    page.fill("#mm-word input, #mm-word textarea", "a word that is far too long for this model")
    page.click("#mm-generate")
    page.wait_for_selector(".toast-body")
    assert "Traceback" not in page.locator(".toast-body").inner_text()
    until(page, "d.state !== 'waiting' && d.state !== 'running'")
    assert state(page)["state"] == "done" and state(page)["frames"] == "3" and page.evaluate(SHOWN) == before


def test_how_noise_works(opened: Any):
    page = opened()
    page.click("#mm-noise button")
    page.wait_for_selector(".np-card")
    look = "[...document.querySelectorAll('.np-shown')].map((canvas) => canvas.toDataURL())"
    page.wait_for_function("document.querySelector('.np-card p')?.textContent.includes('SNR')")
    before = page.evaluate(look)
    page.fill(".np-t input", "90")
    page.wait_for_function("document.querySelector('.np')?.dataset.t === '0.9'")
    after = page.evaluate(look)
    assert len(after) == 3 and all(a != b for a, b in zip(before, after, strict=True))
    assert "0.10" in page.locator(".np-card").first.inner_text()  # alpha of the flow at t = 0.9


def test_noise_on_a_text_of_ones_own(opened: Any):
    page = opened()
    page.click("#mm-noise button")
    page.fill(".np-typed", "seven 七")
    page.wait_for_function("document.querySelector('.np')?.dataset.kind === 'text'")
    texts = lambda: page.locator(".np-text").all_inner_texts()  # noqa: E731
    page.fill(".np-t input", "0")
    clean = texts()
    assert len(clean) == 3 and len(set(clean)) == 1
    page.fill(".np-t input", "100")
    noisy = texts()
    assert noisy[0] == noisy[1] != clean[0]
    page.click("[data-do=again]")
    page.wait_for_function("noisy => document.querySelector('.np-text').innerText !== noisy", arg=noisy[0])
    page.fill(".np-typed", "")
    page.wait_for_function("document.querySelector('.np')?.dataset.kind === 'image'")


def test_a_part_is_painted_and_only_that_is_made_anew(opened: Any):
    page = opened("?tab=generate&want=image&text=&steps=3&n=1&seed=2&run=1")
    until(page, "d.state === 'done'")
    made = page.evaluate(SHOWN)
    page.click("[data-act=reuse]")
    page.wait_for_selector(".mask-pane[data-modality=image]")
    assert page.locator(".pad").get_attribute("data-filled") == "1"
    assert page.locator(".mask-cells i").count() == 16
    box = resting(page.locator(".mask-field"))
    page.mouse.move(box["x"] + 5, box["y"] + box["height"] - 5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 5, box["y"] + box["height"] - 5, steps=8)
    page.mouse.up()
    assert page.locator('.mask-cells i[data-on="1"]').count() == 4
    page.click("#mm-generate")
    page.wait_for_function("location.search.includes('edit=image:000f')")  # it may, before the run has begun
    again = opened("?" + page.url.partition("?")[2])
    until(again, "d.state === 'done'")
    anew = again.evaluate(SHOWN)
    assert anew != made
    page.wait_for_function(f"anew => JSON.stringify({SHOWN}) === JSON.stringify(anew)", arg=anew)
    again.click("#mm-edit button")
    again.wait_for_function("""document.querySelectorAll('.mask-cells i[data-on="1"]').length === 4""")
    again.click(".mask-none")
    assert again.locator('.mask-cells i[data-on="1"]').count() == 0


def test_an_answer_during_a_stroke_takes_no_marks_and_no_pointer(opened: Any):
    page = opened("?tab=generate&want=image&text=&steps=3&n=1&seed=2&run=1")
    until(page, "d.state === 'done'")
    page.click("[data-act=reuse]")
    page.wait_for_selector(".mask-pane[data-modality=image]")
    box = resting(page.locator(".mask-field"))
    page.mouse.move(box["x"] + 5, box["y"] + box["height"] - 5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 - 5, box["y"] + box["height"] - 5, steps=4)
    bottom = [page.locator(f".mask-pane[data-modality=image] i[data-at='{at}']") for at in (12, 13, 14, 15)]
    marks = lambda: "".join(cell.get_attribute("data-on") for cell in bottom)  # noqa: E731
    assert marks() == "1100"
    page.fill("#mm-word input, #mm-word textarea", "seven")  # what is given is asked for anew, and shows a word as well
    page.wait_for_selector(".mask-pane[data-modality=text]")
    assert marks() == "1100"
    now = page.locator(".mask-pane[data-modality=image] .mask-field").bounding_box()
    for share in (0.4, 0.9):  # it may have moved: back to where the stroke was, and on
        page.mouse.move(now["x"] + share * now["width"], now["y"] + now["height"] - 5, steps=4)
    page.mouse.up()
    assert marks() == "1111"


def test_a_part_is_kept_with_all_its_steps_and_marks(opened: Any, monkeypatch: Any):
    """Previews without time of their own: each step still gets its picture, nothing fails, and the marks stay."""
    monkeypatch.setattr(messages, "PreviewBudget", lambda clock: PreviewBudget(0.0, clock))
    page = opened("?tab=generate&want=image&text=&steps=6&n=2&seed=2&run=1")
    until(page, "d.state === 'done'")
    page.click("[data-layout=one]")
    page.click("[data-act=reuse]")
    page.wait_for_selector(".mask-pane[data-modality=image]")
    box = resting(page.locator(".mask-field"))
    page.mouse.move(box["x"] + 5, box["y"] + box["height"] - 5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 5, box["y"] + box["height"] - 5, steps=8)
    page.mouse.up()
    before = state(page)["run"]
    page.click("#mm-generate")
    until(page, f"d.run !== '{before}' && d.state === 'done' && d.undecoded === '0'")
    assert "edit=image:000f" in page.url and page.locator(".mp-said").inner_text() == ""
    assert page.locator('.mask-cells i[data-on="1"]').count() == 4


def test_work_on_this_and_generate(opened: Any):
    page = opened("?tab=generate&want=image&text=seven&steps=3&n=1&seed=2&run=1")
    until(page, "d.state === 'done'")
    before = state(page)["run"]
    page.click("[data-act=reuse]")
    page.wait_for_selector(".mask-pane[data-modality=image]")
    page.click("#mm-generate")
    until(page, f"d.run !== '{before}' && d.state === 'done'")
    assert "edit=image:&" in page.url + "&" and "strength=0.6" in page.url and "text=seven" in page.url


def test_looking_at_the_settings_changes_none(opened: Any):
    page = opened("?tab=generate&want=image&text=&steps=3&n=2&seed=4&sampler=euler")
    page.click("#mm-settings button")
    page.wait_for_selector("#mm-to input, #mm-to textarea")
    page.wait_for_timeout(500)
    page.click("#mm-generate")
    until(page, "d.state === 'done'")
    assert "to=" not in page.url and len(set(page.evaluate(SHOWN))) == 2


def test_a_number_grows_digit_by_digit(opened: Any):
    page = opened("?tab=generate&want=image,audio&text=407&steps=3&n=1&sampler=euler&run=1")
    until(page, "d.state === 'done'")
    assert state(page)["steps"] == "9" and state(page)["blocks"] == "3"
    size = "(({naturalWidth, naturalHeight}) => [naturalWidth, naturalHeight])(document.querySelector('.mp-picture'))"
    assert page.evaluate(size) == [96, 32]
    drag(page, 0.5)
    until(page, "d.step === '5'")
    clean = page.evaluate(SHOWN)
    page.click("[data-what=x]")
    until(page, "d.pending === '0' && d.what === 'x'")
    page.wait_for_function(f"clean => JSON.stringify({SHOWN}) !== JSON.stringify(clean)", arg=clean)
    assert page.evaluate(size) == [96, 32]
    page.locator(".mp-card .mp-sound").click()
    assert page.locator(".mm-sounding").count() == 1
    page.click(".mp-save summary")
    with page.expect_download() as saved:
        page.click("[data-save=wav]")
    assert saved.value.suggested_filename.endswith(".wav")


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_narrow_page_has_the_player_near_the_top(opened: Any, locale: str):
    page = opened(width=390, locale=locale)
    page.click("#mm-preset-word")
    until(page, "d.state === 'done'")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator(".mp").bounding_box()["y"] + page.evaluate("scrollY") < 900
    assert ("完成" if locale == "zh-CN" else "Done") in page.locator(".mp-status").inner_text()
