"""The queue of the page: fair between visitors, and for those who listen.

Gradio's own queue serves first come, first served, has one limit for all, and runs what nobody waits for any more.
This one gives every visitor a share, takes visitors in turn, lets what is short pass what is long (`lanes`), starts
what somebody listens to, drops what nobody does, and tells everybody their place and about how long it will take.

It replaces methods of a class that is not part of Gradio's public interface: `tests/app/test_gradio_queue.py` says
which, and fails when a release of Gradio changes them.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from gradio.queueing import Event, EventQueue, Queue
from gradio.server_messages import EstimationMessage, EventMessage, ProcessCompletedMessage
from gradio.utils import run_coro_in_background

from mmdemo.ui.serving.lanes import LARGE, SHORT, lane_of
from mmdemo.ui.serving.limits import Limits
from mmdemo.ui.serving.times import Times
from mmdemo.ui.serving.visitors import Visitors, give_memory_back
from mmdemo.ui.shared.i18n import lang_of, tr

log = logging.getLogger("mmdemo.ui")

REMEMBERED = 600.0  # seconds for which it is known when a visitor was served
THREADS = 40  # Gradio's; `launch` sets it again


class FairQueue(Queue):
    """Takes the place of a `gr.Blocks`' queue.

    A visitor is a session (an open page, a `gradio_client.Client`), or an address for requests without a session.

    Args:
        folder: where Gradio keeps files, if that is this server's alone (`Visitors`).
        forget: called with the session of each visitor who has gone.
    """

    def __init__(
        self,
        blocks: Any,
        limits: Limits | None = None,
        folder: Path | None = None,
        forget: Callable[[str], None] = lambda session: None,
    ) -> None:
        super().__init__(
            live_updates=True,
            concurrency_count=THREADS,
            update_intervals=1,
            max_size=None,  # counted here, queue by queue
            blocks=blocks,
            default_concurrency_limit=1,
        )
        self.ANALYTICS_MAX_EVENTS = 1  # kept for figures that nobody sees
        self.sleep_when_free = (
            0.01  # seconds between looks at the queue; Gradio's thousand a second cost a tenth of a core
        )
        self.limits = limits or Limits()
        self.visitors = Visitors(self.limits, folder)
        self._forget = forget
        self._listeners: Counter[str] = Counter()
        self._heard: dict[str, float] = {}  # session -> when somebody last listened to it
        self._served: dict[tuple[str, str], float] = {}  # queue and visitor -> when it last was at work for them
        self._lanes: WeakKeyDictionary[Event, str] = WeakKeyDictionary()
        self.times = Times(self._lane)
        self._beside = 0  # large requests beside the queue that are under way, or next
        self._large_beside = False  # whether one is under way
        self._worked = False  # since memory was last given back

    # ------------------------------------------------------------------ coming in

    async def push(self, body: Any, request: Any, username: str | None) -> Any:
        """Take a request in, or say why not: (whether, event id or sentence, Gradio's word for the outcome)."""
        lang = lang_of(request)
        fn = self.blocks.fns.get(body.fn_index) if isinstance(body.fn_index, int) else None
        if fn is None:
            return False, tr("common.bad_request", lang), "error"
        self.create_event_queue_for_fn(fn)
        lane = await asyncio.to_thread(lane_of, fn.fn, body.data, body.event_data)
        queue = self.event_queue_per_concurrency_id[fn.concurrency_id]
        if body.session_hash:
            self.visitors.seen(body.session_hash)
        refused = self._refusal(queue, fn, lane, body, request, lang)
        if refused:
            return self._refuse(refused, fn, body, request, username)
        taken = await super().push(body, request, username)
        if event := self.event_ids_to_events.get(str(taken[1])):
            self._lanes[event] = lane
            self.visitors.seen(event.session_hash)
            self.visitors.notes(event.session_hash, [body.data, body.event_data])
            self.broadcast_estimations(fn.concurrency_id)
        return taken

    def _refusal(self, queue: EventQueue, fn: Any, lane: str, body: Any, request: Any, lang: str) -> str:
        """Why there is no place for this request; "" if there is one."""
        address = address_of(request)
        mine = [e for e in self._waiting() if visitor_of(e) == (body.session_hash or address)]
        if len(mine) >= self.limits.share:
            seconds = sum(self.times.usual(e.fn, self._lane(e)) for e in mine) + self.times.usual(fn, lane)
            return tr("common.busy_share", lang, count=len(mine), seconds=max(1, round(seconds)))
        neighbours = sum(address_of(e.request) == address for e in queue.queue)
        if len(queue.queue) >= self.limits.places or neighbours >= self.limits.address_share:
            waiting = [event for event in queue.queue if self._lane(event) == lane]
            seconds = self.times.left([*self._ahead(queue, lane), *waiting]) + self.times.usual(fn, lane)
            return tr("common.busy", lang, place=len(waiting) + 1, seconds=max(1, round(seconds)))
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

    def compute_analytics_summary(self, records: Any) -> Any:
        """Nothing: Gradio would make a table of all requests after each, for a page of figures that is closed here."""
        return self.cached_event_analytics_summary

    def _waiting(self) -> list[Event]:
        return [event for queue in self.event_queue_per_concurrency_id.values() for event in queue.queue]

    def _running(self) -> list[Event]:
        return [event for job in self.active_jobs if job for event in job]

    def _lane(self, event: Event) -> str:
        return self._lanes.get(event, SHORT)

    def _ahead(self, queue: EventQueue, lane: str) -> list[Event]:
        """What is running and has to end before this lane of a queue can go on."""
        everywhere = lane == LARGE
        running = [e for e in self._running() if everywhere or e.concurrency_id == queue.concurrency_id]
        return [event for event in running if self._lane(event) == lane]

    # ------------------------------------------------------------------ whose turn it is

    def broadcast_estimations(self, concurrency_id: str, after: int | None = None) -> None:
        """Put a queue into the order in which it is served, and tell everybody in it their place and time."""
        queue = self.event_queue_per_concurrency_id[concurrency_id]
        queue.queue[:] = self._in_turn(concurrency_id)
        rank: Counter[str] = Counter()
        seconds: dict[str, float] = {}
        for event in queue.queue:
            lane = self._lane(event)
            if lane not in seconds:
                seconds[lane] = self.times.left(self._ahead(queue, lane))
            seconds[lane] += self.times.usual(event.fn, lane)
            message = EstimationMessage(rank=rank[lane], rank_eta=seconds[lane], queue_size=len(queue.queue))
            self.send_message(event, message)
            rank[lane] += 1

    def get_events(self) -> tuple[list[Event], bool, str] | None:
        """The next request to run, from any queue whose lane is free: visitors in turn, who listen."""
        now, running = time.monotonic(), self._running()
        for event in running:
            self._served[event.concurrency_id, visitor_of(event)] = now
        large = self._beside or any(self._lane(event) == LARGE for event in running)
        taken = Counter((event.concurrency_id, self._lane(event)) for event in running)
        for concurrency_id, queue in self.event_queue_per_concurrency_id.items():
            if not queue.queue:
                continue
            limits = {SHORT: queue.concurrency_limit}
            for event in self._in_turn(concurrency_id):
                lane = self._lane(event)
                limit = limits.get(lane, 1)
                full = limit is not None and taken[concurrency_id, lane] >= limit
                if full or (lane == LARGE and large) or not self.listened(event.session_hash):
                    continue
                queue.queue.remove(event)
                self.times.begin(event)
                self._worked = True
                return [event], event.fn.batch, concurrency_id
        return None

    @asynccontextmanager
    async def one_large(self, lane: str) -> AsyncIterator[None]:
        """For a request beside the queue: one that takes much memory waits until no other does."""
        if lane != LARGE:
            yield
            return
        self._beside += 1
        try:
            while self._large_beside or any(self._lane(event) == LARGE for event in self._running()):
                await asyncio.sleep(0.02)
            self._large_beside = self._worked = True
            try:
                yield
            finally:
                self._large_beside = False
        finally:
            self._beside -= 1

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
        self.visitors.open()
        run_coro_in_background(self._watch)

    async def _watch(self) -> None:
        """End what nobody listens to, and drop what is left of who has gone."""
        while not self.stopped:
            await asyncio.sleep(min(1.0, self.limits.grace / 4, self.limits.kept / 4))
            try:
                await self.drop_unheard()
                await self.drop_gone()
            except Exception:  # the watch goes on
                log.exception("dropping what nobody waits for failed")

    async def drop_unheard(self) -> None:
        """Drop requests that nobody has listened to for `grace` seconds; a run ends at its next step."""
        now = time.monotonic()
        gone = set()
        for event in (*self._waiting(), *self._running()):
            if not self.listened(event.session_hash) and now - event.enqueue_time > self.limits.grace:
                gone.add(event.session_hash)
        for session in gone:
            await self._drop_messages(session)
        for session, heard in list(self._heard.items()):
            if now - heard > self.limits.grace and session not in self._listeners:
                del self._heard[session]
        for key, served in list(self._served.items()):
            if now - served > REMEMBERED:
                del self._served[key]

    async def drop_gone(self) -> None:
        """Drop content and files of visitors who have gone, and give free memory back when there is nothing to do."""
        busy = {event.session_hash for event in (*self._waiting(), *self._running())}
        for session in self.visitors.gone(busy, self._has_content):
            await self._drop_messages(session)
            if self.server_app is not None:
                self.server_app.state_holder.session_data.pop(session, None)
                self.server_app.state_holder.time_last_used.pop(session, None)
            self._forget(session)
            self.visitors.forget(session)
            self._worked = True
        kept, running = self.visitors.kept_files(), self.times.longest(self._running())
        if deleted := await asyncio.to_thread(self.visitors.sweep, kept, running):
            for known in self.blocks.temp_file_sets:  # what Gradio would look for every hour
                known -= deleted
        if self._worked and not self._running() and not self._beside:
            self._worked = False
            await asyncio.to_thread(give_memory_back)

    async def _drop_messages(self, session: str) -> None:
        await self.clean_events(session_hash=session)
        self.pending_messages_per_session.pop(session, None)
        self.pending_event_ids_session.pop(session, None)

    def _has_content(self, session: str) -> bool:
        holder = self.server_app and self.server_app.state_holder.session_data.get(session)
        return bool(holder) and any(value is not None for value in holder.state_data.values())

    # ------------------------------------------------------------------ going out

    def send_message(self, event: Event, event_message: EventMessage) -> None:
        """Note what goes to whom. An error without words comes from what Gradio makes of the inputs: it gets some."""
        self.visitors.notes(event.session_hash, getattr(event_message, "output", None))
        if isinstance(event_message, ProcessCompletedMessage):
            self.times.end(event)
            output = event_message.output or {}
            if not event_message.success and not output.get("error"):
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
