"""Around the tabs, in a real browser: addresses, Back, languages, and what a posted link shows."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from generate_model import RandomContext, served
from PIL import Image

pytestmark = pytest.mark.browser
WAIT = 300_000  # ms: a busy machine takes its time, and what works waits for nothing
TABS = ("image", "text", "audio", "codebook", "generate")


@pytest.fixture(scope="module")
def url(tmp_path_factory) -> Iterator[str]:
    with served(RandomContext(tmp_path_factory.mktemp("model") / "digits")) as address:
        yield address


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-US", reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(WAIT)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    yield page
    context.close()
    assert problems == []


def shown(page: Any, tab: str) -> None:
    """Wait until this tab is open."""
    page.wait_for_function(f"document.getElementById('mm-tab-{tab}-button')?.getAttribute('aria-selected') === 'true'")


def open_tab(page: Any, tab: str) -> None:
    page.click(f"#mm-tab-{tab}-button")
    page.wait_for_function(f"new URLSearchParams(location.search).get('tab') === '{tab}'")


def test_every_tab_has_an_address_and_back_works(page: Any, url: str):
    page.goto(f"{url}/?tab=text")
    shown(page, "text")
    for tab in ("audio", "codebook"):
        open_tab(page, tab)
    for tab in ("audio", "text"):
        page.go_back()
        shown(page, tab)
    page.go_forward()
    shown(page, "audio")
    assert "tab=audio" in page.url


def test_a_run_keeps_its_address_while_other_tabs_are_open(page: Any, url: str):
    page.goto(f"{url}/?tab=generate&want=image&text=&steps=3&n=1&seed=9&run=1")
    page.wait_for_function("document.querySelector('.mp')?.dataset.state === 'done'")
    own = page.url
    open_tab(page, "text")
    assert "seed" not in page.url
    assert page.get_attribute(".mp", "data-what") == "x"  # the noise, and how it becomes a result, is seen first
    open_tab(page, "generate")
    assert page.url == own


def test_another_language_keeps_tab_and_run(page: Any, url: str):
    page.goto(f"{url}/?tab=generate&want=image&text=&steps=3&n=1&seed=9&run=1")
    page.wait_for_function("document.querySelector('.mp')?.dataset.state === 'done'")
    picture = page.get_attribute(".mp-picture", "src")
    page.click(".mm-head nav a:visible")
    page.wait_for_function(
        "document.documentElement.dataset.mmLang === 'zh' && document.querySelector('.mp')?.dataset.state === 'done'"
    )
    assert "seed=9" in page.url and page.get_attribute(".mp-picture", "src") == picture


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("", "mmdemo"),
        ("?tab=text&lang=zh", "文本"),
        ("?text=seven&run=1", "Generate"),
        ("?tab=%22%3E%3Cscript%3E", "mmdemo"),
    ],
)
def test_a_posted_link_shows_what_it_leads_to(url: str, query: str, says: str):
    with urllib.request.urlopen(f"{url}/{query}", timeout=60) as answer:
        head = answer.read().decode().partition("</head>")[0]
    tags = dict(re.findall(r'<meta property="(og:\w+)" content="([^"]*)"', head))
    assert says in tags["og:title"] and tags["og:description"] and tags["og:url"].startswith(url)
    assert "{url}" not in head and "Gradio" not in "".join(re.findall(r"<meta[^>]*>", head))
    with urllib.request.urlopen(tags["og:image"], timeout=60) as answer, Image.open(answer) as card:
        assert card.size == (1200, 630) and int(answer.headers["content-length"]) < 200_000
    assert 'name="twitter:card" content="summary_large_image"' in head
    assert head.count('"og:title"') == 1 and '<script>"' not in head
