"""Small operations run on one thread, bulk work on what is free, and what was set comes back."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from mmdemo import threads
from mmdemo.threads import one_thread


def test_one_thread_and_back():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(RuntimeError, match="inside"), one_thread():
            assert torch.get_num_threads() == 1
            raise RuntimeError("inside")
        assert torch.get_num_threads() == 2
        assert one_thread()(torch.get_num_threads)() == 1
    finally:
        torch.set_num_threads(before)


def test_bulk_work_shares_the_cores(monkeypatch):
    monkeypatch.setattr(threads, "CORES", 4)
    monkeypatch.setattr(threads, "_elsewhere", lambda: 0.0)
    monkeypatch.setattr(threads.os, "cpu_count", lambda: 4)
    before = torch.get_num_threads()
    inside, go = threading.Barrier(3), threading.Event()

    def work() -> int:
        with threads.free_threads():
            count = torch.get_num_threads()
            inside.wait(10)
            assert go.wait(10)
            return count

    with ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(work) for _ in range(2)]
        inside.wait(10)
        with threads.free_threads():
            assert torch.get_num_threads() == 1  # a third of four
            with one_thread():
                assert torch.get_num_threads() == 1
        go.set()
        assert sorted(job.result() for job in jobs) == [2, 4]
    with threads.free_threads():
        assert torch.get_num_threads() == 4  # alone again
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(("load", "own", "count"), [(0.2, 0.0, 4), (1.9, 0.0, 2), (40.0, 0.0, 1), (3.8, 3.5, 4)])
def test_a_busy_machine_leaves_fewer(monkeypatch, load, own, count):
    """Load by this program itself, as of late, is not in the way of it."""
    monkeypatch.setattr(threads, "CORES", 4)
    monkeypatch.setattr(threads.os, "cpu_count", lambda: 4)
    monkeypatch.setattr(threads.os, "getloadavg", lambda: (load, 0.0, 0.0), raising=False)
    monkeypatch.setattr(threads, "_own", own)
    monkeypatch.setattr(threads, "_looked", (threads.time.monotonic(), 0.0))
    with threads.free_threads():
        assert torch.get_num_threads() == count
