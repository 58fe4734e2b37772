"""The Generate tab in a browser, for tests: pages of several visitors, and waiting for the player."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

WAIT = 300_000  # ms: a busy machine takes its time, and what works waits for nothing
BOX = "#mm-word input, #mm-word textarea"
SHOWN = "[...document.querySelectorAll('.mp-picture')].map((picture) => picture.src)"


@contextmanager
def visits(browser: Any, url: str) -> Iterator[Callable[..., Any]]:
    """A function that opens the tab, each time as another visitor.

    At the end none of its pages may have had an error or fetched from elsewhere.
    """
    contexts, problems = [], []

    def open_page(query: str = "?tab=generate", width: int = 1280, script: str = "", **options: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 900}, **{"locale": "en-US", **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT)
        if script:
            page.add_init_script(script)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda r: None if r.url.startswith((url, "data:", "blob:")) else problems.append(r.url))
        goto(page, f"{url}/{query}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []


def goto(page: Any, address: str) -> None:
    """Open an address of the tab, and wait until the page has read it."""
    page.goto(address)
    page.wait_for_selector(".mp")
    page.wait_for_function("document.body.dataset.linkRead === '1'")


def until(page: Any, condition: str) -> None:
    """Wait for a JavaScript condition over `d`, the player's data attributes."""
    page.wait_for_function(f"((d) => {condition})(document.querySelector('.mp').dataset)")
