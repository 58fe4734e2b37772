"""Fifty clients at once: right results, a word at once for whom there is no place, nothing left behind.

Ten seconds; `MMDEMO_LOAD_SECONDS=60 pytest -s tests/app/test_load.py` for longer, and prints what was measured.
"""

from __future__ import annotations

import asyncio
import math
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles

import httpx
import load
import pytest

SECONDS = float(os.environ.get("MMDEMO_LOAD_SECONDS", 10))
CLIENTS = 50
# The app itself; only that what is left of visitors goes after ten seconds in place of thirty.
SERVER = """
import sys
from functools import partial
from mmdemo.ui import app
from mmdemo.ui.serving import limits, queue
queue.Limits = partial(limits.Limits, kept=10.0)
app.main(sys.argv[1:])
"""


class Server:
    """The app in a process of its own."""

    def __init__(self, folder: Path, log: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url, self.folder = f"http://127.0.0.1:{port}", folder
        environment = {**os.environ, "GRADIO_TEMP_DIR": str(folder)}
        with log.open("w") as out:
            command = [sys.executable, "-c", SERVER, "--port", str(port), "--device", "cpu"]
            self.process = subprocess.Popen(command, env=environment, stdout=out, stderr=out)
        end = time.monotonic() + 600
        while True:
            assert self.process.poll() is None and time.monotonic() < end, log.read_text()
            try:
                if httpx.get(self.url + "/health", timeout=5).json() == {"status": "ok"}:
                    break
            except httpx.HTTPError:
                time.sleep(0.2)

    def holds(self) -> dict[str, float]:
        """Memory in MB, open files, and files in the folder for uploads and results."""
        process = Path(f"/proc/{self.process.pid}")
        status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
        memory = int(status["VmRSS"].split()[0]) / 1000
        files = sum(path.is_file() for path in self.folder.rglob("*"))
        return {"memory": memory, "open": len(list((process / "fd").iterdir())), "files": files}

    def settled(self, before: dict[str, float] | None = None) -> dict[str, float]:
        """What it holds once it has come to rest: for three looks the same, or as before within 10 %."""
        end, last = time.monotonic() + 60, [self.holds()]
        while time.monotonic() < end:
            time.sleep(1)
            last = [*last[-3:], self.holds()]
            still = len(last) == 4 and all(_within(last[0][k], one[k], 0.01) for one in last[1:] for k in one)
            if still and (before is None or all(last[-1][key] <= _most(before[key]) for key in before)):
                break
        return last[-1]


def _within(a: float, b: float, share: float) -> bool:
    return math.isclose(a, b, rel_tol=share)


def _most(before: float) -> float:
    """10 % more; of a few open files, two."""
    return max(1.1 * before, before + 2)


@pytest.fixture
def server(tmp_path) -> Iterator[Server]:
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("what a process holds is read from /proc")
    (tmp_path / "uploads").mkdir()
    running = Server(tmp_path / "uploads", tmp_path / "log.txt")
    yield running
    running.process.kill()
    running.process.wait()


@pytest.mark.slow
def test_a_crowd(server, tmp_path):
    right = asyncio.run(load.alone(server.url))
    assert len({str(result) for result in right.values()}) == len(right)  # else a swapped one would not be seen
    before = server.settled()
    tally = asyncio.run(load.crowd(server.url, CLIENTS, SECONDS, right))
    after = server.settled(before)
    log = (tmp_path / "log.txt").read_text()
    _report(tally, before, after)
    assert not tally.wrong, "\n".join(tally.wrong)
    assert sum(tally.done[kind] for kind in load.KINDS) > 0
    assert tally.busy and all(load.is_busy(words) or "in a moment" in words for _, words in tally.busy)
    assert median(seconds for seconds, _ in tally.busy) < max(5, median(tally.seconds) / 2)
    for key, value in before.items():
        assert after[key] <= _most(value), (key, before, after)
    assert "Traceback" not in log, log
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(60) == 0
    assert not list(server.folder.glob("mmdemo-*"))  # nothing is left of its own folder


def _report(tally: load.Tally, before: dict[str, float], after: dict[str, float]) -> None:
    """What was measured, for `pytest -s`."""
    print(f"\n{dict(tally.done)}, {len(tally.busy)} told to come again, {len(tally.wrong)} wrong")
    for name, values in (("results", tally.seconds), ("busy", [s for s, _ in tally.busy]), ("stopped", tally.stopped)):
        if len(values) > 1:
            print(
                f"{name}: p50 {median(values):.2f} s, p95 {quantiles(values, n=20)[-1]:.2f} s, max {max(values):.2f} s"
            )
    print(f"before {before}, after {after}")
