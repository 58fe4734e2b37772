"""What moves until Gradio's page is there: its frames, the HTML around them, and how the page travels."""

from __future__ import annotations

import asyncio
import gzip
import io
from typing import Any

import pytest
from PIL import Image

from mmdemo.ui.shared import splash as frames
from mmdemo.ui.shell import splash
from mmdemo.ui.shell.page import EarlyScript

COLOURS = [(20 * n, 255 - 20 * n, 128) for n in range(12)]


def twelve() -> frames.Splash:
    return frames.of_pictures([Image.new("RGB", (880, 440), colour) for colour in COLOURS])


@pytest.mark.parametrize("total", [1, 2, 7, 8, 9, 12, 16, 50])
def test_the_first_and_the_last_have_a_frame(total: int):
    counts = frames.chosen(total)
    assert counts[0] == 1 and counts[-1] == total and len(counts) == min(total, frames.FRAMES)
    assert list(counts) == sorted(set(counts))


def test_frames_lie_one_below_the_other():
    made = twelve()
    page = Image.open(io.BytesIO(made.picture)).convert("RGB")
    assert made.size == (440, 220) and page.size == (440, 220 * len(made.counts)) and made.total == 12
    for i, count in enumerate(made.counts):
        seen = page.getpixel((200, 220 * i + 110))
        assert all(abs(a - b) <= 6 for a, b in zip(seen, COLOURS[count - 1], strict=True))  # WebP of low quality


def asked(query: str = "", root: str = "") -> dict[str, Any]:
    return {"type": "http", "query_string": query.encode(), "root_path": root}


def test_the_tab_that_was_asked_for():
    known = {"image": twelve(), "text": frames.of_texts(["se<en", "seven"])}
    first = splash.markup(known, asked()).decode()
    assert "url('/splash/image.webp')" in first and 'data-total="12"' in first
    assert "/behind/a/proxy/splash/image.webp" in splash.markup(known, asked(root="/behind/a/proxy")).decode()
    text = splash.markup(known, asked("tab=text")).decode()
    assert "se&lt;en" in text and "splash/image" not in text and 'data-lang="zh"' in text
    assert "noise" in splash.markup(known, asked("run=1")).decode()
    odd = splash.markup(known, asked("tab=%3Cscript%3E")).decode()  # no tab: the first one
    assert "url('/splash/image.webp')" in odd


@pytest.mark.parametrize("query", ["example=coffee", "tab=image&input=abc", "tab=text&typed=a", "tab=audio"])
def test_nothing_moves_that_is_not_asked_for_or_not_there(query: str):
    known = {"image": twelve(), "text": frames.of_texts(["a", "b"])}
    made = splash.markup(known, asked(query)).decode()
    assert "--mm-frames: " not in made and "<output" not in made and '"counts": []' in made


def test_pictures_have_an_address():
    known = {"image": twelve(), "text": frames.of_texts(["a"])}
    assert splash.picture("/splash/image.webp", known) == known["image"].picture
    for path in ("/splash/text.webp", "/splash/audio.webp", "/splash/../image.webp", "/splash/image.webp/x", "/"):
        assert splash.picture(path, known) is None


def served(body: bytes, accepts: str | None) -> tuple[dict[bytes, bytes], bytes]:
    """Headers and body of an HTML page as it leaves the server."""
    sent: list[dict[str, Any]] = []

    async def page(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
        await send({"type": "http.response.body", "body": body})

    async def note(message: Any) -> None:
        sent.append(message)

    headers = [] if accepts is None else [(b"accept-encoding", accepts.encode())]
    scope = {**asked(), "method": "GET", "path": "/", "headers": headers}
    asyncio.run(EarlyScript(page)(scope, None, note))
    found = dict(sent[0]["headers"])
    got = b"".join(message.get("body", b"") for message in sent[1:])
    assert int(found[b"content-length"]) == len(got)
    return found, got


@pytest.mark.parametrize("accepts", ["gzip", "br, gzip;q=0.8", "deflate, GZIP"])
def test_the_page_travels_compressed(accepts: str):
    body = b"<html><head></head><body class='a'>" + b"settings " * 1000 + b"</body></html>"
    plain = served(body, None)[1]
    headers, packed = served(body, accepts)
    assert headers[b"content-encoding"] == b"gzip" and gzip.decompress(packed) == plain
    assert len(packed) < len(plain) / 2 and b"<body class='a'><div id=\"mm-splash\"" in plain


@pytest.mark.parametrize("accepts", [None, "identity", "br", "gzip;q=0"])
def test_who_takes_no_gzip_gets_none(accepts: str | None):
    headers, got = served(b"<html><head></head><body></body></html>", accepts)
    assert b"content-encoding" not in headers and b"mm-splash" in got
