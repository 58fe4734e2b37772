"""A crowd at the door: clients that ask for all kinds of things at once, and check what they are given.

Each asks as another address (the server takes X-Forwarded-For from this machine), and compares its results with those
of the same requests made alone.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import soundfile
from PIL import Image

from mmdemo.ui.generate.api import ORDER
from mmdemo.ui.generate.settings import Settings

TIMEOUT = 240.0  # seconds after which a request counts as hung
VARIANTS = 3  # of each kind of input: a swapped result is another one's
RUN: dict[str, Any] = {
    "text": "seven", "want": ["image", "text"], "image": "", "steps": 6, "sampler": "euler", "guidance": 2.0,
    "speaker": "", "seed": 0, "n": 2, "vs": "", "edit": "", "strength": 1.0, "to": None, "audio": "",
    "weight": Settings.weight, "film": False,
}  # fmt: skip


class Busy(Exception):
    """Told that there is no place now; `seconds` after asking."""

    seconds = 0.0


class Refused(Exception):
    """Told, in a sentence, why not."""


@dataclass
class Tally:
    """What came of everything that was asked."""

    done: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)  # of results
    busy: list[tuple[float, str]] = field(default_factory=list)  # seconds until told, and the words
    stopped: list[float] = field(default_factory=list)  # seconds from a cancel to the end of the stream
    wrong: list[str] = field(default_factory=list)


class Visitor:
    """One client with a session and an address of its own."""

    def __init__(self, url: str, number: int = 0) -> None:
        self.url, self.session = url, uuid4().hex
        headers = {"X-Forwarded-For": f"10.0.{number // 250}.{number % 250 + 1}"}
        self.http = httpx.AsyncClient(base_url=url + "/gradio_api/", timeout=TIMEOUT, headers=headers, verify=False)

    async def upload(self, name: str, data: bytes) -> dict[str, Any]:
        answer = await self.http.post("upload", files={"files": (name, data)})
        _check(answer)
        return {"path": answer.json()[0], "meta": {"_type": "gradio.FileData"}}

    async def post(self, name: str, data: list[Any]) -> str:
        """Ask for something; gives the event."""
        began = time.monotonic()
        answer = await self.http.post(f"call/{name}", json={"data": data, "session_hash": self.session})
        try:
            _check(answer)
        except Busy as told:
            told.seconds = time.monotonic() - began
            raise
        return str(answer.json()["event_id"])

    async def call(self, name: str, data: list[Any]) -> Any:
        """Ask for something, and listen to the end; gives the last result."""
        event, last = await self.post(name, data), None
        async with self.http.stream("GET", f"call/{name}/{event}") as stream:
            async for kind, value in _messages(stream):
                if kind == "generating" or (kind == "complete" and any(v is not None for v in value or [])):
                    last = value
        return last

    async def file(self, data: dict[str, Any]) -> str:
        """A hash of a file that is part of a result."""
        answer = await self.http.get(f"file={data['path']}")
        _check(answer)
        return hashlib.sha256(answer.content).hexdigest()

    async def begin(self, name: str, data: list[Any]) -> tuple[str, httpx.Response, AsyncIterator[Any]]:
        """Ask for something and wait for the first part of the result; gives the event, the open stream, the rest."""
        event = await self.post(name, data)
        request = self.http.build_request("GET", f"call/{name}/{event}")
        stream = await self.http.send(request, stream=True)
        messages = _messages(stream)
        async for kind, _ in messages:
            if kind == "generating":
                break
        return event, stream, messages


async def _messages(stream: httpx.Response) -> AsyncIterator[tuple[str, Any]]:
    """(kind, data) of a stream. Raises Busy or Refused for an error."""
    kind = ""
    async for line in stream.aiter_lines():
        if line.startswith("event: "):
            kind = line.removeprefix("event: ")
        elif line.startswith("data: ") and kind != "heartbeat":
            data = json.loads(line.removeprefix("data: "))
            if kind == "error":
                message = (data.get("error") if isinstance(data, dict) else data) or "an error without words"
                raise (Busy if is_busy(message) else Refused)(message)
            yield kind, data


def _check(answer: httpx.Response) -> None:
    if answer.status_code >= 400:
        message = answer.json()["detail"]
        raise (Busy if answer.status_code == 503 else Refused)(message)


def is_busy(message: str) -> bool:
    return "in line, in about" in message or "requests are waiting already" in message


def run(**changed: Any) -> list[Any]:
    """The inputs of `/generate`; what is not named is left out."""
    values = {**RUN, **changed}
    return [*(values.get(name) for name in ORDER), None]


# ---------------------------------------------------------------------- what can be asked for


def picture(variant: int, width: int = 192, height: int = 128) -> bytes:
    noise = np.random.default_rng(variant).integers(0, 255, (height // 16, width // 16, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC).save(file, "PNG")
    return file.getvalue()


def sound(variant: int) -> bytes:
    time = np.arange(16_000) / 16_000
    file = io.BytesIO()
    soundfile.write(file, 0.3 * np.sin(2 * np.pi * (220 + 110 * variant) * time), 16_000, format="WAV")
    return file.getvalue()


async def image(visitor: Visitor, variant: int) -> Any:
    file = await visitor.upload("picture.png", picture(variant))
    _, figures, tokens = await visitor.call("reconstruct_image", [file, 0, "auto"])
    return figures["bytes"], round(figures["psnr"], 2), await visitor.file(tokens)


async def text(visitor: Visitor, variant: int) -> Any:
    words = f"Visitor {variant} says: " + "the quick brown fox jumps over the lazy dog. " * (4 + variant)
    back, figures, tokens = await visitor.call("reconstruct_text", [words, 0, variant % 2 == 0])
    return back, figures["bytes"], await visitor.file(tokens)


async def audio(visitor: Visitor, variant: int) -> Any:
    file = await visitor.upload("sound.wav", sound(variant))
    _, figures, tokens = await visitor.call("reconstruct_audio", [file, 0, False])
    return figures["bytes"], await visitor.file(tokens)


async def generate(visitor: Visitor, variant: int) -> Any:
    message = (await visitor.call("generate", run(seed=variant)))[0]
    return (json.loads(message) if isinstance(message, str) else message)["end"]["tokens"]


async def codebook(visitor: Visitor, variant: int) -> Any:
    found = (await visitor.call("codebook", ["image", variant]))[0]
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()


KINDS: dict[str, Callable[[Visitor, int], Awaitable[Any]]] = {
    "image": image, "text": text, "audio": audio, "generate": generate, "codebook": codebook,
}  # fmt: skip


async def too_large(visitor: Visitor, variant: int) -> None:
    """What is over a limit: a sentence, whatever door it comes by."""
    if variant == 0:
        await visitor.call("reconstruct_text", ["x" * 20_001, 0, False])
    elif variant == 1:
        file = io.BytesIO()
        Image.new("1", (9000, 6000)).save(file, "PNG")
        await visitor.call("reconstruct_image", [await visitor.upload("large.png", file.getvalue()), 0, "auto"])
    else:
        await visitor.call("reconstruct_text", ["x" * 10_001, 0, True])
    raise AssertionError("what is over a limit was taken")


async def cancelled(visitor: Visitor) -> float:
    """Stop a long run of one's own; gives the seconds until it has ended."""
    config = (await visitor.http.get(visitor.url + "/config")).json()
    index = next(one["id"] for one in config["dependencies"] if one["api_name"] == "generate")
    event, stream, messages = await visitor.begin("generate", run(steps=60, n=4))
    began = time.monotonic()
    body = {"event_id": event, "session_hash": visitor.session, "fn_index": index}
    _check(await visitor.http.post("cancel", json=body))
    async for _ in messages:
        pass
    await stream.aclose()
    return time.monotonic() - began


async def vanished(visitor: Visitor, variant: int) -> None:
    """Go away: in the middle of a run, after asking for one, or after an upload."""
    if variant == 0:
        _, stream, _ = await visitor.begin("generate", run(steps=60, n=4))
        await stream.aclose()
    elif variant == 1:
        for n in range(3):
            await visitor.post("reconstruct_text", [f"nobody listens to this {n}", 0, False])
    else:
        await visitor.upload("unused.png", picture(9))


# ---------------------------------------------------------------------- all at once


async def alone(url: str) -> dict[tuple[str, int], Any]:
    """The result of every request, made alone."""
    visitor = Visitor(url)
    results = {(kind, n): await ask(visitor, n) for kind, ask in KINDS.items() for n in range(VARIANTS)}
    await visitor.http.aclose()
    return results


async def crowd(url: str, clients: int, seconds: float, right: dict[tuple[str, int], Any]) -> Tally:
    """So many clients for so long. What has been asked for by then is waited for."""
    tally, end = Tally(), time.monotonic() + seconds
    await asyncio.gather(*(_client(url, n, end, right, tally) for n in range(clients)))
    return tally


async def _client(url: str, number: int, end: float, right: dict[tuple[str, int], Any], tally: Tally) -> None:
    dice = random.Random(number)
    visitor = Visitor(url, number)
    while time.monotonic() < end:
        what = dice.choices([*KINDS, "large", "cancelled", "vanished"], [4, 4, 4, 3, 2, 1, 1, 1])[0]
        variant, began = dice.randrange(VARIANTS), time.monotonic()
        try:
            if what in KINDS:
                result = await KINDS[what](visitor, variant)
                tally.seconds.append(time.monotonic() - began)
                if result != right[what, variant]:
                    tally.wrong.append(f"{what} {variant} of client {number}: {str(result)[:200]}")
            elif what == "large":
                await too_large(visitor, variant)
            elif what == "cancelled":
                tally.stopped.append(await cancelled(visitor))
            else:
                await vanished(visitor, variant)
                await visitor.http.aclose()
                visitor = Visitor(url, number)
            tally.done[what] += 1
        except Busy as told:
            tally.busy.append((told.seconds, str(told)))
            await asyncio.sleep(dice.uniform(0.2, 1.0))
        except Refused as told:
            tally.done[what] += 1
            if what != "large" or not str(told).endswith("."):
                tally.wrong.append(f"{what} {variant} of client {number} was refused: {told}")
        except Exception as error:
            tally.wrong.append(f"{what} {variant} of client {number}: {error!r}")
            await asyncio.sleep(1)
    await visitor.http.aclose()
