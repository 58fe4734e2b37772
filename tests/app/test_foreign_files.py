"""An endpoint takes what was uploaded to it: no address is fetched, and no other file of the machine is opened."""

from __future__ import annotations

import asyncio
import http.server
import json
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import numpy as np
import pytest
import soundfile
from gradio import processing_utils
from PIL import Image
from starlette.middleware import Middleware

from mmdemo.ui import app
from mmdemo.ui.serving.doors import Doors, last_resort
from mmdemo.ui.serving.inputs import FOREIGN, REFUSED, CheckedInputs
from mmdemo.ui.serving.queue import FairQueue


class Listener:
    """A web server of this machine that counts who asks it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        listener = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                listener.asked.append(self.path)
                self.send_response(200)
                self.end_headers()

            do_HEAD = do_POST = do_GET

            def log_message(self, *args: Any) -> None:
                """Nothing to the console."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def listener() -> Iterator[Listener]:
    it = Listener()
    yield it
    it.server.shutdown()
    it.server.server_close()


@pytest.fixture
def served() -> Iterator[tuple[str, list[Any]]]:
    """Address of a page with one endpoint for each kind of input that takes files, and what those were given."""
    given: list[Any] = []

    def take(file: Any) -> str:
        given.append(file)
        return "taken"

    with CheckedInputs() as demo:
        out = gr.Textbox()
        inputs = {"picture": gr.Image(type="filepath"), "sound": gr.Audio(type="numpy"), "file": gr.File()}
        for name, component in inputs.items():
            gr.Button().click(take, component, out, api_name=name)
            gr.Button().click(take, component, out, api_name=f"{name}_beside", queue=False)
    demo.queue(api_open=False)
    demo._queue = FairQueue(demo)
    kwargs = {"middleware": [Middleware(Doors)], "exception_handlers": {Exception: last_resort}}
    demo.launch(prevent_thread_lock=True, quiet=True, ssr_mode=False, app_kwargs=kwargs)
    yield demo.local_url.rstrip("/") + "/gradio_api", given
    demo.close(verbose=False)


def call(url: str, name: str, file: Any) -> str:
    """Everything that the doors answer to a file object."""
    answers = [httpx.post(f"{url}/run/{name}_beside", json={"data": [file]}, timeout=20).text]
    begun = httpx.post(f"{url}/call/{name}", json={"data": [file]}, timeout=20)
    if "event_id" in begun.text:
        begun = httpx.get(f"{url}/call/{name}/{begun.json()['event_id']}", timeout=20)
    return "\n".join([*answers, begun.text])


def file_object(path: str, **more: Any) -> dict[str, Any]:
    return {"path": path, "meta": {"_type": "gradio.FileData"}, **more}


def test_no_address_is_fetched(served, listener, monkeypatch):
    url, given = served
    fetched: list[str] = []

    async def fetch(address: str, *args: Any, **kwargs: Any) -> None:
        fetched.append(address)
        raise AssertionError

    for name in ("async_ssrf_protected_get", "async_ssrf_protected_download", "ssrf_protected_download"):
        monkeypatch.setattr(processing_utils, name, fetch)
    addresses = [f"{listener.url}/a.png", "http://192.0.2.1/a.png", "https://example.org/a.wav"]
    for name in ("picture", "sound", "file"):
        for address in addresses:
            for file in (file_object(address), file_object(address, url=address), file_object("", url=address)):
                answer = call(url, name, file)
                assert "taken" not in answer and "Traceback" not in answer
                assert REFUSED in answer or not file["path"]
            assert "taken" not in call(url, name, address)
    assert listener.asked == fetched == given == []


def test_no_other_file_of_the_machine_is_opened(served):
    url, given = served
    folder = Path(tempfile.mkdtemp())
    secret = folder / "secret.png"
    Image.new("RGB", (4, 4), (1, 2, 3)).save(secret)
    uploads = Path(processing_utils.get_upload_folder()) / "a"
    paths = [
        "/etc/passwd",
        "file:///etc/passwd",
        "../../../../etc/passwd",
        f"{uploads}/../../../../../../../../etc/passwd",
        str(secret),
        f"file://{secret}",
        "app.py",
        "C:\\Windows\\win.ini",
        "\\\\host\\share\\a.png",
        "/proc/self/environ",
        "/dev/zero",
        "a\0b",
    ]
    for path in paths:
        for name in ("picture", "file"):
            # Without "meta" Gradio does not know it for a file, and opens it all the same.
            for file in (file_object(path), {"path": path}, {"path": path, "meta": {}}, [{"path": path}]):
                answer = call(url, name, file)
                assert "taken" not in answer and "root:" not in answer and "Traceback" not in answer, path
        for quoted in (path, path.replace("/", "%2F").replace(".", "%2e")):
            if "\0" in quoted:
                continue
            got = httpx.get(f"{url}/file={quoted}", timeout=20)
            assert got.status_code >= 400 and "root:" not in got.text, path
    assert given == []


@pytest.mark.parametrize("name", ["/reconstruct_image", "/reconstruct_audio", "/generate"])
def test_no_endpoint_of_the_page_opens_what_was_not_uploaded(page, name, tmp_path):
    """As they are, with their own components."""
    picture, sound = tmp_path / "secret.png", tmp_path / "secret.wav"
    Image.new("RGB", (40, 40), (1, 2, 3)).save(picture)
    soundfile.write(sound, np.zeros(8_000), 16_000)
    fn = next(fn for fn in page.fns.values() if fn.api_name == name.removeprefix("/"))
    for path in (picture, sound):
        for file in ({"path": str(path)}, {"path": str(path), "meta": None}, file_object(str(path))):
            for at in range(len(fn.inputs)):
                inputs: list[Any] = [None] * len(fn.inputs)
                inputs[at] = file
                with pytest.raises(gr.Error, match="has to be uploaded"):
                    asyncio.run(page.preprocess_data(fn, inputs, None))


@pytest.fixture(scope="module")
def page() -> gr.Blocks:
    return app.build()


def test_a_file_inside_another_is_seen(page):
    uploads = Path(processing_utils.get_upload_folder())
    mine = {"path": str(uploads / "a" / "mine.png"), "background": {"path": "/etc/passwd"}}
    fn = next(iter(page.fns.values()))
    with pytest.raises(gr.Error, match="opens no other"):
        asyncio.run(page.preprocess_data(fn, [[mine]], None))


def test_what_was_uploaded_is_taken(served, tmp_path):
    url, given = served
    Image.new("RGB", (4, 4), (1, 2, 3)).save(tmp_path / "mine.png")
    with open(tmp_path / "mine.png", "rb") as file:
        (path,) = httpx.post(f"{url}/upload", files={"files": file}, timeout=20).json()
    assert "taken" in call(url, "picture", file_object(path))
    assert given and all(Path(found).name == "mine.png" for found in given)


def test_the_page_is_built_so(page):
    assert isinstance(page, CheckedInputs)
    assert json.dumps(REFUSED + FOREIGN).isascii()
