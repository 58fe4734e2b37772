"""Who waits in line sees the place and the time, in the language of the page."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import load
import pytest
from generate_model import RandomContext, served

pytestmark = pytest.mark.browser
WAIT = 300_000  # ms: a busy machine takes its time, and what works waits for nothing
PLACES = {
    "en": re.compile(r"^Waiting: number 1 in line, about \d+ s$"),
    "zh": re.compile(r"^排队中：第 2 位，约需 \d+ 秒$"),
}


@pytest.fixture(scope="module")
def held(tmp_path_factory) -> Iterator[tuple[str, threading.Event]]:
    """The page, whose runs go on once an event is set."""
    context, go = RandomContext(tmp_path_factory.mktemp("model") / "digits"), threading.Event()
    sample = context.random.sample

    def run(*args: Any, **kwargs: Any) -> Iterator[Any]:
        assert go.wait(400)
        yield from sample(*args, **kwargs)

    context.random.sample = run
    with served(context) as url:
        yield url, go
        go.set()


def listen(url: str, event: str) -> None:
    httpx.get(f"{url}/gradio_api/call/generate/{event}", timeout=400)


def test_the_place_in_line_is_on_the_page(held, browser):
    url, go = held
    event = httpx.post(f"{url}/gradio_api/call/generate", json={"data": load.run()}).json()["event_id"]
    other = threading.Thread(target=listen, args=(url, event))
    other.start()
    pages = []
    for lang, words in PLACES.items():  # one after the other stands in line
        page = browser.new_page()
        page.goto(f"{url}/?tab=generate&lang={lang}")
        page.locator("#mm-generate").click(timeout=WAIT)
        page.locator(".mm-waiting").filter(has_text=words).wait_for(timeout=WAIT)
        pages.append(page)
    go.set()
    for page in pages:
        page.locator(".mm-waiting").wait_for(state="hidden", timeout=WAIT)
        page.close()
    other.join(60)
