"""Every door of the server has the same limits and answers with a result or a sentence.

One piece of ASGI middleware between Gradio and the outside:

- only the routes that a page, `gradio_client` or a program needs are open;
- requests beside the queue (`/run`, functions of components, uploads) are answered a few at a time;
- what takes much memory goes one at a time, by the queue or beside it;
- what Gradio lets fall (an exception, `{"error": null}`, a stream that breaks off) becomes one sentence in JSON;
- the queue is told who listens, and who is here;
- `/health` says that the server is up.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager, suppress
from functools import partial
from typing import Any
from urllib.parse import unquote

import gradio as gr
from starlette.requests import Request
from starlette.responses import JSONResponse

from mmdemo.errors import InputError
from mmdemo.ui.serving.lanes import SHORT, lane_of
from mmdemo.ui.serving.limits import Limits
from mmdemo.ui.serving.queue import FairQueue, address_of
from mmdemo.ui.shared.i18n import lang_of, tr

log = logging.getLogger("mmdemo.ui")

API = "/gradio_api/"
# What a page, `gradio_client`, a program or a language model (MCP) asks for. Gradio has more: screen recordings that go
# through ffmpeg, an editor for the app's own code, links that keep a session on disk, proxies.
OPEN = {
    "api", "app_id", "call", "cancel", "component_server", "file", "heartbeat", "info", "login_check", "mcp",
    "openapi.json", "queue", "reset", "run", "startup-events", "theme.css", "token", "upload", "upload_progress",
    "user",
}  # fmt: skip
CLOSED = ("/monitoring",)
DIRECT = {"run", "api", "component_server", "upload"}


class Busy(Exception):
    """There is no place for a request beside the queue."""


class TooLarge(Exception):
    """A request has a larger body than any of the page's."""


class Turnstile:
    """Lets so many in at once, and fewer from one address; some wait, the others are turned away."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._all = asyncio.Semaphore(limits.direct)
        self._of: dict[str, asyncio.Semaphore] = {}
        self._inside: Counter[str] = Counter()

    @asynccontextmanager
    async def through(self, address: str) -> AsyncIterator[None]:
        """Wait for a place, and keep it. Raises Busy if too many wait already."""
        if self._inside[address] >= self.limits.direct_share + self.limits.direct_waiting:
            raise Busy
        self._inside[address] += 1
        own = self._of.setdefault(address, asyncio.Semaphore(self.limits.direct_share))
        try:
            async with own, self._all:
                yield
        finally:
            self._inside[address] -= 1
            if not self._inside[address]:
                del self._inside[address], self._of[address]


class Doors:
    """ASGI middleware; see the module."""

    def __init__(self, app: Any, limits: Limits | None = None) -> None:
        self.app = app
        self.limits = limits or Limits()
        self.turnstile = Turnstile(self.limits)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        request = Request(scope)
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if path == "/health":
            return await JSONResponse({"status": "ok"})(scope, receive, send)
        name, rest = _door(path)
        lang = lang_of(request)
        if (path.startswith(API) and name not in OPEN) or path.startswith(CLOSED):
            return await sentence("common.no_door", 404, lang)(scope, receive, send)
        out = _Answer(scope, send, lang)
        try:
            if int(request.headers.get("content-length") or 0) > self.limits.body:
                raise TooLarge
            taking = _limited(receive, self.limits.body, out)
            if name == "cancel":
                return await self._cancel(request, scope, taking, out)
            if name in DIRECT and scope["method"] == "POST":
                out.mends = True
                async with self.turnstile.through(address_of(request)):
                    return await self._beside(request, name, scope, taking, out)
            session, listens = self._session(request, name, rest)
            if session is None:
                return await self.app(scope, taking, out)
            queue = self._queue(scope)
            with ExitStack() as here:
                here.enter_context(queue.visitors.here(session))
                here.enter_context(queue.visitors.here(queue.visitors.at(address_of(request))))
                if listens:
                    here.enter_context(queue.listening(session))
                await self.app(scope, taking, out)
        except Exception as error:
            await self._explain(error, out, scope, lang)

    @staticmethod
    def _queue(scope: Any) -> FairQueue:
        queue = scope["app"].get_blocks()._queue
        assert isinstance(queue, FairQueue)
        return queue

    def _session(self, request: Request, name: str, rest: list[str]) -> tuple[str | None, bool]:
        """The session that this request keeps open, None for any other; and whether it streams its messages."""
        if request.method != "GET":
            return None, False
        if name == "heartbeat" and len(rest) == 1:
            return rest[0], False
        if name == "queue" and rest == ["data"]:
            return request.query_params.get("session_hash"), True
        if name == "call" and len(rest) >= 2:
            event = self._queue(request.scope).event_ids_to_events.get(rest[-1])
            return (event.session_hash if event else rest[-1]), True
        return None, False

    async def _beside(self, request: Request, name: str, scope: Any, receive: Any, send: Any) -> None:
        """A request beside the queue, which may be a large one."""
        queue = self._queue(scope)
        if name == "upload":
            note = partial(queue.visitors.uploaded, queue.visitors.at(address_of(request)))
            return await self.app(scope, receive, _noting(send, note))
        if not request.headers.get("content-type", "").startswith("application/json"):
            return await self.app(scope, receive, send)
        body = await _whole(receive)
        if body is None:  # the visitor has gone meanwhile
            return None
        asked, lane = await asyncio.to_thread(_judged, body)
        if isinstance(session := asked.get("session_hash"), str):
            queue.visitors.seen(session)
            queue.visitors.notes(session, asked)
        async with queue.one_large(lane):
            await self.app(scope, _again(body, receive), send)

    async def _cancel(self, request: Request, scope: Any, receive: Any, send: Any) -> None:
        """Stop a run, for the session that it belongs to only."""
        body = await _whole(receive)
        if body is None:
            return None
        try:
            asked = json.loads(body)
            event = self._queue(scope).event_ids_to_events.get(asked["event_id"])
            own = event is None or event.session_hash == asked["session_hash"]
        except (ValueError, KeyError, TypeError, RecursionError):
            own = True  # Gradio says what is wrong with it
        if not own:
            return await JSONResponse({"success": False})(scope, receive, send)
        await self.app(scope, _again(body, receive), send)

    @staticmethod
    async def _explain(error: Exception, out: _Answer, scope: Any, lang: str) -> None:
        """Answer with a sentence in place of an exception; a stream that has begun is ended in good order."""
        if out.began:
            log.info("%s broke off: %r", scope["path"], error)
            await out.end(error)
            return
        if isinstance(error, Busy):
            answer = sentence("common.busy_direct", 503, lang)
        elif isinstance(error, TooLarge):
            answer = sentence("common.too_large", 413, lang)
        elif isinstance(error, (gr.Error, InputError)):
            answer = said(str(getattr(error, "message", error)), 400)
        else:
            # Gradio checks little of what it is sent: nearly always the request is at fault, and the log tells.
            log.warning("%s %s was not understood", scope["method"], scope["path"], exc_info=error)
            answer = sentence("common.bad_request", 400, lang)
        await answer(scope, None, out.send)  # type: ignore[arg-type]


class _Answer:
    """Passes an answer on, and with `mends` gives errors words and a status of their own."""

    def __init__(self, scope: Any, send: Any, lang: str) -> None:
        self.scope, self.send, self.lang = scope, send, lang
        self.mends = self.began = self.too_large = False
        self._chunked = False
        self._start: Any = None
        self._body = b""

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            if self.too_large:  # FastAPI takes what `_limited` raises for a damaged body
                raise TooLarge
            if self.mends and message["status"] == 500:
                self._start = message  # held back until its words are known
                return
            self.began = True
            self._chunked = not any(name.lower() == b"content-length" for name, _ in message["headers"])
        elif self._start is not None and message["type"] == "http.response.body":
            self._body += message.get("body", b"")
            if not message.get("more_body"):
                self.began = True
                await self._mended()(self.scope, None, self.send)  # type: ignore[arg-type]
            return
        await self.send(message)

    async def end(self, error: Exception) -> None:
        """The end of a stream that broke off; what has a stated length cannot be ended."""
        if not self._chunked:
            raise error
        await self.send({"type": "http.response.body", "body": b"", "more_body": False})

    def _mended(self) -> JSONResponse:
        try:
            told = json.loads(self._body).get("error")
        except (ValueError, AttributeError):
            told = None
        return said(told, 400) if told else sentence("common.bad_inputs", 400, self.lang)


def said(text: str, status: int) -> JSONResponse:
    """A sentence as an answer; Gradio's page reads `error`, its client `detail`."""
    return JSONResponse({"error": text, "detail": text}, status)


def sentence(key: str, status: int, lang: str) -> JSONResponse:
    """A sentence of `strings.toml` as an answer."""
    return said(tr(key, lang), status)


async def last_resort(request: Request, error: Exception) -> JSONResponse:
    """For `exception_handlers`: what failed outside of `Doors`, in Gradio's outer layers."""
    return sentence("common.bad_request", 400, lang_of(request))


def _door(path: str) -> tuple[str, list[str]]:
    """ "/gradio_api/call/generate/12" -> ("call", ["generate", "12"]); ("", []) outside of Gradio's API."""
    if not path.startswith(API):
        return "", []
    name, *rest = unquote(path[len(API) :]).rstrip("/").split("/")
    return name.split("=", 1)[0], rest


def _limited(receive: Any, most: int, out: _Answer) -> Any:
    taken = 0

    async def limited() -> Any:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > most:
            out.too_large = True
            raise TooLarge
        return message

    return limited


async def _whole(receive: Any) -> bytes | None:
    """The body of a request, None if its sender went away meanwhile."""
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _judged(body: bytes) -> tuple[dict[str, Any], str]:
    """What a request beside the queue asks for, {} if that cannot be told, and its lane."""
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        asked = None
    return (asked, lane_of(None, [asked])) if isinstance(asked, dict) else ({}, SHORT)  # Gradio says what is wrong


def _noting(send: Any, note: Callable[[Any], None]) -> Any:
    """Pass an answer on, and note the JSON in it."""
    whole = b""

    async def noting(message: Any) -> None:
        nonlocal whole
        whole += message.get("body", b"")
        if message["type"] == "http.response.body" and not message.get("more_body"):
            with suppress(ValueError):
                note(json.loads(whole))
        await send(message)

    return noting


def _again(body: bytes, receive: Any) -> Any:
    given = False

    async def again() -> Any:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
