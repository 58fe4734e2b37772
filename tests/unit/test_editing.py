"""Editing by diffusion on a transformer with random weights: what is kept, how strong, between which seeds."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from mmdemo.diffusion.editing import slerp
from mmdemo.diffusion.frames import PictureFrame, SoundFrame, TextFrame
from mmdemo.diffusion.joint import JointDiffusion
from mmdemo.diffusion.samplers import SAMPLERS
from mmdemo.diffusion.schedule import SCHEDULES
from mmdemo.errors import InputError
from tests.generate_model import SHAPES, random_joint


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return JointDiffusion.from_folder(random_joint(tmp_path_factory.mktemp("joint")), "cpu")


def last(steps):
    return list(steps)[-1]


def digit() -> Image.Image:
    picture = Image.new("RGB", (200, 140), "white")
    ImageDraw.Draw(picture).line([(60, 30), (130, 30), (80, 110)], fill="black", width=9)
    return picture


def word() -> tuple[int, np.ndarray]:
    t = np.arange(8000) / 16_000
    return 16_000, (0.4 * np.sin(2 * np.pi * (200 + 300 * t) * t)).astype(np.float32)


SOURCES = {"image": digit(), "audio": word(), "text": "seven"}
LEFT = np.zeros((32, 32), bool)
LEFT[:, :16] = True
KEEP = {"image": LEFT, "audio": [(0.0, 0.3)], "text": [(0, 4)]}
KEPT = {"image": (..., slice(0, 2)), "audio": (slice(0, 15),), "text": (slice(0, 1),)}  # positions


@pytest.mark.parametrize("sampler", list(SAMPLERS))
@pytest.mark.parametrize("modality", list(SOURCES))
def test_what_is_kept_comes_back_exactly_and_the_rest_is_made_anew(model, modality, sampler):
    source = model.frame(modality, SOURCES[modality]).codes
    run = model.sample(
        edit={modality: SOURCES[modality]},
        keep={modality: KEEP[modality]},
        want=(modality,),
        n=2,
        steps=3,
        sampler=sampler,
    )
    step = last(run)
    free = torch.ones(SHAPES[modality], dtype=torch.bool)
    free[KEPT[modality]] = False
    for tokens in step.tokens(modality):
        assert torch.equal(tokens.codes[:, ~free], source[:, ~free])
        assert not torch.equal(tokens.codes[:, free], source[:, free])
    made = [t.codes[:, free] for t in step.tokens(modality)]
    assert not torch.equal(made[0], made[1])


def test_the_network_sees_what_is_kept_clean_all_the_way(model, monkeypatch):
    seen, forward = [], model.network.forward
    monkeypatch.setattr(model.network, "forward", lambda x, t, style: seen.append((x, t)) or forward(x, t, style))
    keep = {"image": LEFT, "audio": [(0.0, 0.3)]}  # 15 frames: 7 tokens of 2 frames, and half of one
    list(model.sample(edit={"image": digit(), "audio": word()}, keep=keep, want=("image", "audio"), n=2, steps=2))
    for x, t in seen:
        assert torch.equal(x["image"][..., :2], model.encode("image", digit())[..., :2].expand(2, -1, -1, -1))
        assert torch.equal(t["image"].reshape(2, 4, 4)[..., :2], torch.zeros(2, 4, 2))
        assert (t["image"].reshape(2, 4, 4)[..., 2:] > 0).all()
        assert (t["audio"] == 0).sum(1).tolist() == [7, 7] and t["text"].shape == (2,)


@pytest.mark.parametrize("schedule", list(SCHEDULES))
def test_kept_positions_of_x_are_as_noisy_as_the_rest_on_the_way(model, schedule):
    """They are the source under this step's noise, for every schedule."""
    original, seen = model.schedule, []
    model.schedule = SCHEDULES[schedule]
    try:
        steps = list(
            model.sample(edit={"image": digit()}, keep={"image": LEFT}, want=("image",), n=1, steps=8, sampler="ddim")
        )
        source = model.encode("image", digit())
        eps = model.start_noise(1, 0)["image"]
        for step in steps:
            expected = model.schedule.add_noise(source, eps, step.t)[..., :2]
            seen.append((step.x["image"][..., :2] - expected).abs().max().item())
    finally:
        model.schedule = original
    assert max(seen) < 1e-3


def test_a_part_may_be_kept_while_another_modality_is_made_from_nothing(model):
    step = last(
        model.sample({"text": "seven"}, ("image", "audio"), n=1, steps=2, edit={"image": digit()}, keep={"image": LEFT})
    )
    assert torch.equal(step.tokens("image")[0].codes[..., :2], model.frame("image", digit()).codes[..., :2])
    assert set(step.x0) == {"image", "audio"}


def test_resampling_keeps_too_and_takes_more_evaluations(model):
    edit = {
        "edit": {"image": digit()},
        "keep": {"image": LEFT},
        "want": ("image",),
        "n": 1,
        "steps": 4,
        "sampler": "euler",
    }
    plain, again = last(model.sample(**edit)), last(model.sample(**edit, repaint_steps=2))
    assert (plain.nfe, again.nfe) == (4, 10)
    assert torch.equal(again.tokens("image")[0].codes[..., :2], plain.tokens("image")[0].codes[..., :2])
    assert not torch.equal(again.x0["image"], plain.x0["image"])


def test_a_sample_made_before_can_be_given_and_edited_as_tokens(model):
    first = last(model.sample({"text": "two"}, ("image",), n=1, steps=2)).tokens("image")[0]
    again = last(model.sample(edit={"image": first}, keep={"image": LEFT}, want=("image",), n=1, steps=2)).tokens(
        "image"
    )[0]
    assert torch.equal(again.codes[..., :2], first.codes[..., :2])
    given = last(model.sample({"image": first}, ("text",), n=1, steps=2)).x0["text"]
    other = last(model.sample({"image": digit()}, ("text",), n=1, steps=2)).x0["text"]
    assert not torch.allclose(given, other, atol=1e-4)


def test_strength_is_how_far_from_the_input_sampling_starts(model):
    source = model.encode("image", digit())
    eps = model.start_noise(1, 3)["image"]
    step = next(
        model.sample(
            edit={"image": digit()}, want=("image",), n=1, steps=400 // 40, strength=0.3, seed=3, sampler="euler"
        )
    )
    assert step.t == pytest.approx(0.27)
    start = 0.7 * source + 0.3 * eps  # the flow process at t = 0.3
    assert torch.allclose(step.x["image"], start + (0.27 - 0.3) * (start - step.x0["image"]) / 0.3, atol=1e-4)
    assert last(model.sample(edit={"image": digit()}, want=("image",), n=1, steps=3, strength=0.3)).t == 0


def test_interpolation_leads_from_one_seed_to_the_other(model):
    def run(n, **settings):
        return last(model.sample({"text": "two"}, ("image",), n=n, steps=3, **settings)).x0["image"]

    path = run(5, seed=1, to_seed=2)
    assert torch.allclose(path[0], run(1, seed=1)[0], atol=1e-4) and torch.allclose(
        path[-1], run(1, seed=2)[0], atol=1e-4
    )
    gaps = (path[1:] - path[:-1]).flatten(1).norm(dim=1)
    assert (gaps > 0).all() and gaps.max() < 0.9 * (path[0] - path[-1]).norm()


def test_noise_added_on_the_way_is_the_same_for_all_samples_of_an_interpolation(model, monkeypatch):
    """Else what changes from sample to sample would not be the start noise alone."""
    ways = []
    run = model.run
    monkeypatch.setattr(
        model, "run", lambda clean, want, noise, way, *a: ways.append(way) or run(clean, want, noise, way, *a)
    )
    for settings in ({"to_seed": 2}, {}):
        next(model.sample({"text": "two"}, ("image",), n=3, steps=2, seed=1, sampler="ancestral", **settings))
    between, apart = ([torch.randn(8, generator=g).tolist() for g in way] for way in ways)
    assert between[0] == between[1] == between[2] and apart[0] != apart[1] != apart[2]


def test_slerp_keeps_the_length_of_noise():
    a, b = torch.randn(4, 100), torch.randn(4, 100)
    path = slerp(a, b, torch.linspace(0, 1, 5))
    assert torch.allclose(path[0], a, atol=1e-4) and torch.allclose(path[-1], b, atol=1e-4)
    assert path.flatten(1).std(dim=1).min() > 0.9
    assert torch.equal(slerp(a, a, torch.tensor([0.5]))[0], a)


@pytest.mark.parametrize(
    "modality, keep, positions",
    [
        ("image", Image.fromarray((LEFT * 255).astype(np.uint8)), [0, 1, 4, 5, 8, 9, 12, 13]),
        ("image", LEFT[:28, :28].tolist(), [0, 1, 4, 5, 8, 9, 12, 13]),  # any size: it lies over the frame
        ("image", torch.eye(4, dtype=torch.bool), [0, 5, 10, 15]),
        (
            "audio",
            (0.011, 0.07),
            [1, 2, 3],
        ),  # 20 ms a position: of the first, less than half is kept; of the last, half
        ("audio", [(0, 0.02), (0.04, 0.06)], [0, 2]),
        ("audio", torch.arange(40) < 5, [0, 1, 2, 3, 4]),
        ("text", (0, 2), [0]),  # half of "seve"
        ("text", (4, 5), [1]),  # the "n"
    ],
)
def test_masks_over_positions(modality, keep, positions):
    kind, stride = {"image": (PictureFrame, 8), "audio": (SoundFrame, 320), "text": (TextFrame, 4)}[modality]
    mask = kind(SHAPES[modality], stride).mask(keep, "seven")
    assert mask.shape == tuple(SHAPES[modality]) and mask.flatten().nonzero()[:, 0].tolist() == positions


def test_characters_of_several_bytes_are_kept_whole():
    assert TextFrame([4], 4).mask((0, 1), "七七").tolist() == [True, False, False, False]
    assert TextFrame([4], 4).mask((1, 2), "七七").tolist() == [False, True, False, False]


@pytest.mark.parametrize(
    "settings, reason",
    [
        ({"edit": {"video": 1}}, "edited but not wanted"),
        ({"edit": {"text": "two"}, "want": ("image",)}, "edited but not wanted"),
        ({"given": {"text": "two"}, "edit": {"text": "two"}, "want": ("image",)}, "both given and edited"),
        ({"keep": {"text": [(0, 1)]}}, "there is no text to edit"),
        ({"edit": {"text": "seven"}, "keep": {"text": [(0, 5)]}, "strength": 0.5}, "there is no image"),
        ({"edit": {"text": "seven"}, "keep": {"text": "front"}}, "pairs of start and end in characters"),
        ({"edit": {"text": "seven"}, "keep": {"text": [(3, 1)]}}, "pairs of start and end"),
        ({"edit": {"text": "seven"}, "keep": {"text": [(9, 12)]}}, "smaller than one token .4 bytes"),
        ({"edit": {"audio": word()}, "keep": {"audio": [(0, 0.001)]}}, "smaller than one token .20 ms"),
        ({"edit": {"audio": word()}, "keep": {"audio": [(0, 9)]}}, "All of the audio is kept"),
        ({"edit": {"image": digit()}, "keep": {"image": "left"}}, "mask has to be a picture"),
        ({"edit": {"image": digit()}, "want": ("image",), "strength": 0.0}, "more than 0"),
        ({"edit": {"image": digit()}, "want": ("image",), "strength": 1.5}, "at most 1"),
        ({"edit": {"image": digit()}, "repaint_steps": 99}, "number of RePaint steps must be 0 to 10"),
        ({"to_seed": 3, "n": 1}, "at least 2 samples"),
        ({"to_seed": -3}, "second seed must be"),
    ],
)
def test_what_cannot_be_edited_is_refused_in_one_sentence(model, settings, reason):
    with pytest.raises(InputError, match=reason):
        next(model.sample(**settings))


def test_tokens_that_do_not_fit_are_refused(model):
    wide = model.codecs["image"].encode(Image.new("RGB", (64, 32), "white"))
    with pytest.raises(InputError, match=r"4x8 positions; the model .* takes 4x4"):
        next(model.sample({"image": wide}))
    coarse = model.frame("image", digit()).truncate(2)
    with pytest.raises(InputError, match="hold 2 of"):
        next(model.sample(edit={"image": coarse}, want=("image",)))
