"""The Image tab in a real browser."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import resting
from PIL import Image

pytestmark = pytest.mark.browser
WAIT = 300_000  # ms: a busy machine takes its time, and what works waits for nothing


@pytest.fixture
def page(browser: Any, app_url: str) -> Iterator[Any]:
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, locale="en-US", accept_downloads=True, reduced_motion="reduce"
    )
    page = context.new_page()
    page.outside = []
    page.on(
        "request",
        lambda r: None if r.url.startswith((app_url, "data:", "blob:")) else page.outside.append(r.url),
    )
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.goto(app_url)
    page.wait_for_selector(".mm-viewer[data-ready]", timeout=WAIT)
    yield page
    assert page.problems == []
    assert page.outside == []  # nothing is fetched from anywhere else
    context.close()


def decoded(page: Any) -> None:
    """Wait until as many levels as are asked for are shown."""
    page.wait_for_function("document.querySelector('.mm-viewer .mm-busy')?.textContent === ''", timeout=WAIT)


def all_levels(page: Any) -> None:
    """Wait until the coarsest level can be shown."""
    page.locator("#mm-levels").fill("1")
    decoded(page)


def figure(page: Any, name: str) -> str:
    return page.locator(f"[data-figure={name}] .mm-tile-value").inner_text()


def shown_source(page: Any) -> str:
    return page.locator(".mm-stage .mm-over").get_attribute("src")


def wait_for_new_picture(page: Any, before: str) -> None:
    page.wait_for_function(
        "before => ![undefined, before].includes(document.querySelector('.mm-viewer').dataset.ready)",
        arg=before,
        timeout=WAIT,
    )


def test_opens_with_an_example_and_moves_through_levels(page: Any):
    most = page.locator("#mm-levels").get_attribute("max")
    decoded(page)
    page.wait_for_function("document.querySelector('[data-figure=psnr] .mm-tile-value').textContent !== '–'")
    fine = shown_source(page)
    assert float(figure(page, "psnr")) > 10
    all_levels(page)
    assert shown_source(page) != fine
    assert page.locator(".mm-levels output").inner_text() == f"1 of {most}"


def test_upload(page: Any, tmp_path: Path):
    path = tmp_path / "mine.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 64, 3), dtype=np.uint8)).save(path)
    before = page.get_attribute(".mm-viewer", "data-ready")
    page.set_input_files("#mm-image-input input[type=file]", str(path))
    wait_for_new_picture(page, before)
    all_levels(page)
    assert figure(page, "tokens") == str(5 * 8)
    assert page.locator(".mm-example.mm-on").count() == 0


def test_broken_upload_says_one_sentence_and_keeps_the_picture(page: Any, tmp_path: Path):
    path = tmp_path / "broken.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\nnothing of the kind")
    before = page.get_attribute(".mm-viewer", "data-ready")
    page.set_input_files("#mm-image-input input[type=file]", str(path))
    message = page.locator(".toast-wrap, [data-testid=toast-body]").first
    message.wait_for(timeout=WAIT)
    assert "broken.png" in message.inner_text()
    assert page.get_attribute(".mm-viewer", "data-ready") == before


def edits(page: Any, count: int | str) -> None:
    """Wait until so many places are edited."""
    page.wait_for_function(
        "count => document.querySelector('.mm-viewer').dataset.edits === String(count)", arg=count, timeout=WAIT
    )


def test_painting_tokens_and_steps_back_and_forward(page: Any):
    all_levels(page)
    page.click("button[data-mode=tokens]")
    stage = page.locator(".mm-stage")
    before, box = shown_source(page), resting(stage)
    page.locator(".mm-size select").select_option("1")
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    page.mouse.up()
    edits(page, 1)
    assert shown_source(page) != before and page.locator(".mm-zooms").is_visible()
    page.click("button[data-mode=compare]")  # what was changed is marked there, too
    marked = (
        "c => c.checkVisibility() && new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size > 1"
    )
    assert page.locator(".mm-canvas").evaluate(marked)
    page.click("button[data-mode=tokens]")
    page.wait_for_function(
        "document.querySelector('[data-figure=ms_ssim] .mm-tile-value').textContent !== '–'", timeout=WAIT
    )
    page.keyboard.press("Control+z")
    edits(page, 0)
    page.keyboard.press("Control+Shift+z")
    edits(page, 1)
    page.click("[data-step=reset]")
    edits(page, 0)


def test_a_level_above_the_slider_raises_it(page: Any):
    all_levels(page)  # the slider is at 1
    page.click("button[data-mode=tokens]")
    page.locator(".mm-editor [aria-label='Level 3']").click()
    page.click("[data-choice=random]")  # "nothing" may be there already
    stage = page.locator(".mm-stage")
    stage.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")  # paints with the keyboard
    page.wait_for_function("Number(document.querySelector('.mm-viewer')?.dataset.edits) > 0", timeout=WAIT)
    assert page.locator("#mm-levels").input_value() == "3"
    assert "raised to 3" in page.locator(".mm-said").inner_text()
    page.click("[data-choice=nothing]")
    for _ in range(2):
        page.locator(".mm-stage").focus()
        page.keyboard.press("Enter")
    page.wait_for_function(
        "document.querySelector('.mm-said').textContent.startsWith('Nothing changed: these codes were there already.')",
        timeout=WAIT,
    )


def test_a_token_is_picked_and_given_another_code(page: Any):
    all_levels(page)
    page.click("button[data-mode=tokens]")
    page.click("[data-choice=pick]")
    stage = page.locator(".mm-stage")
    stage.hover(position={"x": 60, "y": 60})
    assert "code" in page.locator(".mm-tip").inner_text()
    stage.click(position={"x": 60, "y": 60})
    now = int(page.locator(".mm-code b").first.inner_text())
    page.locator(".mm-number").fill(str((now + 1) % 256))
    page.keyboard.press("Tab")
    edits(page, 1)
    assert page.locator(".mm-code b").first.inner_text() == str((now + 1) % 256)
    page.locator(".mm-choose summary").click()
    board = page.locator(".mm-swap .mm-board")
    page.wait_for_function("document.querySelector('.mm-swap .mm-board')?.dataset.count > 0", timeout=WAIT)
    board.click(position={"x": 4, "y": 4})
    page.wait_for_function("document.querySelector('.mm-code b')?.textContent === '0'", timeout=WAIT)


def test_difference_and_the_same_bytes(page: Any):
    page.click("button[data-mode=difference]")
    page.wait_for_function("document.querySelector('.mm-canvas')?.width > 1")
    page.wait_for_selector(".mm-rate[data-ready]:not([data-ready=''])", timeout=WAIT)
    assert page.locator(".mm-plot").count() == 2
    assert not page.get_attribute("button[data-mode=baseline]", "title")
    page.click("button[data-mode=baseline]")
    assert "JPEG" in page.locator(".mm-tag-left").inner_text()


PASTE = """([target, kind, name, type, data]) => {
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, { type }));
  const event = kind === "paste"
    ? new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true, cancelable: true })
    : new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true });
  document.querySelector(target).dispatchEvent(event);
}"""


def give(page: Any, kind: str, path: Path, target: str = ".mm-viewer") -> None:
    """Paste a file, or drag it over the viewer or drop it there, as a person would."""
    data = base64.b64encode(path.read_bytes()).decode()
    mime = "image/png" if path.suffix == ".png" else ""
    page.evaluate(PASTE, [target, kind, path.name, mime, data])


def test_paste_a_picture_and_drop_its_tokens(page: Any, tmp_path: Path):
    path = tmp_path / "pasted.png"
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (48, 56, 3), dtype=np.uint8)).save(path)
    before = page.get_attribute(".mm-viewer", "data-ready")
    give(page, "paste", path, "body")
    wait_for_new_picture(page, before)
    all_levels(page)
    assert figure(page, "tokens") == str(6 * 7)
    with page.expect_download(timeout=WAIT) as saved:  # saved as soon as the file has been made
        page.click("[data-save=mmt]")
    saved.value.save_as(tmp_path / "pasted.mmt")
    before = page.get_attribute(".mm-viewer", "data-ready")
    give(page, "dragenter", tmp_path / "pasted.mmt", ".mm-stage")
    assert page.locator(".mm-drop-sign").is_visible()
    give(page, "drop", tmp_path / "pasted.mmt", ".mm-stage")
    assert not page.locator(".mm-drop-sign").is_visible()
    wait_for_new_picture(page, before)
    assert figure(page, "psnr") == "–" and "original" in page.locator(".mm-notes").inner_text()
    same = page.locator("button[data-mode=baseline]")
    assert same.is_disabled() and "no original" in same.get_attribute("title")  # a button that is off says why
    page.wait_for_function(
        "size => document.querySelector('[data-figure=bytes] .mm-tile-value').textContent === size",
        arg=f"{(tmp_path / 'pasted.mmt').stat().st_size:,}",
        timeout=WAIT,
    )


def test_webcam(page: Any):
    before = page.get_attribute(".mm-viewer", "data-ready")
    page.click("#mm-image-input [aria-label='Capture from camera']")
    page.click("[title='grant webcam access'] button")
    # Before its first frame the camera has no picture to take.
    video = "document.querySelector('#mm-image-input video')"
    page.wait_for_function(f"{video} && {video}.readyState >= 2 && {video}.videoWidth > 0", timeout=WAIT)
    page.click("#mm-image-input [aria-label='capture photo']", timeout=WAIT)
    wait_for_new_picture(page, before)
    all_levels(page)
    assert float(figure(page, "psnr")) > 10


def test_transparent_parts_change_their_ground(page: Any, tmp_path: Path):
    path = tmp_path / "clear.png"
    Image.fromarray(np.zeros((64, 64, 4), np.uint8)).save(path)
    assert page.locator(".mm-ground").is_hidden()
    before = page.get_attribute(".mm-viewer", "data-ready")
    page.set_input_files("#mm-image-input input[type=file]", str(path))
    wait_for_new_picture(page, before)
    white = page.locator(".mm-stage .mm-under").get_attribute("src")
    before = page.get_attribute(".mm-viewer", "data-ready")
    page.click("[data-ground=checker]")
    wait_for_new_picture(page, before)
    assert page.locator(".mm-stage .mm-under").get_attribute("src") != white
    assert "checkerboard" in page.locator(".mm-notes").inner_text()
    assert page.locator("[data-ground=checker]").get_attribute("aria-selected") == "true"


def test_side_by_side(page: Any):
    all_levels(page)
    page.click(".mm-toggle")
    left, right = (page.locator(f".mm-stage .mm-{which}").bounding_box() for which in ("under", "over"))
    assert left["x"] + left["width"] <= right["x"] and left["y"] == right["y"]
    assert left["width"] == pytest.approx(right["width"], abs=1)
    stage = page.locator(".mm-stage").bounding_box()
    assert left["width"] / left["height"] == pytest.approx((stage["width"] / 2) / stage["height"], rel=0.03)
    page.click(".mm-toggle")
    assert page.locator(".mm-stage .mm-under").bounding_box()["width"] == pytest.approx(stage["width"], rel=0.6)


def test_downloads(page: Any, tmp_path: Path):
    all_levels(page)
    with page.expect_download(timeout=WAIT) as tokens:
        page.click("[data-save=mmt]")
    tokens.value.save_as(tmp_path / "a.mmt")
    assert (tmp_path / "a.mmt").read_bytes().startswith(b"MMT")
    with page.expect_download(timeout=WAIT) as picture:
        page.click("[data-save=png]")
    picture.value.save_as(tmp_path / "a.png")
    assert Image.open(tmp_path / "a.png").format == "PNG"
    before = page.get_attribute(".mm-viewer", "data-ready")
    page.set_input_files("#mm-image-mmt input[type=file]", str(tmp_path / "a.mmt"))
    wait_for_new_picture(page, before)
    assert page.locator(".mm-levels output").inner_text() == "1 of 1"
    assert figure(page, "psnr") == "–"


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
def test_chinese_dark_and_narrow(browser: Any, app_url: str, width: int, height: int):
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme="dark", locale="en-US")
    page = context.new_page()
    page.goto(app_url + "/?lang=zh")
    page.wait_for_selector(".mm-viewer[data-ready]", timeout=WAIT)
    assert page.get_by_role("tab", name="图像").count() >= 1
    assert page.locator("button[data-mode=compare]").inner_text() == "对比"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator(".mm-stage").bounding_box()["y"] < height * 0.6  # the result is near the top
    context.close()
