"""Entropy coding: what is written comes back whatever the chunk and the threads, at close to the ideal size."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from mmdemo import checkpoints
from mmdemo.config import to_dict
from mmdemo.entropy import coder, integer
from mmdemo.entropy.integer import ONE, IntegerPrior, exp_table
from mmdemo.entropy.layout import layout
from mmdemo.entropy.prior import CodePrior, PriorConfig
from mmdemo.entropy.priors import Priors, StoredPrior
from mmdemo.errors import InputError
from mmdemo.tokens import Tokens

BEFORE = [[0, -1], [-1, -1], [-1, 0], [-1, 1]]
AROUND = [[y, x] for y in (-1, 0, 1) for x in (-1, 0, 1)]


def prior(axes=2, levels=3, size=32, segment=0, seed=0, copies=False) -> CodePrior:
    torch.manual_seed(seed)
    before, around = (BEFORE, AROUND) if axes == 2 else ([[-1], [-2]], [[-1], [0], [1]])
    name = "image" if axes == 2 else "audio"
    config = PriorConfig(name, "0123abcd", axes, levels, size, 4, 24, before, around, segment, copies=copies)
    network = CodePrior(config).requires_grad_(False)
    if copies:
        network.copy.normal_(std=0.3), network.copy_bias.normal_()
    return network


def codes(shape, size=32, seed=0):
    return torch.randint(0, size, shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("copies", [False, True])
@pytest.mark.parametrize("positions", [(1, 1), (1, 7), (5, 1), (9, 13)])
def test_pictures_of_any_shape_come_back(positions, copies):
    network, x = IntegerPrior(prior(copies=copies)), codes((3, *positions))
    assert torch.equal(coder.decode(coder.encode(x, network)[-1], 3, positions, network), x)


@pytest.mark.parametrize("segment", [0, 1, 8, 100])
def test_sequences_come_back_in_segments_of_any_length(segment):
    network, x = IntegerPrior(prior(1, segment=segment)), codes((2, 37))
    assert torch.equal(coder.decode(coder.encode(x, network)[-1], 2, (37,), network), x)


def test_a_table_of_symbols_gives_the_products_to_the_last_bit(monkeypatch):
    torch.manual_seed(0)
    config = PriorConfig("", "", 1, 1, 32, 4, 24, [[-1], [-2], [-5]], [], 16)
    network, x = CodePrior(config).requires_grad_(False), codes((1, 50))
    quick = IntegerPrior(network)
    monkeypatch.setattr(integer, "MOST_IN_TABLE", 0)
    plain = IntegerPrior(network)
    assert quick.table is not None and plain.table is None
    neighbours, every = network.layout((50,)), torch.arange(50)
    tables = []
    for one in (quick, plain):
        total = one.start(50)
        one.add(total, 0, every, x[0])
        tables.append(one.frequencies(0, total, total, neighbours, every))
    assert np.array_equal(*tables)
    assert torch.equal(coder.decode(coder.encode(x, plain)[0], 1, (50,), quick), x)


def test_one_pass_makes_the_bytes_of_every_number_of_levels():
    network, x = IntegerPrior(prior()), codes((3, 9, 13))
    made = coder.encode(x, network)
    for levels, data in enumerate(made, 1):
        assert data == coder.encode(x[:levels], network)[-1]
        assert torch.equal(coder.decode(data, levels, (9, 13), network), x[:levels])


def test_the_bytes_do_not_depend_on_chunks_and_threads(monkeypatch):
    network, x = IntegerPrior(prior()), codes((3, 20, 30))
    threads = torch.get_num_threads()
    files = set()
    try:
        for chunk in (1, 32 * 7, 1 << 21):
            for n in (1, 2):
                torch.set_num_threads(n)
                monkeypatch.setattr(coder, "CHUNK", chunk)
                files.add(coder.encode(x, network)[-1])
    finally:
        torch.set_num_threads(threads)
    assert len(files) == 1


def test_the_integer_network_adds_up_in_any_order():
    """Shuffling hidden units changes the order of every sum; whole numbers must not notice."""
    network, x = prior(), codes((3, 12, 10))
    shuffled = prior()
    order = torch.randperm(24, generator=torch.Generator().manual_seed(5))
    for name in ("near", "far", "bias1"):
        getattr(shuffled, name).copy_(getattr(network, name)[..., order])
    shuffled.hidden.copy_(network.hidden[:, order])
    assert coder.encode(x, IntegerPrior(shuffled)) == coder.encode(x, IntegerPrior(network))


@pytest.mark.parametrize("copies", [False, True])
def test_integer_and_float_networks_agree(copies):
    network, x = prior(copies=copies), codes((3, 12, 10), 4)  # of few codes, so that neighbours are often alike
    where, exact = network.layout((12, 10)), IntegerPrior(network)
    ideal = float(network.bits(x.flatten(1)[None], where).sum()) * 120
    # Fixed point and whole bytes cost little: one byte of the coder's state and 1 % of rounding.
    assert 8 * len(coder.encode(x, exact)[-1]) == pytest.approx(ideal, rel=0.01, abs=40)


def test_a_prior_that_copies_learns_soon_that_codes_repeat():
    """On rows of one code each: "the same again" once, and not code by code."""
    losses = {}
    for copies in (False, True):
        torch.manual_seed(0)
        known = PriorConfig("image", "", 2, 1, 64, 4, 24, [[0, -1], [-1, 0]], [], copies=copies)
        network = CodePrior(known)
        where = network.layout((6, 6))
        optimizer = torch.optim.AdamW(network.parameters(), 1e-2)
        for _ in range(40):
            rows = torch.randint(0, 64, (16, 1, 6, 1)).expand(-1, -1, -1, 6).flatten(2)
            optimizer.zero_grad()
            network.bits(rows, where).mean().backward()
            optimizer.step()
        new = torch.randint(0, 64, (16, 1, 6, 1)).expand(-1, -1, -1, 6).flatten(2)
        with torch.no_grad():
            each = torch.nn.functional.cross_entropy(network(new, where)[0].movedim(-1, 1), new[:, 0], reduction="none")
        losses[copies] = each.view(-1, 6, 6)[:, :, 1:].mean().item()  # but for the first of each row
    assert losses[True] < 0.05 < 1 < losses[False]


def test_a_prior_may_see_fewer_channels_than_the_codebooks_have():
    """Then it sees their principal directions: distances between words hardly change where the rest is small."""
    wide = torch.randn(3, 32, 9, generator=torch.Generator().manual_seed(6))
    network = prior()
    kept = network.config.dim
    wide[..., kept:] *= 1e-3
    turn = torch.linalg.qr(torch.randn(9, 9, generator=torch.Generator().manual_seed(7))).Q
    network.use_codebooks(wide @ turn)
    scaled = wide / wide[0].square().mean().sqrt()
    before, after = (torch.cdist(w.flatten(0, 1), w.flatten(0, 1)) for w in (scaled, network.words))
    assert torch.allclose(before, after, atol=0.02)


def test_a_code_depends_on_earlier_waves_only():
    network = prior().double()
    where, x = network.layout((6, 7)), codes((3, 6, 7)).flatten(1)
    wave = torch.empty(42, dtype=torch.long)
    for i, places in enumerate(where.waves):
        wave[places] = i
    before = network(x[None], where)[:, 0]  # (L, N, K)
    for place in (0, 10, 23, 41):
        changed = x.clone()
        changed[1, place] = (changed[1, place] + 1) % 32
        moved = (network(changed[None], where)[:, 0] - before).abs().amax(-1) > 0  # (L, N)
        assert not moved[0].any()  # lower levels never see higher ones
        assert not (moved[1] & (wave <= wave[place])).any()


def test_every_neighbour_named_is_the_right_one():
    grid = layout((4, 5), [(0, -1), (-1, 1)], [(1, 0)])
    assert grid.before[7].tolist() == [6, 3] and grid.around[7].tolist() == [12]
    assert grid.before[0].tolist() == [20, 20] and grid.around[19].tolist() == [20]
    assert sorted(grid.order.tolist()) == list(range(20))
    cut = layout((10,), [(-1,)], [(-1,)], segment=4)
    assert cut.before[:, 0].tolist() == [10, 0, 1, 2, 10, 4, 5, 6, 10, 8]
    assert cut.around[:, 0].tolist() == [10, 0, 1, 2, 3, 4, 5, 6, 7, 8]  # lower levels are known everywhere


def test_the_exp_table_is_made_of_whole_numbers_and_falls():
    table = exp_table()
    assert table[0] == ONE and table[-1] >= 1 and (np.diff(table) <= 0).all() and (table == np.floor(table)).all()
    assert table[256] == round(ONE * math.exp(-1))


@pytest.fixture
def stored(tmp_path):
    """A prior in the folder of its tokenizer, under any name."""
    trained = prior()
    folder = tmp_path / "mine" / "priors" / "any"
    checkpoints.save(folder, trained, {"kind": "prior", "model": to_dict(trained.config)})
    return folder


def _rest(tokens: Tokens) -> tuple:
    return tokens.model, tokens.modality, tokens.codebook_size, tokens.fingerprint, tokens.meta


def test_files_use_the_prior_of_their_tokenizer(stored):
    x = torch.zeros(3, 8, 8, dtype=torch.long)  # one code throughout: cheap under a prior that sees neighbours
    priors = Priors.of(stored.parents[1])
    tokens = Tokens(x, "mine", "image", 32, "0123abcd", {"height": 64, "width": 64}, priors=priors)
    other = Tokens(x, "mine", "image", 32, "ffffffff", {"height": 64, "width": 64}, priors=priors)
    back = Tokens.from_bytes(tokens.to_bytes(), priors)
    assert torch.equal(back.codes, x) and back.codebook_size == 32 and back.meta == tokens.meta
    assert tokens.payload_bits < tokens.bits == other.payload_bits  # other weights: no prior, fixed width
    assert Tokens.from_bytes(tokens.truncate(1).to_bytes(), priors).levels == 1
    assert tokens.truncate(2).truncate(1).to_bytes() == Tokens(x[:1], *_rest(tokens), priors=priors).to_bytes()
    swapped = tokens.truncate(2).with_code(0, (3, 3), 7)  # no longer the coarse levels of anything
    assert torch.equal(Tokens.from_bytes(swapped.to_bytes(), priors).codes, swapped.codes)
    with pytest.raises(InputError, match=r"another prior .* there is none here"):
        Tokens.from_bytes(tokens.to_bytes())


def test_another_prior_is_refused_by_name_and_a_wrong_one_by_checksum(stored, monkeypatch):
    x = torch.zeros(3, 8, 8, dtype=torch.long)
    x[0, 0, :3] = 7  # zeros alone take no bytes, and come back under any prior
    priors = Priors.of(stored.parents[1])
    data = Tokens(x, "mine", "image", 32, "0123abcd", {"height": 64, "width": 64}, priors=priors).to_bytes()
    other = prior(seed=1)
    second = stored.with_name("another")  # the first that is found
    checkpoints.save(second, other, {"kind": "prior", "model": to_dict(other.config)})
    assert torch.equal(Tokens.from_bytes(data, priors).codes, x)  # the file says which of the two
    for file in stored.iterdir():
        file.unlink()
    with pytest.raises(InputError, match=r"another prior .* the one here is"):
        Tokens.from_bytes(data, priors)
    wanted = data[15:17].hex()  # as a machine that calculates differently would: the right name, other numbers
    monkeypatch.setattr(Priors, "for_codes", lambda *_: StoredPrior(IntegerPrior(other), wanted))
    with pytest.raises(InputError, match="does not match its checksum"):
        Tokens.from_bytes(data)


def test_a_file_written_on_another_machine_is_read():
    """golden/ holds a small prior and a file written with it once; it must open wherever this test runs."""
    folder = Path(__file__).parent / "golden"
    priors = Priors.of(folder / "mine")
    n = torch.arange(3 * 9 * 13)
    back = Tokens.load(folder / "codes.mmt", priors)
    assert torch.equal(back.codes, ((n * n * 7 + n) // 5 % 32 * (n % 4 == 0)).reshape(3, 9, 13))
    assert back.to_bytes() == (folder / "codes.mmt").read_bytes()
