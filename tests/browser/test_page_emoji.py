"""The shipped emoji model in a real browser: drawn while one types, mixed, in another style, reopened from its link."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from generating import BOX, SHOWN, until, visits

pytestmark = pytest.mark.browser
# When the last letter was typed, and when the first picture of it stood in the page, in ms.
WATCH = """(() => {
  addEventListener("input", () => { window.typedAt = performance.now(); window.drawnAt = 0; }, true);
  new MutationObserver(() => {
    if (window.typedAt && !window.drawnAt && document.querySelector(".mp[data-draft='1'] .mp-picture"))
      window.drawnAt = performance.now();
  }).observe(document, { subtree: true, childList: true, attributes: true });
})()"""


@pytest.fixture
def opened(browser: Any, app_url: str) -> Iterator[Any]:
    with visits(browser, app_url) as open_page:
        yield open_page


def test_a_word_is_seen_within_a_second(opened: Any):
    page = opened(script=WATCH)
    assert page.locator("#mm-model input:checked").input_value() == "emoji"
    waits = []
    for word in ("red heart", "cat face", "pizza", "rocket", "sun", "blue book"):
        page.fill(BOX, word)
        page.wait_for_function("window.drawnAt")
        waits.append(page.evaluate("window.drawnAt - window.typedAt"))
        until(page, "d.draft === '0' && d.state === 'done'")
    assert min(waits) <= 1000, waits  # other work on the machine may delay some


def test_words_are_mixed_in_another_style_and_reopened_from_the_link(opened: Any):
    page = opened()
    page.fill(BOX, "cat face")
    until(page, "d.draft === '0' && d.state === 'done'")
    alone = page.evaluate(SHOWN)
    page.fill("#mm-mix input, #mm-mix textarea", "pumpkin")
    page.click("#mm-generate")
    page.wait_for_function("location.search.includes('mix=pumpkin')")
    until(page, "d.draft === '0' && d.state === 'done'")
    mixed = page.evaluate(SHOWN)
    assert mixed != alone
    page.locator("#mm-speaker label", has_text="openmoji").click()
    page.click("#mm-generate")
    page.wait_for_function("location.search.includes('speaker=openmoji')")
    until(page, "d.draft === '0' && d.state === 'done'")
    lined = page.evaluate(SHOWN)
    assert lined != mixed
    again = opened("?" + page.url.partition("?")[2])
    until(again, "d.state === 'done'")
    assert again.evaluate(SHOWN) == lined
    assert again.input_value(BOX) == "cat face"
