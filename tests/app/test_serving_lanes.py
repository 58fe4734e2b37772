"""Serving: what is short passes what is long, large things go one at a time, and nothing is kept for who has gone."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from serving_page import LIMITS, Served, until

from mmdemo.ui.serving.lanes import LARGE, LONG, MAX_CHARACTERS, SHORT, lane_of


@pytest.fixture
def served() -> Iterator[Served]:
    page = Served()
    yield page
    page.close()


def test_short_requests_pass_long_ones(served):
    long, longer = ("x" * (MAX_CHARACTERS + n) for n in (1, 2))
    with ThreadPoolExecutor(2) as pool:
        served.join("spelled", [long], "a")
        first = pool.submit(served.result, "a")
        until(lambda: served.ran == [long])
        served.join("spelled", [longer], "b")
        second = pool.submit(served.messages, "b")
        until(lambda: served.queue.listened("b"))
        assert served.call("spelled", "short") == ("complete", ["short"])  # while both are there
        assert served.ran == [long]
        served.go.set()
        assert first.result()["success"]
        told = [m for m in second.result() if m["msg"] == "estimation"]
    assert served.ran == [long, longer]
    assert told[0]["rank"] == 0 and told[0]["rank_eta"] >= 1


def picture(width: int, height: int) -> bytes:
    """A PNG file of one colour."""
    file = io.BytesIO()
    Image.new("1", (width, height)).save(file, "PNG")
    return file.getvalue()


def test_one_large_picture_at_a_time_by_whatever_door(served):
    data = picture(2048, 2048)

    def by_queue(n: int) -> Any:
        file = served.post("/upload", files={"files": (f"{n}.png", data)}).json()[0]
        return served.call(f"size_{n % 2}", {"path": file, "meta": {"_type": "gradio.FileData"}})[1]

    def beside(n: int) -> Any:
        if n % 2:
            word: Any = "data:image/png;base64," + base64.b64encode(data).decode()
            return served.post("/run/size_of_uri", json={"data": [word]}).json()["data"]
        file = served.post("/upload", files={"files": (f"{n}.png", data)}).json()[0]
        word = {"path": file, "meta": {"_type": "gradio.FileData"}}
        return served.post("/run/size_2", json={"data": [word]}).json()["data"]

    with ThreadPoolExecutor(6) as pool:
        asked = [pool.submit(door, n) for n in range(2) for door in (by_queue, beside)]
        assert [job.result() for job in asked] == [["(2048, 2048)"]] * 4
    assert served.most_large == 1


def test_lanes(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    (tmp_path / "uploads").mkdir()
    large, small = ({"path": str(tmp_path / "uploads" / name)} for name in ("large.png", "small.png"))
    Path(large["path"]).write_bytes(picture(2001, 2000))
    Path(small["path"]).write_bytes(picture(100, 100))
    outside = {"path": str(tmp_path / "large.png")}
    Path(outside["path"]).write_bytes(picture(2001, 2000))
    uri = "data:image/png;base64," + base64.b64encode(picture(2001, 2000)).decode()

    def generate(text: str, n: int, steps: int, vs: str) -> None: ...

    def reconstruct(text: str) -> None: ...

    assert lane_of(None, [[{"x": large}]]) == lane_of(None, [], {"y": large}) == lane_of(None, [uri]) == LARGE
    assert lane_of(None, ["x" * 4_000_001]) == LARGE  # a file inside JSON
    for data in ([small], [outside], [{"path": "/dev/zero"}], [{"path": "\0"}], [None], ["data:image/png;base64,?"]):
        assert lane_of(generate, data) == SHORT, data
    assert lane_of(generate, ["seven", 4, 24, ""]) == SHORT
    for data in (["seven", 8, 100, ""], ["12345678", 4, 24, ""], ["seven", 4, 100, "guidance:1"]):
        assert lane_of(generate, data) == LONG, data
    assert lane_of(generate, ["seven", "many", None, ""]) == SHORT  # refused when it runs
    assert lane_of(reconstruct, ["x" * (MAX_CHARACTERS + 1)]) == LONG


# ---------------------------------------------------------------------- who has gone


@pytest.fixture
def own_folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    return tmp_path


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_files_go_with_the_last_visitor_who_has_them(own_folder):
    (own_folder / "stays.txt").write_text("of the page itself")
    served = Served(own_folder, replace(LIMITS, grace=10, kept=2, page_kept=8, pages_away=1))
    try:
        for visitor in ("a", "b"):
            served.join("written", ["hello"], visitor)
        with served.client.stream("GET", f"{served.url}/heartbeat/b"):
            assert served.result("a")["success"] and served.result("b")["success"]
            served.join("written", ["of a alone"], "a")
            assert served.result("a")["success"]
            served.post("/upload", files={"files": ("later.txt", b"not asked for yet")})
            assert files(own_folder) == ["later.txt", "stays.txt", "word.txt", "word.txt"]
            until(lambda: files(own_folder) == ["later.txt", "stays.txt", "word.txt"])
            assert "a" in served.forgotten and "b" not in served.forgotten
            time.sleep(2.5)
            assert "later.txt" in files(own_folder)  # it may be b's, who is of the same address
        until(lambda: files(own_folder) == ["stays.txt"] and "b" in served.forgotten)
        until(lambda: list(own_folder.iterdir()) == [own_folder / "stays.txt"])  # empty folders too
    finally:
        served.close()


def test_content_goes_soon_but_of_the_page_closed_last(own_folder):
    served = Served(own_folder, replace(LIMITS, grace=10, kept=2, page_kept=8, pages_away=1))
    try:
        for visitor in ("a", "b"):
            served.join("keep", ["content"], visitor)
            assert served.result(visitor)["success"]
        sessions = served.demo.state_holder.session_data
        assert list(sessions) == ["a", "b"]
        until(lambda: list(sessions) == ["b"])
        served.join("quick", ["x"], "b")  # back from the background
        assert served.result("b")["success"] and "b" in sessions
        until(lambda: not sessions)
        assert [visitor for visitor in served.forgotten if visitor in ("a", "b")] == ["a", "b"]
    finally:
        served.close()
