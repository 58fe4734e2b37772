"""Shared by all tests: repeatable randomness, modest use of the processor, a running app, a browser.

Environment: `MMDEMO_CHROMIUM` names the Chromium to use; with `MMDEMO_REQUIRE_BROWSER` set, a missing
browser fails the browser tests instead of skipping them.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Set before torch, gradio and huggingface_hub are imported anywhere.
os.environ.setdefault(
    "OMP_NUM_THREADS", "1" if "PYTEST_XDIST_WORKER" in os.environ else str(min(2, os.cpu_count() or 1))
)
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import pytest
import torch
from hypothesis import settings

from mmdemo import checkpoints

settings.register_profile("any machine", deadline=None)  # a busy one takes longer than 200 ms for what is right
settings.load_profile("any machine")

CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream",  # a microphone that beeps
    "--use-fake-ui-for-media-stream",  # and that may be used without asking
]


# An init script for a page: what is seen of pictures that are not there, frame by frame, in `window.mmBroken`.
WATCH_PICTURES = """(() => {
  window.mmBroken = [];
  const look = () => {
    for (const image of document.images)
      if (image.complete && !image.naturalWidth && image.checkVisibility({ visibilityProperty: true }))
        window.mmBroken.push(image.outerHTML.slice(0, 200));
    requestAnimationFrame(look);
  };
  look();
})()"""


@pytest.fixture(autouse=True)
def fixed_seeds() -> None:
    """The same random numbers in every test, whatever ran before it."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def repo_root() -> Path:
    """The folder that holds README.md, mmdemo/ and checkpoints/."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def app_url() -> Iterator[str]:
    """Address of the app, served from this process on a free port."""
    from mmdemo.ui import app

    demo = app.build()
    try:
        demo.launch(
            server_name="127.0.0.1",
            server_port=_free_port(),
            prevent_thread_lock=True,
            quiet=True,
            **app.launch_kwargs(),
        )
        yield demo.local_url.rstrip("/")
    finally:
        demo.close(verbose=False)


def levels_of(name: str) -> int:
    """How many levels a shipped tokenizer has."""
    bottleneck = checkpoints.read_config(checkpoints.find(name, hub=False))["model"]["bottleneck"]
    return int(bottleneck["levels"])


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium (playwright's synchronous Browser).

    One for each module and no longer: while it lives, an event loop is running in this thread and
    `asyncio.run` in other tests would fail.
    """
    executable = _chromium()
    if executable is None:
        _no_browser("no Chromium found; install one or set MMDEMO_CHROMIUM")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _no_browser("playwright is not installed")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, headless=True, args=CHROMIUM_ARGS)
        yield chromium
        chromium.close()


def resting(locator: Any) -> dict[str, float]:
    """An element's box, scrolled into view, once nothing moves it: no picture that loads, no run that scrolls."""
    locator.scroll_into_view_if_needed()
    box = locator.bounding_box()
    while True:
        locator.page.wait_for_timeout(100)
        before, box = box, locator.bounding_box()
        if box == before and box is not None:
            return box


def _chromium() -> str | None:
    named = os.environ.get("MMDEMO_CHROMIUM")
    if named:
        return shutil.which(named)
    names = ("/usr/bin/chromium", "chromium", "chromium-browser", "google-chrome")
    return next((path for path in map(shutil.which, names) if path), None)


def _no_browser(reason: str) -> None:
    if os.environ.get("MMDEMO_REQUIRE_BROWSER"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
