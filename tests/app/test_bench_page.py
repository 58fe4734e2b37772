"""`mmdemo bench page` prints its times; what they are a browser says (tests/browser/test_page_bench.py)."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import Any

import pytest
from typer.testing import CliRunner

from mmdemo.cli import app
from mmdemo.ui import bench_page


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three times, without a page or a browser."""

    @contextmanager
    def nothing(*args: Any) -> Any:
        yield None

    for name in ("_served", "_browser"):
        monkeypatch.setattr(bench_page, name, nothing)
    within = bench_page._within
    monkeypatch.setattr(bench_page, "_tabs", lambda *a: iter([within(1, "first example moves, image", 0.25)]))
    monkeypatch.setattr(bench_page, "_image", lambda *a: iter([within(150, "stroke", [90.0, 400.0, 300.0])]))
    monkeypatch.setattr(bench_page, "_codebook", lambda *a: iter([within(None, "all other codecs", 7.5)]))


def test_times_are_printed(measured: None):
    result = CliRunner().invoke(app, ["bench", "page"])
    assert result.exit_code == 0, result.output
    assert all(word in result.stdout for word in ("first example moves, image", "0.25", "300", "7.5"))


def test_times_are_told_to_programs_with_what_they_should_be(measured: None):
    result = CliRunner().invoke(app, ["bench", "page", "--json"])
    assert result.exit_code == 0, result.output
    first, stroke, codecs = json.loads(result.stdout)["figures"]
    assert (first["value"], first["unit"], first["met"]) == (0.25, "s", True)
    assert (stroke["value"], stroke["unit"], stroke["n"], stroke["target"], stroke["met"]) == (300, "ms", 3, 150, False)
    assert codecs["target"] is None and codecs["met"] is None
