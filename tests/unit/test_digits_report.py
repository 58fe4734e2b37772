"""The joint model's figures on a transformer with random weights and made-up data; what the measures measure."""

import math
from collections import Counter

import pytest
import torch

from mmdemo.diffusion.joint import JointDiffusion
from mmdemo.errors import InputError, MissingError
from mmdemo.evaluation import copying, digits_report
from mmdemo.evaluation.speaker_probe import VoiceProbe
from tests.generate_model import SPEAKERS, random_joint


def pictures(n, seed=0):
    """Blurred blobs (n, 3, 32, 32) and labels that go round."""
    noise = torch.rand(n, 1, 8, 8, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(noise, size=32).expand(-1, 3, -1, -1), torch.arange(n) % 10


def voice(n, pitch, seed=0, samples=12_800):
    """n hummed sounds (n, samples) with harmonics of about this pitch."""
    g = torch.Generator().manual_seed(seed)
    t = torch.arange(samples) / 16_000
    f = pitch * (1 + 0.05 * torch.randn(n, 1, generator=g))
    wave = sum(torch.sin(2 * math.pi * k * f * t) / k for k in range(1, 8))
    return 0.2 * wave + 0.003 * torch.randn(n, samples, generator=g)


def test_copies_are_found_and_new_samples_are_not():
    train, test, fresh = pictures(300, 1)[0], pictures(200, 2)[0], pictures(200, 3)[0]
    copied = copying.compare("image", train[:100] + 0.001, test, train)
    assert copied.ratio < 0.1 and copied.close == 1
    new = copying.compare("image", fresh, test, train)
    assert 0.9 < new.ratio < 1.1 and new.close < 0.06


def test_copied_sounds_are_found_even_a_little_later():
    train, test = voice(60, 200, 1), voice(40, 200, 2)
    late = torch.nn.functional.pad(train[:20], (80, 0))[:, :12_800]
    found = copying.compare("audio", late, test, train)
    assert found.ratio < 0.7


def test_distances_to_the_nearest():
    base = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    assert copying.nearest_distance(torch.tensor([[0.0, 1.0], [3.0, 4.0]]), base).tolist() == pytest.approx(
        [1, 0], abs=1e-3
    )


def test_the_probe_tells_voices_apart_whatever_their_level():
    waves = torch.cat([voice(40, 110, 1), voice(40, 220, 2), voice(40, 330, 3)])
    names = ["ann"] * 40 + ["ben"] * 40 + ["cat"] * 40
    probe = VoiceProbe(waves, names)
    fresh = torch.cat([voice(10, 110, 4), voice(10, 220, 5), 0.2 * voice(10, 330, 6)])
    assert Counter(zip(probe.read(fresh), ["ann"] * 10 + ["ben"] * 10 + ["cat"] * 10, strict=True)) == {
        ("ann", "ann"): 10,
        ("ben", "ben"): 10,
        ("cat", "cat"): 10,
    }


@pytest.fixture
def model(tmp_path, monkeypatch):
    """A random model, and small made-up data in place of MNIST and FSDD."""

    def digits(modality, data_dir, train):
        n = 60 if train else 30
        if modality == "image":
            return pictures(n, 7 + train)
        return voice(n, 150, 9 + train), torch.arange(n) % 10

    def voices(data_dir, train):
        names = [SPEAKERS[0]] * 20 + [SPEAKERS[1]] * 20
        return torch.cat([voice(20, 110, int(train)), voice(20, 220, 5 + train)]), names

    monkeypatch.setattr(digits_report, "real_digits", digits)
    monkeypatch.setattr(digits_report, "real_voices", voices)
    for name in ("SETTINGS", "TO_TEXT", "FROM_NOTHING"):
        monkeypatch.setattr(digits_report, name, {"steps": 2, "guidance": 2.0, "sampler": "euler"})
    return JointDiffusion.from_folder(random_joint(tmp_path / "joint"), "cpu")


def test_all_figures_are_there_and_a_random_model_meets_no_target(model, tmp_path):
    figures = digits_report.evaluate_joint(model, tmp_path, limit=20)
    by_name = {f.name: f for f in figures}
    assert len(by_name) == len(figures) and set(digits_report.TARGETS) <= set(by_name)
    for name, target in digits_report.TARGETS.items():
        assert by_name[name].target == target and 0 <= by_name[name].value < target and by_name[name].met is False
    assert by_name["image -> text"].n == 20 and by_name["nothing -> all three agree"].n == 20
    for m in ("image", "audio"):
        made = by_name[f"{m}: Fréchet distance, generated to real test"].value
        assert made > by_name[f"{m}: Fréchet distance, real train to real test"].value > 0
    assert by_name["speaker probe on real test data"].value == 1
    assert 0 <= by_name["number of 4 digits: all in one voice"].value <= 1


def test_without_data_what_starts_from_words_or_nothing_is_measured(model, tmp_path, monkeypatch):
    def absent(modality, data_dir, train):
        raise MissingError(f"The data set of {modality} is not here.")

    monkeypatch.setattr(digits_report, "real_digits", absent)
    monkeypatch.setattr(digits_report, "real_voices", lambda data_dir, train: absent("voices", data_dir, train))
    missing: list[str] = []
    figures = digits_report.evaluate_group(model, tmp_path, 10, "directions", missing)
    assert [f.name for f in figures] == ["text -> image", "text -> audio", "nothing -> all three agree"]
    assert missing == [f"The data set of {what} is not here." for what in ("image", "audio", "voices")]
    with pytest.raises(MissingError, match="of image"):
        digits_report.evaluate_group(model, tmp_path, 10, "directions")


def test_every_sampler_is_measured_within_the_budget(model, tmp_path, monkeypatch):
    monkeypatch.setattr(digits_report, "EVALUATIONS", (2,))
    steps = []
    sample = model.sample
    monkeypatch.setattr(model, "sample", lambda *a, **k: steps.append((k["sampler"], k["steps"])) or sample(*a, **k))
    names = [f.name for f in digits_report.evaluate_group(model, tmp_path, 10, "samplers")]
    assert len(names) == len(set(names)) == 5 * 4 and "dpmpp_2m, 2 evaluations: text -> image" in names
    assert set(steps) >= {("heun", 1), ("euler", 2), ("ancestral", 2)}


def test_an_unknown_group_is_refused(model, tmp_path):
    with pytest.raises(InputError, match="choose one of directions, samplers"):
        digits_report.evaluate_group(model, tmp_path, 20, "colours")
