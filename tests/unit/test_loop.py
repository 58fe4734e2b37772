"""The loop by its properties: what it does to weights, when it validates, stops and saves, and what it writes down."""

from __future__ import annotations

import json
import os
import signal

import pytest
import torch
from torch import nn

from mmdemo import checkpoints, files
from mmdemo.errors import InputError
from mmdemo.training.average import WeightAverage
from mmdemo.training.log import RunLog, read_log
from mmdemo.training.loop import Trainer, learning_rate
from mmdemo.training.optimized import OptimizedModule
from mmdemo.training.recipe import Recipe
from mmdemo.training.signals import Interrupted, StopRequest
from mmdemo.training.stages import changes, earlier_stages
from mmdemo.training.task import Task

CPU = torch.device("cpu")


class Line(Task):
    """A straight line through noisy points: the least thing that can be trained. ``held`` gives validation losses."""

    def __init__(self, recipe: Recipe, held=None):
        self.recipe, self.device, self.held = recipe, CPU, held
        torch.manual_seed(0)
        self.model = nn.Linear(3, 2)
        self.exports, self.reason = [], ""

    @classmethod
    def from_recipe(cls, recipe, device, data_dir):
        return cls(recipe)

    @property
    def data_summary(self):
        return {"points": 8}

    @property
    def unfinished(self):
        return self.reason

    def batch(self, generator):
        return {"x": torch.randn(8, 3, generator=generator)}

    def loss(self, batch, step):
        return (self.model(batch["x"]) - batch["x"][:, :2]).square().mean(), {}

    def validate(self):
        return {} if self.held is None else {"loss": self.held.pop(0)}

    def export(self, folder, notes):
        self.exports.append({k: v.detach().clone() for k, v in self.model.state_dict().items()})
        checkpoints.save(folder, self.model, {"kind": "line", "training": notes})


def recipe(**changed) -> Recipe:
    return Recipe("line", "line", **{"steps": 12, "batch_size": 8, "learning_rate": 1e-2, "warmup_steps": 0, **changed})


def trainer(folder, held=None, **changed) -> Trainer:
    return Trainer(Line(recipe(**changed), held), folder, quiet=True)


# ------------------------------------------------------------------------------------------ one step


def test_weight_decay_is_on_matrices_alone():
    network = nn.Linear(3, 2)
    nn.init.ones_(network.weight)
    nn.init.ones_(network.bias)
    optimized = OptimizedModule(network, recipe(weight_decay=0.5), CPU)
    optimized.step(0 * sum(p.sum() for p in network.parameters()), 0.1)
    assert torch.allclose(network.weight, torch.full((2, 3), 0.95))  # 1 - learning rate * decay
    assert torch.equal(network.bias, torch.ones(2))


@pytest.mark.parametrize("scale", [10.0, 1e6])
def test_gradients_are_clipped_to_the_norm_of_the_recipe(scale):
    network = nn.Linear(3, 2)
    optimized = OptimizedModule(network, recipe(clip_norm=0.5), CPU)
    optimized.step(scale * network(torch.ones(1, 3)).sum(), 0.0)
    norm = torch.cat([p.grad.flatten() for p in network.parameters()]).norm()
    assert norm.item() == pytest.approx(0.5, rel=1e-3)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_step_from_a_bad_batch_is_not_taken(bad):
    network = nn.Linear(3, 2)
    optimized = OptimizedModule(network, recipe(), CPU)
    before = {k: v.clone() for k, v in network.state_dict().items()}
    optimized.step(bad * network(torch.ones(1, 3)).sum(), 0.1)
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())
    optimized.step(network(torch.ones(1, 3)).sum(), 0.1)  # and the next is as if it had not been
    assert all(v.isfinite().all() and not torch.equal(v, before[k]) for k, v in network.state_dict().items())


def test_the_average_forgets_early_weights_quickly_and_has_a_long_memory_later():
    network = nn.Linear(1, 1)
    average = WeightAverage(network, 0.999)
    nn.init.constant_(network.weight, 1.0)
    average.values["weight"].zero_()  # what the network began with
    for step in range(1, 31):
        average.update(step)
    assert average.values["weight"].item() > 0.95  # with 0.999 alone it would be at 0.03
    nn.init.constant_(network.weight, 2.0)
    average.update(100_000)
    assert average.values["weight"].item() == pytest.approx(1.0, abs=0.06)


def test_averaged_weights_are_lent_and_given_back_even_after_an_error():
    network = nn.Linear(1, 1)
    average = WeightAverage(network, 0.9)
    own = network.weight.detach().clone()
    average.values["weight"].fill_(7.0)
    with pytest.raises(KeyError, match="of the block"), average.applied():
        assert network.weight.item() == 7.0
        raise KeyError("of the block")
    assert torch.equal(network.weight, own)


def test_the_optimizer_gets_the_schedules_rate(tmp_path):
    t = trainer(tmp_path, steps=10, warmup_steps=4)
    for step in range(10):
        expected = learning_rate(step / 10, step, t.recipe)
        t.take_step()
        assert {g["lr"] for g in t.optimized.optimizer.param_groups} == {expected}


# ---------------------------------------------------------------------------------------- validation


def test_the_best_on_held_out_data_is_kept(tmp_path):
    t = trainer(tmp_path, [3.0, 1.0, 2.0, 2.5], steps=8, validate_every=2)
    t.run()
    assert len(t.task.exports) == 2 and t.best == {"loss": 1.0, "step": 4}
    stored = checkpoints.load_state(tmp_path)
    assert torch.allclose(stored["weight"], t.task.exports[1]["weight"], atol=1e-3)
    assert not torch.allclose(stored["weight"], t.task.model.weight, atol=1e-3)
    stage = checkpoints.read_config(tmp_path)["training"]["stages"][-1]
    assert stage["steps"] == 4 and stage["validation"] == {"loss": 1.0, "step": 4}
    assert [(e["step"], e["loss"]) for e in read_log(tmp_path) if e["event"] == "validation"] == [
        (2, 3.0), (4, 1.0), (6, 2.0), (8, 2.5)
    ]  # fmt: skip


def test_it_stops_when_patience_is_over_and_not_before(tmp_path):
    t = trainer(tmp_path / "a", [3.0, 2.0, 2.1, 2.2, 0.0, 0.0, 0.0], steps=14, validate_every=2, patience=2)
    t.run()
    assert t.step == 8 and t.best["step"] == 4
    t = trainer(tmp_path / "b", [3.0, 2.0, 2.1, 1.9, 2.0, 1.8, 1.7], steps=14, validate_every=2, patience=2)
    t.run()
    assert t.step == 14


def test_validation_changes_nothing_in_the_training(tmp_path):
    class Wild(Line):
        def validate(self):
            torch.rand(5)  # the global generator, that codebooks restart with
            assert not self.model.training and not torch.is_grad_enabled()
            return {"loss": 1.0}

    runs = []
    for name, kind in (("with", Wild), ("without", Line)):
        t = Trainer(kind(recipe(validate_every=3)), tmp_path / name, quiet=True)
        t.run()
        assert t.task.model.training
        runs.append((t.task.model.weight.detach().clone(), torch.rand(1)))
    assert all(torch.equal(a, b) for a, b in zip(*runs, strict=True))


def test_without_held_out_data_the_last_is_exported(tmp_path):
    t = trainer(tmp_path, None, validate_every=2)
    t.run()
    assert len(t.task.exports) == 1 and torch.equal(t.task.exports[0]["weight"], t.task.model.weight)


def test_a_model_that_is_not_finished_is_not_exported(tmp_path):
    t = trainer(tmp_path, [1.0] * 9, validate_every=2)
    t.task.reason = "it is half"
    with pytest.raises(InputError, match="there is no model yet, because it is half"):
        t.run()
    assert not (tmp_path / "config.json").exists()
    more = trainer(tmp_path, [1.0] * 9, validate_every=2, steps=14)
    more.resume()
    more.run()
    assert (tmp_path / "config.json").exists()


@pytest.mark.parametrize("minutes", [0, -1, float("nan"), float("inf")])
def test_nonsense_budgets_are_refused(tmp_path, minutes):
    with pytest.raises(InputError, match="give more than 0"):
        Trainer(Line(recipe()), tmp_path, minutes)


# --------------------------------------------------------------------------------- snapshots and the log


@pytest.mark.parametrize("number", StopRequest.SIGNALS)
def test_a_signal_saves_and_resuming_gives_what_an_unbroken_run_gives(tmp_path, number):
    whole = trainer(tmp_path / "whole", [2.0, 1.0, 3.0], ema=0.9, validate_every=4)
    whole.run()

    class Stopped(Line):
        def before_step(self, step, progress):
            if step == 6:
                os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    cut = Trainer(Stopped(recipe(ema=0.9, validate_every=4), [2.0]), tmp_path / "cut", quiet=True)
    with pytest.raises(Interrupted, match="after step 7, which is saved: the same command with --resume"):
        cut.run()
    assert signal.getsignal(number) is before
    late = trainer(tmp_path / "cut", [1.0, 3.0], ema=0.9, validate_every=4)
    late.resume()
    assert (late.step, late.best["step"]) == (7, 4)
    late.run()
    assert torch.equal(late.task.model.weight, whole.task.model.weight)
    assert torch.equal(late.average.values["weight"], whole.average.values["weight"])
    exported = [checkpoints.load_state(tmp_path / name)["weight"] for name in ("cut", "whole")]
    assert torch.equal(*exported)
    steps = [e["step"] for e in read_log(tmp_path / "cut")]
    assert steps == sorted(steps) and steps[-1] == 12


@pytest.mark.parametrize("damage", [lambda data: data[:100], lambda data: b"", lambda data: b"\xff" * len(data)])
def test_a_damaged_snapshot_is_refused_in_a_sentence(tmp_path, damage):
    t = trainer(tmp_path)
    t.take_step()
    t.save()
    path = tmp_path / "resume" / "state.safetensors"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match="is damaged"):
        trainer(tmp_path).resume()


def test_a_snapshot_of_another_network_or_average_is_refused(tmp_path):
    trainer(tmp_path).save()
    with pytest.raises(InputError, match="another recipe"):
        trainer(tmp_path, ema=0.9).resume()
    other = trainer(tmp_path)
    other.task.model = nn.Linear(4, 2)
    with pytest.raises(InputError, match="another recipe"):
        other.resume()


def test_a_full_disk_on_the_way_is_said_and_the_last_good_snapshot_stays(tmp_path, monkeypatch):
    t = trainer(tmp_path)
    t.take_step()
    t.save()
    before = (tmp_path / "resume" / "state.safetensors").read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    t.take_step()
    with RunLog.open(tmp_path, 1, quiet=True) as log:
        monkeypatch.setattr(files.os, "fsync", full)
        t._on_the_way(t.save, log)
        with pytest.raises(InputError, match="No space left"):  # at the end it is not overlooked
            t._finish(log)
    assert (tmp_path / "resume" / "state.safetensors").read_bytes() == before
    assert "No space left" in read_log(tmp_path)[-1]["message"]


def test_a_full_disk_at_a_validation_ends_no_training_and_the_best_that_is_kept_is_on_disk(tmp_path, monkeypatch):
    t = trainer(tmp_path, [5.0, 1.0, 3.0, 4.0], steps=8, validate_every=2)
    fsync = os.fsync

    def sometimes_full(number):
        if t.best.get("loss") == 1.0:
            raise OSError(28, "No space left on device")
        return fsync(number)

    monkeypatch.setattr(files.os, "fsync", sometimes_full)
    t.run()
    assert t.best == {"loss": 3.0, "step": 6} and t.since_best == 1
    assert [e["step"] for e in read_log(tmp_path) if e["event"] == "warning"] == [4]
    kept = checkpoints.load_state(tmp_path)["weight"]
    assert torch.allclose(kept, t.task.exports[-1]["weight"], atol=1e-3)  # half precision


def test_a_log_on_a_full_disk_ends_no_training(tmp_path):
    class Full:
        def write(self, data):
            raise OSError(28, "No space left on device")

        def close(self):
            pass

    with RunLog.open(tmp_path, quiet=True) as log:
        log.write("step", 1, loss=2.0)
        whole, log._file = log._file, Full()
        log.write("step", 2, loss=1.5)
        log._file = whole
        log._file.write(b'{"event": "step", "st')  # all that fitted
        log._cut = True
        log.write("step", 4, loss=1.0)
    assert [e["step"] for e in read_log(tmp_path)] == [1, 4]


def test_the_log_has_a_line_of_json_for_each_event_and_drops_what_is_taken_again(tmp_path):
    t = trainer(tmp_path, [2.0, 1.0], steps=30, validate_every=20)
    t.run()
    events = read_log(tmp_path)
    assert [(e["event"], e["step"]) for e in events] == [
        ("step", 1), ("step", 10), ("validation", 20), ("step", 20), ("step", 30), ("validation", 30), ("end", 30)
    ]  # fmt: skip
    assert {"loss", "learning_rate", "minutes"} <= set(events[0])
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"event": "st')  # cut in mid-line
    with RunLog.open(tmp_path, 20, quiet=True) as log:
        log.write("step", 21, loss=1.0)
    assert [e["step"] for e in read_log(tmp_path)] == [1, 10, 20, 20, 21]


# ------------------------------------------------------------------------------------------ provenance


def test_stages_add_up_over_several_trainings(tmp_path):
    first = Trainer(Line(recipe()), tmp_path / "first", quiet=True, stages=[{"recipe": "line", "data": {"points": 8}}])
    first.run()
    begun = earlier_stages(tmp_path / "first")
    assert [(s["recipe"], s["steps"], s["data"]) for s in begun] == [("line", 12, {"points": 8})]
    second = Trainer(Line(recipe(steps=20)), tmp_path / "second", quiet=True, stages=[*begun, {"init": "first"}])
    while second.step < 5:
        second.take_step()
    second.save()
    again = trainer(tmp_path / "second", steps=20)
    again.resume()  # is the same stage still
    again.run()
    stages = earlier_stages(tmp_path / "second")
    assert [s["steps"] for s in stages] == [12, 20] and stages[1]["init"] == "first"


def test_notes_of_earlier_versions_count_as_a_stage(tmp_path):
    checkpoints.save(tmp_path, nn.Linear(1, 1), {"kind": "line", "training": {"steps": 7, "minutes": 1.0}})
    assert earlier_stages(tmp_path) == [{"steps": 7, "minutes": 1.0}]
    checkpoints.save(tmp_path, nn.Linear(1, 1), {"kind": "line"})
    assert earlier_stages(tmp_path) == []


def test_changes_are_named_by_their_dotted_names():
    before = {"steps": 1, "betas": (0.9, 0.99), "data": {"crop": 64, "emoji": True}, "loss": {}}
    after = {"steps": 2, "betas": [0.9, 0.99], "data": {"crop": 64}, "loss": {"l1": 3.0}}
    assert changes(before, after) == {"steps": 2, "data.emoji": None, "loss.l1": 3.0}
    assert json.loads(json.dumps(changes(before, after)))
