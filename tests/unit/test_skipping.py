"""Residual VQ that skips what is not worth its bits: code 0 is the zero vector, errors are weighed with costs."""

import itertools

import pytest
import torch

from mmdemo.codec import tiling
from mmdemo.entropy.prior import CodePrior, PriorConfig
from mmdemo.modalities import MODALITIES
from mmdemo.quantizers.beam import EARLIER, beam_search
from mmdemo.quantizers.residual import ResidualVQ, ResidualVQConfig, apart_from_neighbours
from mmdemo.tokenizers.audio import AudioTokenizer, AudioTokenizerConfig
from mmdemo.tokenizers.image import ImageTokenizer, ImageTokenizerConfig

SKIP = [0, 0.6, 0.4, 0.2, 0]


def uneven(n: int = 4000, seed: int = 0) -> torch.Tensor:
    """(n, 4) latents of which a fifth is ten times as large as the rest: edges, and what lies smooth between them."""
    generator = torch.Generator().manual_seed(seed)
    large = torch.rand(n, 1, generator=generator) < 0.2
    return torch.randn(n, 4, generator=generator) * torch.where(large, 1.0, 0.1)


def quantizer(skip: list[float], beam: int = 1, levels: int = 5) -> ResidualVQ:
    torch.manual_seed(0)
    vq = ResidualVQ(ResidualVQConfig(dim=4, levels=levels, codebook_size=16, skip=skip, beam=beam))
    vq.init_codebooks(uneven())
    return vq.eval()


def codes_of(vq: ResidualVQ, x: torch.Tensor) -> torch.Tensor:
    """(N, L)"""
    return vq.encode(x[:, :, None])[:, :, 0]


def error(vq: ResidualVQ, x: torch.Tensor, codes: torch.Tensor) -> float:
    return (vq.decode(codes[:, :, None])[:, :, 0] - x).square().sum(1).mean().item()


@pytest.mark.parametrize("beam", [1, 3])
def test_fewer_codes_are_spent_for_the_same_error(beam):
    plain, x = quantizer([], beam), uneven(2000, seed=1)
    codes = codes_of(plain, x)
    skipping = quantizer(SKIP, beam)
    ours = codes_of(skipping, x)
    spent = torch.stack([(ours[:, k] > 0) if s else torch.ones(len(x)).bool() for k, s in enumerate(SKIP)], 1)
    for levels in (2, 3, 4):
        count = spent[:, :levels].float().sum(1).mean().item()
        # Plain residual VQ at so many codes a vector, between two numbers of levels.
        low, share = int(count), count - int(count)
        errors = [error(plain, x, codes[:, :k]) for k in (low, low + 1)]
        assert error(skipping, x, ours[:, :levels]) < 0.9 * (errors[0] ** (1 - share) * errors[1] ** share)


def test_the_zero_vector_stays_so_and_is_never_restarted():
    vq = quantizer(SKIP)
    vq.train()
    for seed in range(30):
        vq(0.01 * uneven(400, seed)[:, :, None])  # all next to nothing: code 0 of every level gets nearly all
    for level, skip in enumerate(SKIP):
        assert vq.codebooks[level, 0].any() == (not skip)
    used, perplexity = vq.usage()
    assert all(p <= 15.01 for p in perplexity[1:4])  # of 15 codes: the zero vector is not one that says something
    assert len(used) == 5


def test_training_follows_the_size_of_the_residual():
    vq = quantizer(SKIP)
    before = vq.prices.clone()
    vq.train()
    for seed in range(600):
        vq(2 * uneven(400, seed)[:, :, None])
    torch.testing.assert_close(vq.prices[1], 4 * before[1], rtol=0.3, atol=0)
    assert not vq.prices[[0, 4]].any()


def test_in_training_and_in_use_greedy_codes_are_the_same():
    vq, x = quantizer(SKIP), uneven(300, seed=2)
    assert torch.equal(vq(x[:, :, None]).codes[:, :, 0], codes_of(vq, x))
    assert torch.equal(vq.encode(x[:, :, None], 2)[:, :, 0], codes_of(vq, x)[:, :2])


def test_a_beam_that_keeps_everything_finds_the_best_of_error_and_cost():
    generator = torch.Generator().manual_seed(0)
    books = torch.randn(3, 6, 4, generator=generator) * torch.tensor([1.0, 0.5, 0.25])[:, None, None]
    books[1:, 0] = 0
    prices = torch.tensor([0.0, 0.5, 0.1])
    vectors = torch.randn(100, 4, generator=generator)

    def total(v, codes):
        """By definition: after each level the error and what all codes so far cost, earlier levels counting half."""
        score, left, spent = torch.zeros(len(codes)), v.expand(len(codes), -1), torch.zeros(len(codes))
        for k, code in enumerate(codes.T):
            left, spent = left - books[k][code], spent + ((code > 0) | (k == 0))
            score = EARLIER * score + left.square().sum(1) + prices[k] * spent
        return score

    every = torch.tensor(list(itertools.product(range(6), repeat=3)))
    best = torch.stack([total(v, every).min() for v in vectors])
    found = beam_search(vectors, books, 36, prices)
    ours = torch.cat([total(v, c[None]) for v, c in zip(vectors, found, strict=True)])
    torch.testing.assert_close(ours, best, rtol=1e-3, atol=1e-3)
    assert 0.1 < (found[:, 1] == 0).float().mean() < 0.9  # both happen


def test_a_flat_area_is_no_place_to_skip():
    """Its codes are those beside it, so they cost next to nothing; the same vectors among others are skipped."""
    vq = quantizer([0, 100.0, 100.0, 0.5, 0])
    some = vq.codebooks[0, 2] + vq.codebooks[1, 3]
    flat = vq.encode(some[None, :, None].expand(1, 4, 8))[0]  # (L, 8)
    assert (flat == flat[:, :1]).all() and flat[1, 0] > 0
    mixed = torch.stack([some, some + 5], 1)[None].repeat(1, 1, 4)
    assert not vq.encode(mixed)[0][1, ::2].any()
    torch.testing.assert_close(apart_from_neighbours(mixed), torch.full((8,), 100.0))
    grid = torch.arange(12.0).view(1, 1, 3, 4)
    assert torch.equal(apart_from_neighbours(grid), torch.ones(12))
    assert apart_from_neighbours(torch.zeros(2, 4, 1)).isinf().all()  # nothing beside it


@pytest.mark.parametrize("kind", ["image", "audio"])
def test_tiles_choose_the_codes_of_the_whole(kind, monkeypatch):
    torch.manual_seed(0)
    bottleneck = ResidualVQConfig(dim=4, levels=5, codebook_size=16, skip=[0, 3.0, 2.0, 1.0, 0], beam=2)
    if kind == "image":
        sizes = {"width4": 8, "width8": 8, "depth4": 0, "depth8": 1}
        model, x = ImageTokenizer(ImageTokenizerConfig(**sizes, bottleneck=bottleneck)), torch.rand(1, 3, 200, 168)
    else:
        config = AudioTokenizerConfig(width=8, encoder_depth=1, decoder_depth=1, bottleneck=bottleneck)
        model, x = AudioTokenizer(config), torch.randn(1, 320 * 80)
    model.rvq.init_codebooks(model.to_latent(x).flatten(2)[0].T.detach())
    monkeypatch.setattr(MODALITIES[kind], "tile", (6, 6)[: model.axes])
    whole, tiles = model.eval().encode(x), tiling.encode(model, x)
    assert torch.equal(whole, tiles)
    assert 0.05 < (whole[:, 1:4] == 0).float().mean() < 0.95


def test_settings_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="skip has 2 numbers for 3 levels"):
        ResidualVQConfig(levels=3, skip=[0, 0.5])
    with pytest.raises(ValueError, match="needs two codes at least"):
        ResidualVQConfig(levels=2, codebook_size=1, skip=[0, 0.5])
    assert "mean_residual" not in quantizer([]).state_dict()  # checkpoints without it load as before


def test_a_prior_sees_where_nothing_was_added():
    """A picture of one colour, all zero vectors from level 2 on, costs next to nothing once a prior has seen some."""
    torch.manual_seed(0)
    vq = ResidualVQ(ResidualVQConfig(dim=6, levels=4, codebook_size=8, skip=[0, 0.5, 0.5, 0.5]))
    vq.init_codebooks(torch.randn(2000, 6) * torch.linspace(0.1, 2, 6))
    config = {"tokenizer": "x", "fingerprint": "", "axes": 2, "levels": 4, "codebook_size": 8, "dim": 4, "width": 32}
    prior = CodePrior(PriorConfig(**config, before=[[0, -1], [-1, 0]], around=[[0, 0], [0, 1], [1, 0]]))
    prior.use_codebooks(list(vq.codebooks))
    marks = prior.words[:, :, -1]
    assert marks[1:, 0].eq(1).all() and marks.sum() == 3
    where = prior.layout((6, 6))
    flat = torch.zeros(8, 4, 36, dtype=torch.long)
    flat[:, 0] = torch.arange(8)[:, None]

    def rough() -> torch.Tensor:
        return torch.randint(1, 8, (8, 4, 36))

    optimizer = torch.optim.AdamW(prior.parameters(), 3e-3)
    for _ in range(250):
        bits = prior.bits(torch.cat([flat, rough()]), where).mean()
        optimizer.zero_grad()
        bits.backward()
        optimizer.step()
    with torch.no_grad():
        assert prior.bits(flat, where)[1:].max() < 0.1 < 2 < prior.bits(rough(), where)[1:].min()
