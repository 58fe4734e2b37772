"""Filling in: part of a stream is shown clean while the rest is made, and only the rest counts."""

import pytest
import torch
from test_joint_task import points, recipe

from mmdemo.errors import InputError
from mmdemo.training.infilling import LEAST, made_part
from mmdemo.training.joint_task import JointTask

CPU = torch.device("cpu")


def test_a_part_is_one_rectangle_of_at_least_the_least_share_within_what_is_no_padding():
    generator = torch.Generator().manual_seed(0)
    ends = torch.randint(1, 9, (200,), generator=generator)
    part = made_part([4, 8], ends, generator).reshape(200, 4, 8)
    rows, columns = part.any(2), part.any(1)
    assert torch.equal(part, rows[:, :, None] & columns[:, None])
    for along in (rows, columns):  # without gaps
        assert ((along[:, 1:] != along[:, :-1]).sum(1) <= 2).all() and along.any(1).all()
    assert not (columns & (torch.arange(8) >= ends[:, None])).any()
    assert (columns.sum(1) >= LEAST * ends).all() and (rows.sum(1) >= LEAST * 4).all()
    assert (columns.sum(1) == ends).any() and (columns.sum(1) < ends).any()


def test_kept_tokens_are_seen_clean_and_do_not_count():
    task = JointTask(recipe(0.0, p_infill={"audio": 1.0}), CPU, points())
    batch = task.batch(torch.Generator().manual_seed(1))
    t = batch["t.audio"]  # (B, 2): two positions a token
    made = (t > 0) & (t < 1)
    assert t.shape == (48, 2) and (made.sum(1) == 1).any() and batch["t.image"].shape == (48,)
    for parameter in task.network.parameters():  # past the zeros that training starts from
        torch.nn.init.normal_(parameter, std=0.2)
    kept = ((t == 0) & made.any(1, keepdim=True)).repeat_interleave(2, 1)[:, None]  # (B, 1, 4)
    before = task._losses(batch)
    batch["eps.audio"] = torch.where(kept, 7.0, batch["eps.audio"])  # what would be added there changes nothing
    assert all(torch.equal(a, b) for a, b in zip(before.values(), task._losses(batch).values(), strict=True))
    batch["x.audio"] = torch.where(kept, 3.0, batch["x.audio"])  # what is shown is read
    assert not torch.allclose(before["audio"], task._losses(batch)["audio"])


def test_where_nothing_is_to_be_filled_in_the_loss_is_the_plain_one():
    task, plain = JointTask(recipe(0.0, p_infill={"audio": 0.0}), CPU, points()), JointTask(recipe(0.0), CPU, points())
    a, b = (t._losses(t.batch(torch.Generator().manual_seed(1))) for t in (task, plain))
    assert all(torch.allclose(a[k], b[k]) for k in b)


def test_an_unknown_stream_is_refused_by_name():
    with pytest.raises(InputError, match="no stream 'audoi'; did you mean 'audio'"):
        JointTask(recipe(0.0, p_infill={"audoi": 0.5}), CPU, points())
