"""Any-to-any sampling on a transformer with random weights: conditions, seeds, stopping, and refusals."""

import copy
import json
import pickle
import shutil
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from mmdemo import checkpoints
from mmdemo.codec import Codec
from mmdemo.diffusion.denoiser import Conditions
from mmdemo.diffusion.editing import EditSource
from mmdemo.diffusion.frames import PictureFrame, SoundFrame, TextFrame
from mmdemo.diffusion.joint import JointDiffusion
from mmdemo.diffusion.run import JointRun
from mmdemo.diffusion.samplers import SAMPLERS
from mmdemo.diffusion.settings import SamplingSettings
from mmdemo.digits import frames as inputs
from mmdemo.errors import InputError
from tests.generate_model import SHAPES, random_joint


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return JointDiffusion.from_folder(random_joint(tmp_path_factory.mktemp("joint")), "cpu")


def last(steps):
    return list(steps)[-1]


def drawn(colour, paper, size=(200, 140)) -> Image.Image:
    picture = Image.new("RGB", size, paper)
    ImageDraw.Draw(picture).line([(60, 30), (130, 30), (80, 110)], fill=colour, width=9)
    return picture


@pytest.mark.parametrize("sampler", list(SAMPLERS))
def test_every_sampler_yields_every_step(model, sampler):
    steps = list(model.sample({"text": "seven"}, n=2, steps=5, sampler=sampler))
    assert [s.index for s in steps] == [1, 2, 3, 4, 5] and steps[-1].t == 0
    assert set(steps[0].x0) == {"image", "audio"}
    assert steps[-1].x["image"].shape == (2, model.streams["image"].dim, *SHAPES["image"])
    assert all(np.isfinite(s.change) and set(s.code_distance) == {"image", "audio"} for s in steps)


def test_a_seed_is_a_result_and_sample_i_does_not_depend_on_n(model):
    one = last(model.sample({"text": "two"}, want=("image",), n=1, steps=4, seed=5)).x0["image"]
    three = last(model.sample({"text": "two"}, want=("image",), n=3, steps=4, seed=5)).x0["image"]
    other = last(model.sample({"text": "two"}, want=("image",), n=1, steps=4, seed=6)).x0["image"]
    assert torch.allclose(one[0], three[0], atol=1e-4)
    assert not torch.allclose(one, other, atol=1e-2) and not torch.allclose(three[0], three[1], atol=1e-2)


def test_start_noise_is_made_on_the_cpu_from_the_seed_alone(model):
    """The very numbers, so that a seed means the same on every device and in every version of the program."""
    noise = model.start_noise(2, 7)
    assert noise["image"][0].flatten()[:3].tolist() == pytest.approx([-1.744151, -0.748854, 0.676856], abs=1e-5)
    assert not torch.equal(noise["image"][0], noise["image"][1])
    assert not torch.equal(model.start_noise(1, 7, block=1)["image"][0], noise["image"][0])


def test_every_bit_of_a_seed_counts(model):
    """PyTorch's CPU generator ignores all but the lowest 32 bits of its seed."""
    noise = [model.start_noise(1, seed)["text"] for seed in (1, 1 + 2**26, 1 + 2**30)]
    assert not torch.equal(noise[0], noise[1]) and not torch.equal(noise[0], noise[2])


def test_noise_added_on_the_way_does_not_depend_on_n(model):
    one, three = (
        last(model.sample({"text": "two"}, ("image",), n=n, steps=4, sampler="ancestral", seed=5)).x0["image"]
        for n in (1, 3)
    )
    assert torch.allclose(one[0], three[0], atol=1e-4)


def test_noise_added_on_the_way_is_not_the_start_noise_again(model, monkeypatch):
    """Drawn from the start noise's own generator, it would say the same as what it is added to."""
    taken = []
    run = model.run
    monkeypatch.setattr(
        model, "run", lambda clean, want, noise, way, *a: taken.extend(way) or run(clean, want, noise, way, *a)
    )
    next(model.sample({"text": "two"}, ("image",), n=2, steps=2, seed=9))
    next(model.sample_batch({"image": torch.rand(2, 3, 32, 32)}, ("text",), steps=2, seed=9))
    start = model.start_noise(2, 9)
    assert len(taken) == 4
    for i, generator in zip((0, 1, 0, 1), taken, strict=True):
        added = torch.randn(640, generator=generator)
        for name in model.streams:
            own = start[name][i].flatten()[:640]
            likeness = torch.corrcoef(torch.stack([added[: len(own)], own]))[0, 1]
            assert abs(likeness) < 5 / len(own) ** 0.5  # five standard errors


def test_a_step_looks_up_its_codes_once(model, monkeypatch):
    step = last(model.sample({"text": "two"}, want=("image",), n=1, steps=2))
    calls, rvq = [], model.codecs["image"].tokenizer.rvq
    encode = rvq.encode
    monkeypatch.setattr(rvq, "encode", lambda *a: calls.append(1) or encode(*a))
    step.preview("image"), step.code_distance, step.tokens("image"), step.preview("image")
    assert len(calls) == 1


def test_evaluations_are_counted(model):
    for sampler, total in (("heun", 9), ("euler", 5)):
        steps = list(model.sample({"text": "two"}, ("image",), n=1, steps=5, sampler=sampler))
        assert steps[-1].nfe == total and steps[0].nfe == (2 if sampler == "heun" else 1)


@pytest.mark.parametrize("sampler", list(SAMPLERS))
def test_the_word_is_made_first_and_conditions_the_rest(model, sampler):
    steps = list(model.sample({}, n=2, steps=8, sampler=sampler))
    assert [s.index for s in steps] == list(range(1, 9))
    assert {tuple(s.x0) for s in steps} == {("image", "audio", "text")}
    assert [s.times["text"] for s in steps] == [0.5] + [0.0] * 7 and steps[-1].t == 0
    assert [s.times["image"] for s in steps[:3]] == [1.0, 1.0, pytest.approx(5 / 6)]
    assert all(a.t > b.t for a, b in pairwise(steps))
    noise = model.start_noise(2, 0)
    assert torch.equal(steps[1].x["image"], noise["image"])  # not begun yet: pure noise, with a first prediction
    assert steps[1].x0["image"].isfinite().all() and not torch.equal(steps[0].x0["image"], steps[1].x0["image"])
    assert torch.equal(steps[-1].codes("text"), steps[1].codes("text"))
    # From the word on, it is the run that is given this word.
    word = steps[1].tokens("text")[0]
    given = list(model.sample({"text": word}, n=1, steps=6, sampler=sampler))
    if sampler != "ancestral":  # which has used some of its noise for the word
        assert torch.allclose(given[-1].x0["image"], steps[-1].x0["image"][:1], atol=1e-3)
    assert steps[-1].nfe == given[-1].nfe + (3 if sampler == "heun" else 2)


def test_a_word_that_nobody_asked_for_leads_from_one_thing_to_another_unseen(model):
    picture = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    settings = {"steps": 8, "sampler": "euler", "seed": 3}
    seen = list(model.sample_batch({"image": picture}, ("text", "audio"), **settings))
    unseen = list(model.sample_batch({"image": picture}, ("audio",), **settings))
    assert len(unseen) == 8 and all(tuple(s.x0) == tuple(s.times) == ("audio",) for s in unseen)
    assert torch.equal(unseen[-1].x0["audio"], seen[-1].x0["audio"]) and unseen[-1].t == 0
    assert [s.nfe for s in unseen] == [s.nfe for s in seen]
    # With words given or wanted alone there is none between, and a single step has no room for one.
    assert list(last(model.sample_batch({"image": picture}, ("text",), **settings)).x0) == ["text"]
    assert len(list(model.sample_batch({"image": picture}, ("audio",), steps=1))) == 1


def stages(model, want, given=(), edited=(), **settings):
    """Streams and steps of each stage of a run of 8 steps."""
    z = {s.name: torch.zeros(1, s.dim, *s.shape) for s in model.streams.values()}
    sources = {k: EditSource(z[k], z[k].long()) for k in edited}
    asked = SamplingSettings(n=1, steps=8, **settings)
    conditions = [Conditions(model.style_index((None,), 1), {k: z[k] for k in given})]
    run = JointRun(model, conditions, want, z, [torch.Generator()], asked, sources)
    return [(stage.streams, stage.steps) for stage in run.stages()]


def test_what_is_edited_or_varied_is_made_in_one_go(model):
    """No word is made first, asked for or not: it would not be of what is kept, or not start from its source."""
    assert stages(model, ("image", "text")) == [(("text",), 2), (("image",), 6)]
    assert stages(model, ("audio",), given=("image",)) == [(("text",), 2), (("audio",), 6)]
    assert stages(model, ("audio",), given=("image",), edited=("audio",)) == [(("audio",), 8)]
    varied = stages(model, ("image", "text"), edited=("image", "text"), strength=0.5)
    assert varied == [(("image", "text"), 8)]


def test_a_model_without_an_anchor_makes_everything_at_once(model, monkeypatch):
    monkeypatch.setattr(model.interface, "anchor", "")
    assert stages(model, ("image", "text")) == [(("image", "text"), 8)]
    assert stages(model, ("audio",), given=("image",)) == [(("audio",), 8)]


def test_conditions_speaker_and_guidance_matter(model):
    def run(given, **settings):
        return last(model.sample(given, want=("image",), n=1, steps=3, **settings)).x0["image"]

    base = run({"text": "two"}, guidance=1.0)
    assert not torch.allclose(run({"text": "三"}, guidance=1.0), base, atol=1e-4)
    assert not torch.allclose(run({"text": "two"}, guidance=1.0, speaker="ann"), base, atol=1e-4)
    assert not torch.allclose(run({"text": "two"}, guidance=4.0), base, atol=1e-4)


def test_guidance_one_is_the_conditional_prediction(model):
    """At w = 1, v_u + w (v_c - v_u) = v_c: guiding just above 1 must come close to it."""
    runs = (model.sample({"text": "two"}, want=("image",), n=1, steps=3, guidance=w) for w in (1.0, 1.0001))
    a, b = (last(run).x0["image"] for run in runs)
    assert torch.allclose(a, b, atol=1e-2)


def test_previews_are_what_a_person_uses(model):
    step = last(model.sample({}, n=2, steps=2))
    pictures, sounds, texts = (step.preview(m) for m in ("image", "audio", "text"))
    assert [p.size for p in pictures] == [(32, 32)] * 2
    assert all(rate == 16_000 and wave.dtype == np.float32 and len(wave) == 12_800 for rate, wave in sounds)
    assert all(isinstance(t, str) and "\0" not in t for t in texts)
    assert [len(c) for c in step.text_confidence("text")] == [16, 16]


def test_final_pictures_are_exactly_their_tokens(model):
    step = last(model.sample({"text": "two"}, want=("image",), n=2, steps=3))
    for tokens, picture in zip(step.tokens("image"), step.preview("image"), strict=True):
        again = model.codecs["image"].decode(type(tokens).from_bytes(tokens.to_bytes()))
        assert np.abs(np.array(again).astype(int) - np.array(picture)).max() <= 1  # one 8-bit step of rounding


def test_a_run_can_be_abandoned(model):
    steps = model.sample({"text": "two"}, steps=50)
    next(steps)
    steps.close()
    assert not torch.is_inference_mode_enabled()


def test_many_inputs_at_once_equal_one_by_one(model):
    pictures = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    batch = last(model.sample_batch({"image": pictures}, ("text",), steps=3, seed=2)).x0["text"]
    first = last(model.sample_batch({"image": pictures[:1]}, ("text",), steps=3, seed=2)).x0["text"]
    assert torch.allclose(batch[:1], first, atol=1e-4)


@pytest.mark.parametrize(
    "given, settings, reason",
    [
        ({"video": 1}, {}, "has no 'video'"),
        ({"text": "two"}, {"want": ("text",)}, "both given and wanted"),
        ({"text": "two"}, {"n": 0}, "1 to 64"),
        ({"text": "two"}, {"steps": 0}, "1 to 250"),
        ({"text": "two"}, {"sampler": "magic"}, "choose one of euler"),
        ({"text": "two"}, {"speaker": "nobody"}, "choose one of ann"),
        ({"text": "two"}, {"seed": -1}, "seed must be 0 to"),
        ({"text": "two"}, {"seed": 2**31}, "seed must be 0 to"),
        ({"text": "two"}, {"n": 2.5}, "1 to 64"),
        ({"text": "two"}, {"guidance": float("nan")}, "guidance weight must be"),
        ({"text": "a word far too long for it"}, {}, "bytes long"),
        ({"audio": (16_000, np.zeros(8000, np.float32))}, {}, "silent"),
        ({"image": Image.new("RGB", (50, 50))}, {}, "blank"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_sentence(model, given, settings, reason):
    with pytest.raises(InputError, match=reason):
        next(model.sample(given, **settings))


def test_other_tokenizer_weights_are_refused(tmp_path):
    folder = random_joint(tmp_path / "joint")
    config = json.loads((folder / "config.json").read_text())
    config["tokenizers"]["image"]["fingerprint"] = "00000000"
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="was trained on tokenizer image 00000000"):
        JointDiffusion.from_folder(folder, "cpu")
    assert checkpoints.read_config(folder)["kind"] == "joint"


def test_a_checkpoint_that_does_not_say_how_inputs_reach_it_is_refused(tmp_path):
    folder = random_joint(tmp_path / "joint")
    config = json.loads((folder / "config.json").read_text())
    del config["interface"]
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="no “interface”, which says how inputs reach"):
        JointDiffusion.from_folder(folder, "cpu")


# ------------------------------------------------------------------------- framing of inputs


def test_a_model_may_bring_its_tokenizers_along(tmp_path):
    """The shipped tokenizer of that name may be a newer one; the model's own is taken all the same."""
    folder = random_joint(tmp_path / "joint")
    config = json.loads((folder / "config.json").read_text())
    wanted = dict(config["tokenizers"]["text"])
    own = folder / "tokenizers" / wanted["name"]
    shutil.copytree(checkpoints.find(wanted["name"]), own)
    other = checkpoints.load_state(own)
    other["bottleneck.codebooks"] += 1
    model = JointDiffusion.from_folder(folder, "cpu").codecs["text"]
    model.tokenizer.load_state_dict(other)
    checkpoints.save(own, model.tokenizer, checkpoints.read_config(own))
    config["tokenizers"]["text"]["fingerprint"] = Codec.from_folder(own).fingerprint
    (folder / "config.json").write_text(json.dumps(config))
    assert JointDiffusion.from_folder(folder, "cpu").codecs["text"].fingerprint != wanted["fingerprint"]


def test_pen_on_paper_and_chalk_on_board_are_framed_alike():
    def frame(picture):
        return inputs.frame_picture(torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 255)

    dark, bright = frame(drawn("black", "white")), frame(drawn("white", "black"))
    assert dark.shape == (3, 32, 32) and torch.allclose(dark, bright, atol=0.02)
    mass = dark[0] / dark[0].sum()
    centre = [(mass.sum(a) * torch.arange(32)).sum().item() for a in (1, 0)]
    assert centre == pytest.approx([15.5, 15.5], abs=1.0)  # MNIST centres by mass
    rows, columns = (dark[0] > 0.3).any(1).sum(), (dark[0] > 0.3).any(0).sum()
    assert 17 <= max(rows, columns) <= 20


def test_mnist_pictures_are_only_padded():
    digit = torch.zeros(3, 28, 28)
    digit[:, 6:20, 10:16] = 1
    framed = inputs.frame_picture(digit)
    assert torch.equal(framed[:, 2:-2, 2:-2], digit) and framed[:, :2].sum() == 0


def test_words_start_at_their_onset_at_one_level():
    t = torch.arange(4800) / 16_000
    word = 0.05 * torch.sin(2 * torch.pi * 300 * t)
    late = torch.cat([torch.zeros(9000), word, torch.zeros(5000)])
    framed = inputs.frame_sound(late, 12_800)
    assert framed.shape == (12_800,) and framed.abs().max() == pytest.approx(inputs.PEAK, rel=0.02)
    assert framed[:400].abs().max() > 0.1 and framed[6000:].abs().max() < 1e-3


def test_text_is_padded_and_read_back():
    framed = TextFrame([4], 4).fit(torch.tensor(list(" 七 ".encode()), dtype=torch.uint8))
    assert len(framed) == 16 and TextFrame.read(framed) == "七"


def test_any_picture_is_fitted_into_a_picture_frame_whole():
    frame = PictureFrame([8, 8], 8)
    black = frame.fit(torch.zeros(3, 200, 100))
    assert black.shape == (3, 64, 64) and (black[:, :, 16:48] == 0).all()
    assert (black[:, :, :16] == 1).all() and (black[:, :, 48:] == 1).all()
    same = torch.rand(3, 64, 64)
    assert torch.equal(frame.fit(same), same)


def test_sounds_are_cut_and_padded_to_a_sound_frame():
    frame = SoundFrame([2], 320)
    assert frame.fit(torch.ones(1000)).tolist() == [1.0] * 640
    assert frame.fit(torch.ones(600)).sum() == 600 and len(frame.fit(torch.ones(600))) == 640


def made(model) -> tuple:
    step = last(model.sample({"text": "two"}, ("image", "audio"), n=2, steps=3, seed=4, sampler="ancestral"))
    return step.x0["image"], step.x0["audio"], step.tokens("image")[1], np.asarray(step.preview("image")[0])


def same(a: tuple, b: tuple) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a[:2], b[:2])) and a[2] == b[2] and np.array_equal(a[3], b[3])


def test_copies_and_pickles_sample_the_same(model):
    expected = made(model)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert same(made(other), expected) and other == model and hash(other) == hash(model)
    changed = copy.deepcopy(model)
    with torch.no_grad():
        next(changed.network.parameters()).add_(1)
    assert changed != model and model != model.name


def test_a_host_program_that_trains_changes_no_sample(model):
    expected = made(model)
    host = torch.nn.Sequential(torch.nn.Linear(2, 2))
    host.add_module("generator", model.network)
    try:
        assert same(made(model), expected) and host.train() and same(made(model), expected)
        assert len([p for p in host.parameters() if p.requires_grad]) == 2
    finally:
        model.network.eval()


def test_settings_of_the_host_program_change_no_sample(model, tmp_path):
    folder = random_joint(tmp_path / "joint")
    expected = made(model)
    with torch.autocast("cpu", torch.bfloat16):
        assert same(made(model), expected)
    with torch.inference_mode():
        inside = made(model)
    assert same(inside, expected) and not any(x.is_inference() for x in (*inside[:2], inside[2].codes))
    inside[2].codes[0, 0, 0] = 5  # as of any tensor
    for set_default, value, usual in (
        (torch.set_default_dtype, torch.float64, torch.float32),
        (torch.set_default_device, "meta", None),  # what a default GPU would do to tensors that say no device
    ):
        set_default(value)
        try:
            again, loaded = made(model), made(JointDiffusion.from_folder(folder, "cpu"))
        finally:
            set_default(usual)
        assert same(again, expected) and same(loaded, expected)
        assert again[0].dtype == torch.float32
