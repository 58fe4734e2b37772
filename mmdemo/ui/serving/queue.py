"""The queue of the page: fair between visitors, and for those who listen.

Gradio's own queue serves first come, first served, has one limit for all, and runs what nobody waits for any more.
This one gives every visitor a share, takes visitors in turn, starts what somebody listens to, drops what nobody does,
and tells who finds it full how long it would take.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gradio.queueing import Event, EventQueue, Queue
from gradio.server_messages import EventMessage, ProcessCompletedMessage
from gradio.utils import run_coro_in_background

from mmdemo.ui.serving.limits import Limits
from mmdemo.ui.shared.i18n import lang_of, tr

log = logging.getLogger("mmdemo.ui")

USUAL = 1.0  # seconds that a function is thought to take before it has run once
REMEMBERED = 600.0  # seconds for which it is known when a visitor was served
THREADS = 40  # Gradio's; `launch` sets it again


class FairQueue(Queue):
    """Takes the place of a `gr.Blocks`' queue.

    A visitor is a session (an open page, a `gradio_client.Client`), or an address for requests without a session.
    """

    def __init__(self, blocks: Any, limits: Limits | None = None) -> None:
        super().__init__(
            live_updates=True,
            concurrency_count=THREADS,
            update_intervals=1,
            max_size=None,  # counted here, queue by queue
            blocks=blocks,
            default_concurrency_limit=1,
        )
        self.limits = limits or Limits()
        self._listeners: Counter[str] = Counter()
        self._heard: dict[str, float] = {}  # session -> when somebody last listened to it
        self._served: dict[tuple[str, str], float] = {}  # queue and visitor -> when it last was at work for them

    # ------------------------------------------------------------------ coming in

    async def push(self, body: Any, request: Any, username: str | None) -> Any:
        """Take a request in, or say why not: (whether, event id or sentence, Gradio's word for the outcome)."""
        lang = lang_of(request)
        fn = self.blocks.fns.get(body.fn_index) if isinstance(body.fn_index, int) else None
        if fn is None:
            return False, tr("common.bad_request", lang), "error"
        self.create_event_queue_for_fn(fn)
        refused = self._refusal(self.event_queue_per_concurrency_id[fn.concurrency_id], fn, body, request, lang)
        if refused:
            return self._refuse(refused, fn, body, request, username)
        return await super().push(body, request, username)

    def _refusal(self, queue: EventQueue, fn: Any, body: Any, request: Any, lang: str) -> str:
        """Why there is no place for this request; "" if there is one."""
        address, waiting = address_of(request), self._waiting()
        mine = [e for e in waiting if visitor_of(e) == (body.session_hash or address)]
        if len(mine) >= self.limits.share:
            return tr("common.busy_share", lang, count=len(mine), seconds=self._seconds(queue, fn, mine))
        neighbours = sum(address_of(e.request) == address for e in queue.queue)
        if len(queue.queue) >= self.limits.places or neighbours >= self.limits.address_share:
            place = len(queue.queue) + queue.current_concurrency + 1
            return tr("common.busy", lang, place=place, seconds=self._seconds(queue, fn))
        return ""

    def _refuse(self, why: str, fn: Any, body: Any, request: Any, username: str | None) -> Any:
        """Pages and `gradio_client` show the sentence when it comes as the result of the request, not with a 503."""
        session = body.session_hash
        if session is None or session not in self.pending_messages_per_session:
            return False, why, "queue_full"
        messages = self.pending_messages_per_session[session]
        if messages.qsize() >= self.limits.unheard:
            return False, why, "queue_full"
        event = Event(session, fn, request, username)
        self.pending_event_ids_session.setdefault(session, set()).add(event._id)
        title = tr("common.problem", lang_of(request))
        output = {"error": why, "title": title, "duration": 10, "visible": True}
        self.send_message(event, ProcessCompletedMessage(output=output, title=title, success=False))
        return True, event._id, "success"

    def _waiting(self) -> list[Event]:
        return [event for queue in self.event_queue_per_concurrency_id.values() for event in queue.queue]

    def _running(self) -> list[Event]:
        return [event for job in self.active_jobs if job for event in job]

    def _seconds(self, queue: EventQueue, fn: Any, ahead: list[Event] | None = None) -> int:
        """After how many seconds a request for `fn` would be done that waits for those ahead of it."""
        ahead = list(queue.queue) if ahead is None else ahead
        left = 0.0
        for running, starts in list(queue.start_times_per_fn.items()):
            left += sum(max(0.5, start + self._usual(running) - time.time()) for start in starts)
        total = left + sum(self._usual(event.fn) for event in ahead) + self._usual(fn)
        return max(1, round(total / (queue.concurrency_limit or 1)))

    def _usual(self, fn: Any) -> float:
        return float(self.process_time_per_fn[fn].avg_time) if fn in self.process_time_per_fn else USUAL

    # ------------------------------------------------------------------ whose turn it is

    def broadcast_estimations(self, concurrency_id: str, after: int | None = None) -> None:
        """Put a queue into the order in which it is served, and tell everybody in it their place."""
        queue = self.event_queue_per_concurrency_id[concurrency_id]
        queue.queue[:] = self._in_turn(concurrency_id)
        super().broadcast_estimations(concurrency_id)

    def get_events(self) -> tuple[list[Event], bool, str] | None:
        """The next request to run, from any queue that is free: visitors in turn, who listen."""
        now = time.monotonic()
        for event in self._running():
            self._served[event.concurrency_id, visitor_of(event)] = now
        for concurrency_id, queue in self.event_queue_per_concurrency_id.items():
            if queue.concurrency_limit is not None and queue.current_concurrency >= queue.concurrency_limit:
                continue
            for event in self._in_turn(concurrency_id):
                if self.listened(event.session_hash):
                    queue.queue.remove(event)
                    return [event], event.fn.batch, concurrency_id
        return None

    def _in_turn(self, concurrency_id: str) -> list[Event]:
        """The requests of a queue in the order of serving: everybody's next before anybody's second.

        Those of one round go by arrival, or by when their visitor was served last if that was later: so newcomers
        go before who was just served, and never before who has waited longer.
        """
        rounds = Counter(visitor_of(e) for e in self._running() if e.concurrency_id == concurrency_id)
        order = []
        for event in sorted(self.event_queue_per_concurrency_id[concurrency_id].queue, key=lambda e: e.enqueue_time):
            visitor = visitor_of(event)
            since = max(event.enqueue_time, self._served.get((concurrency_id, visitor), 0.0))
            order.append((rounds[visitor], since, event))
            rounds[visitor] += 1
        return [event for *_, event in sorted(order, key=lambda row: row[:2])]

    # ------------------------------------------------------------------ who listens

    @contextmanager
    def listening(self, session: str) -> Iterator[None]:
        """While a stream of this session's messages is open."""
        self._listeners[session] += 1
        try:
            yield
        finally:
            self._heard[session] = time.monotonic()
            self._listeners[session] -= 1
            if self._listeners[session] <= 0:
                del self._listeners[session]

    def listened(self, session: str) -> bool:
        """Whether somebody listens to this session, or did a moment ago."""
        if session in self._listeners:
            return True
        return time.monotonic() - self._heard.get(session, -1e9) < self.limits.grace

    def start(self) -> None:
        """Start serving; called by Gradio when the app starts."""
        super().start()
        run_coro_in_background(self._watch)

    async def _watch(self) -> None:
        """End what nobody listens to."""
        while not self.stopped:
            await asyncio.sleep(min(1.0, self.limits.grace / 4))
            try:
                await self.drop_unheard()
            except Exception:  # the watch goes on
                log.exception("dropping unheard requests failed")

    async def drop_unheard(self) -> None:
        """Drop requests that nobody has listened to for `grace` seconds; a run ends at its next step."""
        now = time.monotonic()
        gone = set()
        for event in (*self._waiting(), *self._running()):
            if not self.listened(event.session_hash) and now - event.enqueue_time > self.limits.grace:
                gone.add(event.session_hash)
        for session in gone:
            await self.clean_events(session_hash=session)
            self.pending_messages_per_session.pop(session, None)
            self.pending_event_ids_session.pop(session, None)
        for session, heard in list(self._heard.items()):
            if now - heard > self.limits.grace and session not in self._listeners:
                del self._heard[session]
        for key, served in list(self._served.items()):
            if now - served > REMEMBERED:
                del self._served[key]

    # ------------------------------------------------------------------ going out

    def send_message(self, event: Event, event_message: EventMessage) -> None:
        """An error without words comes from what Gradio makes of the inputs: it gets some."""
        if isinstance(event_message, ProcessCompletedMessage) and not event_message.success:
            output = event_message.output or {}
            if not output.get("error"):
                lang = lang_of(event.request)
                title = tr("common.problem", lang)
                event_message.output = {
                    **output,
                    "error": tr("common.bad_inputs", lang),
                    "title": title,
                    "visible": True,
                }
                event_message.title = title
        super().send_message(event, event_message)


def visitor_of(event: Event) -> str:
    """The session of a request, or the address it came from if it has none (Gradio then makes one up)."""
    return event.session_hash if event.session_hash != event._id else address_of(event.request)


def address_of(request: Any) -> str:
    """Where a request came from; behind a proxy on this machine, what that says in X-Forwarded-For."""
    client = getattr(request, "client", None)
    return client.host if client else ""
