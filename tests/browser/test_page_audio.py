"""The Audio tab in a real browser: what comes in by microphone and by file, and what can be saved."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from conftest import CHROMIUM_ARGS, _chromium

from mmdemo.modalities import audio
from mmdemo.modalities.resample import resample

pytestmark = pytest.mark.browser
WAIT = 300_000  # ms: a busy machine takes its time, and what works waits for nothing
INPUT = "#mm-audio-input input[type=file]"


@pytest.fixture
def open_page(browser: Any, app_url: str) -> Iterator[Any]:
    """A function that opens the tab, in `browser` or another one; no script may fail there."""
    contexts, problems = [], []

    def opened(chromium: Any = None, width: int = 1280, lang: str = "en") -> Any:
        context = (chromium or browser).new_context(viewport={"width": width, "height": 900}, accept_downloads=True)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(f"{app_url}/?lang={lang}")
        page.locator("[role=tab]").nth(2).click(timeout=WAIT)
        page.wait_for_selector("#mm-audio-lab .lab:not([hidden])", timeout=WAIT)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert problems == []


@pytest.fixture
def speech() -> tuple[np.ndarray, int]:
    """(T,) and its rate: an example recording."""
    wave, rate = soundfile.read(Path(audio.__file__).parents[1] / "ui/examples/speech_english.flac", dtype="float32")
    return wave, rate


def seconds(page: Any) -> float:
    return float(page.locator(".lab-time").inner_text().split("/")[1].split()[0])


def give(page: Any, file: Path, length: float) -> None:
    """Choose a file, as a person does, and wait until the page shows it."""
    if not page.locator(INPUT).count():
        page.locator("#mm-audio-input [aria-label=Clear]").first.click()
    page.set_input_files(INPUT, file)
    page.wait_for_function(
        "text => document.querySelector('.lab-time').innerText.includes(text)", arg=f"/ {length:.2f} s", timeout=WAIT
    )


def saved(page: Any, button: str, to: Path) -> tuple[np.ndarray, int]:
    """What a button saves: (T,) or (T, channels), rate."""
    with page.expect_download(timeout=WAIT) as download:
        page.locator(button).click()
    download.value.save_as(to)
    return soundfile.read(to, dtype="float32")


def likeness(part: np.ndarray, whole: np.ndarray) -> float:
    """Greatest normalised correlation of `part` with any stretch of `whole`, 0..1."""
    size = 2 ** int(np.ceil(np.log2(len(whole) + len(part))))
    product = np.fft.irfft(np.fft.rfft(whole, size) * np.conj(np.fft.rfft(part, size)), size)
    product = product[: len(whole) - len(part) + 1]
    energy = np.cumsum(np.concatenate([[0.0], whole.astype(float) ** 2]))
    stretch = energy[len(part) :] - energy[: -len(part)]
    return float((product / np.sqrt(np.maximum(stretch, 1e-9) * np.square(part).sum())).max())


def test_the_microphone_is_heard(open_page: Any, browser: Any, speech: tuple[np.ndarray, int], tmp_path: Path):
    wave, rate = speech
    heard = tmp_path / "heard.wav"
    soundfile.write(heard, wave, rate, "PCM_16")
    args = [*CHROMIUM_ARGS, f"--use-file-for-fake-audio-capture={heard}"]  # played over and over
    listening = browser.browser_type.launch(executable_path=_chromium(), headless=True, args=args)
    try:
        page = open_page(listening)
        example = page.locator(".lab-time").inner_text()
        page.locator("#mm-audio-input [aria-label='Record audio']").click()
        page.locator("#mm-audio-input .record-button").click()
        page.wait_for_timeout(2500)
        page.locator("#mm-audio-input .stop-button").first.click()
        page.wait_for_function(
            "example => document.querySelector('.lab-time').innerText !== example", arg=example, timeout=WAIT
        )
        assert 1 < seconds(page) < 60
        page.locator(".lab-tracks [data-track=original]").click()
        recorded, _ = saved(page, ".lab-save button >> nth=0", tmp_path / "recorded.wav")
    finally:
        listening.close()
    spoken = resample(torch.from_numpy(wave), rate, 16_000).numpy()
    # Half a second in its middle, found in the recording again; the browser's noise filter changes it a little.
    piece = recorded[len(recorded) // 2 - 6_000 : len(recorded) // 2 + 6_000]
    assert np.abs(piece).max() > 0.01
    assert likeness(piece, np.tile(spoken, 3)) > 0.5


@pytest.mark.parametrize(
    ("name", "rate", "channels", "kind", "subtype"),
    [
        ("a.wav", 192_000, 8, "WAV", "PCM_24"),
        ("b.wav", 4_000, 1, "WAV", "PCM_U8"),
        ("c.wav", 44_100, 2, "WAV", "FLOAT"),
        ("d.flac", 48_000, 2, "FLAC", "PCM_24"),
        ("e.ogg", 48_000, 1, "OGG", "OPUS"),
        ("f.mp3", 22_050, 1, "MP3", None),
    ],
)
def test_files_of_all_kinds_come_in_and_go_out_as_they_were(
    open_page: Any, tmp_path: Path, name: str, rate: int, channels: int, kind: str, subtype: str | None
):
    page = open_page()
    length = 1.25
    tone = 0.3 * np.sin(2 * np.pi * 330 * np.arange(round(length * rate)) / rate)
    file = tmp_path / name
    soundfile.write(file, np.repeat(tone[:, None], channels, 1), rate, subtype, format=kind)
    length = soundfile.info(file).duration  # an MP3 has whole frames
    give(page, file, -(-length * 16_000 // 1) / 16_000)
    notes = page.locator("#mm-audio-tiles .mm-hint").all_inner_texts()
    told = {1: False, 2: f"mean of its {channels} channels"}.get(channels, f"{channels} channels were mixed to one")
    assert any((told or " channels") in note for note in notes) == (channels > 1)
    with page.expect_download(timeout=WAIT) as download:
        page.locator(".lab-save").get_by_text("Save reconstruction at").click()
    download.value.save_as(tmp_path / "out.wav")
    info = soundfile.info(tmp_path / "out.wav")
    assert (info.samplerate, info.channels) == (rate, channels)
    assert abs(info.duration - length) <= 1 / 16_000 + 1 / rate


def test_what_a_level_adds_is_played_and_saved(open_page: Any, tmp_path: Path):
    page = open_page()
    page.locator("#mm-audio-levels input[type=range]").fill("2")
    page.wait_for_function(
        "document.querySelector('.lab-tracks [data-track=layer]')?.innerText === 'What level 2 adds'", timeout=WAIT
    )
    sounds = {}
    for levels in (2, 1):
        page.locator("#mm-audio-levels input[type=range]").fill(str(levels))
        script = "levels => !!document.querySelector('.lab-tracks [data-track=layer]') === (levels > 1)"
        page.wait_for_function(script, arg=levels, timeout=WAIT)
        for track in ("layer", "reconstruction") if levels > 1 else ("reconstruction",):
            page.locator(f".lab-tracks [data-track={track}]").click()
            assert page.locator(".lab").get_attribute("data-track") == track
            sounds[track, levels], _ = saved(page, ".lab-save button >> nth=0", tmp_path / "sound.wav")
    difference = sounds["reconstruction", 2] - sounds["reconstruction", 1]
    assert np.abs(difference).max() > 0.01
    assert sounds["layer", 2] == pytest.approx(difference, abs=2e-4)


def test_all_rows_share_one_time_axis(open_page: Any):
    page = open_page()
    rows = ["waveform", "wave_difference", "mel_original", "mel_reconstruction", "mel_difference", "tokens", "axis"]
    edges = set()
    for row in rows:
        box = page.locator(f"canvas[data-row={row}]").bounding_box()
        assert box["height"] >= 15
        edges.add((round(box["x"]), round(box["width"])))
        painted = "c => new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size > 4"
        assert page.locator(f"canvas[data-row={row}]").evaluate(painted)
    assert len(edges) == 1


def test_a_dropped_token_file_is_decoded(open_page: Any, tmp_path: Path):
    page = open_page()
    with page.expect_download(timeout=WAIT) as download:
        page.locator(".lab-save").get_by_text("Save tokens").click()
    download.value.save_as(tmp_path / "a.mmt")
    page.locator(".lab-tracks [data-track=reconstruction]").click()
    before, _ = saved(page, ".lab-save button >> nth=0", tmp_path / "before.wav")
    data = page.evaluate_handle(
        """text => {
          const data = new DataTransfer();
          data.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], "a.mmt"));
          return data;
        }""",
        base64.b64encode((tmp_path / "a.mmt").read_bytes()).decode(),
    )
    page.dispatch_event("#mm-audio-file .filedrop", "drop", {"dataTransfer": data})
    page.wait_for_function(
        "document.querySelector('#mm-audio-tiles').innerText.includes('Decoded from an .mmt file')", timeout=WAIT
    )
    assert page.locator(".lab-tracks [data-track=original]").count() == 0
    assert page.locator("canvas[data-row=wave_difference]").is_hidden()
    after, _ = saved(page, ".lab-save button >> nth=0", tmp_path / "after.wav")
    assert np.array_equal(before, after)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_long_and_silent_files_are_cut_and_said(open_page: Any, tmp_path: Path, lang: str):
    page = open_page(width=390, lang=lang)
    soundfile.write(tmp_path / "long.flac", np.zeros(2 * 3600 * 4_000, np.int16), 4_000)
    give(page, tmp_path / "long.flac", 60)
    first, second = page.locator("#mm-audio-tiles .mm-hint").all_inner_texts()
    assert "7200" in first and second == {"en": "The sound is silent throughout.", "zh": "整段没有声音。"}[lang]
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1")
