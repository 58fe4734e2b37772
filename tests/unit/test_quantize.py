"""Properties of the bottlenecks, one test for each trap known from other codecs."""

import pytest
import torch

from mmdemo.quantizers import build_quantizer
from mmdemo.quantizers.gaussian import GaussianConfig
from mmdemo.quantizers.kmeans import kmeans, kmeans_with_prior, nearest
from mmdemo.quantizers.residual import ResidualVQ, ResidualVQConfig, dropout_levels


@pytest.fixture
def rvq() -> ResidualVQ:
    torch.manual_seed(0)
    vq = ResidualVQ(ResidualVQConfig(dim=4, levels=3, codebook_size=16))
    vq.init_codebooks(torch.randn(2000, 4))
    return vq


def latents(n: int = 6, positions: int = 50) -> torch.Tensor:
    return torch.randn(n, 4, positions, generator=torch.Generator().manual_seed(1))


def test_nearest_agrees_with_brute_force_for_any_chunking(monkeypatch):
    vectors, codebook = torch.randn(333, 8), torch.randn(40, 8)
    expected = torch.cdist(vectors, codebook).argmin(1)
    assert torch.equal(nearest(vectors, codebook), expected)
    monkeypatch.setattr("mmdemo.quantizers.kmeans.CHUNK", 400)  # ten rows at a time
    assert torch.equal(nearest(vectors, codebook), expected)


def test_kmeans_finds_separated_clusters():
    torch.manual_seed(0)
    truth = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    vectors = truth.repeat_interleave(100, 0) + 0.1 * torch.randn(300, 2)
    centres, assigned = kmeans(vectors, 3, iterations=20)
    assert (torch.cdist(truth, centres).min(1).values < 0.1).all()
    assert len(assigned) == 300


def test_kmeans_leaves_a_poor_start_behind():
    """Plain Lloyd iterations keep two centres in one cluster and one between two others for good."""
    truth = 10 * torch.randn(40, 2, generator=torch.Generator().manual_seed(0))
    vectors = truth.repeat_interleave(50, 0) + 0.01 * torch.randn(2000, 2)
    for seed in range(3):
        torch.manual_seed(seed)
        centres, assigned = kmeans(vectors, 40)
        assert (vectors - centres[assigned]).square().sum(1).mean() < 0.01


def test_given_centres_stay_where_nothing_asks_for_anything_else():
    vectors = torch.tensor([[0.0, 1.0]]).repeat(300, 1)
    given = torch.tensor([[0.0, 0.5], [5.0, 5.0]])
    centres, assigned = kmeans_with_prior(vectors, given)
    torch.testing.assert_close(centres[0], vectors[0], atol=0.01, rtol=0)
    assert torch.equal(centres[1], given[1])
    assert not assigned.any()
    few = kmeans_with_prior(vectors[:3], given)[0]
    torch.testing.assert_close(few[0], torch.tensor([0.0, 0.75]))  # 3 vectors against the pull of 3


def test_kmeans_with_fewer_vectors_than_centres():
    centres, _ = kmeans(torch.randn(5, 3), 8)
    assert centres.shape == (8, 3) and centres.isfinite().all()


def test_eval_forward_equals_decode_of_codes(rvq):
    rvq.eval()
    z = latents()
    out = rvq(z)
    assert torch.allclose(out.z, rvq.decode(out.codes), atol=1e-6)  # fp32 rounding of z + (q - z)
    assert torch.equal(out.codes, rvq.encode(z))


def test_codes_of_codewords_are_themselves(rvq):
    """Level 1 codewords encode to their own index."""
    words = rvq.codebooks[0].T[None]  # (1, D, K)
    assert torch.equal(rvq.encode(words, levels=1)[0, 0], torch.arange(16))


def test_error_falls_with_every_level(rvq):
    z = latents()
    codes = rvq.encode(z)
    errors = [(rvq.decode(codes[:, : k + 1]) - z).square().mean() for k in range(3)]
    assert errors[0] > errors[1] > errors[2]


def test_fewer_active_levels_give_the_coarser_sum(rvq):
    rvq.eval()
    z = latents(3)
    out = rvq(z, torch.tensor([1, 2, 3]))
    for i, levels in enumerate((1, 2, 3)):
        assert torch.allclose(out.z[i], rvq.decode(out.codes[i : i + 1, :levels])[0], atol=1e-6)


def test_straight_through_gradient_is_identity(rvq):
    rvq.eval()
    z = latents().requires_grad_()
    rvq(z).z.sum().backward()
    assert torch.allclose(z.grad, torch.ones_like(z))


def test_commitment_reaches_the_encoder_past_level_one(rvq):
    """The residual of level 2 and 3 must pull on z; without a detached word it does not."""
    rvq.eval()
    z = latents().requires_grad_()
    rvq(z, torch.full((6,), 3)).loss.backward()
    all_levels = z.grad.clone()
    z.grad = None
    rvq(z, torch.full((6,), 1)).loss.backward()
    assert not torch.allclose(all_levels, z.grad, atol=1e-5)
    # Gradient of the last level alone points from the full reconstruction to z.
    residual = (z - rvq.decode(rvq.encode(z))).detach()
    assert (all_levels * residual).sum() > 0


def test_codebook_follows_the_data(rvq):
    rvq.train()
    z = latents(32) + 3.0  # the data moves
    before = (rvq.decode(rvq.encode(z)) - z).square().mean()
    for _ in range(200):
        rvq(z)
    assert (rvq.decode(rvq.encode(z)) - z).square().mean() < 0.5 * before


def test_dead_codes_restart_and_stay(rvq):
    rvq.train()
    rvq.codebooks[0, 3] = 1e3  # a code that nothing will ever choose
    rvq.ema_sum[0, 3] = 0
    rvq.ema_count[0, 3] = 0
    rvq(latents())
    word = rvq.codebooks[0, 3].clone()
    assert word.abs().max() < 10
    # All three buffers were set: the next update must not throw the restart away.
    assert torch.allclose(rvq.ema_sum[0, 3] / rvq.ema_count[0, 3], word, atol=1e-5)
    rvq(latents())
    assert rvq.codebooks[0, 3].abs().max() < 10


def test_level_1_may_restart_codes_sooner_than_the_others():
    rvq = ResidualVQ(
        ResidualVQConfig(dim=2, levels=2, codebook_size=4, decay=1.0, restart_below=0.1, restart_first=0.7)
    )
    counts = torch.tensor([0.5, 5.0, 1.0, 1.0])  # 0.5: half of what the first code would get in equal shares of 4
    for level in range(2):
        rvq.set_codes(level, torch.arange(4), torch.full((4, 2), 9.0), counts)
        rvq._update(level, torch.zeros(4, 2), torch.tensor([1, 1, 2, 3]))
    moved = (rvq.codebooks == 0).all(2)  # a restarted code lies on a vector of the batch, at zero
    assert moved.tolist() == [[True, False, False, False], [False] * 4]


def test_each_level_may_start_from_vectors_of_its_own():
    """Level 2 then serves what level 1 leaves of its own set, not of level 1's."""
    vq = ResidualVQ(ResidualVQConfig(dim=1, levels=2, codebook_size=2))
    vq.init_codebook(0, torch.tensor([[0.0], [10.0]]).repeat(20, 1))
    assert not vq.initialized
    left = vq.residual_after(torch.tensor([[-1.0], [11.0]]).repeat(20, 1), 1)
    vq.init_codebook(1, left)
    assert vq.initialized
    torch.testing.assert_close(vq.codebooks[0].sort(0).values, torch.tensor([[0.0], [10.0]]), atol=1e-2, rtol=0)
    torch.testing.assert_close(vq.codebooks[1].sort(0).values, torch.tensor([[-1.0], [1.0]]), atol=1e-2, rtol=0)


def test_padding_never_touches_codebook_statistics(rvq):
    twin = ResidualVQ(rvq.config)
    twin.load_state_dict(rvq.state_dict())
    z = latents(2, 50)
    mask = torch.ones(2, 50, dtype=torch.bool)
    mask[:, 40:] = False
    dirty = z.clone()
    dirty[..., 40:] = 100.0
    torch.manual_seed(5)
    masked = rvq.train()(dirty, mask=mask)
    torch.manual_seed(5)
    short = twin.train()(z[..., :40].contiguous())
    assert torch.allclose(rvq.codebooks, twin.codebooks, atol=1e-6)
    assert torch.allclose(masked.loss, short.loss, atol=1e-6)


def test_quantising_is_fp32_under_autocast(rvq):
    rvq.eval()
    z = latents()
    with torch.autocast("cpu", torch.bfloat16):
        out = rvq(z)
    assert torch.equal(out.codes, rvq.encode(z))


def test_quantizer_dropout_draws_every_level_and_keeps_half():
    drawn = dropout_levels(4000, 4, 0.5, torch.Generator().manual_seed(0))
    assert set(drawn.tolist()) == {1, 2, 3, 4}
    assert 0.55 < (drawn == 4).float().mean() < 0.70  # half, plus a quarter of the other half: 0.625


def test_quantizer_dropout_can_favour_a_level():
    drawn = dropout_levels(8000, 3, 1.0, torch.Generator().manual_seed(0), [0.2, 0.5, 0.3])
    share = torch.bincount(drawn, minlength=4)[1:] / 8000
    torch.testing.assert_close(share, torch.tensor([0.2, 0.5, 0.3]), atol=0.02, rtol=0)  # 4 standard deviations


def test_usage_shows_a_collapse(rvq):
    rvq.ema_count.zero_()
    rvq.ema_count[:, 0] = 100
    used, perplexity = rvq.usage()
    assert used == pytest.approx([1 / 16] * 3) and perplexity == pytest.approx([1.0] * 3)


def test_gaussian_kl_against_torch_distributions():
    config = GaussianConfig(kind="gaussian", dim=4, kl=1.0)
    bottleneck = build_quantizer(config).eval()
    z = torch.randn(3, 8, 5)
    mu, logvar = z.chunk(2, dim=1)
    exact = torch.distributions.kl_divergence(
        torch.distributions.Normal(mu, (0.5 * logvar).exp()), torch.distributions.Normal(0.0, 1.0)
    )
    out = bottleneck(z)
    assert torch.allclose(out.loss, exact.mean(), atol=1e-6)
    assert torch.equal(out.z, mu) and out.codes is None


def test_gaussian_samples_only_in_training():
    bottleneck = build_quantizer(GaussianConfig(kind="gaussian", dim=4)).train()
    z = torch.zeros(200, 8, 10)
    assert bottleneck(z).z.std() == pytest.approx(1.0, abs=0.05)  # sigma = 1 where log sigma^2 = 0


def test_vq_is_one_level_and_unknown_kinds_are_refused():
    assert build_quantizer(ResidualVQConfig(kind="vq", levels=5)).levels == 1
    with pytest.raises(ValueError, match="choose one of rvq, vq, gaussian"):
        build_quantizer(ResidualVQConfig(kind="binary"))


def test_a_restarted_code_has_the_time_to_gather_vectors():
    """It counts as uniformly used: with less, it would be dead again at once, and jump about for good."""
    torch.manual_seed(0)
    vq = ResidualVQ(ResidualVQConfig(kind="vq", dim=2, codebook_size=8))
    z = torch.randn(1, 2, 4000)
    vq.init_codebooks(z[0].T)
    vq.codebooks[0, 7], vq.ema_count[0, 7], vq.ema_sum[0, 7] = 1e3, 0, 0  # never chosen
    vq.train()(z)
    place = vq.codebooks[0, 7].clone()
    for _ in range(3):
        vq(z)
        assert (vq.codebooks[0, 7] - place).norm() < 0.1  # it follows its vectors; a restart jumps by about 1
    assert vq.ema_count[0, 7] > 0.5 * 4000 / 8


def test_codes_that_nothing_chose_at_the_start_stay_where_they_are():
    """Fewer vectors than codes: some begin with none, and must not fall to zero with the first step."""
    torch.manual_seed(0)
    vq = ResidualVQ(ResidualVQConfig(kind="vq", dim=3, codebook_size=8, restart_below=0.0))
    vectors = 5 + torch.randn(5, 3)
    vq.init_codebooks(vectors)
    before = vq.codebooks.clone()
    torch.testing.assert_close(vq.ema_sum / vq.ema_count[..., None], before)
    codes = vq.train()(vectors.T[None]).codes
    idle = torch.bincount(codes.flatten(), minlength=8) == 0
    assert idle.sum() >= 3
    torch.testing.assert_close(vq.codebooks[0, idle], before[0, idle])


def test_the_commitment_loss_is_the_mean_over_levels():
    """A second level that changes nothing leaves the same distance again, and the same loss."""
    z = latents()
    one = ResidualVQ(ResidualVQConfig(dim=4, levels=1, codebook_size=16))
    one.init_codebooks(z.movedim(1, -1).reshape(-1, 4))
    two = ResidualVQ(ResidualVQConfig(dim=4, levels=2, codebook_size=16))
    two.codebooks[0] = one.codebooks[0]  # and zeros at level 2
    two.ready.fill_(True)
    expected = one.eval()(z).loss
    torch.testing.assert_close(two.eval()(z).loss, expected)
    error = (one.decode(one.encode(z)) - z).square().mean()
    torch.testing.assert_close(expected, one.config.commitment * error)  # per value, whatever the size of the batch
