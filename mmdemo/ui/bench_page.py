"""`mmdemo bench page`: how long a visitor waits, in a real browser on this machine."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image

from mmdemo.errors import InputError
from mmdemo.metrics import Figure
from mmdemo.ui import app
from mmdemo.ui.shared.splash import READY
from mmdemo.ui.shared.state import Context

WAIT = 180_000  # milliseconds until a step counts as failed
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
UPLOAD = (768, 512)
MOVING = "#mm-splash[data-shown]"
FIGURE = "document.querySelector('[data-figure=bytes] .mm-tile-value')?.textContent"
# Milliseconds from each of `events` to the second frame after it, as a list.
FRAMES = """async ([selector, kind, count]) => {
  const node = document.querySelector(selector), times = [];
  const box = node.getBoundingClientRect();
  for (let i = 0; i < count; i++) {
    await new Promise((go) => requestAnimationFrame(go));
    const start = performance.now();
    if (kind === "slide") {
      node.value = 1 + (i % Number(node.max));
      node.dispatchEvent(new Event("input", { bubbles: true }));
    } else {
      node.dispatchEvent(new PointerEvent("pointermove", { bubbles: true, pointerType: "mouse",
        clientX: box.left + (box.width * (i + 0.5)) / count, clientY: box.top + box.height / 2 }));
    }
    await new Promise((go) => requestAnimationFrame(() => setTimeout(go)));
    times.push(performance.now() - start);
  }
  return times;
}"""
# Milliseconds from the end of a stroke of the brush to the picture with it.
EDIT = """async (step) => {
  const stage = document.querySelector(".mm-stage"), viewer = document.querySelector(".mm-viewer");
  const box = stage.getBoundingClientRect(), before = viewer.dataset.version;
  const at = { bubbles: true, pointerId: 1, clientX: box.left + box.width * (0.2 + 0.15 * step),
    clientY: box.top + box.height / 2 };
  stage.setPointerCapture = () => {}; // no finger or mouse is behind it
  stage.dispatchEvent(new PointerEvent("pointerdown", at));
  const start = performance.now();
  stage.dispatchEvent(new PointerEvent("pointerup", at));
  while (viewer.dataset.version === before) await new Promise((go) => setTimeout(go, 2));
  await new Promise((go) => requestAnimationFrame(() => setTimeout(go)));
  return performance.now() - start;
}"""
EDITS = 4
FRAME = 20  # milliseconds: the next frame of a screen, and what timers add


def bench_page(device: str = "auto") -> dict[str, Any]:
    """Serve the page on a free port and time it in Chromium.

    Returns:
        {"model", "checkpoint", "figures"} as `mmdemo.evaluation.bench.bench` does.

    Raises:
        InputError: there is no playwright, or no Chromium.
    """
    with _served(device) as url, _browser() as browser:
        figures = [*_tabs(browser, url), *_image(browser, url), *_codebook(browser, url)]
    return {"model": "page", "checkpoint": app.__name__, "figures": [figure.as_dict() for figure in figures]}


def _tabs(browser: Any, url: str) -> Iterator[Figure]:
    """From the request to the first example of each tab: until it is seen moving, and until the tab itself has it."""
    for tab, selector in READY.items():
        page = _page(browser)
        start = time.perf_counter()
        page.goto(f"{url}/?tab={tab}", wait_until="commit")
        page.wait_for_selector(MOVING, state="attached")
        yield _within(1, f"first example moves, {tab}", time.perf_counter() - start)
        page.wait_for_selector(selector, state="attached")
        yield Figure(f"ready, {tab}", time.perf_counter() - start, "s")
        page.context.close()


def _image(browser: Any, url: str) -> Iterator[Figure]:
    """What a visitor does first: moves the slider, points at tokens, hands in a picture."""
    page = _page(browser)
    page.goto(f"{url}/?tab=image&example=cat")
    page.wait_for_selector(READY["image"])
    page.wait_for_function("document.querySelector('.mm-rate')?.dataset.ready")
    yield _within(FRAME, "slider drag to paint", page.evaluate(FRAMES, ["#mm-levels", "slide", 24]))
    page.click("button[data-mode=tokens]")
    yield _within(FRAME, "hover over tokens to paint", page.evaluate(FRAMES, [".mm-stage", "hover", 40]))
    page.wait_for_timeout(1000)  # as long as somebody takes to choose a place: the decoder is made ready meanwhile
    yield _within(150, "stroke over tokens to repaint", [page.evaluate(EDIT, step) for step in range(EDITS)])
    with tempfile.TemporaryDirectory() as folder:
        yield from _upload(page, _photo(Path(folder) / "photo.png"))
    page.context.close()


def _codebook(browser: Any, url: str) -> Iterator[Figure]:
    """Another level of codes, and pointing at them."""
    page = _page(browser)
    for model in ("image", "audio"):
        page.goto(f"{url}/?tab=codebook&model={model}")
        page.wait_for_selector(".mm-codebook[data-ready][data-input]")
        started = time.perf_counter()
        page.click(".mm-codebook [data-level='1']")
        page.wait_for_selector(".mm-codebook[data-ready$='-1']")
        yield _within(0.5, f"codebook, {model}: another level", time.perf_counter() - started)
        hovered = page.evaluate(FRAMES, [".mm-codebook .mm-board canvas", "hover", 40])
        yield _within(FRAME, f"codebook, {model}: hover to paint", hovered)
    page.context.close()


def _upload(page: Any, path: Path) -> Iterator[Figure]:
    before = page.get_attribute(".mm-viewer", "data-ready")
    started = time.perf_counter()
    page.set_input_files("#mm-image-input input[type=file]", str(path))
    name = f"upload of {UPLOAD[0]} × {UPLOAD[1]}"
    page.wait_for_function("document.querySelector('.mm-stage').dataset.mode === 'waiting'", polling=20)
    steps: list[tuple[str, str, float | None]] = [
        ("byte count", f"/\\d/.test({FIGURE})", 2),
        (
            "reconstruction",
            f"![undefined, '{before}'].includes(document.querySelector('.mm-viewer').dataset.ready)",
            None,
        ),
        ("all other codecs", "document.querySelector('.mm-rate').dataset.ready > '" + str(before) + "'", None),
    ]
    for step, condition, most in steps:
        page.wait_for_function(condition, polling=20)
        yield _within(most, f"{name} to {step}", time.perf_counter() - started)


def _within(most: float | None, name: str, measured: float | Sequence[float]) -> Figure:
    """A figure with what it should be at most: one time in seconds, or the median of several in milliseconds."""
    value, unit, n = (measured, "s", 1) if isinstance(measured, float) else (median(measured), "ms", len(measured))
    return Figure(name, value, unit, n) if most is None else Figure.against(name, value, most, unit, n, at_most=True)


def _photo(path: Path) -> Path:
    """Smooth shapes with some noise, (512, 768): what a photograph costs."""
    width, height = UPLOAD
    y, x = np.mgrid[:height, :width] / 64
    waves = np.stack([np.sin(x + y), np.sin(1.7 * x - y), np.cos(0.6 * y * x / 3)], -1)
    noise = np.random.default_rng(0).normal(0, 6, (height, width, 3))
    Image.fromarray(np.clip(128 + 90 * waves + noise, 0, 255).astype(np.uint8)).save(path)
    return path


def _page(browser: Any) -> Any:
    page = browser.new_context(viewport={"width": 1280, "height": 720}, reduced_motion="reduce").new_page()
    page.set_default_timeout(WAIT)
    return page


@contextmanager
def _served(device: str) -> Iterator[str]:
    context = Context(device)
    demo = app.build(context)
    try:
        demo.launch(prevent_thread_lock=True, quiet=True, **app.launch_kwargs())
        context.start().join()
        yield demo.local_url.rstrip("/")
    finally:
        demo.close(verbose=False)


@contextmanager
def _browser() -> Iterator[Any]:
    named = os.environ.get("MMDEMO_CHROMIUM")
    find: Callable[[str], str | None] = shutil.which
    executable = next((path for path in map(find, [named] if named else CHROMIUM) if path), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise InputError("Timing the page needs playwright: pip install 'mmdemo[bench]'.") from error
    if executable is None:
        raise InputError("Timing the page needs Chromium; install it, or name it with MMDEMO_CHROMIUM.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGS)
        try:
            yield browser
        finally:
            browser.close()
