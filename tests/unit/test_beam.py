"""Codes by beam search: greedy at width 1, never worse over all levels together, exact where it keeps everything."""

import itertools

import pytest
import torch

from mmdemo.quantizers.beam import EARLIER, _smallest, beam_search
from mmdemo.quantizers.residual import ResidualVQ, ResidualVQConfig


@pytest.fixture(scope="module")
def problem():
    """(vectors, codebooks): three levels of eight codewords, each half as long as the level before."""
    generator = torch.Generator().manual_seed(0)
    books = torch.randn(3, 8, 4, generator=generator) * torch.tensor([1.0, 0.5, 0.25])[:, None, None]
    return torch.randn(200, 4, generator=generator), books


def score(vectors, books, codes):
    """Squared error after the last level, half of that before, a quarter of that before..."""
    total, left = torch.zeros(len(vectors)), vectors
    for book, code in zip(books, codes.T, strict=True):
        left = left - book[code]
        total = EARLIER * total + left.square().sum(1)
    return total


def test_width_1_takes_the_nearest_codeword_at_every_level(problem):
    vectors, books = problem
    left = vectors
    for level, code in enumerate(beam_search(vectors, books, 1).T):
        assert torch.equal(code, torch.cdist(left, books[level]).argmin(1))
        left = left - books[level][code]


def test_a_beam_that_keeps_everything_finds_the_best_codes(problem):
    vectors, books = problem
    every = torch.tensor(list(itertools.product(range(8), repeat=3)))  # (512, 3)
    best = torch.stack([score(v.expand(512, -1), books, every) for v in vectors]).min(1).values
    found = score(vectors, books, beam_search(vectors, books, 64))
    assert torch.allclose(found, best, atol=1e-5)


def test_wider_beams_leave_less(problem):
    vectors, books = problem
    means = [score(vectors, books, beam_search(vectors, books, w)).mean() for w in (1, 2, 4, 8)]
    assert means == sorted(means, reverse=True) and means[-1] < 0.95 * means[0]


def test_a_batch_gives_what_each_vector_gives_alone(problem):
    vectors, books = problem
    alone = torch.cat([beam_search(v[None], books, 4) for v in vectors])
    assert torch.equal(beam_search(vectors, books, 4), alone)
    assert beam_search(vectors[:0], books, 4).shape == (0, 3)


def test_the_bottleneck_searches_as_its_config_says(problem):
    vectors, books = problem
    z = vectors.reshape(10, 20, 4).movedim(-1, 1)  # (B, D, positions)
    for beam in (1, 4):
        rvq = ResidualVQ(ResidualVQConfig(dim=4, levels=3, codebook_size=8, beam=beam))
        rvq.codebooks.copy_(books)
        assert torch.equal(rvq.encode(z)[3, :, 7], beam_search(vectors, books, beam)[67])
        assert torch.equal(rvq.encode(z, 2), rvq.encode(z)[:, :2])  # a level's codes do not depend on how many are kept


def test_a_batch_with_its_own_levels_gets_the_sums_of_its_codewords(problem):
    vectors, books = problem
    rvq = ResidualVQ(ResidualVQConfig(dim=4, levels=3, codebook_size=8, beam=4))
    rvq.codebooks.copy_(books)
    codes = rvq.encode(vectors.reshape(10, 20, 4).movedim(-1, 1))
    num_levels = torch.arange(10) % 3 + 1
    z = rvq.decode(codes, num_levels)
    for row, levels in enumerate(num_levels.tolist()):
        assert torch.allclose(z[row], rvq.decode(codes[row : row + 1, :levels])[0], atol=1e-6)


def test_a_barred_code_is_not_chosen(problem):
    vectors, books = problem
    z = vectors.reshape(10, 20, 4).movedim(-1, 1)
    for beam in (1, 4):
        rvq = ResidualVQ(ResidualVQConfig(dim=4, levels=3, codebook_size=8, beam=beam))
        rvq.codebooks.copy_(books)
        barred = torch.arange(8) < 5
        assert set(rvq.encode(z)[:, 0].unique().tolist()) - {5, 6, 7}
        assert set(rvq.encode(z, barred=barred)[:, 0].unique().tolist()) <= {5, 6, 7}


@pytest.mark.parametrize("length", [1, 7, 256, 2048])
def test_the_smallest_are_those_of_topk_but_for_ties(length):
    generator = torch.Generator().manual_seed(length)
    values = torch.randn(50, length, generator=generator)
    count = min(4, length)
    found, places = _smallest(values.clone(), count)
    best = values.topk(count, largest=False).values
    # A place takes up to 11 of a float's 23 bits: what remains is good to 1 in 4,000.
    assert torch.allclose(found, best, rtol=2**-12, atol=1e-9)
    assert torch.allclose(values.gather(1, places), best, rtol=2**-11, atol=1e-9)
    assert all(len(set(row)) == count for row in places.tolist())
