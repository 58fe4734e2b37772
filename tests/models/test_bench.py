"""`mmdemo bench` on the shipped checkpoints: every figure is there and is a time (how short, no test can say)."""

import json
from functools import partial

import pytest
from typer.testing import CliRunner

from mmdemo.cli import app
from mmdemo.diffusion.settings import SamplingSettings
from mmdemo.errors import InputError
from mmdemo.evaluation import bench, bench_dit


@pytest.mark.parametrize("name", ["image", "audio", "text", "digits"])
def test_every_figure_is_a_time(name, monkeypatch):
    monkeypatch.setattr(bench, "RUNS", 1)
    monkeypatch.setattr(bench, "SamplingSettings", partial(SamplingSettings, n=1, steps=8))
    result = CliRunner().invoke(app, ["bench", name, "--device", "cpu", "--json"])
    assert result.exit_code == 0, result.output
    figures = {f["name"]: f for f in json.loads(result.stdout)["figures"]}
    times = [f["value"] for f in figures.values() if f["unit"] == "s"]
    assert len(times) >= 2 and all(0 < t < 300 for t in times)
    if name == "digits":
        first, whole = figures["first preview"]["value"], max(times)
        assert first < whole
        live, every = (figures[name]["value"] for name in ("live previews add to heun", "previews of every step add"))
        assert 0 < live < every
        assert 1 <= figures["steps shown while it runs, of 7"]["value"] <= 7
    elif name != "text":
        both = next(f["value"] for n, f in figures.items() if n.startswith("both"))
        assert both == pytest.approx(sum(times) - both)


def test_a_judge_has_nothing_to_time():
    with pytest.raises(InputError, match="judge"):
        bench.bench("judges/image")


@pytest.mark.bench
def test_the_transformer_beside_another(monkeypatch):
    pytest.importorskip("diffusers", reason="needs the bench extra: pip install -e '.[bench]'")
    monkeypatch.setattr(bench_dit, "SIZES", ((16, 1),))
    monkeypatch.setattr(bench_dit, "RUNS", 2)
    result = CliRunner().invoke(app, ["bench", "dit", "--device", "cpu", "--json"])
    assert result.exit_code == 0, result.output
    figures = {f["name"]: f["value"] for f in json.loads(result.stdout)["figures"]}
    for what in ("forward, 1 x 16 tokens", "training step, 1 x 16 tokens"):
        ours, theirs, ratio = (figures[f"{what}: {which}"] for which in ("ours", "diffusers", "ours / diffusers"))
        assert 0 < ours < 60 and 0 < theirs < 60 and 0 < ratio < 60
