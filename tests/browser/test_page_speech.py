"""The Generate tab with a model that speaks: sentences heard at every step, their words, and a changed recording."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from generate_model import served
from generating import BOX, goto, until
from speaking import SpeakingContext, speaking

from mmdemo.speech.speech import Speech
from mmdemo.ui.generate import run as runs

pytestmark = pytest.mark.browser
WAIT = 60_000  # ms: a busy machine takes its time, and what works waits for nothing
WORDS = "[...document.querySelectorAll('.mp-said-word')].map((word) => word.title).join(' ')"
PCM = "window.mmStep.views.audio.pcm"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    speech = speaking("hello you all")
    patch = pytest.MonkeyPatch()
    patch.setattr(Speech, "of", classmethod(lambda cls, model: speech))
    runs._speech.cache_clear()
    with served(SpeakingContext(speech)) as address:
        yield address
    patch.undo()
    runs._speech.cache_clear()


@pytest.fixture
def page(browser: Any, url: str) -> Iterator[Any]:
    problems: list[str] = []
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-US")
    page = context.new_page()
    page.set_default_timeout(WAIT)
    page.on("pageerror", lambda error: problems.append(str(error)))
    goto(page, f"{url}/?tab=generate")
    yield page
    context.close()
    assert problems == []


def say(page: Any, text: str) -> None:
    page.fill(BOX, text)
    page.press(BOX, "Enter")
    until(page, "d.frames !== '0' && d.state === 'idle' || d.frames === d.steps && d.steps !== '0'")


def go_to(page: Any, step: int) -> None:
    page.evaluate(
        "(step) => { const s = document.querySelector('.mp-slider'); s.value = step;"
        " s.dispatchEvent(new Event('input', {bubbles: true})); }",
        step,
    )
    until(page, f"d.step === '{step}' && d.pending === '0'")


def test_a_sentence_is_typed_heard_at_step_4_and_at_the_last_and_reopened(page: Any, url: str):
    for gone in ("#mm-pad", "#mm-want", "#mm-edit", "#mm-mix"):
        assert page.locator(gone).count() == 0 or not page.locator(gone).first.is_visible()
    page.locator("#mm-speaker").get_by_text("ben", exact=True).click()
    say(page, "Well, hello there.")
    assert page.evaluate(WORDS) == "well hello there"
    place = page.locator(".mp-said-word").first.bounding_box()
    axis = page.locator(".mp-axis").bounding_box()
    seconds = page.evaluate("window.mmStep.views.audio.pcm.length * 3 / 4 / 2 / 16000")
    assert (place["x"] - axis["x"]) / axis["width"] == pytest.approx(0.16 / seconds, abs=0.01)  # after 8 silent frames
    go_to(page, 4)
    fourth = page.evaluate(PCM)
    page.locator(".mp-sound").click()
    page.wait_for_selector(".mp-sound.mm-sounding")
    page.wait_for_selector(".mp-said-word.mp-now")
    last = int(page.get_attribute(".mp", "data-steps"))
    go_to(page, last)
    final = page.evaluate(PCM)
    assert final != fourth and len(final) == len(fourth)
    page.locator(".mp-said-word", has_text="hello").click()
    page.wait_for_selector(".mp-said-word.mm-sounding[title=hello]")
    address = page.evaluate("location.search")
    assert "model=speech" in address and "speaker=ben" in address
    goto(page, url + "/" + address)
    until(page, f"d.frames === '{last}'")
    assert page.evaluate(PCM) == final


def test_a_word_is_made_anew_and_the_rest_stays(page: Any):
    say(page, "hello you all")
    before = page.evaluate(PCM)
    page.locator(".mp-said-word[title=you]").click()
    run = page.get_attribute(".mp", "data-run")
    page.locator("[data-act=remake]").click()
    until(page, f"d.run !== '{run}' && d.frames === d.steps")
    assert page.evaluate(WORDS) == "hello you all"
    after = page.evaluate(PCM)
    assert len(after) == len(before) and after != before
    assert after[:2000] == before[:2000] and after[-2000:] == before[-2000:]


def test_a_recording_is_changed_by_its_text_once_one_may_use_it(page: Any, tmp_path: Path):
    length = 16_000 * 24 // 10
    soundfile.write(tmp_path / "r.wav", 0.5 * np.sin(np.arange(length) * 0.05) * np.hanning(length), 16_000)
    page.locator("#mm-give-voice button").first.click()
    page.locator("#mm-recording button[aria-label='Upload file']").click()
    page.set_input_files("#mm-recording input[type=file]", tmp_path / "r.wav")
    page.wait_for_selector("#mm-recording [aria-label='Clear'], #mm-recording .waveform-container, #mm-recording audio")
    page.locator("#mm-use").get_by_text("change it").click()
    page.fill(BOX, "hello who all")
    page.press(BOX, "Enter")
    page.wait_for_function("document.body.innerText.includes('may use that voice')")
    page.locator("#mm-may-use input").check()
    say(page, "hello who all")
    assert page.evaluate(WORDS) == "hello who all"
    page.fill(BOX, "")  # a recording alone is written down
    page.press(BOX, "Enter")
    until(page, "d.frames === d.steps && document.querySelector('.mp-text')")
    page.locator("[data-act=reuse]").click()  # whose voice it is does not change by that: one is asked again
    page.wait_for_function("!document.querySelector('#mm-may-use input').checked")


def test_a_long_text_is_said_part_by_part(page: Any):
    say(page, "one two three four. five six seven eight nine ten")
    until(page, "d.blocks === '2' && d.frames === d.steps")
    assert page.evaluate(WORDS) == "one two three four five six seven eight nine ten"
    assert "1 / 2" in page.locator(".mp-numbers").inner_text() or "2 / 2" in page.locator(".mp-numbers").inner_text()
    half = int(page.get_attribute(".mp", "data-steps")) // 2
    whole = page.evaluate(PCM)
    go_to(page, half)
    assert whole.startswith(page.evaluate(PCM)[:2000])
