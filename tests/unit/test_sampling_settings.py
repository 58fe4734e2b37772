"""The settings of a sampling run: one place with the defaults, the limits and the sentences; and names of parts."""

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest

from mmdemo.diffusion.settings import SamplingSettings
from mmdemo.errors import InputError
from mmdemo.registry import Registry


def test_whole_numbers_are_taken_as_such_however_they_are_written():
    assert SamplingSettings(n=2.0, steps=8.0, seed=7.0) == SamplingSettings(n=2, steps=8, seed=7)
    assert isinstance(SamplingSettings(n=2.0).n, int)


def test_numbers_of_numpy_are_numbers():
    asked = SamplingSettings(n=np.int64(2), guidance=np.float32(2), strength=np.float64(0.5), seed=np.uint8(3))
    assert asked == SamplingSettings(n=2, guidance=2.0, strength=0.5, seed=3)
    assert json.loads(json.dumps(asked.as_dict()))["guidance"] == 2
    assert json.dumps(SamplingSettings(guidance=np.int32(3)).as_dict())


@pytest.mark.parametrize(
    "values, reason",
    [
        ({"n": 0}, "number of samples must be 1 to 64, not 0"),
        ({"n": True}, "number of samples must be 1 to 64"),
        ({"n": "4"}, "number of samples must be 1 to 64"),
        ({"steps": 251}, "number of steps must be 1 to 250"),
        ({"steps": float("nan")}, "number of steps must be"),
        ({"seed": 2**31}, "seed must be 0 to 2147483647"),
        ({"guidance": -1}, "guidance weight must be 0 to 30"),
        ({"guidance": "3"}, "guidance weight must be 0 to 30"),
        ({"sampler": "magic"}, "no sampler 'magic'; choose one of euler"),
        ({"strength": 0}, "more than 0 and at most 1"),
        ({"repaint_steps": 11}, "RePaint steps must be 0 to 10"),
        ({"to_seed": 3, "n": 1}, "at least 2 samples"),
        ({"stepz": 3}, "no setting 'stepz'; did you mean 'steps'"),
        ({"speaker": "theo"}, "no setting 'speaker'"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_sentence(values, reason):
    with pytest.raises(InputError, match=reason):
        SamplingSettings.of(**values)


def test_the_style_goes_by_the_name_that_the_model_has_for_it():
    assert SamplingSettings.of("speaker", speaker="theo") == SamplingSettings(style="theo")
    assert SamplingSettings.of("speaker", style="theo") == SamplingSettings(style="theo")


def test_settings_are_written_down_so_that_they_can_be_read_again():
    plain = SamplingSettings(n=2, style="theo").as_dict("speaker")
    assert plain == {"n": 2, "steps": 24, "guidance": 3.0, "sampler": "heun", "seed": 0, "speaker": "theo"}
    edited = SamplingSettings(strength=0.5, to_seed=4)
    assert SamplingSettings.of("voice", **edited.as_dict("voice")) == edited


def test_the_command_line_has_the_same_defaults():
    """And knows them without loading torch: --help has to answer at once."""
    code = (
        "import inspect, sys; from mmdemo.cli import generate; "
        "print('torch' in sys.modules, {k: p.default for k, p in inspect.signature(generate).parameters.items() "
        "if k in ('n', 'steps', 'guidance', 'sampler', 'seed')})"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    usual = {f.name: f.default for f in dataclasses.fields(SamplingSettings)}
    assert said.strip() == f"False { ({k: usual[k] for k in ('n', 'steps', 'guidance', 'sampler', 'seed')}) }"


def test_parts_are_found_by_name_imported_when_asked_for_and_may_be_added():
    parts = Registry("part", {"path": "pathlib:Path", "own": 3})
    assert parts["own"] == 3 and parts["path"].__name__ == "Path" and list(parts) == ["path", "own"]
    parts.register("other", len)
    assert parts["other"] is len and "other" in parts
    with pytest.raises(InputError, match="There is no part 'pth'; did you mean 'path'"):
        parts["pth"]
    with pytest.raises(InputError, match="choose one of path, own, other"):
        parts["zzz"]


def test_settings_are_given_in_one_way():
    given = SamplingSettings(steps=3)
    assert SamplingSettings.of("style", given) is given
    with pytest.raises(InputError, match="whole or by name, not both: 'steps' is beside them"):
        SamplingSettings.of("style", given, steps=4)


def test_a_part_may_be_annotated_with_what_is_imported_for_checking_alone():
    parts = Registry("part", {"own": "test_sampling_settings:Own"})
    assert parts.make("own", 1, size=2).size == 2
    with pytest.raises(InputError, match="option 'size' of the part 'own' is wrong"):
        parts.make("own", 1, size="2")


class Own:
    def __init__(self, other: "NotHere", size: int = 1) -> None:  # noqa: F821 - what the test is about
        self.size = size
