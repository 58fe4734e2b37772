"""`mmdemo bench page`: every figure is there and is a time (how short, no test can say).

It takes minutes: by hand, with MMDEMO_BENCH=1.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from conftest import _chromium

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.mark.skipif(not os.environ.get("MMDEMO_BENCH"), reason="takes minutes; set MMDEMO_BENCH=1")
@pytest.mark.skipif(_chromium() is None, reason="no Chromium found; install one or set MMDEMO_CHROMIUM")
def test_what_a_visitor_waits_for():
    pytest.importorskip("playwright")
    command = [sys.executable, "-m", "mmdemo", "bench", "page", "--device", "cpu", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3000, check=False)
    assert done.returncode == 0, done.stderr
    figures = {figure["name"]: figure for figure in json.loads(done.stdout)["figures"]}
    assert all(figure["value"] > 0 and figure["unit"] in ("s", "ms") for figure in figures.values())
    tabs = ("image", "text", "audio", "codebook", "generate")
    assert {f"{what}, {tab}" for tab in tabs for what in ("first example moves", "ready")} <= figures.keys()
    first, second, third = (
        figures[f"upload of 768 × 512 to {step}"]["value"]
        for step in ("byte count", "reconstruction", "all other codecs")
    )
    assert first <= second <= third
    assert "stroke over tokens to repaint" in figures and "codebook, audio: hover to paint" in figures
