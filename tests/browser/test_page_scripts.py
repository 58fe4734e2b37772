"""No script runs in the page from a name, a text, metadata, a field of a tokens file, or an address."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from mmdemo.tokens import Tokens

pytestmark = pytest.mark.browser
WAIT = 300_000  # ms: a busy machine takes its time, and what works waits for nothing
PAYLOADS = (
    "<img src=x onerror=window.ran=1>",
    "<script>window.ran=1</script>",
    "javascript:window.ran=1",
    "\"'><svg onload=window.ran=1>",
    "[a](javascript:window.ran=1) $\\href{javascript:window.ran=1}{a}$ {{window.ran=1}} ${window.ran=1}",
)
# What a page that had taken one of them for HTML would hold, whether or not its script could run.
LEFT = "[onerror],[onload],img[src='x'],a[href^='javascript:'],iframe[srcdoc]"


@pytest.fixture
def page(browser: Any, app_url: str) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-US")
    page = context.new_page()
    page.set_default_timeout(WAIT)
    page.address, page.outside, dialogs = app_url, [], []
    own = (app_url, "data:", "blob:")
    context.on("request", lambda r: None if r.url.startswith(own) else page.outside.append(r.url))
    context.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    yield page
    unharmed(page)
    assert dialogs == [] and page.outside == []
    context.close()


def unharmed(page: Any) -> None:
    assert page.evaluate("window.ran") is None
    assert page.locator(LEFT).count() == 0


def toast(page: Any) -> str:
    message = page.locator("[data-testid=toast-body]").first
    message.wait_for(timeout=WAIT)
    unharmed(page)
    said = message.inner_text()
    page.locator("[data-testid=toast-close]").first.click()
    return said


def named(payload: str, suffix: str) -> str:
    """As a file's name, which holds no slash."""
    return payload.replace("/", "\u2215")[:120] + suffix


def tokens_of(model: str, modality: str) -> bytes:
    codes = torch.zeros(1, 2, dtype=torch.int64) if modality != "image" else torch.zeros(1, 2, 2, dtype=torch.int64)
    meta = {
        "image": {"height": 16, "width": 16},
        "audio": {"samples": 600, "sample_rate": 16_000, "channels": 1},
        "text": {"bytes": 8},
    }
    return Tokens(codes, model, modality, 256, "0123abcd", meta[modality]).to_bytes()


def test_names_and_metadata_of_pictures(page: Any, tmp_path: Path):
    page.goto(page.address)
    page.wait_for_selector(".mm-viewer[data-ready]", timeout=WAIT)
    words = PngInfo()
    exif = Image.Exif()
    for i, payload in enumerate(PAYLOADS):
        words.add_text(f"Comment{i}", payload)
        exif[0x010E] = payload
    for payload in PAYLOADS[:2]:
        before = page.get_attribute(".mm-viewer", "data-ready")
        path = tmp_path / named(payload, ".png")
        Image.new("RGBA", (16, 24), (200, 30, 30, 128)).save(path, pnginfo=words, exif=exif)
        page.set_input_files("#mm-image-input input[type=file]", str(path))
        page.wait_for_function(
            "before => ![undefined, before].includes(document.querySelector('.mm-viewer').dataset.ready)",
            arg=before,
            timeout=WAIT,
        )
        unharmed(page)
        page.goto(page.address)  # Gradio's field is deaf for a while after a picture
        page.wait_for_selector(".mm-viewer[data-ready]", timeout=WAIT)
        path.write_bytes(b"\x89PNG\r\n\x1a\nnothing of the kind")
        page.set_input_files("#mm-image-input input[type=file]", str(path))
        toast(page)
        page.goto(page.address)
        page.wait_for_selector(".mm-viewer[data-ready]", timeout=WAIT)
    for payload in PAYLOADS[:2]:
        page.goto(page.address)  # a file that was refused stays in its place
        page.wait_for_selector(".mm-viewer[data-ready]", timeout=WAIT)
        path = tmp_path / "a.mmt"
        path.write_bytes(tokens_of(payload[:80], "image"))
        page.set_input_files("#mm-image-mmt input[type=file]", str(path))
        toast(page)


def test_texts_names_and_edits(page: Any, tmp_path: Path):
    page.goto(page.address + "/?tab=text")
    page.wait_for_selector("#mm-text-chips .chip", timeout=WAIT)
    for payload in PAYLOADS:
        page.fill("#mm-text-input textarea", payload)
        count = f"{len(payload):,}"
        shown = "n => document.querySelector('#mm-text-tiles .mm-tile-value')?.innerText === n"
        page.wait_for_function(shown, arg=count, timeout=WAIT)
        unharmed(page)
    page.locator("#mm-text-chips .chip").first.hover()
    page.locator("#mm-text-chips .chip").first.click()
    unharmed(page)
    for payload in PAYLOADS[:2]:
        path = tmp_path / named(payload, ".txt")
        path.write_bytes((payload * 3).encode("utf-16"))  # a note says how it was read
        page.set_input_files("#mm-text-file input", str(path))
        shown = "n => document.querySelector('#mm-text-tiles .mm-tile-value')?.innerText === n"
        page.wait_for_function(shown, arg=f"{3 * len(payload):,}", timeout=WAIT)
        unharmed(page)
        bad = tmp_path / named(payload, ".mmt")
        bad.write_bytes(tokens_of(payload[:80], "text"))
        page.set_input_files("#mm-text-file input", str(bad))
        toast(page)


def test_names_and_metadata_of_sounds(page: Any, tmp_path: Path):
    def opened() -> None:
        page.goto(page.address + "/?tab=audio")
        page.wait_for_selector("#mm-audio-lab .lab:not([hidden])", timeout=WAIT)

    for payload in PAYLOADS[:2]:
        opened()
        path = tmp_path / named(payload, ".wav")
        path.write_bytes(b"RIFF nothing of the kind" + payload.encode())
        page.set_input_files("#mm-audio-input input[type=file]", str(path))
        toast(page)
        opened()
        bad = tmp_path / named(payload, ".mmt")
        bad.write_bytes(tokens_of(payload[:80], "audio"))
        page.set_input_files("#mm-audio-file input", str(bad))
        toast(page)
    opened()
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", 16_000, 2, format="FLAC") as sound:
        for name in ("title", "artist", "comment", "software"):
            setattr(sound, name, PAYLOADS[0])
        sound.write(np.random.default_rng(0).uniform(-0.1, 0.1, (8_000, 2)))
    path = tmp_path / named(PAYLOADS[0], ".flac")
    path.write_bytes(buffer.getvalue())
    page.set_input_files("#mm-audio-input input[type=file]", str(path))
    page.wait_for_function("document.querySelector('#mm-audio-tiles')?.innerText.includes('0.5')", timeout=WAIT)
    unharmed(page)


@pytest.mark.parametrize("payload", PAYLOADS[:3])
def test_addresses(page: Any, payload: str):
    said = quote(payload)
    for query in (
        f"?tab=generate&text={said}&want=image&n=1&steps=2&run=1",
        f"?tab=generate&text=seven&sampler={said}&vs={said}&edit={said}&speaker={said}&want={said}&run=1",
        f"?tab=generate&image={said}&audio={said}&seed={said}&to={said}&run=1",
        f"?tab={said}&lang={said}&model={said}&level={said}&text={said}#{said}",
    ):
        # A page that is left in the middle of its work makes Gradio load it again, which can win over the new address.
        other = page.context.new_page()
        other.goto(page.address + "/" + query)
        other.wait_for_selector("#mm-tabs [role=tab]", timeout=WAIT)
        if "tab=generate" in query:
            other.wait_for_function("document.body.dataset.linkRead", timeout=WAIT)
            assert toast(other)  # none of them can be read, and each is told why
        unharmed(other)
