"""Noise schedules, samplers and the transformer, checked against closed forms."""

import math

import pytest
import torch

from mmdemo.config import from_dict, to_dict
from mmdemo.diffusion.dit import DiT
from mmdemo.diffusion.latents import FLOOR, LatentNormalizer
from mmdemo.diffusion.samplers import SAMPLERS, fresh_noise, nfe, repaint
from mmdemo.diffusion.schedule import SCHEDULES, times
from mmdemo.diffusion.streams import DiTConfig, Stream

MU, STD = 0.7, 0.5  # data x0 ~ N(MU, STD^2): the exact denoiser is known


def exact_denoiser(schedule):
    def denoise(x, t):
        alpha, sigma = schedule.alpha(t), schedule.sigma(t)
        gain = alpha * STD**2 / (alpha**2 * STD**2 + sigma**2)
        return MU + gain * (x - alpha * MU)

    return denoise


def sample(name, schedule, steps, seed=0, n=20_000):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 1, generator=generator) * schedule.sigma(1.0)
    states = list(SAMPLERS[name](exact_denoiser(schedule), x, times(steps), schedule, generator))
    assert [s.index for s in states] == list(range(1, steps + 1)) and states[-1].t == 0
    return states[-1].x


@pytest.mark.parametrize("schedule", list(SCHEDULES))
@pytest.mark.parametrize("name", list(SAMPLERS))
def test_samplers_give_the_data_distribution(name, schedule):
    x = sample(name, SCHEDULES[schedule], steps=64)
    # Standard error of the mean is 0.004; first-order methods at 64 steps lose some spread, most on "ve".
    first_order = name in ("euler", "ddim", "ancestral")
    assert x.mean().item() == pytest.approx(MU, abs=0.035)
    assert x.std().item() == pytest.approx(STD, abs=0.12 if first_order else 0.02)


@pytest.mark.parametrize("schedule", list(SCHEDULES))
def test_second_order_beats_first_order(schedule):
    """At 12 steps, against the ODE's own solution (a fine Heun run from the same noise)."""
    p = SCHEDULES[schedule]
    truth = sample("heun", p, 400, n=500)
    error = {name: (sample(name, p, 12, n=500) - truth).abs().mean() for name in ("euler", "heun", "dpmpp_2m")}
    assert error["heun"] < error["euler"] and error["dpmpp_2m"] < error["euler"]


def test_ddim_is_euler_on_the_linear_flow():
    a, b = (sample(name, SCHEDULES["flow"], 10, n=50) for name in ("euler", "ddim"))
    assert torch.allclose(a, b, atol=1e-5)


def test_ancestral_noise_is_reproducible_and_differs_by_seed():
    p = SCHEDULES["vp"]
    assert torch.equal(sample("ancestral", p, 8, 3, 10), sample("ancestral", p, 8, 3, 10))
    assert not torch.equal(sample("ancestral", p, 8, 3, 10), sample("ancestral", p, 8, 4, 10))


@pytest.mark.parametrize("schedule", list(SCHEDULES))
def test_prediction_targets_invert(schedule):
    """x0 comes back from x_t and a perfect prediction, at any time; and derivatives are what they say."""
    p = SCHEDULES[schedule]
    x0, eps = torch.randn(64, dtype=torch.float64), torch.randn(64, dtype=torch.float64)
    for t in (0.05, 0.5, 0.95):
        x = p.add_noise(x0, eps, t)
        assert torch.allclose(p.to_x0(x, p.target(x0, eps, t), t), x0, atol=1e-5)
        h = 1e-3
        d_alpha, d_sigma = p.derivatives(t)
        span = float(p.ode_time(t + h) - p.ode_time(t - h))
        assert float(d_alpha) == pytest.approx(float(p.alpha(t + h) - p.alpha(t - h)) / span, abs=1e-3)
        assert float(d_sigma) == pytest.approx(float(p.sigma(t + h) - p.sigma(t - h)) / span, rel=1e-2)
    assert float(p.sigma(0.0)) == 0 and float(p.alpha(0.0)) == 1


@pytest.mark.parametrize("schedule", list(SCHEDULES))
def test_the_model_input_has_unit_variance(schedule):
    p = SCHEDULES[schedule]
    x0, eps = torch.randn(100_000), torch.randn(100_000)
    for t in (0.0, 0.3, 1.0):
        variance = p.scale_model_input(p.add_noise(x0, eps, t), t).var().item()
        expected = (1 - t) ** 2 + t**2 if schedule == "flow" else 1.0
        assert variance == pytest.approx(expected, rel=0.03)


def test_variance_exploding_adds_noise_alone():
    p = SCHEDULES["ve"]
    x0, eps = torch.randn(64), torch.randn(64)
    for t in (0.1, 0.6, 1.0):
        sigma = 40 * t**7
        assert torch.allclose(p.add_noise(x0, eps, t), x0 + sigma * eps, rtol=1e-4, atol=1e-4)
    # Its end drowns the data: two spoken digits (640 values of unit variance) are less than sigma apart.
    assert float(p.sigma(1.0)) > math.sqrt(2 * 640)


@pytest.mark.parametrize("schedule", list(SCHEDULES))
def test_noise_added_on_top_of_noise_is_noise_of_the_later_time(schedule):
    p = SCHEDULES[schedule]
    x0, eps, fresh = torch.full((100_000,), 2.0), torch.randn(100_000), torch.randn(100_000)
    x = p.renoise(p.add_noise(x0, eps, 0.4), fresh, 0.4, 0.7)
    assert x.mean().item() == pytest.approx(2 * float(p.alpha(0.7)), abs=0.02 * (1 + float(p.sigma(0.7))))
    assert x.std().item() == pytest.approx(float(p.sigma(0.7)), rel=0.02)


@pytest.mark.parametrize("schedule", list(SCHEDULES))
@pytest.mark.parametrize("name", ["heun", "dpmpp_2m", "ancestral"])
def test_repaint_gives_the_data_distribution(name, schedule):
    p = SCHEDULES[schedule]
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(20_000, 1, generator=generator) * p.sigma(1.0)
    states = list(repaint(SAMPLERS[name], 2)(exact_denoiser(p), x, times(32), p, generator))
    assert [s.index for s in states] == list(range(1, 33)) and states[-1].t == 0
    assert states[-1].x.mean().item() == pytest.approx(MU, abs=0.035)
    assert states[-1].x.std().item() == pytest.approx(STD, abs=0.12)


def test_repaint_takes_every_step_again_from_its_start():
    calls = []

    def denoise(x, t):
        calls.append(t)
        return x * 0

    p, generator = SCHEDULES["flow"], torch.Generator().manual_seed(0)
    list(repaint(SAMPLERS["euler"], 1)(denoise, torch.randn(2, 3), times(4), p, generator))
    assert calls == [1.0, 1.0, 0.75, 0.75, 0.5, 0.5, 0.25]  # the last step ends in data: no noise to go back to


def test_one_generator_a_sample_makes_noise_independent_of_the_others():
    def noise(n):
        return fresh_noise(torch.zeros(n, 5), [torch.Generator().manual_seed(i) for i in range(n)])

    assert torch.equal(noise(1), noise(3)[:1]) and not torch.equal(noise(2)[0], noise(2)[1])


@pytest.mark.parametrize("schedule", list(SCHEDULES))
def test_a_transformer_trains_and_samples_under_every_schedule(schedule):
    """Two streams that agree (all +1 or all -1): after a short training, samples are near the data and agree."""
    torch.manual_seed(0)
    p, shapes = SCHEDULES[schedule], {"a": (4, 2), "b": (4, 3)}
    net = DiT(DiTConfig([Stream("a", 4, [2]), Stream("b", 4, [3])], width=32, depth=1, heads=2))
    optimizer = torch.optim.AdamW(net.parameters(), lr=5e-3)
    for _ in range(160):
        sign = torch.randint(2, (64, 1, 1)) * 2.0 - 1
        t = torch.rand(64) * 0.98 + 0.01
        x, target = {}, {}
        for k, shape in shapes.items():
            x0, eps, wide = sign.expand(-1, *shape), torch.randn(64, *shape), t.reshape(-1, 1, 1)
            x[k] = p.scale_model_input(p.add_noise(x0, eps, wide), wide)
            target[k] = p.target(x0, eps, wide)
        out = net(x, dict.fromkeys(shapes, t))
        loss = sum((out[k] - target[k]).square().mean() for k in shapes)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    @torch.no_grad()
    def denoise(flat, t):
        parts = dict(zip(shapes, p.scale_model_input(flat, t).split([8, 12], dim=1), strict=True))
        parts = {k: v.unflatten(1, shapes[k]) for k, v in parts.items()}
        out = net(parts, {k: torch.full((len(flat),), t) for k in shapes})
        return p.to_x0(flat, torch.cat([v.flatten(1) for v in out.values()], dim=1), t)

    x = torch.randn(64, 20) * p.sigma(1.0)
    for name in ("heun", "ancestral"):
        made = list(SAMPLERS[name](denoise, x, times(16), p, torch.Generator().manual_seed(1)))[-1].x
        sign = made.mean(1, keepdim=True).sign()
        assert (made - sign).abs().mean() < 0.3  # all 20 values of a sample near one of the two
        assert 0.2 < (sign > 0).float().mean() < 0.8  # and both are made


def test_times_and_evaluations():
    assert times(4) == [1.0, 0.75, 0.5, 0.25, 0.0] and times(2, 0.5) == [0.5, 0.25, 0.0]
    assert nfe("heun", 8) == 15 and nfe("euler", 8) == 8


def tiny(**kwargs) -> DiT:
    torch.manual_seed(0)
    streams = [Stream("image", 4, [2, 3]), Stream("audio", 4, [6], 2), Stream("text", 4, [2])]
    return DiT(DiTConfig(streams, ["ann", "bob"], width=32, depth=2, heads=2, **kwargs)).eval()


def batch(n=3):
    g = torch.Generator().manual_seed(1)
    shapes = {"image": (4, 2, 3), "audio": (4, 6), "text": (4, 2)}
    x = {k: torch.randn(n, *s, generator=g) for k, s in shapes.items()}
    return x, {k: torch.full((n,), 0.5) for k in shapes}


def warm(net: DiT) -> DiT:
    """adaLN-Zero starts as a constant; move every weight a little."""
    g = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.2 * torch.randn(p.shape, generator=g))
    return net


def test_dit_starts_at_zero_and_keeps_shapes():
    x, t = batch()
    out = tiny()(x, t)
    assert {k: v.shape for k, v in out.items()} == {k: v.shape for k, v in x.items()}
    assert all((v == 0).all() for v in out.values())


def test_training_attention_equals_the_fused_kernel():
    net = warm(tiny())
    x, t = batch()
    fused = net(x, t)
    plain = net.train()(x, t)
    for k in x:
        assert torch.allclose(fused[k], plain[k], atol=1e-4)


def test_every_stream_conditions_every_other_and_has_its_own_time():
    net = warm(tiny())
    x, t = batch()
    out = net(x, t)
    for source in x:
        moved = net({**x, source: x[source] + 1}, t)
        later = net(x, {**t, source: torch.full((3,), 0.9)})
        for target in x:
            assert not torch.allclose(moved[target], out[target], atol=1e-4)
            assert not torch.allclose(later[target], out[target], atol=1e-4)


def test_times_may_be_given_per_token():
    net = warm(tiny())
    x, t = batch()
    out = net(x, t)
    wide = {k: v[:, None].expand(-1, n) for (k, v), n in zip(t.items(), (6, 3, 2), strict=True)}
    same = net(x, {**t, "image": wide["image"]})
    assert all(torch.allclose(same[k], out[k], atol=1e-5) for k in out)
    clean = wide["image"].clone()
    clean[:, 0] = 0
    part = net(x, {**t, "image": clean})
    assert not torch.allclose(part["image"][..., 0, 1], out["image"][..., 0, 1], atol=1e-4)  # other tokens see it


def test_position_and_style_matter():
    net = warm(tiny())
    x, t = batch()
    out = net(x, t)
    flipped = net({**x, "image": x["image"].flip(-1)}, t)
    assert not torch.allclose(flipped["image"].flip(-1), out["image"], atol=1e-3)  # rotary positions are in use
    ann, bob = (net(x, t, torch.full((3,), i)) for i in (0, 1))
    assert not torch.allclose(ann["audio"], bob["audio"], atol=1e-4)
    assert torch.equal(net(x, t, torch.full((3,), net.any_style))["audio"], out["audio"])


def test_samples_in_a_batch_do_not_mix():
    net = warm(tiny())
    x, t = batch(3)
    alone = net({k: v[:1] for k, v in x.items()}, {k: v[:1] for k, v in t.items()})
    assert torch.allclose(net(x, t)["image"][:1], alone["image"], atol=1e-5)


def test_config_round_trip():
    config = tiny().config
    again = from_dict(DiTConfig, to_dict(config))
    assert again == config
    with pytest.raises(ValueError, match=r"no setting .depht.; did you mean .depth.\?"):
        from_dict(DiTConfig, {**to_dict(config), "depht": 3})
    assert math.prod(config.streams[0].shape) == config.streams[0].tokens == 6


def test_latents_get_the_size_they_are_to_have_and_come_back():
    latents = LatentNormalizer([Stream("text", 3, [4])])
    z = torch.tensor([2.0, 5.0, 1e-5])[:, None] * torch.randn(500, 3, 4, generator=torch.Generator().manual_seed(0)) + 7
    latents.measure("text", z, 0.5)
    scaled = latents.normalize("text", z)
    std = scaled.transpose(0, 1).flatten(1).std(1)
    torch.testing.assert_close(std[:2], torch.tensor([0.5, 0.5]))
    assert std[2] < 0.01  # a channel that hardly moves is not blown up: what moves it later would be
    assert latents.text.std[2] == pytest.approx(FLOOR * 7 / 3 / 0.5, rel=0.1)
    torch.testing.assert_close(latents.restore("text", scaled), z)
