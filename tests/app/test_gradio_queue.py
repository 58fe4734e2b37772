"""What our queue takes from inside Gradio, where no promise is made: a release that changes it fails here, by name.

The versions that are allowed (pyproject.toml) are those for which this has been looked at.
"""

from __future__ import annotations

import inspect
import textwrap

import gradio as gr
import pytest
from gradio import queueing, route_utils, routes
from gradio.queueing import Event, EventQueue, Queue
from gradio.server_messages import EstimationMessage, ProcessCompletedMessage
from gradio.state_holder import SessionState, StateHolder
from packaging.version import Version

from mmdemo.ui.serving.queue import FairQueue

SIGNATURES = {
    "__init__": "live_updates concurrency_count update_intervals max_size blocks default_concurrency_limit",
    "push": "body request username",
    "get_events": "",
    "broadcast_estimations": "concurrency_id after",
    "send_message": "event event_message",
    "start": "",
    "clean_events": "session_hash event_id",
    "create_event_queue_for_fn": "block_fn",
    "compute_analytics_summary": "records",
}
# Where Gradio calls what we replace, and how.
CALLS = [
    (Queue.start_processing, "event_batch = self.get_events()"),
    (Queue.start_processing, "self.active_jobs[self.active_jobs.index(None)] = events"),
    (Queue.start_processing, "event_queue.current_concurrency += 1"),
    (Queue.start_processing, "self.broadcast_estimations(concurrency_id)"),
    (Queue.push, "self.event_ids_to_events[event._id] = event"),
    (Queue.push, "event_queue.queue.append(event)"),
    (Queue.push, "return True, event._id, \"success\""),
    (Queue.process_events, "self.active_jobs[self.active_jobs.index(events)] = None"),
    (Queue.process_events, "awake_events = [event for event in awake_events if event.alive]"),
    (Queue.process_events, "await self.reset_iterators(event._id)"),
    (Queue.clean_events, "job.alive = False"),
    (routes.App.create_app, "await blocks._queue.push("),
    (routes.App.create_app, "\"queue_full\": status.HTTP_503_SERVICE_UNAVAILABLE"),
    (routes.App.create_app, "@router.get(\"/heartbeat/{session_hash}\")"),
    (route_utils._delete_state, "app.state_holder.delete_all_expired_state()"),
]  # fmt: skip


@pytest.mark.parametrize("name", SIGNATURES)
def test_methods_take_what_they_took(name):
    theirs = list(inspect.signature(getattr(Queue, name)).parameters)[1:]
    assert theirs == SIGNATURES[name].split(), f"gradio {gr.__version__}: Queue.{name} has changed"
    if name in vars(FairQueue) and name != "__init__":
        assert list(inspect.signature(getattr(FairQueue, name)).parameters)[1:] == theirs


@pytest.mark.parametrize(("where", "call"), CALLS)
def test_it_is_called_as_it_was(where, call):
    code = textwrap.dedent(inspect.getsource(where))
    assert call in code, f"gradio {gr.__version__}: {where.__qualname__} no longer says {call!r}"


def test_attributes_are_there():
    with gr.Blocks() as demo:
        button = gr.Button()
        button.click(lambda: None, concurrency_id="one")
    queue, fn = FairQueue(demo), next(iter(demo.fns.values()))
    for name in (
        "event_queue_per_concurrency_id", "active_jobs", "pending_messages_per_session", "pending_event_ids_session",
        "event_ids_to_events", "stopped", "server_app", "blocks", "ANALYTICS_MAX_EVENTS",
        "cached_event_analytics_summary",
    ):  # fmt: skip
        assert hasattr(Queue(True, 1, 1, None, demo, 1), name), f"gradio {gr.__version__}: Queue.{name} is gone"
    event = Event("session", fn, None, None)
    for name in ("_id", "session_hash", "fn", "request", "concurrency_id", "data", "alive", "enqueue_time"):
        assert hasattr(event, name), f"gradio {gr.__version__}: Event.{name} is gone"
    for name in ("queue", "concurrency_limit", "current_concurrency"):
        assert hasattr(EventQueue("one", 1), name), f"gradio {gr.__version__}: EventQueue.{name} is gone"
    assert hasattr(StateHolder(), "session_data") and hasattr(StateHolder(), "time_last_used")
    assert "state_data" in inspect.getsource(SessionState)
    assert {"rank", "rank_eta", "queue_size"} <= EstimationMessage.model_fields.keys()
    assert {"output", "success", "title"} <= ProcessCompletedMessage.model_fields.keys()
    assert all(isinstance(known, set) for known in demo.temp_file_sets)
    assert demo._queue is not queue and isinstance(demo._queue, queueing.Queue)  # the one that `build` replaces


def test_only_versions_that_were_looked_at():
    assert Version("6.31") <= Version(gr.__version__) < Version("6.32")
