"""Serving: every visitor gets a share, in turn; every door has the same limits and answers in whole sentences."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import httpx
import pytest
from serving_page import LIMITS, Served, until


@pytest.fixture
def served() -> Iterator[Served]:
    page = Served()
    yield page
    page.close()


def test_results_come_through_the_queue(served):
    assert served.call("quick", "hello") == ("complete", ["hello"])
    assert served.join("quick", ["there"], "a").status_code == 200
    assert served.result("a")["output"]["data"] == ["there"]


def test_run_does_not_pass_by_the_queue(served):
    answer = served.post("/run/quick", json={"data": ["x"]})
    assert answer.status_code == 404
    assert "queue" in answer.json()["detail"]


def test_everybody_has_a_turn_before_anybody_has_a_second(served):
    with ThreadPoolExecutor(2) as pool:
        served.join("slow", ["a1"], "a")
        greedy = pool.submit(served.messages, "a")
        until(lambda: served.ran == ["a1"])
        for word in ("a2", "a3"):
            served.join("slow", [word], "a")
        served.join("slow", ["b1"], "b")
        other = pool.submit(served.messages, "b")
        until(lambda: served.queue.listened("b"))
        served.go.set()
        greedy.result()
        told = next(m for m in other.result() if m["msg"] == "estimation")
    assert told["rank"] == 0
    assert served.ran == ["a1", "b1", "a2", "a3"]


def test_a_visitor_has_a_share_and_is_told_so_at_once(served):
    with ThreadPoolExecutor(1) as pool:
        served.join("slow", ["a0"], "a")
        listening = pool.submit(served.messages, "a")
        until(lambda: served.ran == ["a0"])
        for n in range(LIMITS.share):
            assert served.join("slow", [f"a{n + 1}"], "a").status_code == 200
        began = time.monotonic()
        refused = served.join("quick", ["more"], "a").json()["event_id"]
        assert time.monotonic() - began < 2
        served.go.set()
        told = [m for m in listening.result() if m.get("event_id") == refused]
    assert len(told) == 1 and not told[0]["success"]
    assert told[0]["output"]["error"].startswith(f"{LIMITS.share} of your requests are waiting already")
    assert "more" not in served.ran and served.call("quick", "b") == ("complete", ["b"])


def test_beyond_the_queue_one_is_told_the_place_and_the_time():
    served = Served(limits=replace(LIMITS, grace=30))  # those who wait here listen to nothing
    with closing(served), ThreadPoolExecutor(1) as pool:
        served.join("slow", ["first"], "v")
        listening = pool.submit(served.messages, "v")
        until(lambda: served.ran == ["first"])
        for n in range(LIMITS.places):
            assert served.join("slow", [str(n)], f"v{n}").status_code == 200
        refused = served.post("/call/slow", json={"data": ["late"]})
        assert refused.status_code == 503
        assert f"number {LIMITS.places + 1} in line, in about " in refused.json()["detail"]
        assert served.call("quick", "x") == ("complete", ["x"])  # the queues are apart
        served.go.set()
        listening.result()


def test_what_nobody_listens_to_never_runs_and_is_dropped(served):
    served.go.set()
    for n in range(LIMITS.share):
        assert served.post("/call/slow", json={"data": [f"unheard {n}"]}).status_code == 200
    assert served.post("/call/slow", json={"data": ["too many"]}).status_code == 503
    served.join("slow", ["heard"], "listener")
    assert served.result("listener")["success"]  # not kept waiting
    until(lambda: len(served.queue) == 0)
    assert served.ran == ["heard"]
    assert not served.queue.event_ids_to_events


def test_a_run_whose_listener_goes_away_ends_at_its_next_step(served):
    served.join("endless", [], "gone")
    with served.client.stream("GET", f"{served.url}/queue/data", params={"session_hash": "gone"}) as stream:
        lines = stream.iter_lines()  # the connection lasts as long as this
        next(lines)
        until(lambda: served.steps > 2)
    until(lambda: served.ran == ["ended"])
    assert served.call("quick", "next") == ("complete", ["next"])


def test_a_stranger_cannot_cancel_a_run(served):
    event = served.join("endless", [], "mine").json()["event_id"]
    index = next(i for i, fn in served.demo.fns.items() if fn.api_name == "endless")
    with ThreadPoolExecutor(1) as pool:
        listening = pool.submit(served.messages, "mine")
        until(lambda: served.steps > 2)
        body = {"event_id": event, "session_hash": "stranger", "fn_index": index}
        assert served.post("/cancel", json=body).json() == {"success": False}
        before = served.steps
        until(lambda: served.steps > before + 2)
        assert served.post("/cancel", json={**body, "session_hash": "mine"}).json() == {"success": True}
        listening.result()
    until(lambda: served.ran == ["ended"])


@pytest.mark.parametrize("how", ["cancel", "leave"])
def test_who_stops_or_leaves_ends_their_run_at_its_step_and_nobody_elses(served, how):
    index = next(i for i, fn in served.demo.fns.items() if fn.api_name == "count")
    with ThreadPoolExecutor(2) as pool:
        served.join("count", ["other"], "b")
        other = pool.submit(served.result, "b")
        event = served.join("count", ["mine"], "a").json()["event_id"]
        with served.client.stream("GET", f"{served.url}/queue/data", params={"session_hash": "a"}) as stream:
            lines = stream.iter_lines()
            next(lines)
            until(lambda: served.counts["mine"] > 2 and served.counts["other"] > 2)
            if how == "cancel":
                body = {"event_id": event, "session_hash": "a", "fn_index": index}
                served.post("/cancel", json=body)
                steps = served.counts["mine"]
        until(lambda: event not in served.queue.event_ids_to_events)  # its place is free
        if how == "leave":
            steps = served.counts["mine"]
        before = served.counts["other"]
        until(lambda: served.counts["other"] > before + 5)
        assert served.counts["mine"] <= steps + 1
        served.join("count", ["next"], "c")  # and taken
        third = pool.submit(served.result, "c")
        until(lambda: served.counts["next"] > 2)
        served.go.set()
        assert other.result()["success"] and third.result()["success"]


def test_errors_have_words_and_no_secrets(served):
    assert served.call("refused", "x")[1]["error"] == "One clear sentence."
    for name, data in (("broken", [1]), ("broken", ["not a number"]), ("quick", []), ("quick", [1, 2, 3])):
        outcome, told = served.call(name, *data)
        if outcome == "error":
            assert told["error"] == "These inputs are not what is accepted here; the API page lists what is."
    assert served.call("broken", 1)[0] == "error"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/call/nothing", {"data": []}, 400),
        ("POST", "/call/v2/nothing", {}, 400),
        ("POST", "/run/nothing", {"data": []}, 400),
        ("POST", "/run/quick", {"data": [], "fn_index": 999}, 400),
        ("POST", "/queue/join", {"data": [], "fn_index": 999, "session_hash": "x"}, 400),
        ("POST", "/queue/join", {"data": [], "session_hash": "x"}, 400),
        ("POST", "/component_server", {"data": 1, "component_id": 999, "session_hash": "x", "fn_name": "f"}, 400),
        ("POST", "/component_server", {"data": 1, "component_id": [], "session_hash": "x", "fn_name": "f"}, 400),
        ("POST", "/process_recording", {}, 404),
        ("POST", "/vibe-code", {"code": "x"}, 404),
        ("GET", "/proxy=http://127.0.0.1:1/x", None, 404),
        ("GET", "/dev/reload", None, 404),
        ("GET", "/deep_link?session_hash=x", None, 404),
        ("GET", "/stream/a/b/1/playlist.m3u8", None, 404),
    ],
)
def test_no_answer_is_raw(served_once, method, path, body, status):
    answer = served_once.client.request(method, served_once.url + path, json=body)
    assert answer.status_code == status, answer.text
    assert isinstance(answer.json()["detail"], str) and answer.json()["detail"].endswith(".")


@pytest.fixture(scope="module")
def served_once() -> Iterator[Served]:
    page = Served()
    page.go.set()
    yield page
    page.close()


def test_streams_of_nobody_end_in_good_order(served_once):
    for path in ("/queue/data?session_hash=nobody", "/call/quick/no-such-event"):
        with served_once.client.stream("GET", served_once.url + path) as stream:
            assert b"".join(stream.iter_bytes())  # httpx raises for a stream that breaks off


def test_large_requests_are_refused(served_once):
    answer = served_once.post("/call/quick", json={"data": ["x" * LIMITS.body]})
    assert answer.status_code == 413
    parts = (b"x" * 1000 for _ in range(LIMITS.body // 500))  # of no stated length
    assert served_once.post("/call/quick", content=parts).status_code == 413


def test_beside_the_queue_only_some_are_served_at_once(served):
    def beside(n: int) -> int:
        return httpx.post(served.url + "/run/beside", json={"data": [str(n)]}, timeout=20).status_code

    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(beside, n) for n in range(8)]
        until(lambda: sum(a.done() for a in asked) == 8 - LIMITS.direct_share - LIMITS.direct_waiting)
        until(lambda: len(served.ran) == LIMITS.direct_share)
        served.go.set()
        statuses = sorted(a.result() for a in asked)
    assert statuses == [200] * 4 + [503] * 4


def test_health(served_once):
    answer = served_once.client.get(served_once.demo.local_url + "health")
    assert answer.json() == {"status": "ok"}
