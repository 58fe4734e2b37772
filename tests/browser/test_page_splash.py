"""Before Gradio's page is there, the first example of each tab moves; the tab goes on from what was seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from conftest import _free_port, levels_of

from mmdemo.ui.generate.settings import Settings
from mmdemo.ui.image.session import START_LEVELS

pytestmark = [pytest.mark.browser, pytest.mark.slow]
WAIT = 120_000  # ms
# Levels or steps.
TABS = {name: levels_of(name) for name in ("image", "text", "audio")}
TABS |= {"codebook": TABS["image"], "generate": Settings.steps}
# Noted in the page itself: a busy machine looks too seldom from outside.
WATCH = """(() => {
  window.seen = []; window.levels = []; window.read = 0; window.texts = new Set();
  const look = () => {
    const shown = Number(document.querySelector("#mm-splash")?.dataset.shown);
    if (shown && seen.at(-1) !== shown) seen.push(shown);
    const slider = document.querySelector("#mm-levels");
    if (!document.querySelector("#mm-splash") && document.querySelector(".mm-viewer[data-ready]")) {
      if (levels.at(-1) !== Number(slider.value)) levels.push(Number(slider.value));
    }
    if (document.querySelector(".lab-reading")) window.read++;
    const text = document.querySelector("#mm-text-output")?.innerText;
    if (text && document.querySelector("#mm-text-chips .chip")) texts.add(text);
  };
  setInterval(look, 10);
})()"""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A page whose first examples have been prepared, as `mmdemo app` does when it starts."""
    from mmdemo.ui import app
    from mmdemo.ui.shared.state import Context

    context = Context("cpu")
    demo = app.build(context)
    try:
        demo.launch(server_port=_free_port(), prevent_thread_lock=True, quiet=True, **app.launch_kwargs())
        context.start().join()
        yield demo.local_url.rstrip("/")
    finally:
        demo.close(verbose=False)


@pytest.fixture
def opened(browser: Any, url: str) -> Iterator[Any]:
    contexts, problems = [], []

    def open_(query: str, motion: bool = True) -> Any:
        context = browser.new_context(reduced_motion="no-preference" if motion else "reduce", locale="en-US")
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT)
        page.add_init_script(WATCH)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(f"{url}/?{query}", wait_until="commit")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert problems == []


@pytest.mark.parametrize("tab", TABS)
def test_the_first_example_moves_until_the_tab_has_it(opened: Any, tab: str):
    page = opened(f"tab={tab}")
    page.wait_for_selector("#mm-splash", state="detached")
    seen = page.evaluate("seen")
    assert seen[0] == 1 and seen == sorted(seen) and len(seen) > 1 and seen[-1] <= TABS[tab]


def test_the_tab_goes_on_from_what_was_seen(opened: Any):
    page = opened("tab=image")
    page.wait_for_function(f"levels.length > 1 && levels.at(-1) === {START_LEVELS}")
    seen, levels = page.evaluate("seen"), page.evaluate("levels")
    last = TABS["image"]
    before, after = 1, START_LEVELS
    assert max(levels) == last and set(levels) <= {before, after, *range(seen[-1], last + 1)}


def test_nothing_moves_where_less_motion_is_wanted(opened: Any):
    page = opened("tab=image", motion=False)
    page.wait_for_selector("#mm-splash", state="detached")
    assert page.evaluate("seen") in ([TABS["image"]], [])


def test_what_a_link_leads_to_is_not_foretold(opened: Any):
    page = opened("tab=image&example=coffee")
    page.wait_for_selector(".mm-viewer[data-ready]")
    assert page.evaluate("seen") == [] and page.locator("#mm-splash").count() == 0


def test_a_text_is_said_on_one_level_after_another(opened: Any):
    page = opened("tab=text&lang=zh")
    page.wait_for_selector("#mm-text-chips .chip")
    page.wait_for_function("texts.size >= 2")  # on fewer levels letters are wrong


def test_a_recording_is_read_from_left_to_right(opened: Any):
    page = opened("tab=audio")
    page.wait_for_function("read > 5 && !document.querySelector('.lab-reading')")


def test_noise_waits_for_a_run(opened: Any):
    page = opened("tab=generate")
    page.wait_for_selector(".mp-idle")
    one = page.evaluate("document.querySelector('.mp-idle').toDataURL()")
    page.wait_for_function("before => document.querySelector('.mp-idle').toDataURL() !== before", arg=one)
