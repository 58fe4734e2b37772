"""A page of a few functions behind our queue and doors, with small limits."""

from __future__ import annotations

import base64
import io
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
from gradio.processing_utils import save_bytes_to_cache
from PIL import Image
from starlette.middleware import Middleware

from mmdemo.ui.serving.doors import Doors, last_resort
from mmdemo.ui.serving.lanes import MAX_CHARACTERS
from mmdemo.ui.serving.limits import Limits
from mmdemo.ui.serving.queue import FairQueue

LIMITS = Limits(
    places=5, share=3, address_share=5, grace=0.6, direct=2, direct_share=2, direct_waiting=2, body=20_000
)  # fmt: skip


class Served:
    """The page, running; what its functions did is noted in it."""

    def __init__(self, folder: Path | None = None, limits: Limits = LIMITS) -> None:
        self.go = threading.Event()  # the slow functions wait for it
        self.ran: list[str] = []
        self.steps = 0
        self.counts: Counter[str] = Counter()
        self.large = self.most_large = 0
        self.forgotten: list[str] = []
        with gr.Blocks() as self.demo:
            word, out, number = gr.Textbox(), gr.Textbox(), gr.Number()
            click = gr.Button().click
            click(self.slow, word, out, api_name="slow", concurrency_id="one", concurrency_limit=1)
            click(self.quick, word, out, api_name="quick", concurrency_id="two", concurrency_limit=1)
            click(self.endless, None, out, api_name="endless", concurrency_id="three", concurrency_limit=1)
            click(self.count, word, out, api_name="count", concurrency_id="four", concurrency_limit=2)
            click(self.broken, number, out, api_name="broken")
            click(self.refused, word, out, api_name="refused")
            click(self.slow, word, out, api_name="beside", queue=False)
            click(self.spelled, word, out, api_name="spelled", concurrency_id="one")
            for n, queued in enumerate((True, True, False)):
                name = f"size_{n}"
                click(self.size, gr.Image(type="filepath"), out, api_name=name, concurrency_id=name, queue=queued)
            click(self.size_of_uri, word, out, api_name="size_of_uri", queue=False)
            click(lambda word: (word, word), word, [gr.State(), out], api_name="keep")
            click(self.written, word, gr.File(), api_name="written")
        self.demo.queue(api_open=False)
        self.demo._queue = self.queue = FairQueue(self.demo, limits, folder, self.forgotten.append)
        kwargs = {
            "middleware": [Middleware(Doors, limits=limits)],
            "exception_handlers": {Exception: last_resort},
        }
        self.demo.launch(prevent_thread_lock=True, quiet=True, ssr_mode=False, app_kwargs=kwargs, _frontend=False)
        self.url = self.demo.local_url.rstrip("/") + "/gradio_api"
        self.client = httpx.Client(timeout=20)

    def slow(self, word: str) -> str:
        self.ran.append(word)
        assert self.go.wait(8)
        return word

    def quick(self, word: str) -> str:
        return word

    def spelled(self, text: str) -> str:
        return self.slow(text) if len(text) > MAX_CHARACTERS else text

    def size(self, path: str) -> str:
        self.large += 1
        self.most_large = max(self.most_large, self.large)
        time.sleep(0.1)
        with Image.open(path) as picture:
            size = str(picture.size)
        self.large -= 1
        return size

    def size_of_uri(self, uri: str) -> str:
        return self.size(io.BytesIO(base64.b64decode(uri.partition(",")[2])))

    def written(self, word: str) -> str:
        return save_bytes_to_cache(word.encode(), "word.txt", self.demo.GRADIO_CACHE)

    def endless(self) -> Iterator[str]:
        try:
            for self.steps in range(10_000):
                yield str(self.steps)
                time.sleep(0.02)
        finally:
            self.ran.append("ended")

    def count(self, word: str) -> Iterator[str]:
        while not self.go.is_set():
            self.counts[word] += 1
            yield word
            time.sleep(0.05)

    def broken(self, number: float) -> str:
        raise RuntimeError("a secret path")

    def refused(self, word: str) -> str:
        raise gr.Error("One clear sentence.", print_exception=False)

    def post(self, path: str, **kwargs: Any) -> httpx.Response:
        return self.client.post(self.url + path, **kwargs)

    def join(self, name: str, data: list[Any], session: str) -> httpx.Response:
        index = next(i for i, fn in self.demo.fns.items() if fn.api_name == name)
        return self.post("/queue/join", json={"data": data, "fn_index": index, "session_hash": session})

    def messages(self, session: str) -> list[dict[str, Any]]:
        """All messages of a session until its stream closes."""
        lines = []
        with self.client.stream("GET", f"{self.url}/queue/data", params={"session_hash": session}) as stream:
            lines = [json.loads(line[6:]) for line in stream.iter_lines() if line.startswith("data: ")]
        return lines

    def result(self, session: str) -> dict[str, Any]:
        return next(m for m in self.messages(session) if m["msg"] == "process_completed")

    def call(self, name: str, *data: Any) -> tuple[str, Any]:
        """(event, data) with which a call without a session ended."""
        event = self.post(f"/call/{name}", json={"data": data}).json()["event_id"]
        with self.client.stream("GET", f"{self.url}/call/{name}/{event}") as stream:
            lines = [line for line in stream.iter_lines() if line]
        return lines[-2].removeprefix("event: "), json.loads(lines[-1].removeprefix("data: "))

    def close(self) -> None:
        self.go.set()
        self.client.close()
        self.demo.close(verbose=False)


def until(what: Any, seconds: float = 30) -> None:
    """Wait for a condition that comes soon."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.01)
