"""No serious or critical finding of axe-core, in any tab, in the light and in the dark."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from generate_model import RandomContext, served

pytestmark = pytest.mark.browser
WAIT = 300_000  # ms: a busy machine takes its time, and what works waits for nothing
PAINTED = {
    "image": ".mm-viewer[data-ready]",
    "text": "#mm-text-chips .chip",
    "audio": "#mm-audio-lab .lab:not([hidden])",
    "codebook": "#mm-tab-codebook canvas",
    "generate": "#mm-generate",
}
SMALL = """() => [...document.querySelectorAll("button, a, input, select, [role=slider], [role=button]")]
  .filter((node) => node.offsetParent && !node.closest("footer, [hidden], p, li, .prose") && !node.disabled)
  .map((node) => [node, node.getBoundingClientRect()])
  .filter(([node, box]) => box.width > 1 && box.height > 1 && (box.width < 23.5 || box.height < 23.5)
    && !node.closest("label")?.offsetHeight)
  .map(([node, box]) => `${node.outerHTML.slice(0, 120)} ${Math.round(box.width)} x ${Math.round(box.height)}`)"""


@pytest.fixture(scope="module")
def url(tmp_path_factory) -> Iterator[str]:
    with served(RandomContext(tmp_path_factory.mktemp("model") / "digits")) as address:
        yield address


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("tab", PAINTED)
def test_nothing_serious(browser: Any, url: str, tab: str, theme: str):
    from axe_playwright_python.sync_playwright import Axe

    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce", locale="en-US")
    page = context.new_page()
    page.goto(f"{url}/?tab={tab}&__theme={theme}", timeout=WAIT)
    page.wait_for_selector(PAINTED[tab], timeout=WAIT)
    page.wait_for_timeout(300)
    found = Axe().run(page).response["violations"]
    bad = {
        rule["id"]: [node["html"][:160] for node in rule["nodes"]][:4]
        for rule in found
        if rule["impact"] in ("serious", "critical")
    }
    context.close()
    assert bad == {}


@pytest.mark.parametrize("tab", PAINTED)
def test_a_finger_can_hit_what_can_be_touched(browser: Any, url: str, tab: str):
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, reduced_motion="reduce", locale="en-US"
    )
    page = context.new_page()
    page.goto(f"{url}/?tab={tab}", timeout=WAIT)
    page.wait_for_selector(PAINTED[tab], timeout=WAIT)
    page.wait_for_timeout(300)
    small = page.evaluate(SMALL)
    words = page.evaluate(
        "[...document.querySelectorAll('[role=tabpanel]')].find((panel) => panel.offsetParent).innerText"
    )
    context.close()
    assert small == []
    assert "hover" not in words.lower() and "Ctrl" not in words
